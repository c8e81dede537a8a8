"""Profiles one bundle with all its engines, or two bundles against each other."""

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from edge_runtime.bundle.folder import BundleFolder, open_folder
from edge_runtime.device_folder import current_bundle
from edge_runtime.errors import ProfileError
from edge_runtime.machine import machine_name
from edge_runtime.paths import AnyPath
from edge_runtime.profiling import child_process, machine, reasons, starts, steady, steady_rows, verdict
from edge_runtime.profiling.budgets import budget_checks
from edge_runtime.profiling.choice import Choice, choose
from edge_runtime.profiling.histories import Ids, data_histories, described, golden_histories
from edge_runtime.profiling.limits import Peaks
from edge_runtime.profiling.modes import MODES, Mode, ModeName
from edge_runtime.profiling.operators import engine_use
from edge_runtime.profiling.outputs import output_check
from edge_runtime.profiling.reasons import ReasonResult
from edge_runtime.profiling.report import (
    BudgetCheck,
    EngineUse,
    Histories,
    Machine,
    Memory,
    Outputs,
    Profile,
    ProfiledBundle,
    Row,
)
from edge_runtime.profiling.rows import ratios
from edge_runtime.profiling.variants import Instance, Variant

Tell = Callable[[str], None]


def profile(
    bundle: AnyPath,
    other: AnyPath | None = None,
    *,
    mode: ModeName = "normal",
    data: Path | None = None,
    seed: int = 0,
    tell: Tell = lambda _: None,
) -> Profile:
    """Measure a bundle with each of its engines, or two bundles with the first usable engine of each.

    Args:
        bundle: folder of the bundle, or one filled by ``pocketrec sync``.
        other: the bundle to compare with.
        mode: how much is measured.
        data: data folder whose histories are used; by default the golden sequences of ``bundle``.
        seed: of all random orders, and of the bootstrap.
        tell: called with what is measured now.

    Raises:
        BundleError: a bundle is damaged.
        ProfileError: no engine works here, there are no histories, or a process of the profile failed.
    """
    folders = [open_folder(current_bundle(path)) for path in (bundle, other) if path is not None]
    tell("opening every engine")
    chosen = choose(folders)
    tell("reading histories")
    histories, source = _histories(folders, data, MODES[mode].histories)
    subject = _Subject(folders, chosen, histories, MODES[mode], seed)
    found = _measured(subject, tell)
    rows = [*found.started, *steady_rows.rows(chosen.variants, found.state, histories, found.peaks)]
    rows += [row for one in found.reasons for row in one.rows]
    of_times = ratios(found.state.samples, [one.name for one in chosen.variants], seed)
    compared = of_times if subject.is_pair else []
    failures = [*chosen.failures, *([found.state.failure] if found.state.failure else [])]
    return Profile(
        created=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        mode=mode,
        seed=seed,
        machine=found.machine,
        bundles=tuple(_bundle(folder) for folder in folders),
        histories=source,
        engines=(*found.uses, *chosen.refused),
        rows=tuple(rows),
        ratios=(*of_times, *(one.ratio for one in found.reasons if one.ratio is not None)),
        outputs=found.outputs,
        memory=tuple(found.memory),
        language_models=tuple(one.model for one in found.reasons if one.model is not None),
        budgets=_budgets(subject, rows, found),
        notes=(
            *(one.note for one in found.reasons if one.note is not None),
            *steady_rows.notes(found.state),
            *verdict.notes(rows, compared),
        ),
        verdict=verdict.overall(rows, found.outputs, failures, found.state.others, compared),
    )


@dataclass(frozen=True, slots=True)
class _Subject:
    """What is measured, and how much of it."""

    folders: Sequence[BundleFolder]
    chosen: Choice
    histories: Sequence[Ids]
    amount: Mode
    seed: int

    @property
    def is_pair(self) -> bool:
        """Whether two bundles are compared."""
        return len(self.folders) > 1

    @property
    def starting(self) -> Sequence[Variant]:
        """The variants that are started in processes of their own."""
        return self.chosen.variants if self.amount.all_start else self.chosen.first_of(self.folders)


@dataclass(frozen=True, slots=True)
class _Measured:
    """What was measured, in this order."""

    peaks: Peaks
    machine: Machine
    started: list[Row]
    memory: list[Memory]
    state: steady.SteadyState
    outputs: tuple[Outputs, ...]
    uses: list[EngineUse]
    reasons: list[ReasonResult]


def _measured(subject: _Subject, tell: Tell) -> _Measured:
    with tempfile.TemporaryDirectory(prefix="pocketrec-profile-") as place:
        tell("measuring the limits of this machine")
        peaks = Peaks.of(child_process.run("profiling.calibration", {"folder": place}, one_thread=True))
        about = machine.described(peaks)
        tell(f"starting {len(subject.starting) * subject.amount.starts} processes")
        started, memory = _starts(subject, peaks)
        state, outputs = _steady(subject, Path(place), tell)
    tell("timing operators and reasons")
    uses, worded = _opened(subject, peaks)
    return _Measured(peaks, about, started, memory, state, outputs, uses, worded)


def _histories(folders: Sequence[BundleFolder], data: Path | None, most: int) -> tuple[list[Ids], Histories]:
    """Return histories of items that all bundles have."""
    contents = [Variant("", folder, None).contents() for folder in folders]
    known = set.intersection(*(set(one.items.item_id) for one in contents))
    item_ids = contents[0].items.item_id
    if data is None:
        source, found = "golden sequences of the bundle", golden_histories(contents[0].golden, item_ids, most)
    else:
        source, found = f"users of {data.name}", data_histories(data, item_ids, most)
    kept = [shared for one in found if (shared := tuple(item for item in one if item in known))]
    if not kept:
        raise ProfileError("the two bundles have no item of these histories in common, so nothing can be compared.")
    return kept, described(source, kept)


def _starts(subject: _Subject, peaks: Peaks) -> tuple[list[Row], list[Memory]]:
    """Start variants in processes of their own."""
    history = subject.histories[len(subject.histories) // 2]
    found = starts.measure(subject.starting, history, subject.amount.starts, subject.seed)
    rows = [row for one in subject.starting for row in starts.rows(one, found[one.name], history, peaks)]
    return rows, [starts.memory(one, found[one.name]) for one in subject.starting]


def _steady(subject: _Subject, folder: Path, tell: Tell) -> tuple[steady.SteadyState, tuple[Outputs, ...]]:
    """Measure lists in rounds, and check them."""
    variants, amount, n_histories = subject.chosen.variants, subject.amount, len(subject.histories)
    checks = {one.name: output_check(one, subject.histories) for one in variants}
    plan = steady.Plan(
        tuple(subject.histories),
        min(amount.observed, n_histories),
        amount.rounds_for(n_histories),
        amount.seconds,
        subject.seed,
    )
    state = steady.measure(
        variants,
        plan,
        checks,
        folder,
        lambda n, s: tell(f"measuring lists: {n} rounds, {s:.0f} s"),
        lambda state: steady_rows.is_sure(variants, state, subject.seed, compared=subject.is_pair),
    )
    return state, tuple(check.result() for check in checks.values())


def _opened(subject: _Subject, peaks: Peaks) -> tuple[list[EngineUse], list[ReasonResult]]:
    """Return what is measured outside of the rounds: operators, and the language model of each bundle."""
    uses, worded = [], []
    for variant in subject.chosen.variants:
        instance = Instance.open(variant, None)
        try:
            uses.append(engine_use(instance, subject.histories))
            if variant in subject.chosen.first_of(subject.folders):
                prompts = subject.amount.prompts
                worded.append(reasons.measure(instance, subject.histories, prompts, peaks, subject.seed))
        finally:
            instance.close()
    return uses, worded


def _budgets(subject: _Subject, rows: Sequence[Row], found: _Measured) -> tuple[BudgetCheck, ...]:
    """Check the budgets of the first bundle."""
    return budget_checks(
        subject.folders[0].manifest,
        subject.chosen.variants[0].name,
        rows,
        found.memory,
        machine_name(),
        busy=bool(verdict.busy_reasons(found.state.others)),
    )


def _bundle(folder: BundleFolder) -> ProfiledBundle:
    manifest = folder.manifest
    return ProfiledBundle(
        path=str(folder.path),
        name=manifest.name,
        release=manifest.release,
        target=manifest.target,
        ranking_bytes=manifest.ranking_bytes,
        bundle_bytes=manifest.bundle_bytes,
    )
