"""Updates: clipped to one norm whatever they contain, rounded without growing, and read only as they were written."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from edge_runtime.errors import RoundError
from edge_runtime.rounds.plan import RoundPlan, largest_scale
from edge_runtime.rounds.update import Update, clipped, decode, encode, quantized, saturated, square_sum
from tests.tiny_round import PLAN, plan_with

TOKEN = bytes(range(16))
ADAPTER = "0f" * 32
PLANS = [PLAN, plan_with(bits=32, scale=largest_scale(PLAN.clip, PLAN.sigma, PLAN.size, 32))]
NUMBERS = st.floats(width=64, allow_nan=True, allow_infinity=True)


def exact_norm(values: np.ndarray) -> Fraction:
    """Return the square of the norm of integers or floats, without rounding."""
    return sum((Fraction(value) ** 2 for value in values.tolist()), Fraction(0))


def vector(*values: float) -> np.ndarray:
    return np.array([*values, *[0.0] * (PLAN.size - len(values))])


def test_a_short_vector_is_not_changed_by_the_clip() -> None:
    assert clipped(np.array([0.3, -0.4]), 1.0).tolist() == [0.3, -0.4]


def test_a_vector_of_exactly_the_clip_is_not_changed() -> None:
    assert clipped(np.array([3.0, 4.0]), 5.0).tolist() == [3.0, 4.0]
    assert quantized(vector(0.6, 0.8), plan_with(scale=1024)).tolist()[:2] == [614, 819]
    assert quantized(vector(PLAN.clip), PLAN).tolist()[0] == PLAN.scale


def test_a_long_vector_keeps_its_direction() -> None:
    assert clipped(np.array([30.0, -40.0]), 5.0).tolist() == pytest.approx([3.0, -4.0])


def test_an_update_of_zero_stays_zero() -> None:
    assert quantized(np.zeros(PLAN.size), PLAN).tolist() == [0] * PLAN.size


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_one_value_that_is_not_finite_makes_the_whole_update_zero(bad: float) -> None:
    assert clipped(np.array([0.5, bad]), 1.0).tolist() == [0.0, 0.0]


@pytest.mark.parametrize("large", [1e30, 1e200, 1.7e308])
def test_a_huge_update_is_scaled_down_without_overflow(large: float) -> None:
    with np.errstate(all="raise"):
        values = quantized(np.full(PLAN.size, -large), PLAN)

    assert values.tolist() == [-int(PLAN.scale / PLAN.size**0.5)] * PLAN.size


def test_a_tiny_update_is_rounded_to_zero() -> None:
    assert not quantized(np.full(PLAN.size, 5e-324), PLAN).any()


@pytest.mark.parametrize("plan", PLANS)
@given(data=st.data())
def test_rounding_never_grows_the_norm_beyond_the_clip(plan: RoundPlan, data: st.DataObject) -> None:
    update = data.draw(arrays(np.float64, plan.size, elements=NUMBERS))

    values = quantized(update, plan)

    assert exact_norm(values) <= (Fraction(plan.clip) * plan.scale) ** 2
    if np.isfinite(update).all() and exact_norm(update) < Fraction(plan.clip) ** 2 / 2:
        assert all(abs(value) <= abs(before) * plan.scale for value, before in zip(values, update, strict=True))


def test_the_sum_of_squares_is_exact_at_the_bounds_of_the_type() -> None:
    values = np.full(16_370, -(1 << 31))

    assert square_sum(values) == 16_370 << 62


@pytest.mark.parametrize("plan", PLANS)
@given(data=st.data())
def test_an_update_survives_its_bytes(plan: RoundPlan, data: st.DataObject) -> None:
    values = data.draw(arrays(np.int64, plan.size, elements=st.integers(-plan.largest - 1, plan.largest)))
    token, adapter = data.draw(st.binary(min_size=16, max_size=16)), data.draw(st.binary(min_size=32, max_size=32))

    body = encode(Update(token, adapter.hex(), values), plan)

    assert len(body) == plan.body_bytes
    update = decode(body, plan)
    assert (update.token, update.adapter_sha256) == (token, adapter.hex())
    assert update.values.dtype == np.int64
    assert update.values.tolist() == values.tolist()


@given(st.binary(max_size=200) | st.binary(min_size=PLAN.body_bytes, max_size=PLAN.body_bytes))
def test_any_other_bytes_are_refused(body: bytes) -> None:
    if body[:8] != b"PKRU\x01\x10\x00\x00" or len(body) != PLAN.body_bytes:
        with pytest.raises(RoundError):
            decode(body, PLAN)


@pytest.mark.parametrize("place", range(8))
def test_every_bit_of_the_head_counts(place: int) -> None:
    body = bytearray(encode(Update(TOKEN, ADAPTER, np.arange(PLAN.size)), PLAN))
    body[place] ^= 1

    with pytest.raises(RoundError, match="the update starts with"):
        decode(bytes(body), PLAN)


def test_a_value_that_does_not_fit_is_never_wrapped_around() -> None:
    values = vector(40_000.0).astype(np.int64)

    with pytest.raises(RoundError, match="16 bits"):
        encode(Update(TOKEN, ADAPTER, values), PLAN)
    assert saturated(values, PLAN)[0] == 32_767
    assert saturated(-values, PLAN)[0] == -32_768


def test_an_update_of_another_size_is_not_encoded() -> None:
    with pytest.raises(RoundError, match=r"values \[3\]"):
        encode(Update(TOKEN, ADAPTER, np.arange(3)), PLAN)
    with pytest.raises(RoundError, match="token of 4 bytes"):
        encode(Update(b"four", ADAPTER, np.arange(PLAN.size)), PLAN)
