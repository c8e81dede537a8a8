"""A student that follows the one of the week before: equal files where nothing was learned, and few changed codes."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from edge_runtime.bundle.arrays import load_arrays
from edge_runtime.bundle.codes import read_codes, unpack_tiers
from tests.train.tiny_data import tiny_dataset
from train.backbones.encoder import EncoderConfig
from train.data.dataset import Dataset
from train.data.kept_rows import save_items
from train.data.split import leave_one_out
from train.distill.codes import CodedTable, CodePlan
from train.distill.distillation import describe_student, distill_model
from train.distill.grown_codes import grown_codes, grown_texts, tiers_of_new
from train.distill.refresh import check_grown, new_vectors, refreshed_start
from train.distill.start import StudentChoices
from train.distill.student import load_student
from train.distill.student_model import DistillConfig
from train.errors import RunError
from train.full_model.recipes import TrainConfig
from train.full_model.training import describe_run, train_model
from train.full_model.warm_start import start_from
from train.loop.fit import FitConfig
from train.loop.runs import RunFolder

N_KNOWN, N_GROWN = 24, 27
FULL = TrainConfig(
    encoder=EncoderConfig(dim=16, max_length=8),
    fit=FitConfig(batch_users=16, max_epochs=6, patience=6),
    plugins={"transitions": {"search_users": 0}},
    dropout=0.1,
    learning_rate=3e-3,
)
PLAN = CodePlan(n_codes=(8, 4), shares=(0.25, 0.75), n_codewords=64)
CONFIG = DistillConfig(fit=FitConfig(batch_users=16, max_epochs=2, patience=2), reassign_every=2)


@pytest.fixture(autouse=True)
def _features(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("train.full_model.recipes.FEATURES", tmp_path / "features")


def full_model(path: Path, dataset: Dataset, earlier: RunFolder | None = None) -> RunFolder:
    run = RunFolder(path)
    run.claim(describe_run(dataset, FULL), resume=False)
    save_items(path, dataset.catalogue)
    train_model(dataset, FULL, run, start=lambda model: None if earlier is None else start_from(model, earlier))
    return run


def student(path: Path, dataset: Dataset, run: RunFolder, choices: StudentChoices) -> RunFolder:
    out = RunFolder(path)
    out.claim(describe_student(dataset, run, PLAN, CONFIG, choices), resume=False)
    save_items(path, dataset.catalogue)
    distill_model(dataset, run, PLAN, CONFIG, out, choices)
    return out


@pytest.fixture(scope="module")
def weeks(tmp_path_factory: pytest.TempPathFactory) -> list[RunFolder]:
    """Return the students of two weeks and the full model of the second; the catalogue has grown between them."""
    folder = tmp_path_factory.mktemp("weeks")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("train.full_model.recipes.FEATURES", folder / "features")
        before, after = tiny_dataset(n_items=N_KNOWN), tiny_dataset(n_items=N_GROWN, seed=1)
        run = full_model(folder / "before", before)
        first = student(folder / "first", before, run, StudentChoices())
        later = full_model(folder / "after", after, run)
        second = student(folder / "second", after, later, StudentChoices(warm_from=first, code_gain=0.002))
    return [first, second, later]


def test_what_is_frozen_has_the_same_bytes(weeks: list[RunFolder]) -> None:
    first, second, _ = weeks
    for name in ("encoder", "prompts", "adapter"):
        assert (second.path / f"{name}.safetensors").read_bytes() == (first.path / f"{name}.safetensors").read_bytes()
    old, new = (load_arrays((run.path / "codes.safetensors").read_bytes(), "codes") for run in (first, second))
    for name in old:
        if name.startswith(("codebook", "scale", "centre")):
            assert old[name].tobytes() == new[name].tobytes()


def test_items_keep_their_rows_and_tiers(weeks: list[RunFolder]) -> None:
    old, new = (load_student(run.path) for run in weeks[:2])
    of_old, of_new = (
        unpack_tiers(load_arrays((each.path / "codes.safetensors").read_bytes(), "codes")["tier"], each.sizes.n_items)
        for each in (old, new)
    )

    assert (old.sizes.n_items, new.sizes.n_items) == (N_KNOWN, N_GROWN)
    assert of_new[:N_KNOWN].tolist() == of_old.tolist()


def test_the_new_student_ranks_new_items(weeks: list[RunFolder]) -> None:
    vectors = load_student(weeks[1].path).item_vectors()

    assert vectors.shape == (N_GROWN, 16)
    assert np.abs(vectors[N_KNOWN:]).max() > 0.0
    assert weeks[1].figures()["student"]["history_excluded"]["ndcg@10"] > 0.3


def test_fewer_codes_change_with_a_larger_gain(weeks: list[RunFolder], tmp_path: Path) -> None:
    first, _, later = weeks
    after, old = tiny_dataset(n_items=N_GROWN, seed=1), load_student(first.path).item_vectors()
    changed = []
    for gain in (0.0, 1e6):
        choices = StudentChoices(warm_from=first, code_gain=gain)
        run = student(tmp_path / str(gain), after, later, choices)
        new = load_student(run.path).item_vectors()[:N_KNOWN]
        changed.append(int((new != old).any(axis=1).sum()))

    assert changed[0] > 0
    assert changed[1] == 0


def test_a_code_changes_only_if_its_gain_exceeds_the_margin() -> None:
    books = np.array([[[-1.0], [0.0], [1.0]]], dtype=np.float32)
    table = CodedTable(
        torch.zeros(2, 2), CodePlan(n_codes=(2,), shares=(1.0,), n_codewords=3), np.zeros(2, np.uint8), 0
    )
    with torch.no_grad():
        table.codebooks[0].copy_(torch.from_numpy(books))
        table.centres[0].zero_()
        table.latent.copy_(torch.tensor([[0.0, 0.0], [1.0, 1.0]]))
        table.reassign()
        table.keep(1, 1.0, {})
        table.latent.copy_(torch.tensor([[0.7, 0.8], [0.7, 0.8]]))

    table.reassign()

    # The gains of 1 over 0 are 0.49 - 0.09 = 0.4 and 0.64 - 0.04 = 0.6; the variance of the vectors is 0.5.
    assert table.decoded().tolist() == [[0.0, 1.0], [1.0, 1.0]]
    assert not any(book.requires_grad for book in table.books())


def test_grown_codes_keep_those_of_known_items_and_are_the_nearest_for_new_ones() -> None:
    generator = torch.Generator().manual_seed(0)
    vectors = torch.randn(12, 8, generator=generator)
    table = CodedTable(
        vectors, CodePlan(n_codes=(4, 2), shares=(0.5, 0.5), n_codewords=16), np.array([0, 1] * 6, np.uint8), 0
    )
    sizes, arrays = table.catalogue(), table.arrays()
    decoded = read_codes(arrays, sizes).decode(np.arange(12))

    new_sizes, grown = grown_codes(arrays, sizes, decoded[[3, 4]], np.array([1, 0], np.uint8))

    assert (new_sizes.n_items, [tier.n_items for tier in new_sizes.tiers]) == (14, [7, 7])
    np.testing.assert_array_equal(
        read_codes(grown, new_sizes).decode(np.arange(14)), np.concatenate([decoded, decoded[[3, 4]]])
    )


def test_new_items_with_many_events_get_longer_codes() -> None:
    tier_of = np.array([0, 0, 0, 1, 1, 2, 2], dtype=np.uint8)
    counts = np.array([90, 80, 70, 40, 30, 1, 1, 85, 80, 35, 34, 0])

    assert tiers_of_new(tier_of, counts).tolist() == [0, 0, 1, 2, 2]
    assert tiers_of_new(np.zeros(2, np.uint8), np.array([1, 2, 3])).tolist() == [0]


def test_text_codes_of_known_items_stay_though_the_axes_of_texts_turn() -> None:
    random = np.random.default_rng(0)
    texts = random.normal(size=(60, 8)).astype(np.float32)
    turned = texts @ np.linalg.qr(random.normal(size=(8, 8)))[0].astype(np.float32)
    table = CodedTable(
        torch.from_numpy(texts[:50]), CodePlan(n_codes=(8,), shares=(1.0,), n_codewords=32), np.zeros(50, np.uint8), 0
    )
    sizes, arrays = table.catalogue(), table.arrays()

    new_sizes, grown = grown_texts(arrays, sizes, turned)

    np.testing.assert_array_equal(grown["codes.0"][:50], arrays["codes.0"])
    found = read_codes(grown, new_sizes).decode(np.arange(50, 60))
    assert np.abs(found - texts[50:]).mean() < 0.3 * np.abs(texts[50:]).mean()


def test_new_vectors_follow_the_linear_map_of_the_known_ones() -> None:
    random = np.random.default_rng(0)
    teacher = random.normal(size=(30, 6)).astype(np.float32)
    expected = teacher @ random.normal(size=(6, 4)).astype(np.float32) + 1.0

    np.testing.assert_allclose(new_vectors(expected[:25], teacher), expected[25:], atol=1e-4)


def test_a_student_without_an_encoder_or_with_more_items_is_no_start(weeks: list[RunFolder]) -> None:
    known = load_student(weeks[0].path)
    vectors = np.zeros((N_KNOWN - 1, 16), np.float32)
    train = tiny_dataset(n_items=N_KNOWN)

    split = leave_one_out(train.sequences)
    for each, said in ((known, "24 items, expected"), (replace(known, encoder=None), "no encoder")):
        with pytest.raises(RunError, match=said):
            refreshed_start(each, split, vectors, gain=0.5, dropout=0.0)


def test_a_student_of_other_rows_or_of_unknown_items_is_refused(weeks: list[RunFolder], tmp_path: Path) -> None:
    grown = tiny_dataset(n_items=N_GROWN)
    ids = grown.catalogue.item_ids
    moved = replace(grown, catalogue=replace(grown.catalogue, item_ids=tuple(reversed(ids))))
    old = RunFolder(tmp_path / "old")
    old.claim({"kind": "student"}, resume=False)
    old.finish({})

    check_grown(weeks[0], grown)
    with pytest.raises(RunError, match=r"would move.*--warm-from"):
        check_grown(weeks[0], moved)
    with pytest.raises(RunError, match="does not say which items it has"):
        check_grown(old, grown)
