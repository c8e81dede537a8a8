"""Profiles one bundle with all its engines, or two bundles against each other."""

import tempfile
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from edge_runtime.bundle.folder import BundleFolder, open_folder
from edge_runtime.device_folder import current_bundle
from edge_runtime.errors import ProfileError
from edge_runtime.machine import machine_name
from edge_runtime.paths import AnyPath
from edge_runtime.profiling import child_process, machine, reasons, starts, steady, steady_rows, verdict
from edge_runtime.profiling.budgets import budget_checks
from edge_runtime.profiling.choice import choose
from edge_runtime.profiling.histories import Ids, data_histories, described, golden_histories
from edge_runtime.profiling.limits import Peaks
from edge_runtime.profiling.modes import MODES, Mode, ModeName
from edge_runtime.profiling.operators import engine_use
from edge_runtime.profiling.outputs import output_check
from edge_runtime.profiling.reasons import ReasonResult
from edge_runtime.profiling.report import EngineUse, Histories, Memory, Outputs, Profile, ProfiledBundle, Row
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
    amount = MODES[mode]
    tell("opening every engine")
    chosen = choose(folders)
    tell("reading histories")
    histories, source = _histories(folders, data, amount.histories)
    with tempfile.TemporaryDirectory(prefix="pocketrec-profile-") as place:
        tell("measuring the limits of this machine")
        peaks = Peaks.of(child_process.run("profiling.calibration", {"folder": place}, one_thread=True))
        about = machine.described(peaks)
        starting = list(chosen.variants) if amount.all_start else chosen.first_of(folders)
        tell(f"starting {len(starting) * amount.starts} processes")
        started, memory = _starts(starting, histories, amount, seed, peaks)
        state, outputs = _steady(
            chosen.variants, histories, amount, seed, Path(place), tell, compared=other is not None
        )
    tell("timing operators and reasons")
    uses, worded = _opened(chosen.variants, chosen.first_of(folders), histories, amount, peaks, seed)
    rows = [*started, *steady_rows.rows(chosen.variants, state, histories, peaks)]
    rows += [row for one in worded for row in one.rows]
    found = ratios(state.samples, [one.name for one in chosen.variants], seed)
    compared = found if other is not None else []
    failures = [*chosen.failures, *([state.failure] if state.failure else [])]
    return Profile(
        created=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        mode=mode,
        seed=seed,
        machine=about,
        bundles=tuple(_bundle(folder) for folder in folders),
        histories=source,
        engines=(*uses, *chosen.refused),
        rows=tuple(rows),
        ratios=(*found, *(one.ratio for one in worded if one.ratio is not None)),
        outputs=outputs,
        memory=tuple(memory),
        language_models=tuple(one.model for one in worded if one.model is not None),
        budgets=budget_checks(
            folders[0].manifest,
            chosen.variants[0].name,
            rows,
            memory,
            machine_name(),
            busy=bool(verdict.busy_reasons(state.others)),
        ),
        notes=(
            *(one.note for one in worded if one.note is not None),
            *steady_rows.notes(state),
            *verdict.notes(rows, compared),
        ),
        verdict=verdict.overall(rows, outputs, failures, state.others, compared),
    )


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


def _starts(
    starting: Sequence[Variant], histories: Sequence[Ids], amount: Mode, seed: int, peaks: Peaks
) -> tuple[list[Row], list[Memory]]:
    """Start variants in processes of their own."""
    history = histories[len(histories) // 2]
    found = starts.measure(starting, history, amount.starts, seed)
    rows = [row for one in starting for row in starts.rows(one, found[one.name], history, peaks)]
    return rows, [starts.memory(one, found[one.name]) for one in starting]


def _steady(
    variants: Sequence[Variant],
    histories: Sequence[Ids],
    amount: Mode,
    seed: int,
    folder: Path,
    tell: Tell,
    *,
    compared: bool,
) -> tuple[steady.SteadyState, tuple[Outputs, ...]]:
    """Measure lists in rounds, and check them."""
    checks = {one.name: output_check(one, histories) for one in variants}
    n_observed = min(amount.observed, len(histories))
    plan = steady.Plan(tuple(histories), n_observed, amount.rounds_for(len(histories)), amount.seconds, seed)
    state = steady.measure(
        variants,
        plan,
        checks,
        folder,
        lambda n, s: tell(f"measuring lists: {n} rounds, {s:.0f} s"),
        lambda state: steady_rows.is_sure(variants, state, seed, compared=compared),
    )
    return state, tuple(check.result() for check in checks.values())


def _opened(
    variants: Sequence[Variant],
    first: Sequence[Variant],
    histories: Sequence[Ids],
    amount: Mode,
    peaks: Peaks,
    seed: int,
) -> tuple[list[EngineUse], list[ReasonResult]]:
    """Return what is measured outside of the rounds: operators, and the language model of each bundle."""
    uses, worded = [], []
    for variant in variants:
        instance = Instance.open(variant, None)
        try:
            uses.append(engine_use(instance, histories))
            if variant in first:
                worded.append(reasons.measure(instance, histories, amount.prompts, peaks, seed))
        finally:
            instance.close()
    return uses, worded


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
