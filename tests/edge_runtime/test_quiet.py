"""What native libraries write past Python is dropped while they are loaded."""

import os

import pytest

from edge_runtime.quiet import quiet


def test_what_is_written_inside_is_dropped_and_what_comes_after_is_not(capfd: pytest.CaptureFixture[str]) -> None:
    os.write(2, b"before\n")
    with quiet():
        os.write(2, b"INFO: chatter\n")
    os.write(2, b"after\n")

    assert capfd.readouterr().err == "before\nafter\n"


def test_an_error_passes_and_the_stream_is_back(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ValueError, match="wrong"), quiet():
        raise ValueError("wrong")
    os.write(2, b"after\n")

    assert capfd.readouterr().err == "after\n"
