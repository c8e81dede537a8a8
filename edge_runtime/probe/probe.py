"""Probes this machine for a bundle, without any of its files but the manifest."""

import shutil
import tempfile
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path

import msgspec

from edge_runtime.machine import machine_name
from edge_runtime.probe.checks import all_checks
from edge_runtime.probe.here import available_memory, engines_here
from edge_runtime.probe.prediction import predicted
from edge_runtime.probe.report import EngineFound, Probe, Subject
from edge_runtime.probe.subjects import Probed
from edge_runtime.probe.trial import trials
from edge_runtime.profiling import child_process, machine
from edge_runtime.profiling.limits import Peaks

Tell = Callable[[str], None]


def probe(probed: Probed, *, place: Path | None = None, tell: Tell = lambda _: None) -> Probe:
    """Return whether a bundle will run here, and what it will cost.

    Args:
        probed: what is probed for.
        place: folder on the disk that will have it [default: the working directory].
        tell: called with what is measured now.

    Raises:
        ProfileError: a process that measures failed.
    """
    sizes = probed.manifest
    tell("measuring the limits of this machine")
    with tempfile.TemporaryDirectory(prefix="pocketrec-probe-") as folder:
        peaks = Peaks.of(child_process.run("profiling.calibration", {"folder": folder}, one_thread=True))
    engines = engines_here(sizes)
    tell("loading the libraries of engines")
    engines, libraries = _loaded(engines)
    tell("measuring a bundle of the same sizes")
    found = trials(sizes)
    has_llama = find_spec("llama_cpp") is not None
    prediction = predicted(sizes, found, peaks, engines, libraries, language_model=has_llama)
    memory = available_memory()
    room = None if probed.is_here else shutil.disk_usage(place or Path.cwd()).free
    checks = all_checks(sizes, engines, prediction, memory, room, machine_name(), has_llama=has_llama)
    return Probe(
        created=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        subject=_subject(probed),
        machine=machine.described(peaks),
        available_memory=memory,
        engines=engines,
        prediction=prediction,
        checks=checks,
        runs=all(one.passed is not False for one in checks),
    )


def _loaded(engines: Sequence[EngineFound]) -> tuple[tuple[EngineFound, ...], int]:
    """Return the engines, without those whose library cannot be imported, and the memory of the libraries in bytes."""
    names = sorted({one.engine for one in engines if one.usable})
    answers = {name: child_process.run("probe.library", {"engine": name}) for name in names}
    checked = tuple(
        msgspec.structs.replace(one, usable=False, fix=f"install {one.engine} again: {fault}")
        if (fault := answers.get(one.engine, {}).get("error"))
        else one
        for one in engines
    )
    return checked, sum(answer["bytes"] for answer in answers.values())


def _subject(probed: Probed) -> Subject:
    sizes = probed.manifest
    release = None if probed.kind == "target" else sizes.release
    n_items, n_bytes = sizes.catalogue.n_items, sizes.bundle_bytes
    return Subject(probed.kind, probed.source, sizes.name, sizes.target, release, n_items, n_bytes)
