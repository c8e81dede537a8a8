"""The plan of a round: what a device accepts, and that its integers and its noise fit together."""

import json
import math

import numpy as np
import pytest

from edge_runtime.bundle.release import COMPONENTS, component_path
from edge_runtime.errors import BundleError, BundleVersionError
from edge_runtime.rounds.plan import MAX_PLAN_BYTES, dump_plan, largest_scale, parse_plan, round_path
from tests.tiny_round import PLAN, plan_with

TARGET = PLAN.target


def as_json(**changes: object) -> bytes:
    return json.dumps(json.loads(dump_plan(PLAN)) | changes).encode()


def test_a_plan_survives_its_bytes() -> None:
    assert parse_plan(dump_plan(PLAN), TARGET) == PLAN


def test_the_key_of_the_adapter_may_sign_a_plan_but_no_component_has_its_path() -> None:
    assert round_path(TARGET) == "adapter/round-laptop-x86_64.json"
    assert round_path(TARGET) not in {component_path(component, TARGET) for component in COMPONENTS}


def test_a_plan_of_a_later_schema_asks_for_a_newer_runtime() -> None:
    with pytest.raises(BundleVersionError, match="Update pocketrec"):
        parse_plan(as_json(schema=2), TARGET)


def test_a_plan_of_another_target_is_refused() -> None:
    with pytest.raises(BundleError, match="found the target 'laptop-x86_64', expected 'minimal'"):
        parse_plan(dump_plan(PLAN), "minimal")


@pytest.mark.parametrize(
    "changes",
    [
        {"more": 1},
        {"second": None},
        {"round": "short"},
        {"round": "A" * 26},
        {"base": "a" * 63},
        {"part": "a"},
        {"rank": 0},
        {"rank": 65},
        {"dim": 1 << 40},
        {"steps": 10_001},
        {"batch": 1.5},
        {"learning_rate": 0.0},
        {"min_events": 1},
        {"clip": 0.0},
        {"clip": -1.0},
        {"clip": 1e300},
        {"sigma": -0.5},
        {"scale": 0},
        {"scale": 3},
        {"bits": 8},
        {"participations": 0},
        {"min_updates": 101},
        {"max_updates": 10_000_000},
        {"max_staleness": -1},
        {"opens": "2026-11-30T10:00:00Z"},
        {"deadline": "2026-02-30T10:00:00Z"},
        {"deadline": "tomorrow"},
        {"retry_after_s": 0},
        {"delta": 0.0},
        {"delta": 0.5},
        {"operators": []},
        {"operators": ["http://a", "http://a"]},
        {"operators": ["http://a", "http://b", "http://c"]},
        {"operators": ["file:///etc/passwd"]},
        {"operators": ["http://a\nX: 1"]},
    ],
)
def test_a_plan_that_breaks_a_rule_is_refused(changes: dict[str, object]) -> None:
    with pytest.raises(BundleError):
        parse_plan(as_json(**changes), TARGET)


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"[]",
        b"{}",
        b"\xff" * 40,
        dump_plan(PLAN)[:-1],
        dump_plan(PLAN).replace(b'"clip":1.0', b'"clip":NaN'),
        dump_plan(PLAN).replace(b'"clip":1.0', b'"clip":1e999'),
        dump_plan(PLAN).replace(b'"sigma":0.5', b'"sigma":0.5,"sigma":0.6'),
        b"[" * 1000 + b"]" * 1000,
    ],
)
def test_what_is_no_plan_is_refused(text: bytes) -> None:
    with pytest.raises(BundleError):
        parse_plan(text, TARGET)


def test_a_plan_that_is_too_long_is_not_parsed() -> None:
    with pytest.raises(BundleError, match="expected at most 16384"):
        parse_plan(dump_plan(PLAN) + b" " * MAX_PLAN_BYTES, TARGET)


def test_a_plan_that_devices_would_refuse_cannot_be_written() -> None:
    with pytest.raises(BundleError, match="steps"):
        dump_plan(plan_with(steps=0))


def test_an_update_that_is_too_long_for_an_upload_is_refused() -> None:
    with pytest.raises(BundleError, match="an update has 131128 bytes, expected at most 65536"):
        parse_plan(as_json(rank=64, dim=1024), TARGET)


def test_noise_that_is_too_coarse_for_integers_is_refused() -> None:
    with pytest.raises(BundleError, match="noise of 8 integers"):
        parse_plan(as_json(sigma=8.0, scale=1, clip=1.0), TARGET)


def test_integers_that_noise_would_push_beyond_their_type_are_refused() -> None:
    assert plan_with(bits=32, scale=1 << 20).largest == 2_147_483_647
    with pytest.raises(BundleError, match="16 bits hold 32767: choose a smaller scale"):
        parse_plan(as_json(scale=1 << 20), TARGET)


@pytest.mark.parametrize("bits", [16, 32])
@pytest.mark.parametrize("sigma", [0.01, 0.5, 3.0])
def test_the_largest_scale_fits_and_twice_as_much_does_not(bits: int, sigma: float) -> None:
    scale = largest_scale(1.0, sigma, 512, bits)

    assert plan_with(scale=scale, sigma=sigma, bits=bits, rank=8, dim=64).scale == scale
    with pytest.raises(ValueError, match="choose a smaller scale"):
        plan_with(scale=2 * scale, sigma=sigma, bits=bits, rank=8, dim=64)


def test_a_clip_that_no_integer_holds_has_no_scale() -> None:
    with pytest.raises(ValueError, match="or 32 bits"):
        largest_scale(1e6, 1.0, 8, 16)


def test_the_norm_limit_is_beyond_the_clip_and_all_likely_noise() -> None:
    noise = np.random.default_rng(0).normal(0.0, PLAN.sigma, (100_000, PLAN.size))

    assert PLAN.norm_limit > PLAN.clip + np.linalg.norm(noise, axis=1).max()
    assert plan_with(sigma=0.0).norm_limit == PLAN.clip


def test_an_upload_has_the_bytes_that_the_plan_says() -> None:
    assert PLAN.body_bytes == 56 + 2 * PLAN.size
    assert math.isclose(PLAN.deadline_time() - PLAN.opens_time(), 86_400)
