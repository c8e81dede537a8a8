"""Decides from what was found and predicted whether a bundle will run here."""

from collections.abc import Sequence

from edge_runtime.bundle.manifest import Manifest
from edge_runtime.probe.report import Check, EngineFound, Prediction, Range
from edge_runtime.profiling.budgets import LATENCY, PEAK_MEMORY

_MIB = 1 << 20


def all_checks(
    sizes: Manifest,
    engines: Sequence[EngineFound],
    prediction: Prediction,
    memory: int | None,
    room: int | None,
    machine: str,
    *,
    has_llama: bool,
) -> tuple[Check, ...]:
    """Return the checks that apply.

    Args:
        sizes: manifest of the bundle.
        engines: that the bundle offers.
        prediction: what a list will cost.
        memory: bytes that a new process can use; None if unknown.
        room: free bytes of the disk; None if the bundle is there already.
        machine: name of this machine's processor.
        has_llama: whether llama.cpp is installed.
    """
    found = [_engine(sizes, engines), _memory(prediction.peak_memory, memory), _room(sizes, room)]
    found += [_budget(sizes, prediction, machine, name) for name in (LATENCY, PEAK_MEMORY)]
    found.append(_language_model(sizes, prediction, memory, has_llama=has_llama))
    return tuple(one for one in found if one is not None)


def _engine(sizes: Manifest, engines: Sequence[EngineFound]) -> Check:
    usable = [f"{one.engine} {one.precision}" for one in engines if one.usable]
    if usable:
        return Check("engine", True, f"{', '.join(usable)}: installed")
    if sizes.transitions is not None and not engines:
        return Check("engine", True, "the bundle ranks by transitions and needs none")
    fixes = " or ".join(one.fix for one in engines if one.fix)
    offered = ", ".join(f"{one.engine} {one.precision}" for one in engines)
    return Check("engine", False, f"none of its engines is installed ({offered})", fixes or "choose another target")


def _memory(needed: Range, memory: int | None) -> Check | None:
    if memory is None:
        return None
    text = f"needs {_mib(needed.low)} to {_mib(needed.high)} MiB, {_mib(memory)} MiB are available"
    fix = "free memory, or choose a target with a smaller bundle, such as minimal"
    return _undecided("memory", needed, memory, text, fix)


def _room(sizes: Manifest, room: int | None) -> Check | None:
    if room is None:
        return None
    needed = sizes.bundle_bytes
    text = f"needs {_mib(needed)} MiB, {_mib(room)} MiB are free"
    return Check("disk", needed <= room, text, "" if needed <= room else "free space on the disk")


def _budget(sizes: Manifest, prediction: Prediction, machine: str, name: str) -> Check | None:
    """Return the check of a budget of the target, which holds on the machines of the target only."""
    allowed = sizes.budgets.get(name)
    if allowed is None or (sizes.machines and machine not in sizes.machines):
        return None
    if name == PEAK_MEMORY:
        needed, unit = prediction.peak_memory, f"{_mib(allowed)} MiB"
        text = f"{_mib(needed.low)} to {_mib(needed.high)} MiB of the {unit} that the target allows"
        return _undecided("memory budget", needed, allowed, text, "choose a target with a larger budget")
    needed = prediction.recommend_p95_ms
    text = f"{needed.low:.2g} to {needed.high:.2g} ms for 95 % of the lists, the target allows {allowed / 1000:g} ms"
    fix = "a smaller catalogue, shorter codes or fewer followers (`pocketrec fit`) make lists faster"
    return _undecided("latency", needed, allowed / 1000, text, fix)


def _language_model(sizes: Manifest, prediction: Prediction, memory: int | None, *, has_llama: bool) -> Check | None:
    """Return a note about the language model; without it reasons come from templates, so nothing fails."""
    if sizes.language_model is None:
        return None
    if has_llama:
        return _model_memory(prediction, memory)
    text = "llama.cpp is not installed; reasons come from templates"
    return Check("language model", None, text, "pip install llama-cpp-python")


def _model_memory(prediction: Prediction, memory: int | None) -> Check | None:
    """Return a note if the process of the language model may not find the memory beside the process that ranks."""
    model = prediction.language_model
    if model is None or memory is None or prediction.peak_memory.high + model.memory.high <= memory:
        return None
    text = f"needs {_mib(model.memory.low)} to {_mib(model.memory.high)} MiB more, {_mib(memory)} MiB are available"
    return Check("language model", None, text, "a smaller model or quantization; otherwise reasons come from templates")


def _undecided(name: str, needed: Range, allowed: float, text: str, fix: str) -> Check:
    """Return a check that fails only if even the low end is too much, and is undecided within the range."""
    if needed.high <= allowed:
        return Check(name, True, text)
    return Check(name, False if needed.low > allowed else None, text, fix)


def _mib(n_bytes: float) -> str:
    return f"{n_bytes / _MIB:,.0f}" if n_bytes >= 10 * _MIB else f"{n_bytes / _MIB:.1f}"
