"""A bundle with transitions ranks by an engine and them, by them alone if no engine works, and else by popularity."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
import pytest

from edge_runtime import Recommender
from edge_runtime.bundle import Manifest, dump_manifest, open_folder
from edge_runtime.contents import Contents, open_contents
from edge_runtime.engines.candidates import EngineCandidates
from edge_runtime.engines.protocol import Engine, Floats, SmallMatrices
from edge_runtime.errors import EngineError
from edge_runtime.ranking import best_rows, score_all
from edge_runtime.state.history import History
from edge_runtime.sync.trial import self_test
from tests.attacks.draft import Draft, read_draft
from tests.attacks.transitions import other_transitions
from tests.tiny_bundle import make_tiny_bundle
from tests.tiny_transitions import ALONE, WITH_ENGINES

HISTORY = ["item-3", "item-7"]


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle with engines and transitions; read only."""
    folder = tmp_path_factory.mktemp("mixed") / "tiny"
    make_tiny_bundle(folder, transitions=WITH_ENGINES)
    return folder


@pytest.fixture(scope="module")
def instant(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle with transitions and no engine; read only."""
    folder = tmp_path_factory.mktemp("instant") / "tiny"
    make_tiny_bundle(folder, transitions=ALONE)
    return folder


def changed(folder: Path, to: Path, change: Callable[[Draft], None]) -> Path:
    """Write a bundle with a change and correct digests."""
    draft = read_draft(folder)
    change(draft)
    draft.write(to)
    return to


def without_engine(draft: Draft) -> None:
    draft.manifest["engines"][0]["engine"] = "abacus"


def rows_of(recommender: Recommender, history: list[str], k: int = 10) -> list[int]:
    return [item.row for item in recommender.recommend(k, history)]


def test_a_list_is_that_of_the_engine_and_the_transitions_together(mixed: Path) -> None:
    contents = open_contents(open_folder(mixed))
    golden = contents.golden

    with Recommender.open(mixed) as recommender:
        status = recommender.engine
        lists = [rows_of(recommender, [f"item-{row}" for row in rows]) for rows in golden.sequences[:2]]

    assert (status.name, status.fallbacks) == ("reference", ())
    assert status.self_test is not None
    assert status.self_test.overlap == 1.0
    assert lists == golden.top_rows[:2].tolist()
    alone = [
        best_rows(score_all(contents.codes, state), 10, rows).tolist()
        for rows, state in zip(golden.sequences[:2], golden.states, strict=False)
    ]
    assert lists != alone


def test_transitions_rank_alone_if_no_engine_is_usable(mixed: Path, tmp_path: Path) -> None:
    folder = changed(mixed, tmp_path / "b", without_engine)
    transitions = open_contents(open_folder(folder)).transitions
    assert transitions is not None

    with Recommender.open(folder) as recommender:
        status = recommender.engine
        listed = recommender.recommend(10, HISTORY)

    assert (status.name, status.self_test) == ("transitions", None)
    assert [refusal.engine for refusal in status.fallbacks] == ["abacus"]
    scores = transitions.scores(np.array([3, 7]))
    assert [item.row for item in listed] == best_rows(scores, 10, np.array([3, 7])).tolist()
    assert [item.score for item in listed] == [float(scores[item.row]) for item in listed]


@dataclass
class FailingEngine:
    """Works in the self-test, and fails afterwards."""

    inner: Engine
    n_left: int
    name: str = "fake"
    precision: str = "fp32"

    def encode(self, embeddings: Floats, small: SmallMatrices) -> Floats:
        self.n_left -= 1
        if self.n_left < 0:
            raise MemoryError("no room")
        return self.inner.encode(embeddings, small)


def test_transitions_take_over_when_the_last_engine_fails_during_a_request(mixed: Path) -> None:
    contents = open_contents(open_folder(mixed))
    candidates = contents.engine_candidates()
    assert candidates.engine is not None
    candidates.engine = FailingEngine(candidates.engine, 0)

    with Recommender(contents, candidates, History.open(None)) as recommender:
        listed = rows_of(recommender, HISTORY)
        status = recommender.engine

    assert status.name == "transitions"
    assert status.fallbacks[0].reason == "failed during encoding: MemoryError: no room"
    assert contents.transitions is not None
    expected = best_rows(contents.transitions.scores(np.array([3, 7])), 10, np.array([3, 7]))
    assert listed == expected.tolist()


def test_a_bundle_without_engines_ranks_by_transitions_after_their_self_test(instant: Path) -> None:
    golden = open_contents(open_folder(instant)).golden

    with Recommender.open(instant) as recommender:
        status = recommender.engine
        lists = [rows_of(recommender, [f"item-{row}" for row in rows]) for rows in golden.sequences]

    assert (status.name, status.precision, status.fallbacks) == ("transitions", "uint4", ())
    assert status.self_test is not None
    assert (status.self_test.overlap, status.self_test.n_sequences) == (1.0, 6)
    assert lists == golden.top_rows.tolist()
    assert not golden.states.any()


def test_transitions_that_fail_their_self_test_give_way_to_popularity(instant: Path, tmp_path: Path) -> None:
    folder = changed(instant, tmp_path / "b", other_transitions)

    with Recommender.open(folder) as recommender:
        status = recommender.engine
        listed = rows_of(recommender, HISTORY, 40)
        popular = rows_of(recommender, [], 40)

    assert status.name == "popularity"
    assert [refusal.engine for refusal in status.fallbacks] == ["transitions"]
    assert "failed the self-test: top-10 overlap" in status.fallbacks[0].reason
    assert listed == [row for row in popular if row not in (3, 7)]


def test_an_engine_is_refused_if_its_golden_lists_need_other_transitions(mixed: Path, tmp_path: Path) -> None:
    folder = changed(mixed, tmp_path / "b", other_transitions)

    with Recommender.open(folder) as recommender:
        status = recommender.engine

    assert status.name == "transitions"
    assert "top-10 overlap" in status.fallbacks[0].reason


@pytest.mark.parametrize("kind", ["mixed", "instant"])
def test_without_a_history_the_popular_items_are_recommended(kind: str, request: pytest.FixtureRequest) -> None:
    with Recommender.open(request.getfixturevalue(kind)) as recommender:
        scores = [item.score for item in recommender.recommend(40)]

    assert scores[0] == 1.0
    assert len(scores) == 40


def test_dislikes_diversity_and_search_work_without_an_engine(instant: Path) -> None:
    with Recommender.open(instant) as recommender:
        recommender.observe("item-3")
        first = recommender.recommend(1)[0]
        recommender.observe(first.item_id, "dislike")

        assert first.item_id not in [item.item_id for item in recommender.recommend(40)]
        assert rows_of(recommender, HISTORY, 10) != [
            item.row for item in recommender.recommend(10, HISTORY, diversity=1.0)
        ]
        assert recommender.search(recommender.items.title[5])[0].row == 5
        assert recommender.explain("item-4", history=HISTORY).text


def test_a_custom_engine_is_refused_in_a_bundle_without_an_encoder(instant: Path, mixed: Path) -> None:
    engine = open_contents(open_folder(mixed)).engine_candidates().engine
    assert engine is not None

    with Recommender.open(instant, engine=engine) as recommender:
        status = recommender.engine

    assert status.name == "transitions"
    assert [(refusal.engine, refusal.reason) for refusal in status.fallbacks] == [
        ("reference", "the bundle has no encoder")
    ]


def test_the_self_test_of_transitions_ends_after_its_time_limit(instant: Path) -> None:
    contents = open_contents(open_folder(instant))
    seconds = iter(range(0, 1000, 20))

    candidates = EngineCandidates(
        contents.folder,
        contents.codes,
        contents.small,
        contents.golden,
        contents.transitions,
        clock=lambda: float(next(seconds)),
    )

    assert candidates.transitions is None
    assert candidates.refusals[0].reason == "the self-test took more than 30 s"


def test_a_release_without_engines_is_installed_if_its_transitions_pass(
    instant: Path, mixed: Path, tmp_path: Path
) -> None:
    self_test(instant)

    with pytest.raises(EngineError, match="transitions uint4: failed the self-test"):
        self_test(changed(instant, tmp_path / "instant", other_transitions))
    with pytest.raises(EngineError, match="abacus int8"):
        self_test(changed(mixed, tmp_path / "mixed", without_engine))


def test_items_are_compared_by_their_embeddings_if_there_are_no_other_vectors(mixed: Path, tmp_path: Path) -> None:
    def without_vectors(draft: Draft) -> None:
        draft.manifest["transitions"]["vectors"] = None
        draft.manifest["files"] = [entry for entry in draft.manifest["files"] if entry["role"] != "similarity"]

    before = scores_of(open_contents(open_folder(mixed)))
    after = scores_of(open_contents(open_folder(changed(mixed, tmp_path / "b", without_vectors))))

    assert after.shape == before.shape
    assert not np.allclose(after, before)


def scores_of(contents: Contents) -> Floats:
    assert contents.transitions is not None
    return contents.transitions.scores(np.array([3, 7]))


def test_transitions_and_their_vectors_count_as_ranking_bytes(mixed: Path, instant: Path) -> None:
    for folder, n_files in ((mixed, 6), (instant, 5)):
        manifest = open_folder(folder).manifest
        size = {entry.role: entry.bytes for entry in manifest.files}
        roles = ("encoder", "codes", "prompts", "adapter", "transitions", "similarity")
        assert manifest.ranking_bytes == sum(size.get(role, 0) for role in roles)
        assert len(manifest.ranking_files) == n_files


def test_a_manifest_with_transitions_is_read_as_it_was_written(mixed: Path) -> None:
    manifest = open_folder(mixed).manifest

    again = msgspec.json.decode(dump_manifest(manifest), type=Manifest)

    assert again == manifest
    assert again.transitions is not None
    assert "transitions" in again.required_features
