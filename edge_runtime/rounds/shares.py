"""An update in two shares, one for each of two operators: either alone is uniformly random, both together the update.

The first share is drawn uniformly modulo ``2 ** plan.wire_bits`` from the operating system's generator, the second one
is the difference. Who has one of them only learns nothing of the update, whatever they compute; two who put shares
together learn what one operator would. No IO but that generator.

Wire form (SPEC, "Rounds"): that of an update, with ``wire_bits`` in place of ``bits``, the number of the share, 1 or 2,
in place of 0, and unsigned integers. Both shares have the same token.
"""

import os
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from edge_runtime.errors import RoundError
from edge_runtime.rounds.plan import HEAD_BYTES, RoundPlan
from edge_runtime.rounds.update import MAGIC, TOKEN_BYTES, VERSION, Integers, Update

Residues = NDArray[np.uint64]
"""Integers modulo ``2 ** plan.wire_bits``."""

_TYPES: Final[dict[int, np.dtype[np.unsignedinteger]]] = {32: np.dtype("<u4"), 64: np.dtype("<u8")}


@dataclass(frozen=True, slots=True)
class Share:
    """A share of an update as it is uploaded: ``values`` is uint64 ``[size]``; the rest is as in an update."""

    token: bytes
    adapter_sha256: str
    values: Residues


def split(update: Update, plan: RoundPlan) -> tuple[bytes, bytes]:
    """Return the uploads of both shares, for the first and the second operator of the plan."""
    kind = _TYPES[plan.wire_bits]
    mask = np.frombuffer(os.urandom(plan.size * kind.itemsize), kind).astype(np.uint64)
    rest = reduced(update.values.astype(np.uint64) - mask, plan)
    shares = (Share(update.token, update.adapter_sha256, values) for values in (mask, rest))
    first, second = (_encode(share, number, plan) for number, share in enumerate(shares, 1))
    return first, second


def reduced(values: Residues, plan: RoundPlan) -> Residues:
    """Return values modulo ``2 ** plan.wire_bits``; numpy's unsigned arithmetic is modulo ``2 ** 64`` already."""
    return values & np.uint64((1 << plan.wire_bits) - 1)


def signed(values: Residues, plan: RoundPlan) -> Integers:
    """Return residues as the integers nearest to 0, int64; a sum of ``max_updates`` updates is always among these."""
    if plan.wire_bits == 32:
        return values.astype("<u4").view("<i4").astype(np.int64)
    return values.view(np.int64).copy()


def decode_share(body: bytes, number: int, plan: RoundPlan) -> Share:
    """Return a share of an upload.

    Args:
        body: the bytes.
        number: 1 or 2: which share this operator gets.
        plan: the plan, with two operators.

    Raises:
        RoundError: the bytes are no such share.
    """
    if len(body) != plan.body_bytes:
        raise RoundError(
            f"the share has {len(body)} bytes, expected {plan.body_bytes}: {plan.size} values of {plan.wire_bits} bits."
        )
    expected = _preface(number, plan)
    if body[: len(expected)] != expected:
        raise RoundError(
            f"the share starts with {body[: len(expected)].hex()}, expected {expected.hex()}: version {VERSION}, "
            f"{plan.wire_bits} bits, share {number}."
        )
    token, adapter = body[8 : 8 + TOKEN_BYTES], body[8 + TOKEN_BYTES : HEAD_BYTES]
    values = np.frombuffer(body, _TYPES[plan.wire_bits], offset=HEAD_BYTES).astype(np.uint64)
    return Share(token, adapter.hex(), values)


def _encode(share: Share, number: int, plan: RoundPlan) -> bytes:
    head = _preface(number, plan) + share.token + bytes.fromhex(share.adapter_sha256)
    return head + share.values.astype(_TYPES[plan.wire_bits]).tobytes()


def _preface(number: int, plan: RoundPlan) -> bytes:
    return MAGIC + bytes([VERSION, plan.wire_bits]) + number.to_bytes(2, "little")
