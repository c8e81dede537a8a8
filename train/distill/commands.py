"""The command ``pocketrec prune``."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from edge_runtime.terminal.out_folder import writable_folder
from train.options import AsJson, DataFolder, Resume, Seed, SkipBadRows

_SHARE = 0.75
# Options of the values in ``run.json``, for the message about a run with other settings.
_RUN_OPTIONS: Mapping[str, str] = {
    "data_digest": "--data",
    "pruned_from": "--run",
    "teachers": "--teacher",
    "cuts.share": "--keep",
    "cuts.n_blocks": "--blocks",
    "cuts.n_heads": "--heads",
    "cuts.n_channels": "--channels",
    "config.fit.seed": "--seed",
    "config.fit.max_epochs": "--recovery-epochs",
}


def prune(
    run: Annotated[Path, typer.Option(help="Folder of a student (`pocketrec distill`).", metavar="PATH")],
    data: DataFolder,
    out: Annotated[
        Path, typer.Option(help="Folder for the smaller student.", callback=writable_folder, metavar="PATH")
    ],
    keep: Annotated[
        float | None,
        typer.Option(
            min=0.01,
            max=1.0,
            help="Largest share of the encoder's bytes to keep; what goes is chosen.  [default: 0.75, or 1 with the "
            "numbers below]",
            metavar="X",
        ),
    ] = None,
    blocks: Annotated[int | None, typer.Option(min=1, help="Blocks to keep.", metavar="N")] = None,
    heads: Annotated[
        int | None, typer.Option(min=1, help="Attention heads to keep, of all blocks together.", metavar="N")
    ] = None,
    channels: Annotated[
        int | None, typer.Option(min=1, help="Feed-forward channels to keep, of all blocks together.", metavar="N")
    ] = None,
    teacher: Annotated[
        list[Path] | None,
        typer.Option(
            help="Run of a full model to learn from in the recovery, such as the one that the student was distilled "
            "from; several are averaged.  [default: the student as it is, which is faster]",
            metavar="PATH",
        ),
    ] = None,
    recovery_epochs: Annotated[
        int, typer.Option(min=0, help="Epochs of training after pruning; 0 for none.", metavar="N")
    ] = 3,
    seed: Seed = 0,
    resume: Resume = False,
    skip_bad_rows: SkipBadRows = False,
    as_json: AsJson = False,
) -> None:
    """Make the encoder of a student smaller and faster. Attention heads, feed-forward channels and blocks are cut out.

    What matters least for the lists of real users goes first. What is left is then trained further for a few epochs.
    The result is a student like any other: its files are smaller in every format, and each engine has less to compute.

    Example: pocketrec prune --run runs/student --data my-shop --out runs/student-75

    Example: pocketrec prune --run runs/student --teacher runs/teacher --data my-shop --keep 0.5 --out runs/student-50

    Example: pocketrec prune --run runs/student --data my-shop --heads 3 --channels 64 --out runs/narrow
    """
    from edge_runtime.terminal.outcome import print_outcome
    from train.data.folder import read_folder
    from train.data.kept_rows import saved_items
    from train.distill.pruned_student import describe_pruning, prune_student
    from train.distill.pruning import Cuts
    from train.distill.recovery import recovery_config
    from train.distill.student import load_student
    from train.loop.runs import RunFolder

    student, teachers = load_student(run), [RunFolder(each) for each in teacher or ()]
    for folder in teachers:
        folder.about()  # a wrong folder is refused before the data is read
    if keep is None and blocks is heads is channels is None:
        keep = _SHARE
    if out.resolve() == run.resolve():
        raise typer.BadParameter(f"is the student to prune, {run}. Choose another folder.", param_hint="--out")
    cuts = Cuts(share=keep, n_blocks=blocks, n_heads=heads, n_channels=channels)
    dataset = read_folder(data, earlier=saved_items(run), skip_bad_rows=skip_bad_rows)
    config = recovery_config(dataset.sequences, epochs=recovery_epochs, seed=seed) if recovery_epochs else None
    folder = RunFolder(out)
    finished = folder.claim(
        describe_pruning(dataset, student, cuts, config, teachers), resume=resume, options=_RUN_OPTIONS
    )
    figures = (
        folder.figures() if finished else prune_student(dataset, student, cuts, config, teachers, folder, seed=seed)
    )
    skip = ["--skip-bad-rows"] if skip_bad_rows else []
    following: tuple[str | Path, ...] = ("export", "--run", out, "--data", data, *skip)
    bundles = ("--target", "laptop-x86_64", "--out", out.parent / "bundles")
    print_outcome(figures | {"run": str(out)}, _sentences(figures), *following, *bundles, as_json=as_json)


def _sentences(figures: Mapping[str, Any]) -> str:
    """Return what was kept, what it weighs and how it ranks."""
    kept = "; ".join(
        f"of block {one['block'] + 1} {_counted(len(one['heads']), 'head')} and "
        f"{_counted(one['n_channels'], 'channel')}"
        for one in figures["kept"]
    )
    before, after = (figures["encoder_bytes"][name] for name in ("before", "after"))
    first, at_once, last = (
        figures[name]["history_excluded"]["ndcg@10"] for name in ("before", "without_recovery", "student")
    )
    change = figures["change"]
    error = 1.96 * change["standard_error"] / first if first else 0.0
    return (
        f"Kept: {kept}; {after / before:.0%} of the encoder's bytes.\n"
        f"Pruned: test NDCG@10 {last:.4f}, {change['relative']:+.1%} ± {error:.1%} of the {first:.4f} before; "
        f"{at_once:.4f} without recovery."
    )


def _counted(number: int, what: str) -> str:
    return f"{number} {what}{'s' * (number != 1)}"
