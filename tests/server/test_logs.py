"""The same error is logged once a minute."""

import pytest

from server.logs import REPEAT_S, Repeats


def raised(kind: type[Exception]) -> Exception:
    with pytest.raises(kind) as caught:
        raise kind("found x")
    return caught.value


def test_an_error_is_logged_once_a_minute_with_the_number_left_out() -> None:
    now = 0.0
    repeats = Repeats(clock=lambda: now)

    assert [repeats.take(raised(ValueError)) for _ in range(3)] == [0, None, None]
    now += REPEAT_S
    assert [repeats.take(raised(ValueError)) for _ in range(2)] == [2, None]


def test_errors_of_another_type_or_line_are_logged_on_their_own() -> None:
    repeats = Repeats(clock=lambda: 0.0)
    with pytest.raises(ValueError, match="found y") as elsewhere:
        raise ValueError("found y")

    errors = [raised(ValueError), raised(KeyError), elsewhere.value]
    assert [repeats.take(error) for error in errors] == [0, 0, 0]
