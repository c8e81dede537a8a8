"""The fuzzer runs every parser, and finds a parser that raises what it must not."""

from pathlib import Path

import pytest

from edge_runtime.errors import BundleError
from tests.fuzz import Parser, fuzz, parsers

PARSERS = parsers()


@pytest.mark.parametrize("name", PARSERS)
def test_a_parser_accepts_its_seeds_and_survives_mutated_ones(name: str, tmp_path: Path) -> None:
    for seed in PARSERS[name].seeds:
        PARSERS[name].run(seed)

    outcome = fuzz(name, PARSERS[name], 300, 0, tmp_path)

    assert (outcome.executions, outcome.failed) == (300, ())
    assert outcome.refused > 0


def test_an_input_that_fails_is_kept_with_its_reason(tmp_path: Path) -> None:
    def run(data: bytes) -> None:
        if len(data) > 8:
            raise ZeroDivisionError

    outcome = fuzz("broken", Parser((b"12345678",), run, BundleError), 1000, 0, tmp_path)

    assert len(outcome.failed) == 10
    assert len(Path(outcome.failed[0]).read_bytes()) > 8
    assert "ZeroDivisionError" in Path(outcome.failed[0] + ".txt").read_text()
