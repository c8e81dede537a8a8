"""The signed plan of a round: what devices train, how an update is bounded and made noisy, and until when.

SPEC, "Rounds", is normative. Like other signed documents (:mod:`edge_runtime.bundle.release`), a plan is parsed only
after its length and digest matched the signed metadata. No IO.
"""

import math
from datetime import UTC, datetime
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta, Struct

from edge_runtime.address import parse_address
from edge_runtime.bundle.manifest import Digest, Exact, Name, Word
from edge_runtime.bundle.parsing import JsonError, decode_json, parse_json
from edge_runtime.errors import BundleError, BundleVersionError

SCHEMA: Final = 1
MAX_PLAN_BYTES: Final = 1 << 14
MAX_UPDATE_BYTES: Final = 1 << 16
"""Largest body of an upload (:mod:`edge_runtime.rounds.update`)."""
HEAD_BYTES: Final = 56
"""Bytes before the integers of an upload."""
MIN_NOISE: Final = 16.0
"""Smallest standard deviation of noise in integer units: from here on, discrete noise is as private as continuous noise
(:mod:`edge_runtime.rounds.accountant`)."""
SATURATION_BITS: Final = 40
"""An integer of an update exceeds its type with a probability below ``2 ** -SATURATION_BITS``, all of them together."""
NORM_MARGIN: Final = 8.0
"""Standard deviations by which a server lets the norm of the noise exceed its expectation. The norm of ``D`` normal
numbers exceeds ``sqrt(D) + t`` with a probability below ``exp(-t * t / 2)``: 1.3e-14 here, so that re-clipping does not
change the noise of honest devices, not even once in a round of a million (with 6 it would, about once in 66 million
updates, which is not small beside a delta of 1e-6)."""

Moment = Annotated[str, Meta(pattern=r"\A[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z\Z")]
Positive = Annotated[float, Meta(gt=0.0, le=1e6)]
Address = Annotated[str, Meta(pattern=r"\Ahttps?://[!-~]{1,190}\Z")]
"""Address of an operator's server, which :func:`edge_runtime.address.parse_address` can parse."""

_MOMENT_FORMAT: Final = "%Y-%m-%dT%H:%M:%SZ"


class RoundPlan(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The plan of one round for one target.

    Attributes:
        schema: version of this document.
        round: random id of the round.
        name: name of the bundle.
        target: target of the bundle.
        base: SHA-256 of the final manifest that holds the adapter from which devices train.
        adapter_sha256: SHA-256 of its ``adapter.safetensors``, which each update names.
        part: what is trained: ``b``, the matrix B ``[rank, dim]``.
        rank: rows of B that are trained; a device with less memory trains the first ones, and its others are 0.
        dim: columns of B.
        steps: steps of training on the device.
        batch: examples in a step.
        learning_rate: learning rate of AdamW.
        min_events: events that a device needs to take part.
        clip: largest L2 norm of an update before noise.
        sigma: standard deviation of the noise that each device adds to each value, in the unit of the update; 0 for
            none, as in simulations: then nothing is private against the operator.
        scale: integers per unit, a power of two, so that the scaling rounds nothing.
        bits: width of the integers.
        participations: rounds in which one device takes part at most within ``period_days``.
        period_days: days of that period.
        min_updates: updates without which the round publishes nothing.
        max_updates: updates at which the round closes.
        max_staleness: releases of the adapter by which an update may be late.
        opens: when the round opens.
        deadline: when it closes.
        retry_after_s: seconds after which a device that could not upload tries again.
        delta: the delta of the privacy statement.
        operators: address of the server that collects, or of two that each get one share of an update.
    """

    schema: Literal[1] = 1
    round: Annotated[str, Meta(pattern=r"\A[a-z0-9]{26}\Z")]
    name: Name
    target: Word
    base: Digest
    adapter_sha256: Digest
    part: Literal["b"] = "b"
    rank: Annotated[int, Meta(ge=1, le=64)]
    dim: Annotated[int, Meta(ge=1, le=1024)]
    steps: Annotated[int, Meta(ge=1, le=10_000)]
    batch: Annotated[int, Meta(ge=1, le=1024)]
    learning_rate: Annotated[float, Meta(gt=0.0, le=1.0)]
    min_events: Annotated[int, Meta(ge=2, le=1_000_000)]
    clip: Positive
    sigma: Annotated[float, Meta(ge=0.0, le=1e6)]
    scale: Annotated[int, Meta(ge=1, le=1 << 40)]
    bits: Literal[16, 32] = 16
    participations: Annotated[int, Meta(ge=1, le=10_000)]
    period_days: Annotated[int, Meta(ge=1, le=3650)]
    min_updates: Annotated[int, Meta(ge=1, le=1_000_000)]
    max_updates: Annotated[int, Meta(ge=1, le=1_000_000)]
    max_staleness: Annotated[int, Meta(ge=0, le=1000)] = 0
    opens: Moment
    deadline: Moment
    retry_after_s: Annotated[int, Meta(ge=1, le=30 * 86_400)]
    delta: Annotated[float, Meta(gt=0.0, le=0.01)] = 1e-6
    operators: Annotated[tuple[Address, ...], Meta(min_length=1, max_length=2)]

    def __post_init__(self) -> None:
        if self.min_updates > self.max_updates:
            raise ValueError(f"found min_updates {self.min_updates}, expected at most max_updates {self.max_updates}")
        if len(set(self.operators)) != len(self.operators):
            raise ValueError("found one operator twice, expected two different ones, or one")
        for operator in self.operators:
            parse_address(operator)
        if self.is_shared and self.max_staleness > 0:
            raise ValueError(
                f"found max_staleness {self.max_staleness} with two operators, expected 0: both must weigh alike"
            )
        if self.opens_time() >= self.deadline_time():
            raise ValueError(f"found the deadline {self.deadline}, expected one after {self.opens}")
        if self.body_bytes > MAX_UPDATE_BYTES:
            raise ValueError(f"an update has {self.body_bytes} bytes, expected at most {MAX_UPDATE_BYTES}")
        self._check_integers()

    @property
    def size(self) -> int:
        """Number of values of an update: ``rank * dim``, row by row."""
        return self.rank * self.dim

    @property
    def body_bytes(self) -> int:
        """Number of bytes of an upload."""
        return HEAD_BYTES + self.size * self.wire_bits // 8

    @property
    def is_shared(self) -> bool:
        """Whether two operators each get one share of an update."""
        return len(self.operators) > 1

    @property
    def wire_bits(self) -> int:
        """Width of the integers of an upload; shares are so wide that a sum of ``max_updates`` updates fits."""
        if not self.is_shared:
            return self.bits
        return 32 if self.max_updates << (self.bits - 1) <= 1 << 31 else 64

    @property
    def largest(self) -> int:
        """The largest integer of an update; the smallest is one further from 0."""
        return (1 << (self.bits - 1)) - 1

    @property
    def noise_units(self) -> float:
        """Standard deviation of the noise in integer units."""
        return self.sigma * self.scale

    @property
    def norm_limit(self) -> float:
        """L2 norm, in the unit of the update, above which a server scales an update down."""
        return self.clip + self.sigma * (math.sqrt(self.size) + NORM_MARGIN)

    def opens_time(self) -> float:
        """Return when the round opens, in seconds since 1970."""
        return _seconds(self.opens)

    def deadline_time(self) -> float:
        """Return when the round closes, in seconds since 1970."""
        return _seconds(self.deadline)

    def _check_integers(self) -> None:
        """Check that the noise is private as integers, and that integers do not overflow."""
        if self.scale & (self.scale - 1):
            raise ValueError(f"found the scale {self.scale}, expected a power of two")
        if 0.0 < self.noise_units < MIN_NOISE:
            raise ValueError(
                f"found noise of {self.noise_units:g} integers (sigma * scale), expected 0 or at least {MIN_NOISE:g}: "
                "choose a larger scale"
            )
        needed = self.scale * _reach(self.clip, self.sigma, self.size)
        if needed > self.largest:
            raise ValueError(
                f"values reach {needed:.0f} integers, but {self.bits} bits hold {self.largest}: choose a smaller scale "
                "or more bits"
            )


class _Preface(Struct):
    """The field that decides whether this runtime can read a plan."""

    schema: Exact


def round_path(target: str) -> str:
    """Return the path in the signed metadata of the plan of a target's round.

    It is in the folder of the role ``adapter``, whose delegation ``adapter/*`` does not match a second slash.
    """
    return f"adapter/round-{target}.json"


def parse_plan(data: bytes, target: str) -> RoundPlan:
    """Parse the document at :func:`round_path`, whose length and digest are already checked.

    Raises:
        BundleVersionError: it needs a newer runtime.
        BundleError: it violates SPEC, "Rounds", or is of another target.
    """
    path = round_path(target)
    if len(data) > MAX_PLAN_BYTES:
        raise BundleError(f"{path}: found {len(data)} bytes, expected at most {MAX_PLAN_BYTES}")
    try:
        schema = parse_json(data, _Preface).schema
        if schema != SCHEMA:
            raise BundleVersionError(
                f"{path}: found schema {schema}, this runtime reads schema {SCHEMA}. Update pocketrec on this device."
            )
        plan = decode_json(data, RoundPlan)
    except JsonError as error:
        raise BundleError(f"{path}: {error}. It is no plan of schema {SCHEMA}; open the round again.") from error
    if plan.target != target:
        raise BundleError(f"{path}: found the target {plan.target!r}, expected {target!r}")
    return plan


def dump_plan(plan: RoundPlan) -> bytes:
    """Return a plan as JSON; equal plans give equal bytes.

    Raises:
        BundleError: a device would refuse it.
    """
    data = msgspec.json.encode(plan)
    parse_plan(data, plan.target)
    return data


def largest_scale(clip: float, sigma: float, size: int, bits: int) -> int:
    """Return the largest scale, a power of two, with which ``bits`` hold an update of ``size`` values.

    Raises:
        ValueError: there is none of at least 1.
    """
    exponent = math.floor(math.log2(((1 << (bits - 1)) - 1) / _reach(clip, sigma, size)))
    if exponent < 0:
        raise ValueError(
            f"{bits} bits hold no update with clip {clip:g} and sigma {sigma:g}; choose smaller ones, or 32 bits"
        )
    return 1 << min(exponent, 40)


def _reach(clip: float, sigma: float, size: int) -> float:
    """Return what no value of an update exceeds, but with a probability below ``2 ** -SATURATION_BITS``.

    Discrete Gaussian noise exceeds ``t * sigma`` with a probability of at most ``2 exp(-t * t / 2)`` (Canonne, Kamath
    and Steinke 2020, Proposition 25), and there are ``size`` values.
    """
    tail = math.sqrt(2.0 * (SATURATION_BITS * math.log(2.0) + math.log(2.0 * size)))
    return clip + tail * sigma


def _seconds(moment: str) -> float:
    return datetime.strptime(moment, _MOMENT_FORMAT).replace(tzinfo=UTC).timestamp()
