"""``pocketrec fit``."""

from pathlib import Path
from typing import Annotated

import typer

from edge_runtime.terminal.out_folder import writable_folder
from train.options import AsJson, DataFolder, Seed, SkipBadRows


def _size(text: str) -> tuple[str, int]:
    from train.distill.sizes import parse_bytes

    try:
        return text.replace(" ", ""), parse_bytes(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error


def fit(
    run: Annotated[
        list[Path],
        typer.Option(
            help="Folder of a student (`pocketrec distill`); repeated, points of all of them compete.", metavar="PATH"
        ),
    ],
    data: DataFolder,
    budget: Annotated[
        list[str],
        typer.Option(help="Bytes of all files for ranking, such as 192KiB; may be repeated.", metavar="SIZE"),
    ],
    out: Annotated[
        Path,
        typer.Option(
            help="Folder for results: one subfolder for each budget, with a student and a target.",
            callback=writable_folder,
            metavar="PATH",
        ),
    ],
    target: Annotated[
        str, typer.Option(help="Built-in target that the written ones are made from.", metavar="TARGET")
    ] = "laptop-x86_64",
    users: Annotated[
        int, typer.Option(min=1, help="Validation users that points are measured on, a random sample.", metavar="N")
    ] = 5000,
    recover: Annotated[
        int,
        typer.Option(
            min=0,
            help="Epochs that the best of each budget is trained further, with the whole student as its teacher; 0 for "
            "none. On two cores an epoch of 200,000 events takes about a minute.",
            metavar="N",
        ),
    ] = 2,
    seed: Seed = 0,
    skip_bad_rows: SkipBadRows = False,
    as_json: AsJson = False,
) -> None:
    """Find the best use of a number of bytes.

    It compares shorter codes, fewer encoder blocks, followers of transitions and texts as codes, and measures every
    combination that just fits on validation users. The best of each budget is trained a little further, measured on
    the test users and written as a student and a target for `pocketrec export`. Finished points are kept in OUT/points:
    after Ctrl-C the same command continues.

    Example: pocketrec fit --run runs/student --data my-shop --budget 192KiB --budget 512KiB --out runs/fitted
    """
    from edge_runtime.terminal.outcome import print_result
    from export.fitting.report import fit_students
    from export.fitting.show import print_fitted
    from export.show import progress
    from export.target import known_targets
    from train.data.folder import read_folder
    from train.data.kept_rows import saved_items
    from train.distill.student import load_student

    budgets = dict(_size(each) for each in budget)
    if target not in known_targets():
        raise typer.BadParameter(f"expected one of {', '.join(known_targets())}, got {target!r}", param_hint="--target")
    students = [load_student(each) for each in run]
    with progress() as tell:
        tell("reading the data")
        dataset = read_folder(data, earlier=saved_items(run[0]), skip_bad_rows=skip_bad_rows)
        result = fit_students(
            students, dataset, budgets, out, target=target, n_users=users, recover_epochs=recover, seed=seed, tell=tell
        )
    if as_json:
        print_result(result.as_json())
    else:
        skip = ["--skip-bad-rows"] if skip_bad_rows else []
        print_fitted(result, ["--data", str(data), *skip])
