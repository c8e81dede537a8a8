"""Histories keep the lengths that real users have."""

from collections.abc import Callable
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from edge_runtime.errors import ProfileError
from edge_runtime.profiling import histories
from edge_runtime.profiling.histories import data_histories, described, evenly


def of_lengths(*lengths: int) -> list[tuple[str, ...]]:
    return [tuple(f"item-{index}" for index in range(length)) for length in lengths]


def test_a_sample_has_the_distribution_of_lengths_and_no_empty_history() -> None:
    sample = evenly(of_lengths(9, 0, 1, 2, 3, 4, 5, 6, 7, 8), 3)

    assert [len(one) for one in sample] == [2, 5, 8]


def test_few_histories_are_all_used() -> None:
    assert evenly(of_lengths(3, 0, 1), 8) == of_lengths(1, 3)


def test_the_report_describes_the_lengths() -> None:
    found = described("golden", of_lengths(1, 2, 9))

    assert (found.count, found.shortest, found.median, found.longest) == (3, 1, 2, 9)


def fake(load: Callable[[], object]) -> Callable[..., list[EntryPoint]]:
    class Fake(EntryPoint):
        def load(self) -> object:
            return load()

    return lambda **_: [Fake("data", "somewhere:histories", histories.READERS)]


def missing() -> object:
    raise ModuleNotFoundError("no module", name="train")


@pytest.mark.parametrize(
    ("entry_points", "message"),
    [
        (fake(missing), "needs a checkout of the project .no module 'train'|no module 'train'"),
        (lambda **_: [], "found nothing that reads data folders"),
        (fake(lambda: lambda folder, item_ids: [()]), "found no user with a history"),
    ],
)
def test_a_device_that_cannot_read_data_says_what_to_do(
    entry_points: Callable[..., list[EntryPoint]], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(histories, "entry_points", entry_points)

    with pytest.raises(ProfileError, match=message) as refused:
        data_histories(Path("shop"), ["item-1"], 8)

    assert "Leave out --data" in str(refused.value)
