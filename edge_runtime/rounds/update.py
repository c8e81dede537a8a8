"""An update: clipped to one norm, rounded to integers, made noisy, and its bytes as they are uploaded.

The order is what makes it private: clip the whole vector, round towards zero, so that the norm cannot grow, then add
discrete noise to the integers. Floating-point noise would leak through its last bits (Mironov 2012). No IO.

Wire form (SPEC, "Rounds"): ``PKRU``, version 1 (u8), bits (u8), 0 (u16), token (16 bytes), SHA-256 of the adapter that
the device started from (32 bytes), then the values as signed little-endian integers.
"""

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

import numpy as np
from numpy.typing import NDArray

from edge_runtime.errors import RoundError
from edge_runtime.rounds.plan import HEAD_BYTES, RoundPlan

TOKEN_BYTES: Final = 16

MAGIC: Final = b"PKRU"
VERSION: Final = 1
_TYPES: Final[dict[int, np.dtype[np.signedinteger]]] = {16: np.dtype("<i2"), 32: np.dtype("<i4")}
_SHRINK: Final = 1.0 - 2.0**-48
"""Factor for a vector whose norm exceeds the clip by a rounding error."""

Vector = NDArray[np.float64]
Integers = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Update:
    """An update as it is uploaded.

    Attributes:
        token: random bytes, by which a server counts an update once.
        adapter_sha256: SHA-256 of the adapter that the device started from, in hexadecimal.
        values: the integers, int64 ``[size]``.
    """

    token: bytes
    adapter_sha256: str
    values: Integers


def clipped(vector: Vector, clip: float) -> Vector:
    """Return ``vector`` with an L2 norm of at most ``clip``, but for rounding errors; shorter ones are unchanged.

    A vector with a value that is not finite becomes 0: training failed, and the device sends noise, because whether it
    sends something must not depend on its data.
    """
    if not np.isfinite(vector).all():
        return np.zeros(vector.shape)
    vector = vector.astype(np.float64)
    largest = float(np.abs(vector).max(initial=0.0))
    if largest == 0.0:
        return vector
    direction = vector / largest  # squares of large values would overflow
    length = math.sqrt(float(np.square(direction).sum()))
    return vector if largest * length <= clip else direction * (clip / length)


def quantized(vector: Vector, plan: RoundPlan) -> Integers:
    """Return a vector, clipped and rounded towards zero, as integers of ``1 / scale``.

    Their L2 norm is at most ``clip * scale``, exactly.
    """
    vector = clipped(vector, plan.clip)
    limit = (Fraction(plan.clip) * plan.scale) ** 2
    while True:
        values = np.trunc(vector * float(plan.scale)).astype(np.int64)
        if square_sum(values) <= limit:
            return values
        vector = vector * _SHRINK  # clipping rounded the norm up by some units in the last place


def square_sum(values: Integers) -> int:
    """Return the sum of the squares of at most ``2 ** 20`` integers of 32 bits, exactly."""
    high, low = values >> 16, values & 0xFFFF
    return (int(np.dot(high, high)) << 32) + (int(np.dot(high, low)) << 17) + int(np.dot(low, low))


def saturated(values: Integers, plan: RoundPlan) -> Integers:
    """Return noisy integers within the plan's type; a plan makes it improbable that this changes one."""
    return np.clip(values, -plan.largest - 1, plan.largest)


def encode(update: Update, plan: RoundPlan) -> bytes:
    """Return the bytes of an update.

    Raises:
        RoundError: the update does not fit the plan.
    """
    if len(update.token) != TOKEN_BYTES or update.values.shape != (plan.size,):
        raise RoundError(
            f"found a token of {len(update.token)} bytes and values {list(update.values.shape)}, expected "
            f"{TOKEN_BYTES} bytes and [{plan.size}]."
        )
    if (saturated(update.values, plan) != update.values).any():
        raise RoundError(f"a value does not fit {plan.bits} bits. Saturate the values first.")
    head = MAGIC + bytes([VERSION, plan.bits, 0, 0]) + update.token + bytes.fromhex(update.adapter_sha256)
    return head + update.values.astype(_TYPES[plan.bits]).tobytes()


def decode(body: bytes, plan: RoundPlan) -> Update:
    """Return the update of an upload; the adapter that it names may be an earlier one than the plan's.

    Raises:
        RoundError: the bytes are no update for the plan.
    """
    if len(body) != plan.body_bytes:
        raise RoundError(
            f"the update has {len(body)} bytes, expected {plan.body_bytes}: {plan.size} values of {plan.bits} bits."
        )
    expected = MAGIC + bytes([VERSION, plan.bits, 0, 0])
    if body[: len(expected)] != expected:
        raise RoundError(
            f"the update starts with {body[: len(expected)].hex()}, expected {expected.hex()}: version {VERSION}, "
            f"{plan.bits} bits."
        )
    token, adapter = body[8 : 8 + TOKEN_BYTES], body[8 + TOKEN_BYTES : HEAD_BYTES]
    values = np.frombuffer(body, _TYPES[plan.bits], offset=HEAD_BYTES).astype(np.int64)
    return Update(token, adapter.hex(), values)
