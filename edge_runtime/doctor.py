"""What is wrong with the engines on this machine, for a bundle or for the built-in encoder, and how to fix it.

Every engine is opened and has to reproduce the golden vectors. Where ONNX Runtime tells where its operators run, an
operator that runs elsewhere than it was asked to is a fault: libraries fall back without a word.
"""

import os
from importlib.util import find_spec
from pathlib import Path
from typing import Final, Literal

from msgspec import Struct

from edge_runtime.bundle.folder import BundleFolder, open_folder
from edge_runtime.bundle.manifest import EngineVariant
from edge_runtime.contents import Contents, open_contents
from edge_runtime.device_folder import current_bundle
from edge_runtime.engines.candidates import OPENERS, Refusal
from edge_runtime.engines.libraries import LIBRARIES
from edge_runtime.engines.protocol import Engine
from edge_runtime.errors import BundleError
from edge_runtime.recommender import ENGINE_VARIABLE

BUILT_IN: Final = Path(__file__).with_name("doctor_bundle")
"""A tiny bundle with random weights and an encoder for each engine, written by ``python -m export.doctor_bundle``."""


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


def examine(path: Path | None = None) -> list[Finding]:
    """Return what was found about a bundle on this machine, or about the engines alone.

    Args:
        path: folder of the bundle [default: the built-in one].

    Raises:
        BundleError: there is no bundle, or its manifest is invalid.
    """
    folder = open_folder(BUILT_IN if path is None else current_bundle(path))
    try:
        contents = open_contents(folder)
    except BundleError as error:
        if path is None:
            fix = "reinstall it: pip install --force-reinstall . in a checkout"
            return [_fault("installation", str(error), fix)]
        return [_fault("bundle", str(error), f"export it again, or delete {folder.path} and sync it again")]
    findings = [] if path is None else [Finding("bundle", "ok", f"all {len(folder.manifest.files)} files are intact")]
    findings += [finding for variant in folder.manifest.engines for finding in _engine(contents, variant)]
    findings += _usable(contents, findings)
    if path is None or folder.manifest.language_model is not None:
        findings.append(_language_model())
    return [*findings, *_asked_engine(folder, any_precision=path is None)]


def _fault(subject: str, problem: str, fix: str) -> Finding:
    """Return a fault; the sentence of an error goes on with the fix, so its full stop is left out."""
    return Finding(subject, "fault", problem.removesuffix("."), fix)


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
    return [Finding(name, "ok", f"passed the self-test: {found}"), *_placement(variant, name, candidates.engine)]


def _refused(name: str, refusal: Refusal | None) -> Finding:
    reason = "not opened" if refusal is None else refusal.reason
    library = LIBRARIES[name.partition(" ")[0]]
    if not any(find_spec(module) for module in library.modules):
        return Finding(name, "note", reason.partition(";")[0], f"to use it: {library.install}")
    return _fault(name, reason, f"update or reinstall its library: {library.install}")


def _placement(variant: EngineVariant, name: str, engine: Engine | None) -> list[Finding]:
    """Return where the operators run; an engine whose operators run elsewhere has been refused at its opening."""
    if variant.engine != "onnxruntime":
        return []
    from edge_runtime.engines.onnxruntime import ASKED, placement

    placed = placement(getattr(engine, "session", None))
    if placed is None:
        return [Finding(name, "note", "this version of ONNX Runtime does not tell where operators run", "update it")]
    return [Finding(name, "ok", f"all {sum(placed.values())} operators run on {ASKED}, as asked")]


def _usable(contents: Contents, findings: list[Finding]) -> list[Finding]:
    names = {f"{variant.engine} {variant.precision}" for variant in contents.folder.manifest.engines}
    if not names or any(each.state == "ok" and each.subject in names for each in findings):
        return []
    instead = "transitions" if contents.transitions is not None else "popularity"
    return [Finding("engines", "fault", f"none works here; lists come from {instead}", "see the lines above")]


def _language_model() -> Finding:
    if find_spec("llama_cpp") is not None:
        return Finding("language model", "ok", "llama.cpp is installed")
    fix = "to use it: pip install llama-cpp-python"
    return Finding("language model", "note", "llama.cpp is not installed; reasons come from templates", fix)


def _asked_engine(folder: BundleFolder, *, any_precision: bool) -> list[Finding]:
    """Return a fault if the engine that the environment names is not there; of any precision, without a bundle."""
    asked = os.environ.get(ENGINE_VARIABLE, "")
    if any_precision:
        asked = asked.partition(" ")[0]
    names = [name for each in folder.manifest.engines for name in (each.engine, f"{each.engine} {each.precision}")]
    if not asked or asked in names:
        return []
    text = f"names {asked!r}, which {'no engine has' if any_precision else 'the bundle does not have'}"
    return [Finding(ENGINE_VARIABLE, "fault", text, f"unset it, or set it to one of {', '.join(names[::2])}")]
