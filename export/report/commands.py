"""``pocketrec report``."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from train.options import AsJson, SkipBadRows

if TYPE_CHECKING:
    from edge_runtime.bundle import Manifest
    from export.verify import Verification


def report(
    bundle: Annotated[
        Path, typer.Argument(help="Folder with manifest.json, or one filled by `pocketrec sync`.", metavar="BUNDLE")
    ],
    data: Annotated[Path | None, typer.Option(help="Data folder, to verify the bundle now.", metavar="PATH")] = None,
    verified: Annotated[
        Path | None, typer.Option(help="Instead of --data: what `pocketrec verify --json` printed.", metavar="FILE")
    ] = None,
    run: Annotated[
        list[Path] | None,
        typer.Option(help="With --data: student or full model to compare with; may be repeated.", metavar="PATH"),
    ] = None,
    users: Annotated[
        int | None, typer.Option(min=1, help="With --data: number of test users, a random sample.", metavar="N")
    ] = None,
    profile: Annotated[
        Path | None, typer.Option(help="What `pocketrec profile --json` printed.", metavar="FILE")
    ] = None,
    fit: Annotated[Path | None, typer.Option(help="Folder of `pocketrec fit`.", metavar="PATH")] = None,
    out: Annotated[
        Path | None, typer.Option(help="The HTML file. [default: TARGET.html beside the bundle]", metavar="FILE")
    ] = None,
    skip_bad_rows: SkipBadRows = False,
    as_json: AsJson = False,
) -> None:
    """Write one HTML file about a bundle. It has quality by segment, bytes, latency, privacy, licences and provenance.

    It loads nothing and has no scripts. It names no users; the lists of single users are in `verify --json` only.

    Example: pocketrec report bundles/laptop-x86_64 --data my-shop --run runs/student --run runs/teacher

    Example: pocketrec report bundles/laptop-x86_64 --verified verified.json --profile profile.json
    """
    from edge_runtime.bundle import open_folder
    from edge_runtime.device_folder import current_bundle
    from edge_runtime.files import write_atomically
    from edge_runtime.terminal.console import Console
    from edge_runtime.terminal.outcome import print_result
    from export.report.inputs import read_fit, read_profile
    from export.report.page import ReportInputs, make_report

    if (data is None) == (verified is None):
        raise typer.BadParameter("give either --data or --verified", param_hint="--data")
    manifest = open_folder(current_bundle(bundle)).manifest
    shown = None if profile is None else read_profile(profile)
    fitted = None if fit is None else read_fit(fit)
    if verified is not None:
        verification = _read_verification(verified, manifest)
    elif data is not None:
        verification = _verify(bundle, data, users, run or (), skip_bad_rows=skip_bad_rows)
    inputs = ReportInputs(manifest=manifest, verification=verification, profile=shown, fit=fitted)
    path = out or bundle.parent / f"{manifest.target}.html"
    write_atomically(path, make_report(inputs))
    passed = not (verification.parity_failures or verification.budget_failures)
    if as_json:
        print_result({"report": str(path), "passed": passed})
    else:
        Console().print(f"Report: {path}", soft_wrap=True)


def _read_verification(verified: Path, manifest: "Manifest") -> "Verification":
    from export.report.inputs import read_verification
    from export.verify import check_belongs

    verification = read_verification(verified)
    check_belongs(verification, manifest, verified)
    return verification


def _verify(
    bundle: Path, data: Path, users: int | None, runs: Sequence[Path], *, skip_bad_rows: bool
) -> "Verification":
    from edge_runtime.bundle import open_folder
    from edge_runtime.device_folder import current_bundle
    from export.show import progress
    from export.verify import verify_bundle
    from train.data.folder import read_folder
    from train.data.kept_rows import bundle_items

    with progress() as tell:
        tell("reading the data")
        earlier = bundle_items(open_folder(current_bundle(bundle)))
        dataset = read_folder(data, earlier=earlier, skip_bad_rows=skip_bad_rows)
        tell("ranking with every engine")
        return verify_bundle(bundle, dataset, n_users=users, runs=runs)
