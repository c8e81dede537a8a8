"""``pocketrec evaluate``: measures a run, the floors, or a whole suite of trainings. Parse, make one call, print."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from train.commands import AsJson, DataFolder, SkipBadRows
from train.full_model.choices import BackboneName, SuiteName

if TYPE_CHECKING:
    from train.data.dataset import Dataset
    from train.evaluation.measure import Figures

_MODES = "--scenarios, --checks, --front (of a --run), --floors or --suite"


def evaluate(
    data: DataFolder,
    run: Annotated[
        Path | None, typer.Option(help="Folder of a finished `pocketrec train`, `distill` or a suite's cell.")
    ] = None,
    scenarios: Annotated[
        bool, typer.Option("--scenarios", help="Every figure: by scenario, noise, lists, ...")
    ] = False,
    checks: Annotated[bool, typer.Option("--checks", help="What a sceptic asks; exit 1 if one fails.")] = False,
    front: Annotated[bool, typer.Option("--front", help="Diversity against accuracy over the device's knob.")] = False,
    floors: Annotated[bool, typer.Option("--floors", help="What any model must beat; needs no --run.")] = False,
    suite: Annotated[SuiteName | None, typer.Option(help="Train and compare all variants of a system.")] = None,
    out: Annotated[Path | None, typer.Option(help="Of a suite: takes a folder a training; resumed if there.")] = None,
    only: Annotated[
        list[str] | None, typer.Option(help="Of a suite: train this row alone, such as 'sage [new items]'; repeatable.")
    ] = None,
    seeds: Annotated[str, typer.Option(help="Of a suite's trainings.", metavar="N,N")] = "0,1,2",
    backbone: Annotated[BackboneName, typer.Option(help="Of a suite.")] = "sasrec",
    max_epochs: Annotated[int, typer.Option(min=1, help="Of each training of a suite.")] = 100,
    users: Annotated[int | None, typer.Option(min=1, help="Of a suite: a sample of so many users.")] = None,
    budget: Annotated[
        float | None, typer.Option(min=0, help="Of a suite: start no training after so many seconds; 0 only prints.")
    ] = None,
    text: Annotated[str, typer.Option(help="Of a suite: as for `pocketrec train`.")] = "hashed",
    image: Annotated[str, typer.Option(help="Of a suite: as for `pocketrec train`.")] = "colour",
    language_model: Annotated[
        list[str] | None, typer.Option(help="That CoCo tunes in its suite: an id or folder; several make a sweep.")
    ] = None,
    skip_bad_rows: SkipBadRows = False,
    as_json: AsJson = False,
) -> None:
    """Rank every user's last event against the whole catalogue, history excluded and not; or measure more.

    docs/evaluation.md explains the protocol and every figure. A suite trains for hours: Ctrl-C loses at most an epoch,
    and the same command goes on where it stood. Two of the same at once share the work: on a small machine two with
    OMP_NUM_THREADS=1 are faster than one with two threads.

    Example: pocketrec evaluate --run runs/teacher --data my-shop --json

    Example: pocketrec evaluate --run runs/teacher --data my-shop --checks

    Example: pocketrec evaluate --suite corec --data my-shop --out runs/corec --seeds 0,1,2
    """
    from train.data.folder import read_folder

    _check_modes(run, scenarios=scenarios, checks=checks, front=front, floors=floors, suite=suite, out=out)
    if suite is not None and out is not None:
        options = (backbone, _seeds(seeds), max_epochs, users, text, image, tuple(language_model or ()))
        dataset = read_folder(data, skip_bad_rows=skip_bad_rows)
        _run_suite(suite, dataset, out, options, tuple(only or ()), budget, as_json=as_json)
        return
    dataset = read_folder(data, skip_bad_rows=skip_bad_rows)
    if floors:
        _floors(dataset, as_json=as_json)
    elif run is not None and scenarios:
        _scenarios(run, dataset, as_json=as_json)
    elif run is not None and checks:
        _checks(run, dataset, as_json=as_json)
    elif run is not None and front:
        _front(run, dataset, as_json=as_json)
    elif run is not None:
        _headline(run, dataset, as_json=as_json)


def _check_modes(
    run: Path | None,
    *,
    scenarios: bool,
    checks: bool,
    front: bool,
    floors: bool,
    suite: str | None,
    out: Path | None,
) -> None:
    chosen = sum((scenarios, checks, front, floors, suite is not None))
    if chosen > 1:
        raise typer.BadParameter(f"expected at most one of {_MODES}, got {chosen}")
    if suite is not None and out is None:
        raise typer.BadParameter("a suite needs a folder for its trainings", param_hint="--out")
    needs_run = suite is None and not floors
    if needs_run and run is None:
        raise typer.BadParameter("expected the folder of a run, or --floors, or --suite", param_hint="--run")
    if not needs_run and run is not None:
        raise typer.BadParameter("is of no use for --floors and --suite", param_hint="--run")


def _seeds(text: str) -> tuple[int, ...]:
    parts = text.split(",")
    if not all(part.strip().isdecimal() for part in parts) or len({int(part) for part in parts}) != len(parts):
        raise typer.BadParameter(
            f"expected whole numbers, each once, such as 0,1,2, got {text!r}", param_hint="--seeds"
        )
    return tuple(int(part) for part in parts)


def _headline(run: Path, dataset: "Dataset", *, as_json: bool) -> None:
    from rich.table import Table

    from edge_runtime.terminal.console import Console, print_json
    from train.evaluation.modes import load_run
    from train.metrics.ranker import rank_split
    from train.metrics.ranking import summary

    loaded = load_run(run, dataset)
    figures = summary(rank_split(loaded.model, loaded.derived.split.test))
    if as_json:
        about = {"run": str(run), "data": str(dataset.path), "n_items": len(dataset.catalogue)}
        print_json(figures | about)
        return
    title = f"{run}: {figures['n_users']:,} users, {len(dataset.catalogue):,} items, whole catalogue"
    table = Table("metric", title=title)
    table.add_column("history excluded", justify="right")
    table.add_column("not excluded", justify="right")
    for name, value in figures["history_excluded"].items():
        table.add_row(name, f"{value:.4f}", f"{figures['history_included'][name]:.4f}")
    console = Console()
    console.print(table)
    console.print(
        f"standard error of NDCG@10: {figures['ndcg@10_standard_error']:.4f}; users whose true item ties with another: "
        f"{figures['share_tied']:.2%} (ties count against us)"
    )


def _scenarios(run: Path, dataset: "Dataset", *, as_json: bool) -> None:
    from edge_runtime.terminal.console import print_json
    from train.evaluation.modes import scenario_figures

    figures = scenario_figures(run, dataset)
    if as_json:
        print_json({"run": str(run), "figures": figures})
    else:
        _print_sections(str(run), figures)


def _floors(dataset: "Dataset", *, as_json: bool) -> None:
    from edge_runtime.terminal.console import print_json
    from train.evaluation.modes import floors
    from train.evaluation.plan import Plan

    found = floors(dataset, Plan())
    if as_json:
        print_json({"data": str(dataset.path), "floors": found})
        return
    for name, figures in found.items():
        _print_sections(f"floor: {name}", figures)


def _print_sections(title: str, figures: "Figures") -> None:
    from rich.table import Table

    from edge_runtime.terminal.console import Console

    table = Table("section", "figure", title=title)
    table.add_column("value", justify="right")
    for section, values in figures.items():
        for name, value in values.items():
            table.add_row(section, name, f"{value:,.0f}" if name == "n" or name.startswith("n_") else f"{value:.4f}")
        table.add_section()
    Console().print(table)


def _checks(run: Path, dataset: "Dataset", *, as_json: bool) -> None:
    from edge_runtime.terminal.console import Console, print_json
    from train.evaluation.modes import sceptic_verdicts

    verdicts = sceptic_verdicts(run, dataset)
    if as_json:
        print_json({"run": str(run), "checks": verdicts})
    else:
        console = Console(soft_wrap=True)
        for verdict in verdicts:
            console.print(f"{'passed' if verdict.passed else 'FAILED'}: {verdict.name}: {verdict.sentence}")
    if not all(verdict.passed for verdict in verdicts):
        raise typer.Exit(1)


def _front(run: Path, dataset: "Dataset", *, as_json: bool) -> None:
    from rich.table import Table

    from edge_runtime.terminal.console import Console, print_json
    from edge_runtime.variety import varied_places
    from train.evaluation.modes import diversity_front

    points = diversity_front(run, dataset, varied_places)
    if as_json:
        print_json({"run": str(run), "front": points})
        return
    table = Table(title=f"{run}: the best hundred, re-ranked by the device's knob")
    for name in ("knob", *points[0].figures):
        table.add_column(name, justify="right")
    for point in points:
        table.add_row(f"{point.knob:.1f}", *(f"{value:.4f}" for value in point.figures.values()))
    Console().print(table)


def _run_suite(
    name: SuiteName,
    dataset: "Dataset",
    out: Path,
    options: tuple[BackboneName, tuple[int, ...], int, int | None, str, str, tuple[str, ...]],
    only: tuple[str, ...],
    budget: float | None,
    *,
    as_json: bool,
) -> None:
    import msgspec

    from edge_runtime.terminal.console import Console, print_json
    from train.items.extractors import ExtractorConfig
    from train.suites.origin import Origin
    from train.suites.printing import printed
    from train.suites.run import run_suite
    from train.suites.suites import SuiteOptions
    from train.suites.wide_table import print_wide

    backbone, seeds, max_epochs, users, text, image, language_models = options
    chosen = SuiteOptions(
        backbone=backbone,
        seeds=seeds,
        max_epochs=max_epochs,
        n_users=users,
        extractors=ExtractorConfig(text=text, image=image),
        language_models=language_models,
    )
    origin = Origin.of_this_process()
    table = run_suite(name, dataset, out, chosen, only=only, budget_s=budget, origin=origin)
    if as_json:
        print_json({"command": origin.command} | msgspec.to_builtins(table), indent=1)
        return
    console = Console()
    for one in printed(table):
        print_wide(console, one)
