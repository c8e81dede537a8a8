"""What ``pocketrec inspect`` finds out about a bundle, and how it is shown."""

from dataclasses import asdict, dataclass
from pathlib import Path

from rich.table import Table
from rich.text import Text

from edge_runtime.bundle.folder import BundleFolder, open_folder
from edge_runtime.bundle.manifest import File, Manifest
from edge_runtime.bundle.pictures import Pictures
from edge_runtime.contents import Contents, current_folder, open_contents
from edge_runtime.engines.ladder import Refusal, SelfTest
from edge_runtime.errors import BundleError
from edge_runtime.terminal.console import Console

KIB = 1024


@dataclass(frozen=True, slots=True)
class Verdict:
    """What an engine of the ladder did on this machine: a self-test that it passed, or why it is refused."""

    engine: str
    precision: str
    self_test: SelfTest | None
    refusal: str | None


@dataclass(frozen=True, slots=True)
class Inspection:
    """All that can be said of a bundle.

    Attributes:
        path: the folder.
        manifest: its manifest.
        damage: file name to what is wrong with it; empty for a bundle that can be used.
        verdicts: the engines, best first; empty for a damaged bundle.
    """

    path: Path
    manifest: Manifest
    damage: dict[str, str]
    verdicts: tuple[Verdict, ...]


def inspect_bundle(path: Path) -> Inspection:
    """Check every byte of a bundle, and try every engine of it on this machine.

    Raises:
        BundleError: there is no manifest, or none that can be read.
    """
    folder = open_folder(current_folder(path))
    damage = _damaged(folder)
    verdicts: tuple[Verdict, ...] = ()
    if not damage:
        try:
            contents = open_contents(folder)
            _check_pictures(folder)
            verdicts = _try_engines(contents)
        except BundleError as error:
            damage["contents"] = str(error)
    return Inspection(folder.path, folder.manifest, damage, verdicts)


def as_json(found: Inspection) -> dict[str, object]:
    """Return the inspection for machines."""
    manifest = found.manifest
    return {
        "bundle": str(found.path),
        "name": manifest.name,
        "release": manifest.release,
        "created": manifest.created,
        "target": manifest.target,
        "schema": manifest.schema,
        "minimum_runtime": manifest.minimum_runtime,
        "catalogue": manifest.catalogue,
        "encoder": manifest.encoder,
        "files": [
            {"name": entry.name, "role": entry.role, "bytes": entry.bytes, "sha256": entry.sha256}
            for entry in manifest.files
        ],
        "ranking_bytes": manifest.ranking_bytes,
        "bundle_bytes": manifest.bundle_bytes,
        "budgets": manifest.budgets,
        "engines": [asdict(verdict) for verdict in found.verdicts],
        "language_model": manifest.language_model,
        "provenance": manifest.provenance,
        "licences": manifest.licences,
        "intact": not found.damage,
        "damage": found.damage,
    }


def show(found: Inspection, console: Console) -> None:
    """Print the inspection for people."""
    manifest = found.manifest
    sizes = manifest.catalogue
    console.print(f"{manifest.name}, release {manifest.release}, for {manifest.target}", style="bold")
    console.print(f"made {manifest.created}, schema {manifest.schema}, needs runtime {manifest.minimum_runtime}")
    tiers = ", ".join(f"{tier.n_items:,} items with {tier.n_codes} codes" for tier in sizes.tiers)
    console.print(f"{sizes.n_items:,} items, {sizes.dim} dimensions: {tiers}\n")
    console.print(_files_table(found))
    _show_budgets(manifest, console)
    if found.verdicts:
        console.print(_engines_table(found.verdicts))
    for title, entries in (("provenance", manifest.provenance), ("licences", dict.fromkeys(manifest.licences, ""))):
        if entries:
            lines = "; ".join(f"{key}: {value}" if value else key for key, value in entries.items())
            console.print(Text.assemble((title, "dim"), " ", lines))


def _damaged(folder: BundleFolder) -> dict[str, str]:
    """Return what is wrong with the files, each checked on its own, so that one visit names them all."""
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


def _try_engines(contents: Contents) -> tuple[Verdict, ...]:
    """Return what every engine of the ladder does here, also those that would never be reached."""
    ladder = contents.ladder()
    passed = []
    while ladder.engine is not None:
        passed.append(Verdict(ladder.engine.name, ladder.engine.precision, ladder.self_test, None))
        ladder.next_engine()
    refused = [_verdict(refusal) for refusal in ladder.refusals]
    order = [(variant.engine, variant.precision) for variant in contents.folder.manifest.engines]
    return tuple(sorted(passed + refused, key=lambda verdict: order.index((verdict.engine, verdict.precision))))


def _verdict(refusal: Refusal) -> Verdict:
    return Verdict(refusal.engine, refusal.precision, None, refusal.reason)


def _files_table(found: Inspection) -> Table:
    table = Table(title="files", title_justify="left", box=None, pad_edge=False)
    for name in ("part", "file"):
        table.add_column(name)
    for name in ("bytes", "share"):
        table.add_column(name, justify="right")
    table.add_column("digest")
    total = found.manifest.bundle_bytes
    for entry in found.manifest.files:
        state = Text("damaged", "bold red") if entry.name in found.damage else Text("ok", "green")
        table.add_row(entry.role, entry.name, f"{entry.bytes:,}", f"{entry.bytes / max(total, 1):.1%}", state)
    table.add_section()
    table.add_row("ranking part", _ranking_files(found.manifest), f"{found.manifest.ranking_bytes:,}", "", "")
    table.add_row("whole bundle", "", f"{total:,}", "", "")
    return table


def _ranking_files(manifest: Manifest) -> str:
    parts: list[File] = [manifest.file(manifest.engines[0].file)]
    parts += [manifest.the(role) for role in ("codes", "prompts", "adapter")]
    return " + ".join(entry.role for entry in parts)


def _show_budgets(manifest: Manifest, console: Console) -> None:
    used = {"ranking_bytes": manifest.ranking_bytes, "bundle_bytes": manifest.bundle_bytes}
    for name, limit in manifest.budgets.items():
        if name in used:
            verdict = ("within", "green") if used[name] <= limit else ("over", "bold red")
            start = f"{name.removesuffix('_bytes')}: {used[name] / KIB:,.1f} KiB, "
            console.print(Text.assemble(start, verdict, f" its budget of {limit / KIB:,.1f} KiB"))
    console.print()


def _engines_table(verdicts: tuple[Verdict, ...]) -> Table:
    table = Table(title="engines, best first, tried on this machine", title_justify="left", box=None, pad_edge=False)
    for name in ("engine", "precision", "self-test"):
        table.add_column(name)
    for verdict in verdicts:
        table.add_row(verdict.engine, verdict.precision, _outcome(verdict))
    table.add_row("popularity", "", "always there")
    return table


def _outcome(verdict: Verdict) -> Text:
    if verdict.self_test is None:
        return Text.assemble(("refused", "yellow"), f": {verdict.refusal}")
    test = verdict.self_test
    agreement = f": state error {test.state_error:.1g}, top-10 overlap {test.overlap:.3f}"
    return Text.assemble(("passed", "green"), agreement)
