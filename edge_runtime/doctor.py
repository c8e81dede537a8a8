"""What is wrong with a bundle's engines on this machine, and how to fix it.

Every engine is opened and has to reproduce the golden vectors. Where ONNX Runtime tells where its operators run, an
operator that runs elsewhere than it was asked to is a fault: libraries fall back without a word.
"""

import os
import tempfile
from collections import Counter
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final, Literal

from msgspec import Struct

from edge_runtime.bundle.folder import BundleFolder, open_folder
from edge_runtime.bundle.manifest import EngineVariant
from edge_runtime.contents import Contents, open_contents
from edge_runtime.device_folder import current_bundle
from edge_runtime.engines.candidates import OPENERS, Refusal
from edge_runtime.engines.protocol import Engine
from edge_runtime.errors import BundleError
from edge_runtime.recommender import ENGINE_VARIABLE

ASKED: Final = "CPUExecutionProvider"
_INSTALL: Final[Mapping[str, str]] = {
    "onnxruntime": "pip install onnxruntime",
    "litert": "pip install 'pocketrec[tflite]' (on boards without such a wheel: tflite-runtime 2.14 with numpy 1)",
}


class Finding(Struct, frozen=True):
    """One thing that was looked at.

    Attributes:
        subject: such as ``onnxruntime int8``.
        state: ``note`` for what may be missed, and is no fault.
        text: what was found.
        fix: what to do; empty where nothing is.
    """

    subject: str
    state: Literal["ok", "note", "fault"]
    text: str
    fix: str = ""


def examine(path: Path) -> list[Finding]:
    """Return what was found about a bundle on this machine.

    Raises:
        BundleError: there is no bundle, or its manifest is invalid.
    """
    folder = open_folder(current_bundle(path))
    try:
        contents = open_contents(folder)
    except BundleError as error:
        return [Finding("bundle", "fault", str(error), f"export it again, or delete {folder.path} and sync it again")]
    findings = [Finding("bundle", "ok", f"all {len(folder.manifest.files)} files are intact")]
    findings += [finding for variant in folder.manifest.engines for finding in _engine(contents, variant)]
    findings += [*_usable(contents, findings), *_language_model(folder), *_asked_engine(folder)]
    return findings


def misplaced(placement: Mapping[str, int], asked: str = ASKED) -> str:
    """Return which operators run elsewhere than they were asked to; empty if none does.

    Args:
        placement: number of operators by execution provider.
        asked: the execution provider that was asked for.
    """
    elsewhere = [f"{n} on {provider}" for provider, n in sorted(placement.items()) if provider != asked]
    if not elsewhere:
        return ""
    return f"{', '.join(elsewhere)}, {placement.get(asked, 0)} on {asked}; all were asked to run on {asked}"


def placement_of(session: Any) -> dict[str, int] | None:  # noqa: ANN401 - ONNX Runtime has no types
    """Return the number of operators by execution provider; None in versions that do not tell, before 1.24."""
    report = getattr(session, "get_provider_graph_assignment_info", None)
    if report is None:
        return None
    placed: Counter[str] = Counter()
    for part in report():
        placed[part.ep_name] += len(part.get_nodes())
    return dict(placed)


def _engine(contents: Contents, variant: EngineVariant) -> list[Finding]:
    name = f"{variant.engine} {variant.precision}"
    if variant.engine not in OPENERS:
        return [Finding(name, "note", "an engine of browsers; it is not used here")]
    candidates = contents.engine_candidates(first=name)
    refusal = next((each for each in candidates.refusals if each.engine == variant.engine), None)
    test = candidates.self_test
    if refusal is not None or test is None:
        return [_refused(name, refusal)]
    found = f"state within {test.state_error:.1g} of the trained model's, top ten {test.overlap:.1%} the same"
    return [Finding(name, "ok", f"passed the self-test: {found}"), *_placement(contents, variant, name)]


def _refused(name: str, refusal: Refusal | None) -> Finding:
    reason = "not opened" if refusal is None else refusal.reason
    engine = name.partition(" ")[0]
    if reason.startswith("not installed"):
        return Finding(name, "note", reason, f"to use it: {_INSTALL[engine]}" if engine in _INSTALL else "")
    return Finding(
        name, "fault", reason, f"update or reinstall its library: {_INSTALL.get(engine, 'pip install numpy')}"
    )


def _placement(contents: Contents, variant: EngineVariant, name: str) -> list[Finding]:
    if variant.engine != "onnxruntime":
        return []
    from edge_runtime.engines.onnxruntime import OnnxRuntimeEngine

    folder = contents.folder
    data = folder.read(folder.manifest.file(variant.file))
    with tempfile.TemporaryDirectory() as scratch:  # only a session that is profiled records the placement
        engine: Engine = OnnxRuntimeEngine.open(data, folder.manifest.encoder, profile_to=Path(scratch) / "operators")
        session = getattr(engine, "session", None)
        placed = placement_of(session)
        if session is not None:
            session.end_profiling()
    if placed is None:
        return [Finding(name, "note", "this version of ONNX Runtime does not tell where operators run", "update it")]
    wrong = misplaced(placed)
    if wrong:
        return [Finding(name, "fault", wrong, "install the plain onnxruntime, without another execution provider")]
    return [Finding(name, "ok", f"all {sum(placed.values())} operators run on {ASKED}, as asked")]


def _usable(contents: Contents, findings: list[Finding]) -> list[Finding]:
    names = {f"{variant.engine} {variant.precision}" for variant in contents.folder.manifest.engines}
    if not names or any(each.state == "ok" and each.subject in names for each in findings):
        return []
    instead = "transitions" if contents.transitions is not None else "popularity"
    return [Finding("engines", "fault", f"none works here; lists come from {instead}", "see the lines above")]


def _language_model(folder: BundleFolder) -> list[Finding]:
    if folder.manifest.language_model is None:
        return []
    if find_spec("llama_cpp") is not None:
        return [Finding("language model", "ok", "llama.cpp is installed")]
    fix = "to use it: pip install 'pocketrec[llm]'"
    return [Finding("language model", "note", "llama.cpp is not installed; reasons come from templates", fix)]


def _asked_engine(folder: BundleFolder) -> list[Finding]:
    asked = os.environ.get(ENGINE_VARIABLE, "")
    names = [name for each in folder.manifest.engines for name in (each.engine, f"{each.engine} {each.precision}")]
    if not asked or asked in names:
        return []
    text = f"names {asked!r}, which the bundle does not have"
    return [Finding(ENGINE_VARIABLE, "fault", text, f"unset it, or set it to one of {', '.join(names[::2])}")]
