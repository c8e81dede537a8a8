"""``pocketrec build``: from an interaction log to verified bundles with a report each."""

import hashlib
import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from edge_runtime.bundle.manifest import MANIFEST_NAME
from edge_runtime.errors import PocketRecError
from edge_runtime.files import write_atomically
from edge_runtime.terminal.console import Console
from edge_runtime.terminal.out_folder import writable_folder
from edge_runtime.terminal.outcome import fail, next_command, print_result
from export.figures import quality, quality_table, shipped
from export.steps import INSTANT_USERS, Steps, Trained, export_bundles, train_and_distil
from train.options import AsJson, ItemKind

TARGETS = ("laptop-x86_64",)


def build(
    data: Annotated[Path, typer.Argument(help="Data folder (see `pocketrec check`).", metavar="DATA")],
    out: Annotated[
        Path,
        typer.Option(
            help="Folder for runs, bundles and reports; a second run reuses what is there.",
            callback=writable_folder,
            metavar="PATH",
        ),
    ] = Path("build/bundles"),
    target: Annotated[
        list[str] | None,
        typer.Option(help="Target, or a TOML file; may be repeated. [default: laptop-x86_64]", metavar="TARGET"),
    ] = None,
    plugins: Annotated[
        str | None, typer.Option(help="Plug-ins of the full model, as for `pocketrec train`.", metavar="NAMES")
    ] = None,
    max_epochs: Annotated[
        int | None, typer.Option(min=1, help="Largest number of epochs of the full model.", metavar="N")
    ] = None,
    language_model: Annotated[
        bool,
        typer.Option("--language-model", help="Train and export a language model that words the reasons."),
    ] = False,
    kind: ItemKind = None,
    instant: Annotated[
        bool, typer.Option("--instant", help="Rank by transitions and similar texts, without training.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Train, distil, export, verify and report. The same command goes on where it was stopped.

    Each bundle is compared with its student and its full model. If one is worse than they allow, its report says where,
    and the exit code is 1. Runs are in OUT/runs, bundles in OUT/bundles/TARGET, reports in OUT/reports/TARGET.html.

    Example: pocketrec build my-shop --out build/my-shop --target laptop-x86_64 --target browser-wasm

    Example: pocketrec build my-films --kind video --instant
    """
    from export.errors import ParityError
    from export.target import read_target

    targets = target or list(TARGETS)
    for one in targets:  # a name that is refused is refused before the work
        read_target(one)
    if instant and (plugins is not None or max_epochs is not None):
        raise typer.BadParameter("trains nothing: leave --plugins and --max-epochs out", param_hint="--instant")
    how = [*([] if plugins is None else ["--plugins", plugins])]
    how += [] if max_epochs is None else ["--max-epochs", str(max_epochs)]
    steps = Steps(out)
    made = train_and_distil(steps, data, how, instant=instant)
    paths: list[str | Path] = [Path(one) if one.endswith(".toml") else one for one in targets]
    bundles = export_bundles(steps, made.student, data, paths, kind=kind, language_model=language_model)
    built = {name: _prove(steps, name, bundle, data, made, instant=instant) for name, bundle in bundles.items()}
    models = {name: quality(made.distilled[name]) for name in ("teacher", "student")}
    result = {"out": str(out), **models, "bundles": built, "steps": steps.costs}
    if not as_json:
        _show(made.checked["name"], models, built)
    failed = [f"{name}: {failure}" for name, found in built.items() for failure in found["failures"]]
    if failed:
        fail(ParityError(f"{'; '.join(failed)}. Do not ship it."), as_json=as_json, result=result)
    if as_json:
        print_result(result)
        return
    console = Console()
    for found in built.values():
        console.print(next_command("run", found["bundle"]), soft_wrap=True)
    console.print(next_command("serve", out / "bundles"), soft_wrap=True)


def _show(data_name: str, models: dict[str, dict[str, float]], built: dict[str, dict[str, Any]]) -> None:
    """Print the quality of models and bundles, and where the reports are."""
    console = Console()
    console.print(quality_table(data_name, models, {name: found["figures"] for name, found in built.items()}))
    for name, found in built.items():
        console.print(f"Report of {name}: {found['report']}", soft_wrap=True)


def _prove(steps: Steps, name: str, bundle: Path, data: Path, made: Trained, *, instant: bool) -> dict[str, Any]:
    """Verify a bundle, unless this one was already, and write its report."""
    digest = hashlib.sha256((bundle / MANIFEST_NAME).read_bytes()).hexdigest()
    verified = steps.out / "verified" / f"{name}-{digest[:16]}.json"
    if verified.is_file():
        print(f"{verified}: verified before", file=sys.stderr)  # noqa: T201 - beside the commands
    else:
        runs: list[str | Path] = ["--run", made.student, "--run", made.teacher]
        sample = ["--users", str(INSTANT_USERS)] if instant else []
        found = steps.run(f"verify {name}", "verify", bundle, "--data", data, *runs, *sample, may_fail=True)
        if "parity_failures" not in found:
            raise PocketRecError(f"{bundle}: could not be verified: {found['error']['message']}")
        verified.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(verified, json.dumps(found).encode())
    report = steps.out / "reports" / f"{name}.html"
    report.parent.mkdir(parents=True, exist_ok=True)
    steps.run(f"report {name}", "report", bundle, "--verified", verified, "--out", report)
    found = json.loads(verified.read_bytes())
    return {
        "bundle": str(bundle),
        "report": str(report),
        "failures": [*found["parity_failures"], *found["budget_failures"]],
        "undecided": found["undecided"],
        "figures": shipped(found),
    }
