"""The provenance of a bundle as one in-toto statement (v1) with a SLSA predicate (provenance v1). It is not signed."""

import re
from typing import Any, Final

from edge_runtime.bundle import Manifest
from edge_runtime.bundle.manifest import MANIFEST_NAME
from export.report.bom import TOOL_PREFIX, manifest_digest

STATEMENT_TYPE: Final = "https://in-toto.io/Statement/v1"
PREDICATE_TYPE: Final = "https://slsa.dev/provenance/v1"
BUILD_TYPE: Final = "urn:pocketrec:build:export:v1"
BUILDER: Final = "urn:pocketrec:builder:local"

_COMMIT: Final = re.compile(r"([0-9a-f]{40})(-dirty)?")


def make_statement(manifest: Manifest) -> dict[str, Any]:
    """Return the statement: every file of the bundle with its digest, and what it was built from.

    It contains no local paths; data and runs are named as in the manifest.
    """
    provenance = manifest.provenance
    subjects = [(MANIFEST_NAME, manifest_digest(manifest)), *((entry.name, entry.sha256) for entry in manifest.files)]
    return {
        "_type": STATEMENT_TYPE,
        "subject": [{"name": name, "digest": {"sha256": digest}} for name, digest in subjects],
        "predicateType": PREDICATE_TYPE,
        "predicate": {
            "buildDefinition": {
                "buildType": BUILD_TYPE,
                "externalParameters": {
                    "name": manifest.name,
                    "release": manifest.release,
                    "target": manifest.target,
                    "run": provenance.get("run", ""),
                    "data": provenance.get("data", ""),
                },
                "internalParameters": {"seed": provenance.get("seed", "")},
                "resolvedDependencies": _dependencies(provenance),
            },
            "runDetails": {
                "builder": {"id": BUILDER, "version": {"pocketrec": provenance.get("pocketrec", "")}},
                "metadata": {"finishedOn": manifest.created},
            },
        },
    }


def _dependencies(provenance: dict[str, str]) -> list[dict[str, Any]]:
    """Return the data, the code and the tools of the build, with their digests or versions."""
    found: list[dict[str, Any]] = []
    digest = provenance.get("data_digest", "")
    if re.fullmatch(r"[0-9a-f]{64}", digest):
        found.append({"name": f"data:{provenance.get('data', '')}", "digest": {"sha256": digest}})
    commit = _COMMIT.fullmatch(provenance.get("commit", ""))
    if commit is not None:
        code: dict[str, Any] = {"name": "pocketrec", "digest": {"gitCommit": commit[1]}}
        # Uncommitted changes are not covered by the digest.
        found.append(code | ({"annotations": {"modified": True}} if commit[2] else {}))
    found += [
        {"uri": f"pkg:pypi/{name.removeprefix(TOOL_PREFIX)}@{version}"}
        for name, version in provenance.items()
        if name.startswith(TOOL_PREFIX)
    ]
    return found
