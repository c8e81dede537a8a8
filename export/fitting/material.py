"""The parts of a student from which points are made: pruned encoders, shorter codes, fewer followers, text codes."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray

from edge_runtime.bundle.arrays import Array, dump_arrays, load_arrays
from edge_runtime.bundle.folder import read_file
from edge_runtime.bundle.manifest import Catalogue
from export.encoder_onnx import export_onnx_int8
from export.fitting.points import MAX_FOLLOWERS, Encoder, Point, Weights
from export.quantize import quantize_encoder
from export.transitions import bytes_by_followers
from train.backbones.encoder import EncoderConfig
from train.backbones.sasrec import SASRec
from train.data.split import Split, Targets
from train.distill.blocks import best_blocks, pruned
from train.distill.calibrated_codes import calibrate_codes
from train.distill.codes import CodedTable, CodePlan, item_counts
from train.distill.device_transitions import DeviceSettings
from train.distill.importance import Sequences
from train.distill.pruning import Cuts, choose, sample_histories, smallest_bytes
from train.distill.recovery import StudentAsTeacher
from train.distill.sizes import encoder_bytes, plan_within, smallest_codes
from train.distill.structure import cut
from train.distill.student import DeviceEncoder, Student
from train.loop.batches import pad
from train.metrics.ranking import BATCH_USERS

_TEXT_CODES = (8, 16)
SHARES = (1.0, 0.75)
"""Shares of the bytes of all blocks, and of one, that less important heads and channels are cut out to reach."""

_CODES = "codes.safetensors"


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """An item table as codes: sizes, arrays, and the decoded vectors ``[n_items, dim]``."""

    sizes: Catalogue
    arrays: Mapping[str, Array]
    vectors: NDArray[np.float32]

    @classmethod
    def of(cls, coded: CodedTable) -> "Table":
        """Return the codes of a trained table, with its codebooks rounded to int8 as in the file."""
        coded.snap()
        with torch.no_grad():
            return cls(coded.catalogue(), coded.arrays(), coded.decoded().numpy())


@dataclass(frozen=True, slots=True, eq=False)
class Made:
    """What scores users at a point: the int8 encoder and the item table."""

    encoder: DeviceEncoder
    table: Table


class Material:
    """The parts of one student, each made once.

    Attributes:
        student: the student, which has an encoder.
        encoders: what to try to keep of the encoder: all blocks and one, whole and pruned.
        counts: number of training events of each item.
    """

    def __init__(self, student: Student, split: Split, valid: Targets, seed: int) -> None:
        """Prepare the parts.

        Args:
            student: a student with an encoder.
            split: its training events decide which items are popular.
            valid: events that choose the blocks to keep.
            seed: random seed of new codes.

        Raises:
            ValueError: the student has no encoder.
        """
        if student.encoder is None:
            raise ValueError("expected a student with an encoder")
        self.student = student
        numbers = sorted({1, student.config.n_blocks})
        self.encoders = [
            Encoder(n, share)
            for n in numbers
            for share in SHARES
            if share == 1.0 or _can_prune(student.config, n, share)
        ]
        self.all = Encoder(student.config.n_blocks)
        self.counts = item_counts(list(split.train), student.sizes.n_items)
        self._valid = valid
        self._histories = sample_histories(split.train, student.sizes.n_items, seed)
        self._recovered: dict[tuple[Encoder, CodePlan | None], Made] = {}
        self._seed = seed
        self._whole = SASRec(student.config)
        self._whole.load_state_dict(student.encoder.state_dict())
        self._whole.eval()
        self.encoder = cache(self._encoder)
        self.table = cache(self._table)
        self.texts = cache(self._texts)
        self._states = cache(self._states_of_valid)

    @property
    def plain(self) -> bool:
        """Whether prompts and adapter have no effect, so that they may be as small as possible."""
        return not self.student.prompts["knowledge"].any() and not self.student.adapter["b"].any()

    def made(self, point: Point) -> Made:
        """Return encoder and item table of a point, trained further if :meth:`set_recovered` was called for it."""
        found = self._recovered.get((point.encoder, point.plan))
        return found or Made(self.encoder(point.encoder), self.table(point.plan))

    def set_recovered(self, point: Point, made: Made) -> None:
        """Use this encoder and table for all points with the same codes and parts of the encoder."""
        self._recovered[point.encoder, point.plan] = made

    def forget_recovered(self, point: Point) -> None:
        """Use the codes and the encoder as they were before :meth:`set_recovered`."""
        del self._recovered[point.encoder, point.plan]

    def is_recovered(self, point: Point) -> bool:
        """Return whether :meth:`set_recovered` was called for the codes and the encoder of a point."""
        return (point.encoder, point.plan) in self._recovered

    def matrices(self) -> dict[str, dict[str, Array]]:
        """Return prompts and adapter by file; of one row each if they have no effect."""
        found: dict[str, dict[str, Array]] = {
            "prompts": dict(self.student.prompts),
            "adapter": dict(self.student.adapter),
        }
        if self.plain:
            found["prompts"] = {name: array[:1].copy() for name, array in found["prompts"].items()}
            adapter = found["adapter"]
            found["adapter"] = {"a": adapter["a"][:, :1].copy(), "b": adapter["b"][:1].copy()}
        return found

    def encoder_bytes(self, encoder: Encoder) -> int:
        """Return the bytes of what is kept of the encoder, as exported; it takes some seconds."""
        matrices = self.matrices()
        shape = {"n_prompts": len(matrices["prompts"]["prompts"]), "adapter_rank": matrices["adapter"]["a"].shape[1]}
        return len(export_onnx_int8(quantize_encoder(self.encoder(encoder)), **shape))

    def weights(self, encoder_bytes: Mapping[Encoder, int]) -> Weights:
        """Return the bytes of all parts.

        Args:
            encoder_bytes: of :meth:`encoder_bytes`, for each of :attr:`encoders`.
        """
        student, n_items, dim = self.student, self.student.sizes.n_items, self.student.sizes.dim
        texts = {} if student.texts is None else {n: len(dump_arrays(self.texts(n).arrays)) for n in _TEXT_CODES}
        as_trained = self.table(None)
        mean = sum(tier.n_items * tier.n_codes for tier in student.sizes.tiers) / n_items
        return Weights(
            encoder=encoder_bytes,
            matrices=sum(len(dump_arrays(arrays)) for arrays in self.matrices().values()),
            trained=(len(dump_arrays(as_trained.arrays)), mean),
            smallest_codes=smallest_codes(n_items, dim),
            plan_within=lambda n_bytes: plan_within(n_bytes, n_items, dim),
            plan_bytes=lambda plan: plan.file_bytes(n_items, dim),
            followers=[]
            if student.transitions is None
            else bytes_by_followers(student.transitions.counts, MAX_FOLLOWERS),
            texts=texts if student.transitions is not None else {},
        )

    def settings(self, point: Point) -> DeviceSettings | None:
        """Return the settings that the weights of a point's transitions start from; None without transitions."""
        transitions, texts = self.student.transitions, self.student.texts
        if transitions is None or not point.followers:
            return None
        return texts.settings if point.text_codes and texts is not None else transitions.settings

    def _encoder(self, wanted: Encoder) -> DeviceEncoder:
        """Return the int8 encoder with the most useful blocks, heads and channels, as devices run it."""
        vectors = torch.from_numpy(self.table(None).vectors)
        blocks = best_blocks(self._whole, vectors, wanted.n_blocks, self._valid)
        found = pruned(self._whole, blocks)
        if wanted.share < 1.0:
            finish = StudentAsTeacher(self.student).with_knowledge
            sequences = Sequences(found, vectors, self._histories, finish)
            cuts = Cuts(share=wanted.share, n_blocks=wanted.n_blocks)
            found = cut(found, choose(found, sequences, cuts, self._seed).kept)
        encoder = DeviceEncoder(found.config)
        encoder.load_state_dict(found.state_dict())
        return quantize_encoder(encoder.eval()).encoder

    def _table(self, plan: CodePlan | None) -> Table:
        """Return the item table with new codes of a plan, or as trained."""
        student = self.student
        if plan is None:
            arrays = load_arrays(read_file(student.path / _CODES), _CODES)
            return Table(student.sizes, dict(arrays), student.item_vectors())
        vectors = torch.from_numpy(student.item_vectors())
        coded = CodedTable(vectors, plan, plan.tiers_of(self.counts), self._seed)
        calibrate_codes(coded, self._states(), self.counts)
        return Table.of(coded)

    def _states_of_valid(self) -> torch.Tensor:
        """Return the states of the validation users after their histories, ``[n, dim]``."""
        encoder, table = self.encoder(self.all), self.table(None)
        return user_states(self.student, encoder, table.vectors, self._valid)

    def _texts(self, n_codes: int) -> Table:
        """Return the text codes with ``n_codes`` for each item."""
        texts = self.student.texts
        if texts is None:
            raise ValueError("expected a student with text codes")
        vectors = texts.vectors()
        if [tier.n_codes for tier in texts.sizes.tiers] == [n_codes]:
            return Table(texts.sizes, dict(texts.codes), vectors)
        plan = CodePlan(n_codes=(n_codes,), shares=(1.0,))
        return Table.of(CodedTable(torch.from_numpy(vectors), plan, np.zeros(len(vectors), dtype=np.uint8), self._seed))


def _can_prune(config: EncoderConfig, n_blocks: int, share: float) -> bool:
    """Return whether so many blocks can be pruned to a share of their bytes: those of a small encoder can not."""
    whole = config.with_blocks([config.n_heads] * n_blocks, [config.dim] * n_blocks)
    return smallest_bytes(config, n_blocks) <= share * encoder_bytes(whole)


def user_states(
    student: Student, encoder: DeviceEncoder, vectors: NDArray[np.float32], targets: Targets
) -> torch.Tensor:
    """Return the states of all users of some targets, ``[n, dim]``, with knowledge and adapter of the student."""
    table = torch.from_numpy(vectors)
    inputs = [student.prompts["prompts"], student.prompts["knowledge"], student.adapter["a"], student.adapter["b"]]
    tensors = [torch.from_numpy(array.copy()) for array in inputs]
    states = torch.empty(len(targets), student.config.dim)
    order = np.argsort([len(targets.history(index)) for index in range(len(targets))], kind="stable")
    with torch.inference_mode():
        for start in range(0, len(order), BATCH_USERS):
            users = order[start : start + BATCH_USERS]
            rows, mask = pad([targets.history(int(user))[-student.config.max_length :] for user in users])
            states[torch.from_numpy(users)] = encoder(F.embedding(rows, table), mask, *tensors)
    return states
