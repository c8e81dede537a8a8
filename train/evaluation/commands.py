"""The commands ``pocketrec evaluate``, ``sanity-check``, ``diversity`` and ``baselines``."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from train.options import AsJson, DataFolder, RunOption, SkipBadRows

if TYPE_CHECKING:
    from train.evaluation.measure import MetricsBySection


def evaluate(
    run: RunOption,
    data: DataFolder,
    scenarios: Annotated[
        bool, typer.Option("--scenarios", help="Add metrics by scenario: sparse, drifting and new users, noise, lists.")
    ] = False,
    skip_bad_rows: SkipBadRows = False,
    as_json: AsJson = False,
) -> None:
    """Rank each user's last event in the whole catalogue. The user's history is excluded, and included.

    docs/evaluation.md explains the protocol and all metrics.

    Example: pocketrec evaluate --run runs/teacher --data my-shop

    Example: pocketrec evaluate --run runs/teacher --data my-shop --scenarios --json
    """
    from edge_runtime.terminal.outcome import print_result
    from train.data.folder import read_folder
    from train.data.kept_rows import saved_items
    from train.evaluation.measurements import headline_metrics, scenario_metrics
    from train.loop.runs import RunFolder

    RunFolder(run).about()  # a wrong folder is refused before the data is read
    dataset = read_folder(data, earlier=saved_items(run), skip_bad_rows=skip_bad_rows)
    about = {"run": str(run), "data": str(dataset.path), "n_items": len(dataset.catalogue)}
    if scenarios:
        figures = scenario_metrics(run, dataset)
        if as_json:
            print_result(about | {"figures": figures})
        else:
            _print_sections(str(run), figures)
        return
    headline = headline_metrics(run, dataset)
    if as_json:
        print_result(headline | about)
    else:
        _print_headline(f"{run}: {headline['n_users']:,} users, {about['n_items']:,} items, whole catalogue", headline)


# Options of earlier versions, which are commands now.
evaluate.moved_options = {  # type: ignore[attr-defined]
    "--checks": "sanity-check",
    "--front": "diversity",
    "--floors": "baselines",
    "--suite": "compare",
}


def sanity_check(run: RunOption, data: DataFolder, skip_bad_rows: SkipBadRows = False, as_json: AsJson = False) -> None:
    """Check that a model's metrics are valid. Exit with 1 if a check fails.

    Permuted item ids must not change the metrics, shuffled histories must lower them, no list may contain an item of
    the user's history, and no test event may be in the training data.

    Example: pocketrec sanity-check --run runs/teacher --data my-shop
    """
    from edge_runtime.terminal.console import Console
    from edge_runtime.terminal.outcome import fail, print_result
    from train.data.folder import read_folder
    from train.data.kept_rows import saved_items
    from train.errors import RunError
    from train.evaluation.measurements import sanity_checks
    from train.loop.runs import RunFolder

    RunFolder(run).about()
    verdicts = sanity_checks(run, read_folder(data, earlier=saved_items(run), skip_bad_rows=skip_bad_rows))
    failed = [verdict.name for verdict in verdicts if not verdict.passed]
    result = {"run": str(run), "checks": verdicts}
    if not as_json:
        console = Console(soft_wrap=True)
        for verdict in verdicts:
            console.print(f"{'passed' if verdict.passed else 'FAILED'}: {verdict.name}: {verdict.sentence}")
    if failed:
        error = RunError(f"{run}: failed {', '.join(failed)}. Find the cause before using its figures.")
        fail(error, as_json=as_json, result=result)
    if as_json:
        print_result(result)


def diversity(run: RunOption, data: DataFolder, skip_bad_rows: SkipBadRows = False, as_json: AsJson = False) -> None:
    """Measure accuracy and diversity of lists by setting. The settings are those of the device's diversity.

    Example: pocketrec diversity --run runs/student --data my-shop
    """
    from rich.table import Table

    from edge_runtime.diversity import diversified_positions
    from edge_runtime.terminal.console import Console
    from edge_runtime.terminal.outcome import print_result
    from train.data.folder import read_folder
    from train.data.kept_rows import saved_items
    from train.evaluation.measurements import diversity_points
    from train.loop.runs import RunFolder
    from train.wide_table import print_wide

    RunFolder(run).about()
    dataset = read_folder(data, earlier=saved_items(run), skip_bad_rows=skip_bad_rows)
    points = diversity_points(run, dataset, diversified_positions)
    if as_json:
        print_result({"run": str(run), "points": points})
        return
    table = Table(title=f"{run}: the best hundred items, re-ranked for diversity")
    for name in ("diversity", *points[0].figures):
        table.add_column(name, justify="right")
    for point in points:
        table.add_row(f"{point.diversity:.1f}", *(f"{value:.4f}" for value in point.figures.values()))
    print_wide(Console(), table)


def baselines(data: DataFolder, skip_bad_rows: SkipBadRows = False, as_json: AsJson = False) -> None:
    """Measure baselines that need no training. They are popularity, item to item, nearest text, transitions x texts.

    Prints NDCG@10 side by side for all users and for groups of them; --json has all metrics.

    Example: pocketrec baselines --data my-shop
    """
    from edge_runtime.terminal.outcome import print_result
    from train.data.folder import read_folder
    from train.evaluation.measurements import baseline_metrics
    from train.evaluation.split_config import SplitConfig

    dataset = read_folder(data, skip_bad_rows=skip_bad_rows)
    values = baseline_metrics(dataset, SplitConfig())
    if as_json:
        print_result({"data": str(dataset.path), "baselines": values})
        return
    _print_baselines(str(dataset.path), values)


def _print_baselines(title: str, by_baseline: "Mapping[str, MetricsBySection]") -> None:
    from rich.table import Table

    from edge_runtime.terminal.console import Console
    from train.wide_table import print_wide

    table = Table("", title=f"NDCG@10 of the baselines on {title}, history excluded")
    for name in ("users", *by_baseline):
        table.add_column(name, justify="right")
    sections = dict.fromkeys(section for figures in by_baseline.values() for section in figures)
    for section in sections:
        found = [figures.get(section, {}) for figures in by_baseline.values()]
        if any("ndcg@10" in values for values in found):
            n_users = next((f"{values['n_users']:,.0f}" for values in found if "n_users" in values), "")
            table.add_row(section, n_users, *(f"{one['ndcg@10']:.4f}" if "ndcg@10" in one else "" for one in found))
    print_wide(Console(), table)


def _print_headline(title: str, figures: dict[str, Any]) -> None:
    from rich.table import Table

    from edge_runtime.terminal.console import Console

    table = Table("metric", title=title)
    table.add_column("history excluded", justify="right")
    table.add_column("history included", justify="right")
    for name, value in figures["history_excluded"].items():
        table.add_row(name, f"{value:.4f}", f"{figures['history_included'][name]:.4f}")
    console = Console()
    console.print(table)
    console.print(
        f"standard error of NDCG@10: {figures['ndcg@10_standard_error']:.4f}; users with a tied target: "
        f"{figures['share_tied']:.2%} (ties count against the model)"
    )


def _print_sections(title: str, figures: "MetricsBySection") -> None:
    from rich.table import Table

    from edge_runtime.terminal.console import Console

    table = Table("section", "metric", title=title)
    table.add_column("value", justify="right")
    for section, values in figures.items():
        for name, value in values.items():
            table.add_row(section, name, f"{value:,.0f}" if name == "n" or name.startswith("n_") else f"{value:.4f}")
        table.add_section()
    Console().print(table)
