"""Structured pruning: parts of the encoder are cut out by importance, and what is left is trained further."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from edge_runtime.bundle.arrays import load_arrays
from tests.tiny_student import CONFIG, TinyStudent, make_encoder, make_tiny_student
from train.backbones.encoder import EncoderConfig, encoder_config
from train.backbones.sasrec import SASRec
from train.data.split import leave_one_out
from train.distill.importance import Sequences
from train.distill.pruned_student import choose_parts, describe_pruning, prune_student
from train.distill.pruning import Candidate, Cuts, check_cuts, choose, drawn, sample_histories
from train.distill.recovery import recovery_config, whole_encoder
from train.distill.sizes import encoder_bytes
from train.distill.structure import KeptBlock, cut, everything, sizes_of
from train.distill.student import load_student
from train.distill.student_model import DistillConfig
from train.errors import RunError
from train.loop.batches import pad
from train.loop.runs import RunFolder

SOME = (KeptBlock(0, (1,), (0, 3, 7)), KeptBlock(1, (0, 1), (2, 15)))


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> TinyStudent:
    return make_tiny_student(tmp_path_factory.mktemp("tiny"))


@pytest.fixture
def encoder() -> SASRec:
    found = SASRec(CONFIG).eval()
    found.load_state_dict(make_encoder().state_dict())
    return found


@pytest.fixture
def sequences(encoder: SASRec, tiny: TinyStudent) -> Sequences:
    return sequences_of(encoder, tiny)


def sequences_of(encoder: SASRec, tiny: TinyStudent) -> Sequences:
    train = leave_one_out(tiny.dataset.sequences).train
    vectors = torch.from_numpy(tiny.student.item_vectors())
    return Sequences(encoder, vectors, sample_histories(train, len(vectors), seed=0))


def states(encoder: SASRec, tiny: TinyStudent) -> torch.Tensor:
    rows, mask = pad([np.array(each, np.int32) for each in ([3], [1, 2, 3], list(range(12)))])
    with torch.inference_mode():
        return encoder.eval().user_state(F.embedding(rows, torch.from_numpy(tiny.student.item_vectors())), mask)


def test_an_encoder_without_parts_is_the_whole_one_in_which_they_hand_on_nothing(
    encoder: SASRec, tiny: TinyStudent
) -> None:
    width = CONFIG.dim // CONFIG.n_heads
    masked = SASRec(CONFIG)
    masked.load_state_dict(encoder.state_dict())
    with torch.no_grad():
        weights = masked.state_dict()
        weights["block.0.output.weight"][:, :width] = 0.0
        for block in SOME:
            gone = [each for each in range(CONFIG.dim) if each not in block.channels]
            weights[f"block.{block.index}.feed_out.weight"][:, gone] = 0.0

    narrow = cut(encoder, SOME)

    torch.testing.assert_close(states(narrow, tiny), states(masked, tiny))
    assert sum(each.numel() for each in narrow.parameters()) < sum(each.numel() for each in encoder.parameters())
    assert (narrow.config.heads, narrow.config.feed) == ((1, 2), (3, 2))


def test_whole_blocks_can_be_left_out_and_the_rest_pruned_again(encoder: SASRec) -> None:
    once = cut(encoder, everything(CONFIG, [1]))
    again = cut(once, (KeptBlock(0, (1,), (4, 5)),))

    assert once.config == replace(CONFIG, n_blocks=1)
    ours, theirs = again.state_dict(), encoder.state_dict()
    torch.testing.assert_close(ours["block.0.feed_in.weight"], theirs["block.1.feed_in.weight"][[4, 5]])
    torch.testing.assert_close(ours["block.0.query.weight"], theirs["block.1.query.weight"][8:])


def test_sizes_survive_json_and_are_those_of_a_whole_encoder_if_nothing_was_cut_out() -> None:
    narrow = sizes_of(CONFIG, SOME)

    assert encoder_config({"heads": [1, 2], "feed": [3, 2], "dim": 16, "max_length": 12}) == narrow
    assert sizes_of(CONFIG, everything(CONFIG)) == CONFIG


@pytest.mark.parametrize("sizes", [{"heads": (3, 1)}, {"heads": (0, 1)}, {"heads": (1,)}, {"feed": (4, 0)}])
def test_sizes_that_no_encoder_has_are_refused(sizes: dict[str, tuple[int, ...]]) -> None:
    with pytest.raises(ValueError, match=r"at least 1|at most 2 heads|an entry for each"):
        EncoderConfig(dim=16, **sizes)  # type: ignore[arg-type]  # one of two tuples


def test_what_hands_on_nothing_has_no_importance(encoder: SASRec, sequences: Sequences) -> None:
    with torch.no_grad():
        encoder.state_dict()["block.0.output.weight"][:, :8] = 0.0
        encoder.state_dict()["block.1.feed_out.weight"][:, 5] = 0.0

    found = sequences.importance(encoder, seed=0)

    assert found.heads[0][0] == 0.0
    assert found.channels[1][5] == 0.0
    assert all((each > 0).sum() >= len(each) - 1 for each in (*found.heads, *found.channels))


def test_importance_estimates_how_much_a_students_distribution_changes(encoder: SASRec, tiny: TinyStudent) -> None:
    """The estimate is for small changes, so each channel goes alone from a block whose channels add little."""
    with torch.no_grad():
        encoder.state_dict()["block.1.feed_out.weight"].mul_(0.2)
    sequences = sequences_of(encoder, tiny)
    estimated = torch.stack([sequences.importance(encoder, seed).channels[1] for seed in range(20)]).mean(dim=0)
    first, last = everything(CONFIG)

    measured = [
        sequences.divergence(
            cut(encoder, (first, replace(last, channels=tuple(each for each in last.channels if each != gone))))
        )
        for gone in last.channels
    ]

    assert np.corrcoef(estimated.numpy(), measured)[0, 1] > 0.9
    assert float(estimated.sum()) == pytest.approx(sum(measured), rel=0.3)


def test_the_whole_encoder_does_not_diverge_from_itself(encoder: SASRec, sequences: Sequences) -> None:
    assert sequences.divergence(encoder) == pytest.approx(0.0, abs=1e-6)


def test_a_share_of_the_bytes_is_kept_and_every_block_keeps_a_head_and_a_channel(
    encoder: SASRec, sequences: Sequences
) -> None:
    found = choose(encoder, sequences, Cuts(share=0.85), seed=0)

    narrow = cut(encoder, found.kept)
    assert found.n_bytes == encoder_bytes(narrow.config) <= 0.85 * encoder_bytes(CONFIG)
    assert all(block.heads and block.channels for block in found.kept)
    assert found.divergence == pytest.approx(sequences.divergence(narrow))
    assert found == choose(encoder, sequences, Cuts(share=0.85), seed=0)


def test_what_is_important_diverges_less_than_what_is_drawn_at_random(encoder: SASRec, sequences: Sequences) -> None:
    found = choose(encoder, sequences, Cuts(n_channels=8), seed=0)

    at_random = [sequences.divergence(cut(encoder, drawn(encoder, found.kept, seed))) for seed in range(5)]

    assert found.divergence < np.mean(at_random)


def test_numbers_of_parts_are_kept_as_asked(encoder: SASRec, sequences: Sequences) -> None:
    def numbers(found: Candidate) -> tuple[int, int, int]:
        blocks = found.kept
        return len(blocks), sum(len(each.heads) for each in blocks), sum(len(each.channels) for each in blocks)

    assert numbers(choose(encoder, sequences, Cuts(n_heads=3, n_channels=9), seed=0)) == (2, 3, 9)
    assert numbers(choose(encoder, sequences, Cuts(n_blocks=1), seed=0)) == (1, 2, 16)
    assert numbers(choose(encoder, sequences, Cuts(n_blocks=1, n_heads=1), seed=0)) == (1, 1, 16)


@pytest.mark.parametrize(
    ("cuts", "said"),
    [
        (Cuts(share=0.05), r"--keep 0.05.*the least that can be kept"),
        (Cuts(n_heads=1), "--heads 1.*Keep 2 to 4 of them"),
        (Cuts(n_channels=33), "--channels 33.*Keep 2 to 32 of them"),
        (Cuts(n_blocks=1, n_channels=17), "--channels 17.*Keep 1 to 16 of them"),
        (Cuts(n_blocks=3), "--blocks 3.*Keep at most 2"),
    ],
)
def test_what_cannot_be_kept_is_refused_by_its_option(encoder: SASRec, cuts: Cuts, said: str) -> None:
    with pytest.raises(RunError, match=said):
        check_cuts(encoder.config, cuts)


def test_numbers_that_do_not_fit_the_share_are_refused(encoder: SASRec, sequences: Sequences) -> None:
    with pytest.raises(RunError, match="nothing of an encoder of 2 blocks with 4 heads and 32 channels"):
        choose(encoder, sequences, Cuts(share=0.6, n_channels=32, n_heads=4), seed=0)


def test_a_truncated_encoder_is_an_error_with_the_students_name(tiny: TinyStudent, tmp_path: Path) -> None:
    folder = tmp_path / "student"
    shutil.copytree(tiny.student.path, folder)
    weights = folder / "encoder.safetensors"
    weights.write_bytes(weights.read_bytes()[:-10])
    with pytest.raises(RunError, match="student: the student's files are damaged"):
        load_student(folder)


def test_a_million_blocks_are_refused_before_they_are_made(tiny: TinyStudent, tmp_path: Path) -> None:
    folder = tmp_path / "student"
    shutil.copytree(tiny.student.path, folder)
    about = json.loads((folder / "student.json").read_text())
    about["encoder"]["n_blocks"] = 1_000_000
    (folder / "student.json").write_text(json.dumps(about))
    with pytest.raises(RunError, match="n_blocks must be at most 32"):
        load_student(folder)


def pruned(tiny: TinyStudent, path: Path, config: DistillConfig | None) -> RunFolder:
    out, cuts = RunFolder(path), Cuts(share=0.85)
    out.claim(describe_pruning(tiny.dataset, tiny.student, cuts, config, ()), resume=True)
    prune_student(tiny.dataset, tiny.student, cuts, config, (), out, seed=0)
    return out


def test_a_pruned_student_is_a_smaller_student(tiny: TinyStudent, tmp_path: Path) -> None:
    out = pruned(tiny, tmp_path / "out", recovery_config(tiny.dataset.sequences, epochs=1, seed=0))

    student, figures = load_student(out.path), out.figures()
    kept = choose_parts(tiny.student, leave_one_out(tiny.dataset.sequences), Cuts(share=0.85), 0).kept
    assert student.config == sizes_of(CONFIG, kept)
    assert figures["encoder_bytes"]["after"] == encoder_bytes(student.config)
    assert (out.path / "encoder.safetensors").stat().st_size < (
        tiny.student.path / "encoder.safetensors"
    ).stat().st_size
    np.testing.assert_array_equal(student.prompts["knowledge"], tiny.student.prompts["knowledge"])
    assert student.about["figures"]["teacher"] == tiny.student.about["figures"]["teacher"]


def test_without_recovery_the_weights_that_are_left_do_not_change(tiny: TinyStudent, tmp_path: Path) -> None:
    out = pruned(tiny, tmp_path / "out", None)

    student = load_student(out.path)
    kept = choose_parts(tiny.student, leave_one_out(tiny.dataset.sequences), Cuts(share=0.85), 0).kept
    assert student.encoder is not None
    for name, weight in cut(whole_encoder(tiny.student), kept).state_dict().items():
        torch.testing.assert_close(student.encoder.state_dict()[name], weight)
    codes = [load_arrays((path / "codes.safetensors").read_bytes(), "codes") for path in (out.path, tiny.student.path)]
    np.testing.assert_array_equal(codes[0]["codes.2"], codes[1]["codes.2"])
    assert out.figures()["student"] == out.figures()["without_recovery"]


def test_an_interrupted_recovery_gives_the_same_student_when_it_is_resumed(
    tiny: TinyStudent, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = recovery_config(tiny.dataset.sequences, epochs=2, seed=0)
    whole = pruned(tiny, tmp_path / "whole", config)

    saved = RunFolder.save_checkpoint
    with monkeypatch.context() as patch:

        def save_and_stop(self: RunFolder, *arguments: object) -> None:
            saved(self, *arguments)  # type: ignore[arg-type]  # as they were given
            raise KeyboardInterrupt

        patch.setattr(RunFolder, "save_checkpoint", save_and_stop)
        with pytest.raises(KeyboardInterrupt):
            pruned(tiny, tmp_path / "resumed", config)
    resumed = pruned(tiny, tmp_path / "resumed", config)

    assert resumed.figures()["student"] == whole.figures()["student"]
    files = [(each.path / "encoder.safetensors").read_bytes() for each in (whole, resumed)]
    assert files[0] == files[1]


def test_a_student_of_other_data_is_refused(tiny: TinyStudent) -> None:
    other = replace(tiny.student, about=tiny.student.about | {"data_digest": "0" * 64})

    with pytest.raises(RunError, match="Give the folder that it was distilled on"):
        describe_pruning(tiny.dataset, other, Cuts(share=0.75), None, ())
