"""A bundle with another adapter, and whether it ranks better than before: what `pocketrec rounds publish` tries.

The server finds :func:`try_adapter` by an entry point of ``pocketrec.adapters``, because it may not import this folder.
"""

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from edge_runtime.bundle import Manifest, open_folder, write_folder
from edge_runtime.contents import Contents, open_contents
from edge_runtime.engines.protocol import SmallMatrices
from edge_runtime.errors import PocketRecError
from export.comparison import Comparison
from export.difference import compare_bundles
from export.inferiority import Difference, losses
from export.matrices import Files, with_matrices
from export.segments import ALL
from export.self_tests import check_engines
from train.data.folder import read_folder
from train.data.kept_rows import bundle_items

METRIC: Final = "ndcg@10"

Floats = NDArray[np.float32]


def try_adapter(
    bundle: Path,
    b: Floats,
    out: Path,
    data: Path | None,
    *,
    created: datetime,
    provenance: Mapping[str, str],
    n_users: int | None = None,
) -> Mapping[str, Any]:
    """Write a bundle with another B, and compare its lists with those of the bundle on users whose data is held out.

    Each user's last event is held out, and both bundles rank it after the events before.

    Args:
        bundle: the bundle's folder.
        b: the new matrix B, float32 ``[rank, dim]``.
        out: folder for the bundle with the new adapter.
        data: data folder of the users; None compares nothing.
        created: time of creation of the new bundle.
        provenance: entries to add to its provenance.
        n_users: largest number of users, a random sample; all by default.

    Returns:
        ``better`` (None without data), ``why`` in a sentence, and ``segments``, each with ``segment``, ``n_users`` and
        ``metrics`` (:class:`export.inferiority.Difference`).

    Raises:
        PocketRecError: the bundle has no encoder, or no engine accepts the new adapter.
        DataError: no user can be tested.
    """
    folder = open_folder(bundle)
    before = open_contents(folder)
    manifest, files = with_adapter(before, b)
    made = created.strftime("%Y-%m-%dT%H:%M:%SZ")
    manifest = msgspec.structs.replace(manifest, created=made, provenance=manifest.provenance | dict(provenance))
    write_folder(out, manifest, files, check=check_engines)
    if data is None:
        return {"better": None, "why": "It was not compared: no data was given.", "segments": []}
    dataset = read_folder(data, earlier=bundle_items(folder))
    lists = compare_bundles(before, open_contents(open_folder(out)), dataset, n_users).lists
    if lists is None:
        raise PocketRecError("found no comparison of the lists, expected one.")  # never: there is data
    better, why = judge(lists)
    segments = msgspec.to_builtins(lists.segments)
    return {"better": better, "why": why, "segments": segments}


def with_adapter(before: Contents, b: Floats) -> tuple[Manifest, Files]:
    """Return manifest and files of a bundle with another B, whose golden vectors the reference engine computes.

    Raises:
        PocketRecError: the bundle has no encoder, which an adapter changes.
    """
    old = before.small
    return with_matrices(before, SmallMatrices(old.prompts, old.knowledge, old.adapter_a, b.astype(np.float32)))


def judge(lists: Comparison) -> tuple[bool, str]:
    """Return whether lists are better, and why: more than chance over all users, and not worse in any segment."""
    everyone = lists.segment(ALL)
    overall = None if everyone is None else next((one for one in everyone.metrics if one.metric == METRIC), None)
    if overall is None or not overall.is_finite:
        return False, "No user could be compared."
    worse = [part.segment for part in lists.segments if part.segment != ALL and losses(part.metrics)]
    shown = _shown(overall)
    if overall.low <= 0.0:
        return False, f"{METRIC} does not rise beyond chance: {shown}."
    if worse:
        return False, f"{METRIC} rises ({shown}), but these users are worse off: {', '.join(worse)}."
    return True, f"{METRIC} rises beyond chance, and no segment is worse: {shown}."


def _shown(one: Difference) -> str:
    return f"{one.theirs:.4f} to {one.ours:.4f}, 95 % interval of the difference {one.low:+.4f} to {one.high:+.4f}"
