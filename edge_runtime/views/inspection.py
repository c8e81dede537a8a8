"""The checks of ``pocketrec inspect``, as JSON and as tables."""

from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path

from rich.table import Table
from rich.text import Text

from edge_runtime.bundle.folder import BundleFolder, open_folder
from edge_runtime.bundle.manifest import Manifest, TransitionSettings
from edge_runtime.bundle.pictures import Pictures
from edge_runtime.contents import Contents, open_contents
from edge_runtime.device_folder import current_bundle, stale_since
from edge_runtime.engines.candidates import Refusal, SelfTest
from edge_runtime.engines.timing import LONG, SHORT, EngineTime
from edge_runtime.errors import BundleError
from edge_runtime.terminal.console import Console
from edge_runtime.transitions import TransitionScores

KIB = 1024


@dataclass(frozen=True, slots=True)
class EngineResult:
    """Result of one engine on this machine: the self-test that it passed, or the reason why it is not used.

    ``short_ms`` and ``long_ms`` are its times, see :class:`edge_runtime.engines.timing.EngineTime`.
    """

    engine: str
    precision: str
    self_test: SelfTest | None
    refusal: str | None
    short_ms: float | None = None
    long_ms: float | None = None


@dataclass(frozen=True, slots=True)
class Inspection:
    """Result of the inspection of a bundle.

    Attributes:
        path: the bundle folder.
        manifest: the bundle's manifest.
        damage: file name to error message; empty for an intact bundle.
        engines: the results of all engines in order of preference, or of the transitions in a bundle without engines;
            empty for a damaged bundle.
        stale_since: since when the bundle may be out of date, because no sync has confirmed it; None if it is not.
    """

    path: Path
    manifest: Manifest
    damage: dict[str, str]
    engines: tuple[EngineResult, ...]
    stale_since: datetime | None = None


def inspect_bundle(path: Path) -> Inspection:
    """Verify every byte of a bundle, and test each of its engines on this machine.

    Raises:
        BundleError: the manifest is missing or invalid.
    """
    folder = open_folder(current_bundle(path))
    damage = _damaged(folder)
    engines: tuple[EngineResult, ...] = ()
    if not damage:
        try:
            contents = open_contents(folder)
            _check_pictures(folder)
            engines = _test_engines(contents)
        except BundleError as error:
            damage["contents"] = str(error)
    return Inspection(folder.path, folder.manifest, damage, engines, stale_since(path))


def as_json(inspection: Inspection) -> dict[str, object]:
    """Return the inspection as JSON values."""
    manifest = inspection.manifest
    return {
        "bundle": str(inspection.path),
        "name": manifest.name,
        "release": manifest.release,
        "created": manifest.created,
        "target": manifest.target,
        "kind": manifest.kind,
        "stale_since": inspection.stale_since,
        "schema": manifest.schema,
        "minimum_runtime": manifest.minimum_runtime,
        "catalogue": manifest.catalogue,
        "encoder": manifest.encoder,
        "transitions": manifest.transitions,
        "files": [
            {"name": entry.name, "role": entry.role, "bytes": entry.bytes, "sha256": entry.sha256}
            for entry in manifest.files
        ],
        "ranking_bytes": manifest.ranking_bytes,
        "bundle_bytes": manifest.bundle_bytes,
        "budgets": manifest.budgets,
        "engines": [asdict(result) for result in inspection.engines],
        "language_model": manifest.language_model,
        "provenance": manifest.provenance,
        "licences": manifest.licences,
        "intact": not inspection.damage,
        "damage": inspection.damage,
    }


def show(inspection: Inspection, console: Console) -> None:
    """Print the inspection as tables."""
    manifest = inspection.manifest
    if inspection.stale_since is not None:
        console.print(
            f"may be out of date: no sync has confirmed it since {inspection.stale_since:%Y-%m-%d %H:%M} UTC",
            style="yellow",
        )
    sizes = manifest.catalogue
    console.print(f"{manifest.name}, release {manifest.release}, for {manifest.target}", style="bold")
    console.print(f"created {manifest.created}, schema {manifest.schema}, requires runtime {manifest.minimum_runtime}")
    tiers = ", ".join(f"{tier.n_items:,} items with {tier.n_codes} codes" for tier in sizes.tiers)
    console.print(f"{sizes.n_items:,} items, {sizes.dim} dimensions: {tiers}")
    if manifest.transitions is not None:
        console.print(_described(manifest.transitions))
    console.print()
    console.print(_files_table(inspection))
    _show_budgets(manifest, console)
    if inspection.engines:
        console.print(_engines_table(inspection))
    for title, entries in (("provenance", manifest.provenance), ("licences", dict.fromkeys(manifest.licences, ""))):
        if entries:
            lines = "; ".join(f"{key}: {value}" if value else key for key, value in entries.items())
            console.print(Text.assemble((title, "dim"), " ", lines))


def _damaged(folder: BundleFolder) -> dict[str, str]:
    """Check each file; return the error messages of all damaged files by name."""
    damage = {}
    for entry in folder.manifest.files:
        try:
            folder.checked_path(entry)
        except BundleError as error:
            damage[entry.name] = str(error)
    return damage


def _check_pictures(folder: BundleFolder) -> None:
    if folder.manifest.role("pictures") is not None:
        Pictures.open(folder.arrays("pictures"), folder.manifest.catalogue.n_items)


def _test_engines(contents: Contents) -> tuple[EngineResult, ...]:
    """Test every engine on this machine, including those that are only fallbacks."""
    candidates = contents.engine_candidates()
    passed = []
    while candidates.engine is not None:
        passed.append(EngineResult(candidates.engine.name, candidates.engine.precision, candidates.self_test, None))
        candidates.next_engine()
    refused = [_refused(refusal) for refusal in candidates.refusals]
    times = {(one.engine, one.precision): one for one in candidates.time_engines()} if passed else {}
    if not contents.folder.manifest.engines:
        tested = candidates.transitions
        return (EngineResult(tested.name, tested.precision, candidates.self_test, None),) if tested else tuple(refused)
    order = [(variant.engine, variant.precision) for variant in contents.folder.manifest.engines]
    timed = [_timed(result, times.get((result.engine, result.precision))) for result in passed]
    return tuple(sorted(timed + refused, key=lambda result: order.index((result.engine, result.precision))))


def _timed(result: EngineResult, time: EngineTime | None) -> EngineResult:
    return result if time is None else replace(result, short_ms=time.short_ms, long_ms=time.long_ms)


def _refused(refusal: Refusal) -> EngineResult:
    return EngineResult(refusal.engine, refusal.precision, None, refusal.reason)


def _files_table(inspection: Inspection) -> Table:
    table = Table(title="files", title_justify="left", box=None, pad_edge=False)
    for name in ("part", "file"):
        table.add_column(name)
    for name in ("bytes", "share"):
        table.add_column(name, justify="right")
    table.add_column("digest")
    total = inspection.manifest.bundle_bytes
    for entry in inspection.manifest.files:
        state = Text("damaged", "bold red") if entry.name in inspection.damage else Text("ok", "green")
        table.add_row(entry.role, entry.name, f"{entry.bytes:,}", f"{entry.bytes / max(total, 1):.1%}", state)
    table.add_section()
    ranking = " + ".join(entry.role for entry in inspection.manifest.ranking_files)
    table.add_row("ranking part", ranking, f"{inspection.manifest.ranking_bytes:,}", "", "")
    table.add_row("whole bundle", "", f"{total:,}", "", "")
    return table


def _described(settings: TransitionSettings) -> str:
    vectors = "the item embeddings" if settings.vectors is None else f"{settings.vectors.dim} dimensions of their own"
    return (
        f"{settings.n_entries:,} transitions with weight {settings.weight:g}, "
        f"for the newest {settings.newest} event{'s' * (settings.newest > 1)}; similarity by {vectors}"
    )


def _size(n_bytes: int) -> str:
    return f"{n_bytes / KIB:,.1f} KiB" if n_bytes < KIB**2 else f"{n_bytes / KIB**2:,.1f} MiB"


def _show_budgets(manifest: Manifest, console: Console) -> None:
    used = {"ranking_bytes": manifest.ranking_bytes, "bundle_bytes": manifest.bundle_bytes}
    for name, limit in manifest.budgets.items():
        if name in used:
            state = ("within", "green") if used[name] <= limit else ("over", "bold red")
            start = f"{name.removesuffix('_bytes')}: {_size(used[name])}, "
            console.print(Text.assemble(start, state, f" its budget of {_size(limit)}"))
    console.print()


def _engines_table(inspection: Inspection) -> Table:
    table = Table(
        title="engines in order of preference, tested on this machine", title_justify="left", box=None, pad_edge=False
    )
    for name in ("engine", "precision", "self-test"):
        table.add_column(name)
    table.add_column(f"{SHORT} / {min(LONG, inspection.manifest.encoder.max_length)} events, ms", justify="right")
    manifest = inspection.manifest
    for result in inspection.engines:
        times = "" if result.short_ms is None else f"{result.short_ms:.3f} / {result.long_ms:.3f}"
        table.add_row(result.engine, result.precision, _outcome(result), times)
    if manifest.engines and manifest.transitions is not None:
        table.add_row(TransitionScores.name, TransitionScores.precision, "always available")
    table.add_row("popularity", "", "always available")
    return table


def _outcome(result: EngineResult) -> Text:
    if result.self_test is None:
        return Text.assemble(("refused", "yellow"), f": {result.refusal}")
    test = result.self_test
    agreement = f": state error {test.state_error:.1g}, top-10 overlap {test.overlap:.3f}"
    return Text.assemble(("passed", "green"), agreement)
