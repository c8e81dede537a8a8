"""The software bill of materials of a bundle: a CycloneDX 1.7 document with a model card (an ML-BOM).

Written by hand, because cyclonedx-python-lib has no model cards; the tests validate it with that library's schema.
"""

import hashlib
import re
import uuid
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, metadata
from typing import Any, Final

from edge_runtime.bundle import Manifest
from edge_runtime.bundle.manifest import NARROW_ATTENTION, File, dump_manifest
from edge_runtime.version import __version__
from export.language_model import LICENCE
from export.verify import Verification

SPEC_VERSION: Final = "1.7"
TOOL_PREFIX: Final = "tool_"

# Normal quantile of an interval of 95 %.
_Z: Final = 1.96

LIBRARIES: Final[Mapping[str, tuple[tuple[str, str], ...]]] = {
    "onnxruntime": (("onnxruntime", "MIT"),),
    "litert": (("ai-edge-litert", "Apache-2.0"),),
    "reference": (),
}
"""The libraries of each engine on a Python device, with their licences."""

_RUNTIME: Final = (
    ("numpy", "BSD-3-Clause"),
    ("msgspec", "BSD-3-Clause"),
    ("typer", "MIT"),
    ("rich", "MIT"),
)
_LANGUAGE_MODEL: Final = ("llama-cpp-python", "MIT")
_IDS: Final = frozenset(
    {"Apache-2.0", "MIT", "BSD-2-Clause", "BSD-3-Clause", "CC0-1.0", "CC-BY-4.0", "CC-BY-SA-4.0", "CC-BY-NC-4.0"}
)


def make_bom(manifest: Manifest, verification: Verification) -> dict[str, Any]:
    """Return the document; equal inputs give equal documents.

    Args:
        manifest: the manifest of the bundle.
        verification: its measured quality.
    """
    model = f"model:{manifest.name}"
    files = [_file(entry, _licence_of(entry, manifest)) for entry in manifest.files]
    libraries = [_library(name, licence) for name, licence in runtime_libraries(manifest)]
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.7.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": SPEC_VERSION,
        "serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, manifest_digest(manifest))}",
        "version": 1,
        "metadata": {
            "timestamp": manifest.created,
            "tools": {"components": _tools(manifest)},
            "component": {
                "type": "machine-learning-model",
                "bom-ref": model,
                "name": manifest.name,
                "version": str(manifest.release),
                "description": f"On-device sequential recommender for {manifest.target}",
                "licenses": [_licence(one) for one in manifest.licences],
                "modelCard": _model_card(manifest, verification),
            },
        },
        "components": [*files, _data(manifest), *libraries],
        "dependencies": [
            {"ref": model, "dependsOn": [one["bom-ref"] for one in [*files, _data(manifest), *libraries]]}
        ],
    }


def runtime_libraries(manifest: Manifest) -> list[tuple[str, str]]:
    """Return name and licence of the Python packages that a device needs for a bundle, or uses if they are there."""
    engines = [library for variant in manifest.engines for library in LIBRARIES.get(variant.engine, ())]
    model = [_LANGUAGE_MODEL] if manifest.language_model is not None else []
    return list(dict.fromkeys([*_RUNTIME, *engines, *model]))


def manifest_digest(manifest: Manifest) -> str:
    """Return the SHA-256 digest of the manifest's file, 64 hex digits."""
    return hashlib.sha256(dump_manifest(manifest)).hexdigest()


def _model_card(manifest: Manifest, verification: Verification) -> dict[str, Any]:
    return {
        "modelParameters": {
            "approach": {"type": "self-supervised"},
            "task": "sequential recommendation: the next item of a user",
            "architectureFamily": "transformer" if manifest.engines else "transition graph",
            "modelArchitecture": architecture(manifest),
            "datasets": [{"ref": "data:training"}],
            "inputs": [{"format": "item ids, oldest first"}],
            "outputs": [{"format": "ranked item ids"}],
        },
        "quantitativeAnalysis": {"performanceMetrics": _metrics(verification)},
        "considerations": {
            "users": ["apps that recommend items of one catalogue on the user's own device"],
            "useCases": ["ranking the items of the catalogue after a history of at least one event"],
            "technicalLimitations": [
                "Measured with leave-one-out, which uses events of other users after the prediction.",
                "Knows only the items of its catalogue.",
            ],
        },
    }


def architecture(manifest: Manifest) -> str:
    """Return a line about the model's shape."""
    encoder, parts = manifest.encoder, []
    if manifest.engines:
        most = "up to " if NARROW_ATTENTION in manifest.required_features else ""
        parts.append(
            f"SASRec encoder of {encoder.n_blocks} blocks, {most}{encoder.n_heads} heads, width {encoder.dim}, "
            f"{encoder.max_length} events, with product codes of items"
        )
    if manifest.transitions is not None:
        parts.append(f"{manifest.transitions.n_entries:,} transitions between items")
    return "; ".join(parts)


def _metrics(verification: Verification) -> list[dict[str, Any]]:
    """Return NDCG@10 by segment, and the differences to the models that the bundle was made from with intervals."""
    found: list[dict[str, Any]] = []
    engine = next((one for one in verification.engines if one.figures), None)
    if engine is not None:
        value = engine.figures["history_excluded"]["ndcg@10"]
        error = _Z * engine.figures["ndcg@10_standard_error"]
        found.append(_metric("NDCG@10", "all users", value, value - error, value + error))
    for baseline in verification.baselines[:1]:
        found += [_metric("NDCG@10", part.segment, part.metrics[0].ours) for part in baseline.segments[1:]]
    for one in verification.compared:
        for part in one.segments:
            for difference in part.metrics:
                name = f"{difference.metric}: {one.subject} minus {one.kind} {one.against}"
                found.append(_metric(name, part.segment, difference.difference, difference.low, difference.high))
    return found


def _metric(
    name: str, segment: str, value: float, low: float | None = None, high: float | None = None
) -> dict[str, Any]:
    metric: dict[str, Any] = {"type": name, "value": f"{value:.6f}", "slice": segment}
    if low is not None and high is not None:
        metric["confidenceInterval"] = {"lowerBound": f"{low:.6f}", "upperBound": f"{high:.6f}"}
    return metric


def _licence_of(entry: File, manifest: Manifest) -> str | None:
    """Return the licences of a file that others made, joined; None for one that was made from the data."""
    return manifest.provenance.get(LICENCE) if entry.role == "language_model" else None


def _file(entry: File, licence: str | None) -> dict[str, Any]:
    component: dict[str, Any] = {
        "type": "file",
        "bom-ref": f"file:{entry.name}",
        "name": entry.name,
        "description": entry.role,
        "hashes": [{"alg": "SHA-256", "content": entry.sha256}],
    }
    return component | ({} if licence is None else {"licenses": [_licence(one) for one in licence.split(" AND ")]})


def _data(manifest: Manifest) -> dict[str, Any]:
    """Return the training data: its name and digest, not its contents."""
    digest = manifest.provenance.get("data_digest", "")
    name = manifest.provenance.get("data", manifest.name)
    component: dict[str, Any] = {
        "type": "data",
        "bom-ref": "data:training",
        "name": name,
        "data": [{"type": "dataset", "name": name, "sensitiveData": ["histories of users; not part of the bundle"]}],
    }
    if re.fullmatch(r"[0-9a-f]{64}", digest):
        component["hashes"] = [{"alg": "SHA-256", "content": digest}]
    return component


def _library(name: str, licence: str) -> dict[str, Any]:
    component: dict[str, Any] = {
        "type": "library",
        "bom-ref": f"pkg:pypi/{name}",
        "name": name,
        "purl": f"pkg:pypi/{name}",
        "licenses": [{"license": {"id": licence}}],
    }
    version = installed_version(name)
    if version is not None:
        component |= {"version": version, "purl": f"pkg:pypi/{name}@{version}"}
    return component


def _tools(manifest: Manifest) -> list[dict[str, Any]]:
    tools = {"pocketrec": manifest.provenance.get("pocketrec", __version__)}
    tools |= {
        name.removeprefix(TOOL_PREFIX): version
        for name, version in manifest.provenance.items()
        if name.startswith(TOOL_PREFIX)
    }
    return [{"type": "application", "name": name, "version": version} for name, version in tools.items()]


def _licence(text: str) -> dict[str, Any]:
    return {"license": {"id": text} if text in _IDS else {"name": text}}


def installed_version(name: str) -> str | None:
    """Return the version of a package that is installed here, or None."""
    try:
        return str(metadata(name)["Version"])
    except PackageNotFoundError:
        return None
