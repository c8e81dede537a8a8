"""``pocketrec demo``: from an interaction log to a served bundle, with the commands that a user would type."""

import json
import os
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from edge_runtime import child
from edge_runtime.files import write_atomically
from edge_runtime.terminal.out_folder import writable_folder
from edge_runtime.terminal.outcome import next_command, print_result
from export.figures import quality, quality_table, shipped
from export.steps import INSTANT_USERS, Steps, export_bundles, pocketrec, train_and_distil
from train.data.world.theme import WorldKind

TARGETS = ("laptop-x86_64", "browser-wasm")
FIGURES_FILE = "figures.json"
WORLD_EPOCHS = 30
_WORLDS = {"shop": "shop", "video": "video shelf", "articles": "list of articles"}


def _checked(out: Path | None) -> Path | None:
    return None if out is None else writable_folder(out)


def demo(
    data: Annotated[
        Path | None,
        typer.Option(
            help="A data folder of yours (see `pocketrec check`).  [default: a synthetic world, see --kind]",
            metavar="PATH",
        ),
    ] = None,
    kind: Annotated[
        WorldKind | None,
        typer.Option(
            help="The synthetic world: products, videos with frames, or articles.  [default: shop]  With --data: what "
            "the items are, for the words of the page.  [default: decided by their facts]",
            show_default=False,
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            help="Folder for everything; a second run reuses what is there.  [default: build/demo, or "
            "build/demo-video and build/demo-articles]",
            callback=_checked,
            metavar="PATH",
        ),
    ] = None,
    no_serve: Annotated[bool, typer.Option("--no-serve", help="Exit after the table, without serving.")] = False,
    host: Annotated[str, typer.Option(help="Address to serve on.", metavar="ADDRESS")] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Port to serve on; 0 takes a free one.", metavar="N")
    ] = 8000,
    language_model: Annotated[
        bool,
        typer.Option("--language-model", help="Train and export a language model that words the reasons."),
    ] = False,
    instant: Annotated[
        bool,
        typer.Option("--instant", help="Rank by transitions and similar texts, without training."),
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object; what the server prints then goes to stderr.")
    ] = False,
) -> None:
    """Train, distil, export, verify and serve a shop. One command does it all, and shows the page.

    Without --data it creates a small synthetic shop first, or with --kind a video shelf or a list of articles. Metrics
    go to OUT/figures.json, bundles to OUT/bundles/TARGET.

    Example: pocketrec demo --data my-shop --no-serve

    Example: pocketrec demo --data my-shop --instant

    Example: pocketrec demo --kind video --instant
    """
    out = out or _usual_out(data, kind)
    figures = run_steps(Steps(out), data, kind=kind, language_model=language_model, instant=instant)
    if as_json:
        print_result(figures | {"out": str(out)})
    else:
        print_figures(figures, out)
    if not no_serve:
        _serve(out / "bundles", host, port, as_json=as_json)


def _serve(bundles: Path, host: str, port: int, *, as_json: bool) -> None:
    """Replace this process by the server, so that Ctrl-C and exit codes are the server's own."""
    command = pocketrec("edge_runtime", "serve", bundles, "--host", host, "--port", str(port))
    sys.stdout.flush()
    if as_json:
        os.dup2(2, 1)  # the object is complete: its reader need not wait for the server to stop
    os.chdir(child.FOLDER)
    os.execve(command[0], command, child.environment())  # noqa: S606 - our own command, no shell


def _usual_out(data: Path | None, kind: WorldKind | None) -> Path:
    """Return the folder if none is given; each world has its own."""
    return Path("build/demo" if data is not None or kind in (None, "shop") else f"build/demo-{kind}")


def run_steps(
    steps: Steps,
    data: Path | None,
    *,
    kind: WorldKind | None = None,
    language_model: bool,
    instant: bool = False,
) -> dict[str, Any]:
    """Run all steps and return their metrics, which are also in ``figures.json``.

    Args:
        steps: runs the commands.
        data: a data folder; None for a synthetic world.
        kind: what the items are; None for a synthetic shop, and for data whose facts decide it.
        language_model: train and export a language model.
        instant: rank by transitions alone, which need no training; the first bundle is verified, on a sample of the
            users.
    """
    out = steps.out
    out.mkdir(parents=True, exist_ok=True)
    # On the synthetic shop the epochs after these are worth half a percent of validation NDCG@10, and a minute.
    how = ["--max-epochs", str(WORLD_EPOCHS)] if data is None else []
    if data is None:
        data = _world(steps, kind or "shop")
    made = train_and_distil(steps, data, how, instant=instant)
    bundles = export_bundles(steps, made.student, data, TARGETS, kind=kind, language_model=language_model)
    sample = ["--users", str(INSTANT_USERS)] if instant else []
    # Without an encoder, the bundles of all targets rank alike.
    verified = {
        target: steps.run(f"verify {target}", "verify", bundles[target], "--data", data, *sample)
        for target in TARGETS[: 1 if instant else None]
    }
    figures = _figures(made.checked, made.trained, made.distilled, verified) | {"steps": steps.costs, "data": str(data)}
    write_atomically(out / FIGURES_FILE, (json.dumps(figures, indent=2) + "\n").encode())
    return figures


def _world(steps: Steps, kind: WorldKind) -> Path:
    """Return the folder of a synthetic world, which is created unless it is there."""
    folder = steps.out / ("world" if kind == "shop" else f"world-{kind}")
    if not (folder / "items.jsonl").exists():
        steps.run(f"create the synthetic {_WORLDS[kind]}", "world", "--kind", kind, "--out", folder)
    return folder


def _figures(
    checked: dict[str, Any], trained: dict[str, Any], distilled: dict[str, Any], verified: dict[str, dict[str, Any]]
) -> dict[str, Any]:
    """Return the figures of the tables from the results of the steps.

    Training seconds cover all epochs, including those of an earlier run.
    """
    bundles = {target: shipped(found) for target, found in verified.items()}
    return {
        "data_name": checked["name"],
        "data_digest": checked["digest"],
        "teacher": quality(distilled["teacher"]) | {"training_seconds": trained["seconds"]},
        "student": quality(distilled["student"]) | {"training_seconds": distilled["seconds"]},
        "bundles": bundles,
    }


def print_figures(figures: dict[str, Any], out: Path) -> None:
    """Print a table of quality, bytes and latency, and a table of the cost of each step."""
    from rich.table import Table

    from edge_runtime.terminal.console import Console

    console = Console()
    models = {name: figures[name] for name in ("teacher", "student")}
    console.print(quality_table(figures["data_name"], models, figures["bundles"]))
    costs = Table(title="Cost of each step")
    for column in ("step", "seconds", "peak memory"):
        costs.add_column(column, justify="left" if column == "step" else "right")
    for cost in figures["steps"]:
        costs.add_row(cost["step"], f"{cost['seconds']:.1f}", f"{cost['peak_memory_mib']:,} MiB")
    costs.add_row("all", f"{sum(cost['seconds'] for cost in figures['steps']):.1f}", "", style="bold")
    console.print(costs)
    console.print(f"Figures: {out / FIGURES_FILE}", soft_wrap=True)
    console.print(next_command("run", out / "bundles" / TARGETS[0]), soft_wrap=True)
