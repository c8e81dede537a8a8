"""The student in PyTorch: the encoder and product codes that devices run."""

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from edge_runtime.bundle.arrays import load_arrays
from edge_runtime.bundle.codes import ProductCodes, read_codes
from edge_runtime.bundle.folder import read_file
from edge_runtime.bundle.manifest import Catalogue, Tier
from edge_runtime.errors import BundleError
from edge_runtime.paths import AnyPath
from train.backbones.encoder import EncoderConfig, encoder_config
from train.backbones.sasrec import SASRec
from train.distill.device_transitions import DeviceSettings, DeviceTransitions, TextCodes
from train.errors import RunError
from train.loop.finite import name_not_finite
from train.loop.runs import RUN_FILE, RunFolder
from train.metrics.ranker import Ranker
from train.plugins.knowledge_distillation import prompt_weights
from train.transitions.expert import Queries

STUDENT_FILE = "student.json"
TRANSITIONS_FILE = "transitions.safetensors"
TEXTS_FILE = "texts.safetensors"
_ENCODER = "encoder.safetensors"
# What a device with transitions compares items by.
Compared = Literal["codes", "texts"]
N_PROMPTS = 8
ADAPTER_RANK = 4


def knowledge_update(states: Tensor, prompts: Tensor, knowledge: Tensor) -> Tensor:
    """Return the knowledge to add to states, ``[..., dim]``: ``softmax(h P^T / sqrt(d)) K`` (SPEC section 3)."""
    return prompt_weights(states, prompts) @ knowledge


class DeviceEncoder(nn.Module):
    """The encoder with the parameter names of the bundle format (SPEC section 3)."""

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        backbone = SASRec(config)
        self.config = config
        self.position = backbone.position
        self.block = backbone.block
        self.norm = backbone.norm
        # Not registered as a submodule, because its parameters are those of the three above.
        self._backbone = (backbone,)

    def forward(
        self,
        embeddings: Tensor,
        mask: Tensor,
        prompts: Tensor,
        knowledge: Tensor,
        adapter_a: Tensor,
        adapter_b: Tensor,
    ) -> Tensor:
        """Return the user state.

        Args:
            embeddings: decoded item vectors, oldest first, left-padded, ``[batch, length, dim]``.
            mask: 1 for an event, 0 for padding, ``[batch, length]``.
            prompts: keys of the prompt codebook, ``[n_prompts, dim]``.
            knowledge: one row per prompt, ``[n_prompts, dim]``; no effect if zero.
            adapter_a: ``[dim, rank]``.
            adapter_b: ``[rank, dim]``; no effect if zero.

        Returns:
            ``[batch, dim]``.
        """
        state = self._backbone[0].user_state(embeddings, mask)
        state = state + knowledge_update(state, prompts, knowledge)
        return state + (state @ adapter_a) @ adapter_b


@dataclass(frozen=True, slots=True)
class Student:
    """A trained student, ready for export.

    Attributes:
        path: folder of the student.
        config: sizes of the encoder.
        encoder: in evaluation mode, float32; None if items are ranked by transitions alone.
        sizes: sizes of the item table.
        codes: the item table as product codes, codebooks as int8 grid values.
        prompts: ``prompts`` and ``knowledge``, float32 ``[n_prompts, dim]``.
        adapter: ``a`` ``[dim, rank]`` and ``b`` ``[rank, dim]``, float32.
        transitions: transitions for devices with room for them; None without.
        texts: text vectors as codes, for devices with room for these too; None without.
        about: contents of ``student.json``: configuration, seed, data digest, metrics.
    """

    path: Path
    config: EncoderConfig
    encoder: DeviceEncoder | None
    sizes: Catalogue
    codes: ProductCodes
    prompts: dict[str, NDArray[np.float32]]
    adapter: dict[str, NDArray[np.float32]]
    transitions: DeviceTransitions | None
    texts: TextCodes | None
    about: dict[str, Any]

    def item_vectors(self) -> NDArray[np.float32]:
        """Return the decoded item table, ``[n_items, dim]``."""
        return self.codes.decode(np.arange(self.sizes.n_items))


def load_student(path: AnyPath) -> Student:
    """Read a folder written by ``pocketrec distill``.

    Raises:
        RunError: the folder has no finished student, or its files are damaged or inconsistent.
    """
    path = Path(path)
    about_path = path / STUDENT_FILE
    if (path / RUN_FILE).is_file() and not about_path.is_file() and RunFolder(path).about().get("kind") != "student":
        raise RunError(f"{path}: found a full model, expected a student. Distil it first with `pocketrec distill`.")
    if not about_path.is_file():
        raise RunError(
            f"{path}: found no {STUDENT_FILE}, expected the folder of a student. Create one with `pocketrec distill`."
        )
    try:
        about = json.loads(read_file(about_path))
        sizes = _sizes(about["catalogue"])
        config = encoder_config(about["encoder"])
        encoder = _load_encoder(path, config) if about.get("has_encoder", True) else None
        arrays = {
            name: load_arrays(read_file(path / f"{name}.safetensors"), f"{name}.safetensors")
            for name in ("codes", "prompts", "adapter")
        }
        codes = read_codes(arrays["codes"], sizes)
        transitions = _load_transitions(path, about["transitions"]) if about.get("transitions") else None
        texts = _load_texts(path, about["texts"]) if about.get("texts") else None
    except (ValueError, KeyError, TypeError, RuntimeError, FileNotFoundError, BundleError) as error:
        raise RunError(
            f"{path}: the student's files are damaged or inconsistent ({error}); distil it again."
        ) from error
    return Student(path, config, encoder, sizes, codes, arrays["prompts"], arrays["adapter"], transitions, texts, about)


def _load_encoder(path: Path, config: EncoderConfig) -> DeviceEncoder:
    encoder = DeviceEncoder(config)
    arrays = load_arrays(read_file(path / _ENCODER), _ENCODER)
    encoder.load_state_dict({name: torch.from_numpy(values.copy()) for name, values in arrays.items()})
    if (name := name_not_finite(encoder.named_parameters())) is not None:
        raise ValueError(f"the weights '{name}' are not all finite")
    return encoder.eval()


def _load_texts(path: Path, fields: dict[str, Any]) -> TextCodes:
    sizes = _sizes(fields["sizes"])
    codes = load_arrays(read_file(path / TEXTS_FILE), TEXTS_FILE)
    read_codes(codes, sizes, TEXTS_FILE)
    return TextCodes(sizes, codes, DeviceSettings(**{name: fields[name] for name in fields.keys() - {"sizes"}}))


def _load_transitions(path: Path, settings: dict[str, Any]) -> DeviceTransitions:
    arrays = load_arrays(read_file(path / TRANSITIONS_FILE), TRANSITIONS_FILE)
    return DeviceTransitions.of_arrays(arrays, settings)


def _sizes(fields: dict[str, Any]) -> Catalogue:
    tiers = tuple(Tier(tier["n_items"], tier["n_codes"], tier["n_books"]) for tier in fields["tiers"])
    return Catalogue(fields["n_items"], fields["dim"], fields["n_codewords"], tiers)


class _CodedModel(nn.Module):
    """A student with the interface of the evaluation; always uses knowledge and, if it ranks by them, transitions."""

    def __init__(self, student: Student, transitions: Compared | None) -> None:
        super().__init__()
        self.max_length = student.config.max_length
        self._vectors = torch.from_numpy(student.item_vectors())
        self._prompts, self._knowledge = (
            torch.from_numpy(student.prompts[name].copy()) for name in ("prompts", "knowledge")
        )
        self._adapter_a, self._adapter_b = (torch.from_numpy(student.adapter[name].copy()) for name in ("a", "b"))
        self._backbone = None
        if student.encoder is not None:
            self._backbone = SASRec(student.config).eval()
            self._backbone.load_state_dict(student.encoder.state_dict())
        self._expert, self._weight = None, 0.0
        if student.transitions is not None and (transitions is not None or student.encoder is None):
            by_texts = student.texts if transitions == "texts" else None
            vectors = student.item_vectors() if by_texts is None else by_texts.vectors()
            used = student.transitions if by_texts is None else replace(student.transitions, settings=by_texts.settings)
            self._expert, self._weight = used.expert(vectors), used.settings.weight

    def item_vectors(self) -> Tensor:
        return self._vectors

    def scores(self, rows: Tensor, mask: Tensor, table: Tensor) -> Tensor:
        scores = torch.zeros(len(rows), len(table))
        if self._backbone is not None:
            states = self._backbone.user_state(F.embedding(rows, table), mask)
            states = states + knowledge_update(states, self._prompts, self._knowledge)
            scores = (states + states @ self._adapter_a @ self._adapter_b) @ table.T
        if self._expert is not None:
            histories = [one[shown > 0].numpy() for one, shown in zip(rows, mask, strict=True)]
            added = torch.from_numpy(self._expert.log_scores(Queries.of(histories)))
            scores = scores.add(added, alpha=self._weight)
        return scores


def ranking_model(student: Student, *, transitions: Compared | None = None) -> Ranker:
    """Return a model for :func:`train.metrics.ranker.rank_split`.

    Args:
        student: the student; without an encoder it always ranks by its transitions.
        transitions: add the scores of the student's transitions, if it has some, with items compared by the item
            vectors or by the text codes.
    """
    return _CodedModel(student, transitions)
