"""Knowledge is used for users whom it helped on their past events."""

from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pytest

from edge_runtime import Recommender
from edge_runtime.bundle import open_folder
from edge_runtime.contents import Contents, open_contents
from edge_runtime.engines.protocol import Engine, Floats, SmallMatrices
from edge_runtime.engines.reference import ReferenceEngine
from edge_runtime.learning.knowledge_switch import KnowledgeSwitch, Rows
from edge_runtime.learning.utility import MAX_EVENTS
from edge_runtime.ranking import best_rows, score_all
from tests.tiny_bundle import make_tiny_bundle

N_ITEMS = 40


@dataclass
class CountingEngine:
    """The reference engine with a call counter; ``fails_without`` makes it raise for zero knowledge."""

    inner: Engine
    fails_without: bool = False
    name: str = "counting"
    precision: str = "int8"
    known: list[bool] = field(default_factory=list)

    def encode(self, embeddings: Floats, small: SmallMatrices) -> Floats:
        self.known.append(bool(small.knowledge.any()))
        if self.fails_without and not self.known[-1]:
            raise RuntimeError("no memory left")
        return self.inner.encode(embeddings, small)


@pytest.fixture
def contents(tmp_path: Path) -> Contents:
    make_tiny_bundle(tmp_path / "bundle", n_items=N_ITEMS)
    return open_contents(open_folder(tmp_path / "bundle"))


def counting(contents: Contents, *, fails_without: bool = False) -> tuple[KnowledgeSwitch, CountingEngine]:
    variant = contents.folder.manifest.engines[0]
    data = contents.folder.read(contents.folder.manifest.file(variant.file))
    engine = CountingEngine(ReferenceEngine.open(data, contents.folder.manifest.encoder), fails_without)
    switch = KnowledgeSwitch(contents.codes, contents.small, contents.engine_candidates(first=engine).encode)
    engine.known.clear()
    return switch, engine


def sequence(seed: int, length: int) -> Rows:
    return np.random.default_rng(seed).integers(0, N_ITEMS, length)


def state(contents: Contents, rows: Rows, *, known: bool) -> Floats:
    small = contents.small if known else replace(contents.small, knowledge=0 * contents.small.knowledge)
    variant = contents.folder.manifest.engines[0]
    data = contents.folder.read(contents.folder.manifest.file(variant.file))
    return ReferenceEngine.open(data, contents.folder.manifest.encoder).encode(contents.codes.decode(rows), small)


def helped_before(contents: Contents, rows: Rows) -> bool:
    """Predict each of the newest events from the preceding ones, with and without knowledge."""
    gains = []
    for end in range(max(1, len(rows) - MAX_EVENTS), len(rows)):
        target = contents.codes.decode(rows[end : end + 1])[0]
        cosines = []
        for known in (False, True):
            result = state(contents, rows[:end], known=known)
            cosines.append(result @ target / (np.linalg.norm(result) * np.linalg.norm(target)))
        gains.append(cosines[1] - cosines[0])
    return bool(np.mean(gains) > 0)


def test_knowledge_is_used_if_it_helped_on_past_events(contents: Contents) -> None:
    switch, _ = counting(contents)
    used = set()

    for seed in range(12):
        rows = sequence(seed, 3 + seed % 5)
        result = switch.encode(rows)

        expected = helped_before(contents, rows)
        used.add(expected)
        assert result is not None
        np.testing.assert_allclose(result, state(contents, rows, known=expected), rtol=1e-5, atol=1e-5)
    assert used == {True, False}


@pytest.mark.parametrize("length", [1, 2])
def test_knowledge_is_used_if_the_history_is_too_short_to_decide(contents: Contents, length: int) -> None:
    switch, engine = counting(contents)

    for seed in range(5):
        switch.encode(sequence(seed, length))

    assert engine.known == [True] * 5


def test_zero_knowledge_costs_nothing(contents: Contents) -> None:
    empty = replace(contents.small, knowledge=0 * contents.small.knowledge)
    switch, engine = counting(contents)
    switch = KnowledgeSwitch(contents.codes, empty, contents.engine_candidates(first=engine).encode)
    engine.known.clear()

    switch.encode(sequence(0, 8))

    assert len(engine.known) == 1


def test_an_unchanged_history_is_decided_once_and_one_more_event_costs_two_more_encodings(contents: Contents) -> None:
    switch, engine = counting(contents)
    rows = sequence(0, 6)

    costs = []
    for end in (5, 5, 6, 6):
        engine.known.clear()
        switch.encode(rows[:end])
        costs.append(len(engine.known))

    assert costs == [2 * MAX_EVENTS + 1, 1, 2 + 1, 1]


def test_other_events_are_decided_again(contents: Contents) -> None:
    switch, _ = counting(contents)
    sequences = [sequence(seed, 8) for seed in range(40)]

    result = [switch.helps(rows) for rows in sequences]

    assert result == [helped_before(contents, rows) for rows in sequences]
    assert len(set(result)) == 2


def test_if_encoding_without_knowledge_fails_knowledge_is_used(contents: Contents) -> None:
    switch, engine = counting(contents, fails_without=True)
    rows = sequence(0, 6)

    result = switch.encode(rows)

    assert result is not None
    np.testing.assert_allclose(result, state(contents, rows, known=True), rtol=1e-5, atol=1e-5)
    assert engine.known.count(False) == 1


def test_without_any_engine_there_is_no_state(contents: Contents) -> None:
    candidates = contents.engine_candidates()
    while candidates.engine is not None:
        candidates.next_engine()

    assert KnowledgeSwitch(contents.codes, contents.small, candidates.encode).encode(sequence(0, 6)) is None


def test_the_list_follows_the_decision_for_the_user(contents: Contents) -> None:
    with Recommender.open(contents.folder.path) as recommender:
        for seed in range(6):
            rows = np.random.default_rng(seed).permutation(N_ITEMS)[:5]

            listed = recommender.recommend(5, [f"item-{row}" for row in rows])

            scores = score_all(contents.codes, state(contents, rows, known=helped_before(contents, rows)))
            assert [item.row for item in listed] == best_rows(scores, 5, rows).tolist()
