"""``pocketrec demo``: from an interaction log to a served bundle, with the commands that a user would type.

Each step runs in a separate process, so that its time and peak memory can be measured and each step can be repeated by
hand. A second run reuses finished steps.
"""

import json
import os
import shlex
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import typer

from edge_runtime import child
from edge_runtime.errors import PocketRecError
from edge_runtime.files import write_atomically
from edge_runtime.terminal.out_folder import writable_folder
from edge_runtime.terminal.outcome import next_command, print_result

TARGETS = ("laptop-x86_64", "browser-wasm")
FIGURES_FILE = "figures.json"
WORLD_EPOCHS = 30
# Users on whom settings are chosen, and on whom a bundle is verified, without training.
INSTANT_USERS = 1000
_LEAVING_S = 5.0


def demo(
    data: Annotated[
        Path | None,
        typer.Option(
            help="A data folder of yours (see `pocketrec check`).  [default: a synthetic shop]", metavar="PATH"
        ),
    ] = None,
    out: Annotated[
        Path,
        typer.Option(
            help="Folder for everything; a second run reuses what is there.", callback=writable_folder, metavar="PATH"
        ),
    ] = Path("build/demo"),
    no_serve: Annotated[bool, typer.Option("--no-serve", help="Exit after the table, without serving.")] = False,
    host: Annotated[str, typer.Option(help="Address to serve on.", metavar="ADDRESS")] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Port to serve on; 0 takes a free one.", metavar="N")
    ] = 8000,
    language_model: Annotated[
        bool, typer.Option(help="Train and export the language model that words the reasons; otherwise templates do.")
    ] = True,
    instant: Annotated[
        bool,
        typer.Option("--instant", help="Rank by transitions and similar texts: no training, no language model."),
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object; what the server prints then goes to stderr.")
    ] = False,
) -> None:
    """Train, distil, export, verify and serve a shop. One command does it all, and shows the page.

    Without --data it creates a small synthetic shop first. Metrics go to OUT/figures.json, bundles to
    OUT/bundles/TARGET.

    Example: pocketrec demo --data my-shop --no-serve

    Example: pocketrec demo --data my-shop --instant
    """
    figures = run_steps(Steps(out), data, language_model=language_model and not instant, instant=instant)
    if as_json:
        print_result(figures | {"out": str(out)})
    else:
        print_figures(figures, out)
    if not no_serve:
        _serve(out / "bundles", host, port, as_json=as_json)


def _serve(bundles: Path, host: str, port: int, *, as_json: bool) -> None:
    """Replace this process by the server, so that Ctrl-C and exit codes are the server's own."""
    command = _pocketrec("edge_runtime", "serve", bundles, "--host", host, "--port", str(port))
    sys.stdout.flush()
    if as_json:
        os.dup2(2, 1)  # the object is complete: its reader need not wait for the server to stop
    os.chdir(child.FOLDER)
    os.execve(command[0], command, child.environment())  # noqa: S606 - our own command, no shell


@dataclass
class Steps:
    """Runs commands one after the other and records the time and memory of each."""

    out: Path
    costs: list[dict[str, Any]] = field(default_factory=list)

    def run(self, name: str, *arguments: str | Path) -> dict[str, Any]:
        """Run ``pocketrec ARGUMENTS --json`` and return the object that it printed.

        Raises:
            PocketRecError: it failed; its error message is already on stderr.
        """
        line = shlex.join(["pocketrec", *map(str, arguments)])
        print(f"$ {line}", file=sys.stderr, flush=True)  # noqa: T201 - the demo teaches
        start = time.perf_counter()
        with subprocess.Popen(  # noqa: S603 - our own command
            _pocketrec("export.step", *arguments, "--json"),
            cwd=child.FOLDER,
            env=child.environment(),
            stdout=subprocess.PIPE,
            text=True,
            preexec_fn=_ignore_interrupts,
        ) as process:
            try:
                printed = process.stdout.read() if process.stdout is not None else ""
                # wait4 instead of wait: it alone gives this one child's peak memory.
                _, status, usage = os.wait4(process.pid, 0)
                process.returncode = os.waitstatus_to_exitcode(status)
            except KeyboardInterrupt:
                _stop(process)
                raise
        if process.returncode != 0:
            raise PocketRecError(
                f"the step `{line}` failed with exit code {process.returncode}; its error is on "
                "stderr. Finished steps are kept: fix the cause and run the demo again."
            )
        per_mib = 1024 if sys.platform != "darwin" else 1024 * 1024
        seconds, peak_mib = time.perf_counter() - start, usage.ru_maxrss / per_mib
        self.costs.append({"step": name, "seconds": round(seconds, 1), "peak_memory_mib": round(peak_mib)})
        result: dict[str, Any] = json.loads(printed)
        return result


def run_steps(steps: Steps, data: Path | None, *, language_model: bool, instant: bool = False) -> dict[str, Any]:
    """Run all steps and return their metrics, which are also in ``figures.json``.

    Args:
        steps: runs the commands.
        data: a data folder; None for a synthetic shop.
        language_model: train and export the language model.
        instant: rank by transitions alone, which need no training; the first bundle is verified, on a sample of the
            users.
    """
    out = steps.out
    out.mkdir(parents=True, exist_ok=True)
    # On the synthetic shop the epochs after these are worth half a percent of validation NDCG@10, and a minute.
    how = ["--max-epochs", str(WORLD_EPOCHS)] if data is None else []
    if instant:
        how = ["--backbone", "none", "--plugins", "transitions"]
        how += ["--plugin-settings", json.dumps({"transitions": {"search_users": INSTANT_USERS}})]
    if data is None:
        data = out / "world"
        if not (data / "items.jsonl").exists():
            steps.run("create the synthetic shop", "world", "--out", data)
    checked = steps.run("check the data", "check", data)
    # One folder of runs for each data set, so that a demo on other data does not collide with them.
    runs = out / "runs" / f"{_plain(data.resolve().name)}-{checked['digest'][:8]}"
    kind = "instant-" if instant else ""
    teacher, student, bundles = runs / f"{kind}teacher", runs / f"{kind}student", out / "bundles"
    trained = steps.run("train the full model", "train", "--data", data, "--out", teacher, *how, "--resume")
    distilled = steps.run(
        "distil the student", "distill", "--run", teacher, "--data", data, "--out", student, "--resume"
    )
    targets = [word for target in TARGETS for word in ("--target", target)]
    no_model = [] if language_model else ["--no-language-model"]
    steps.run("export the bundles", "export", "--run", student, "--data", data, *targets, *no_model, "--out", bundles)
    sample = ["--users", str(INSTANT_USERS)] if instant else []
    # Without an encoder, the bundles of all targets rank alike.
    verified = {
        target: steps.run(f"verify {target}", "verify", bundles / target, "--data", data, *sample)
        for target in TARGETS[: 1 if instant else None]
    }
    figures = _figures(checked, trained, distilled, verified) | {"steps": steps.costs, "data": str(data)}
    write_atomically(out / FIGURES_FILE, (json.dumps(figures, indent=2) + "\n").encode())
    return figures


def _pocketrec(module: str, *arguments: str | Path) -> list[str]:
    """Return one of our commands; it works in another folder, so its paths are made absolute."""
    return child.command(module, *(one.absolute() if isinstance(one, Path) else one for one in arguments))


def _ignore_interrupts() -> None:
    """Ignore Ctrl-C in a step until it has its own handler: until then, Python would print a traceback."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _stop(process: "subprocess.Popen[str]") -> None:
    """Wait for a step to end. In a terminal it has received Ctrl-C as well; elsewhere the signal is sent to it."""
    for number in (signal.SIGINT, signal.SIGKILL):
        try:
            process.wait(_LEAVING_S)
        except subprocess.TimeoutExpired:
            process.send_signal(number)
    process.wait()


def _plain(name: str) -> str:
    return "".join(letter if letter.isalnum() or letter in "-_" else "-" for letter in name)[:60] or "data"


def _figures(
    checked: dict[str, Any], trained: dict[str, Any], distilled: dict[str, Any], verified: dict[str, dict[str, Any]]
) -> dict[str, Any]:
    """Return the figures of the tables from the results of the steps.

    Training seconds cover all epochs, including those of an earlier run.
    """
    shipped = {target: _shipped(found) for target, found in verified.items()}
    return {
        "data_name": checked["name"],
        "data_digest": checked["digest"],
        "teacher": _quality(distilled["teacher"]) | {"training_seconds": trained["seconds"]},
        "student": _quality(distilled["student"]) | {"training_seconds": distilled["seconds"]},
        "bundles": shipped,
    }


def _quality(figures: dict[str, Any]) -> dict[str, float]:
    """Return the two headline figures, history excluded, whole catalogue."""
    headline = figures["history_excluded"]
    return {"ndcg@10": headline["ndcg@10"], "recall@5": headline["recall@5"]}


def _shipped(found: dict[str, Any]) -> dict[str, Any]:
    """Return quality, bytes and latency of one bundle through the first engine that runs here."""
    engine = next(one for one in found["engines"] if one["status"] == "ok")
    return {
        "engine": f"{engine['engine']} {engine['precision']}",
        **_quality(engine["figures"]),
        "ranking_bytes": found["ranking_bytes"],
        "bundle_bytes": found["bundle_bytes"],
        "latency_p50_ms": {step: times["p50_ms"] for step, times in engine["latency"].items()},
    }


def print_figures(figures: dict[str, Any], out: Path) -> None:
    """Print a table of quality, bytes and latency, and a table of the cost of each step."""
    from rich.table import Table

    from edge_runtime.terminal.console import Console

    console = Console()
    table = Table(title=f"{figures['data_name']}: whole catalogue, history excluded")
    for column in ("", "NDCG@10", "Recall@5", "ranking", "bundle", "recommend p50"):
        table.add_column(column, justify="left" if not column else "right")
    for name in ("teacher", "student"):
        table.add_row(name, f"{figures[name]['ndcg@10']:.4f}", f"{figures[name]['recall@5']:.4f}", "", "", "")
    for target, one in figures["bundles"].items():
        table.add_row(
            target,
            f"{one['ndcg@10']:.4f}",
            f"{one['recall@5']:.4f}",
            f"{one['ranking_bytes'] / 1024:,.0f} KiB",
            f"{one['bundle_bytes'] / 1024:,.0f} KiB",
            f"{one['latency_p50_ms']['recommend']:.2f} ms",
        )
    console.print(table)
    costs = Table(title="Cost of each step")
    for column in ("step", "seconds", "peak memory"):
        costs.add_column(column, justify="left" if column == "step" else "right")
    for cost in figures["steps"]:
        costs.add_row(cost["step"], f"{cost['seconds']:.1f}", f"{cost['peak_memory_mib']:,} MiB")
    costs.add_row("all", f"{sum(cost['seconds'] for cost in figures['steps']):.1f}", "", style="bold")
    console.print(costs)
    console.print(f"Figures: {out / FIGURES_FILE}", soft_wrap=True)
    console.print(next_command("run", out / "bundles" / TARGETS[0]), soft_wrap=True)
