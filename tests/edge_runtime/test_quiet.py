"""Output of native libraries to stderr is suppressed."""

import os

import pytest

from edge_runtime.quiet import quiet


def test_output_inside_the_block_is_dropped_and_later_output_is_not(capfd: pytest.CaptureFixture[str]) -> None:
    os.write(2, b"before\n")
    with quiet():
        os.write(2, b"INFO: chatter\n")
    os.write(2, b"after\n")

    assert capfd.readouterr().err == "before\nafter\n"


def test_an_error_propagates_and_stderr_is_restored(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ValueError, match="wrong"), quiet():
        raise ValueError("wrong")
    os.write(2, b"after\n")

    assert capfd.readouterr().err == "after\n"
