"""``pocketrec train``, ``distill`` and ``evaluate``. Parse, make one call, print."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from train.data.dataset import Dataset
    from train.evaluation.ranking import Ranked

DataFolder = Annotated[Path, typer.Option("--data", help="Folder with interactions and items (see `pocketrec check`).")]
SkipBadRows = Annotated[bool, typer.Option("--skip-bad-rows", help="Leave out what `pocketrec check` complains of.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
Seed = Annotated[int, typer.Option(min=0, help="Of everything that is drawn.")]
Resume = Annotated[bool, typer.Option("--resume", help="Go on where a run of the same settings was cut off.")]


def train(
    data: DataFolder,
    out: Annotated[Path, typer.Option(help="Folder of the run: configuration, checkpoint, weights, figures.")],
    seed: Seed = 0,
    resume: Resume = False,
    dim: Annotated[int, typer.Option(min=8, max=1024, help="Width of item vectors and states.")] = 64,
    max_epochs: Annotated[int, typer.Option(min=1, help="Epochs at most; it stops earlier by itself.")] = 100,
    batch_users: Annotated[
        int | None, typer.Option(min=1, help="Users a batch.  [default: by the data's size]")
    ] = None,
    skip_bad_rows: SkipBadRows = False,
    as_json: AsJson = False,
) -> None:
    """Train the full model: SASRec with cross-entropy over the whole catalogue.

    It validates after each epoch, stops when that no longer improves, and keeps the best weights. Ctrl-C or a
    power cut loses at most the epoch under way: run the same command with --resume.

    Example: pocketrec train --data my-shop --out runs/teacher
    """
    from train.backbones.sasrec import EncoderConfig
    from train.data.folder import read_folder
    from train.fit import FitConfig, batch_users_for
    from train.next_item import TrainConfig, describe_run, train_model
    from train.runs import RunFolder

    if dim % 2:
        raise typer.BadParameter(f"must be even (two attention heads), got {dim}", param_hint="--dim")
    dataset = read_folder(data, skip_bad_rows=skip_bad_rows)
    batch = batch_users or batch_users_for(len(dataset.sequences))
    config = TrainConfig(
        encoder=EncoderConfig(dim=dim), fit=FitConfig(seed=seed, max_epochs=max_epochs, batch_users=batch)
    )
    run = RunFolder(out)
    finished = run.claim(describe_run(dataset, config), resume=resume)
    figures = run.figures() if finished else train_model(dataset, config, run)
    figures = {name: value for name, value in figures.items() if name != "log"} | {"run": str(out)}
    sentence = (
        f"Trained: validation NDCG@10 {figures['valid_ndcg@10']:.4f} in epoch {figures['best_epoch']}, "
        f"{figures['seconds']:.0f} s.\nNext: pocketrec distill --run {out} --data {data} --out STUDENT"
    )
    typer.echo(json.dumps(figures) if as_json else sentence)


def distill(
    run: Annotated[Path, typer.Option(help="Folder of a finished `pocketrec train`.")],
    data: DataFolder,
    out: Annotated[Path, typer.Option(help="Folder of the student.")],
    seed: Seed = 0,
    resume: Resume = False,
    skip_bad_rows: SkipBadRows = False,
    as_json: AsJson = False,
) -> None:
    """Distil the full model into a student whose item table is product codes.

    Example: pocketrec distill --run runs/teacher --data my-shop --out runs/student
    """
    from train.codes import CodePlan
    from train.data.folder import read_folder
    from train.distill import DistillConfig, describe_student, distill_model
    from train.fit import FitConfig, batch_users_for
    from train.runs import RunFolder

    dataset = read_folder(data, skip_bad_rows=skip_bad_rows)
    batch = batch_users_for(len(dataset.sequences))
    config = DistillConfig(fit=FitConfig(seed=seed, max_epochs=10, patience=10, batch_users=batch))
    teacher, student, plan = RunFolder(run), RunFolder(out), CodePlan.for_items(len(dataset.catalogue))
    finished = student.claim(describe_student(dataset, teacher, plan, config), resume=resume)
    figures = student.figures() if finished else distill_model(dataset, teacher, plan, config, student)
    figures = {name: value for name, value in figures.items() if name != "log"} | {"run": str(out)}
    ours, theirs = (figures[name]["history_excluded"]["ndcg@10"] for name in ("student", "teacher"))
    sentence = (
        f"Distilled: test NDCG@10 {ours:.4f}, {figures['ndcg@10_ratio']:.3f} x the teacher's {theirs:.4f}.\n"
        f"Next: pocketrec export --run {out} --data {data} --target laptop-x86_64 --out BUNDLES"
    )
    typer.echo(json.dumps(figures) if as_json else sentence)


def evaluate(
    run: Annotated[Path, typer.Option(help="Folder of a finished `pocketrec train` or `pocketrec distill`.")],
    data: DataFolder,
    skip_bad_rows: SkipBadRows = False,
    as_json: AsJson = False,
) -> None:
    """Rank every user's last event against the whole catalogue, history excluded and not.

    Example: pocketrec evaluate --run runs/teacher --data my-shop --json
    """
    from train.data.folder import read_folder
    from train.evaluation.ranking import summary

    dataset = read_folder(data, skip_bad_rows=skip_bad_rows)
    figures = summary(_rank(run, dataset)) | {"run": str(run), "data": str(data), "n_items": len(dataset.catalogue)}
    if as_json:
        typer.echo(json.dumps(figures))
        return
    _print_table(figures)


def _rank(path: Path, dataset: "Dataset") -> "Ranked":
    """Return the test ranks of a teacher or a student, whichever the folder holds."""
    from train.data.split import leave_one_out
    from train.distill import check_same_data
    from train.next_item import load_model, rank_split
    from train.runs import RunFolder
    from train.student import load_student, ranking_model

    run = RunFolder(path)
    check_same_data(run, dataset)
    model = ranking_model(load_student(path)) if run.about()["kind"] == "student" else load_model(run)
    return rank_split(model, leave_one_out(dataset.sequences).test)


def _print_table(figures: dict[str, Any]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(
        title=f"{figures['run']}: {figures['n_users']:,} users, {figures['n_items']:,} items, whole catalogue"
    )
    table.add_column("metric")
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
