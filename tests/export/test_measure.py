"""Bundles with transitions are measured with the scores that the device computes, also if they have no engine."""

from pathlib import Path

import numpy as np
import pytest

from edge_runtime import Recommender
from edge_runtime.bundle import open_folder
from edge_runtime.contents import Contents, open_contents
from export.engine_reports import measure_engines
from export.measure import OpenEngine, latencies, open_engine, open_transitions, rank_users
from export.users import TestUsers
from tests.attacks.draft import read_draft
from tests.attacks.transitions import other_transitions
from tests.tiny_bundle import make_tiny_bundle
from tests.tiny_transitions import ALONE, WITH_ENGINES, TinyTransitions

# Two events, so that the device does not judge whether knowledge helps.
USERS = TestUsers(
    tuple(np.array(rows, dtype=np.int32) for rows in ([3, 7], [5], [1, 2], [39, 0])), np.array([9, 8, 30, 12]), 4
)


def bundle(folder: Path, transitions: TinyTransitions) -> Path:
    make_tiny_bundle(folder, transitions=transitions)
    return folder


def opened(contents: Contents) -> OpenEngine:
    variants = contents.folder.manifest.engines
    engine = open_engine(contents, variants[0]) if variants else open_transitions(contents)
    assert isinstance(engine, OpenEngine)
    return engine


@pytest.mark.parametrize("transitions", [WITH_ENGINES, ALONE], ids=["with engines", "alone"])
def test_users_get_the_lists_of_the_recommender(tmp_path: Path, transitions: TinyTransitions) -> None:
    path = bundle(tmp_path / "b", transitions)
    contents = open_contents(open_folder(path))

    ranking = rank_users(contents, opened(contents), USERS)

    with Recommender.open(path) as recommender:
        for rows, top in zip(USERS.histories, ranking.top_rows, strict=True):
            listed = recommender.recommend(10, [f"item-{row}" for row in rows])
            assert top.tolist() == [item.row for item in listed]


def test_the_transitions_of_a_bundle_without_engines_have_a_report_of_their_own(tmp_path: Path) -> None:
    contents = open_contents(open_folder(bundle(tmp_path / "b", ALONE)))

    measured = measure_engines(contents, USERS)

    (report,), (ranking,) = measured.reports, measured.rankings.values()

    assert (report.engine, report.precision, report.status) == ("transitions", "uint4", "ok")
    assert (report.state_error, report.golden_overlap) == (0.0, 1.0)
    assert report.figures == ranking.figures
    assert set(report.latency) == {"encode", "score", "recommend"}


def test_transitions_that_fail_their_self_test_are_reported_with_the_reason(tmp_path: Path) -> None:
    draft = read_draft(bundle(tmp_path / "good", ALONE))
    other_transitions(draft)
    draft.write(tmp_path / "other")
    contents = open_contents(open_folder(tmp_path / "other"))

    measured = measure_engines(contents, USERS)

    (report,) = measured.reports

    assert report.status == "failed"
    assert report.reason is not None
    assert report.reason.startswith("failed the self-test")
    assert measured.first is None
    assert not measured.rankings


def test_the_time_of_transitions_is_part_of_the_scores(tmp_path: Path) -> None:
    contents = open_contents(open_folder(bundle(tmp_path / "b", WITH_ENGINES)))
    engine = opened(contents)

    times = latencies(contents, [engine], USERS)

    assert list(times) == ["reference int8"]
    assert all(steps["p50_ms"] > 0 for steps in times["reference int8"].values())
