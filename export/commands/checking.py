"""``pocketrec verify`` and ``pocketrec diff``."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from train.options import AsJson, DataFolder, SkipBadRows

if TYPE_CHECKING:
    from export.verify import Verification


def verify(
    bundle: Annotated[
        Path, typer.Argument(help="Folder with manifest.json, or one filled by `pocketrec sync`.", metavar="BUNDLE")
    ],
    data: DataFolder,
    run: Annotated[
        list[Path] | None,
        typer.Option(
            help="Student or full model that the bundle was made from. It must not rank better on the same users than "
            "its margin allows, in any segment; may be repeated.",
            metavar="PATH",
        ),
    ] = None,
    users: Annotated[
        int | None,
        typer.Option(min=1, help="Number of test users, a random sample. [default: all, up to 50,000]", metavar="N"),
    ] = None,
    skip_bad_rows: SkipBadRows = False,
    as_json: AsJson = False,
) -> None:
    """Verify a bundle with the device's own runtime. It checks digests, engines, accuracy, reasons and sizes.

    Every engine of the bundle that is installed here must pass the self-test and recommend the same lists. Metrics rank
    the whole catalogue with the history excluded, and ties count against the model. With --run the bundle must not be
    worse than its models, over all users and in each segment, by the margins of docs/verification.md. Exit code 1 if a
    check fails. Budgets of time and memory are checked by `pocketrec profile`, on a machine of the target.

    Example: pocketrec verify bundles/laptop-x86_64 --data my-shop --run runs/student --run runs/teacher
    """
    from edge_runtime.bundle import open_folder
    from edge_runtime.device_folder import current_bundle
    from edge_runtime.errors import PocketRecError
    from edge_runtime.terminal.outcome import fail
    from export.errors import BudgetError, ParityError
    from export.show import print_verification, progress
    from export.verify import verify_bundle
    from train.data.folder import read_folder
    from train.data.kept_rows import bundle_items
    from train.loop.runs import RunFolder

    folder = open_folder(current_bundle(bundle))  # wrong folders are refused before the data is read
    runs = run or []
    for one in runs:
        RunFolder(one).about()
    with progress() as tell:
        tell("reading the data")
        dataset = read_folder(data, earlier=bundle_items(folder), skip_bad_rows=skip_bad_rows)
        tell("ranking with every engine")
        found = verify_bundle(bundle, dataset, n_users=users, runs=runs)
    print_verification(found, as_json=as_json)
    error: PocketRecError | None = None
    if found.parity_failures:
        failed = "".join(f"\n- {failure}" for failure in found.parity_failures)
        error = ParityError(f"{bundle}: failed these checks. Do not ship it; {_advice(found)}.{failed}")
    elif found.budget_failures:
        error = BudgetError("\n".join(found.budget_failures))
    if error is not None:
        fail(error, as_json=as_json, result=found)


def _advice(found: "Verification") -> str:
    """Return what to do about a bundle that failed."""
    if any(one.subject == "student" and one.is_worse for one in found.compared):
        return (
            "the student loses as much, so exporting again is of no use. Distil it for more epochs or with a larger "
            "--ranking-budget, or export for a target with transitions"
        )
    return "export again"


def diff(
    before: Annotated[Path, typer.Argument(help="Folder of the bundle from before.", metavar="BEFORE")],
    after: Annotated[Path, typer.Argument(help="Folder of the bundle that is to replace it.", metavar="AFTER")],
    data: Annotated[
        Path | None,
        typer.Option(help="Data folder, for whose users the lists of both are compared.", metavar="PATH"),
    ] = None,
    users: Annotated[
        int | None, typer.Option(min=1, help="Number of test users, a random sample. [default: all]", metavar="N")
    ] = None,
    skip_bad_rows: SkipBadRows = False,
    as_json: AsJson = False,
) -> None:
    """Show what differs between two bundles. It compares manifests, files, items, and with --data their lists.

    The churn is the share of the first bundle's ten best items that the second does not show to the same user. The
    catalogues may differ; users whose next item one of the bundles lacks are left out.

    Example: pocketrec diff releases/6/laptop-x86_64 bundles/laptop-x86_64 --data my-shop
    """
    from edge_runtime.bundle import open_folder
    from edge_runtime.contents import open_contents
    from edge_runtime.device_folder import current_bundle
    from export.difference import compare_bundles
    from export.show import progress
    from export.show_difference import print_difference
    from train.data.folder import read_folder

    first, second = (open_folder(current_bundle(path)) for path in (before, after))
    with progress() as tell:
        tell("reading the bundles")
        old, new = open_contents(first), open_contents(second)
        dataset = None
        if data is not None:
            tell("reading the data")
            dataset = read_folder(data, skip_bad_rows=skip_bad_rows)
            tell("ranking with both bundles")
        found = compare_bundles(old, new, dataset, users)
    print_difference(found, as_json=as_json)
