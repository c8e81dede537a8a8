"""A bundle with other prompts, knowledge or adapter; all other files but the golden vectors stay the same bytes."""

import msgspec
import numpy as np
from numpy.typing import NDArray

from edge_runtime.bundle import BundleFolder, Manifest
from edge_runtime.bundle.arrays import dump_arrays
from edge_runtime.bundle.golden import dump_golden
from edge_runtime.contents import Contents
from edge_runtime.engines.protocol import SmallMatrices
from edge_runtime.engines.reference import ReferenceEngine
from edge_runtime.errors import PocketRecError
from export.golden import golden_of_states

Files = dict[str, tuple[str, bytes]]


def with_matrices(before: Contents, new: SmallMatrices) -> tuple[Manifest, Files]:
    """Return manifest and files of a bundle with other matrices, whose golden vectors the reference engine computes.

    Raises:
        PocketRecError: the bundle has no encoder, whose states the matrices change.
    """
    folder, golden, old = before.folder, before.golden, before.small
    engine = reference_engine(folder)
    states = np.stack([engine.encode(before.codes.decode(rows), new) for rows in golden.sequences])
    golden = golden_of_states(before.codes, golden.sequences, states.astype(np.float32), before.transitions)
    files: Files = {entry.name: (entry.role, folder.read(entry)) for entry in folder.manifest.files}
    arrays: dict[str, dict[str, NDArray[np.generic]]] = {}
    if not (_same(new.prompts, old.prompts) and _same(new.knowledge, old.knowledge)):
        arrays["prompts"] = {"prompts": new.prompts, "knowledge": new.knowledge}
    if not (_same(new.adapter_a, old.adapter_a) and _same(new.adapter_b, old.adapter_b)):
        arrays["adapter"] = {"a": new.adapter_a, "b": new.adapter_b}
    arrays["golden"] = dump_golden(golden, folder.manifest.encoder.max_length)
    for role, tensors in arrays.items():
        files[folder.manifest.required_role(role).name] = (role, dump_arrays(tensors))
    return msgspec.structs.replace(folder.manifest, release=folder.manifest.release + 1), files


def reference_engine(folder: BundleFolder) -> ReferenceEngine:
    """Return the numpy engine of a bundle.

    Raises:
        PocketRecError: the bundle has no encoder for it.
    """
    manifest = folder.manifest
    variant = next((one for one in manifest.engines if one.engine == "reference"), None)
    if variant is None:
        raise PocketRecError(
            f"{manifest.target}: the bundle has no encoder for the reference engine, which prompts and the adapter "
            "change. Export it for a target with an encoder."
        )
    entry = next(one for one in manifest.files if one.name == variant.file)
    return ReferenceEngine.open(folder.read(entry), manifest.encoder, precision=variant.precision, source=variant.file)


def _same(one: NDArray[np.float32], other: NDArray[np.float32]) -> bool:
    return one.shape == other.shape and one.tobytes() == other.tobytes()
