"""``pocketrec distill``."""

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from edge_runtime.terminal.out_folder import writable_folder
from train.commands.settings import RUN_OPTIONS
from train.options import AsJson, DataFolder, Resume, Seed, SkipBadRows

_CODE_GAIN = 0.002


def _n_bytes(text: str) -> int:
    from train.distill.sizes import parse_bytes

    try:
        return parse_bytes(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error


def distill(
    run: Annotated[
        list[Path],
        typer.Option(
            help="Folder of a finished `pocketrec train` run. If repeated, the teacher is the average of their "
            "log-probabilities, and the student starts from the first.",
            metavar="PATH",
        ),
    ],
    data: DataFolder,
    out: Annotated[Path, typer.Option(help="Folder for the student.", callback=writable_folder, metavar="PATH")],
    ranking_budget: Annotated[
        int | None,
        typer.Option(
            parser=_n_bytes,
            help="Bytes of the files for ranking, without transitions, such as 192KiB or 0.5MiB. Decides the lengths "
            "of item codes and the number of encoder blocks.  [default: about 256 KiB, depending on the catalogue]",
            metavar="SIZE",
        ),
    ] = None,
    warm_from: Annotated[
        Path | None,
        typer.Option(
            help="Earlier student to start from. Of this data, such as a larger one: it needs a few epochs only. Of "
            "the data as they were: encoder, codebooks and most codes stay, so that the release is a small download.",
            metavar="PATH",
        ),
    ] = None,
    code_gain: Annotated[
        float | None,
        typer.Option(
            min=0.0,
            help="With --warm-from a student of the data as they were: how much a changed code must reduce the error "
            "of an item's vector, as a share of the variance of all vectors. With 0 more change, and downloads grow.  "
            f"[default: {_CODE_GAIN:g}]",
            metavar="X",
        ),
    ] = None,
    max_epochs: Annotated[
        int | None,
        typer.Option(min=1, help="Number of epochs.  [default: 18, or 4 with --warm-from]", metavar="N"),
    ] = None,
    seed: Seed = 0,
    resume: Resume = False,
    skip_bad_rows: SkipBadRows = False,
    as_json: AsJson = False,
) -> None:
    """Distil the full model into a student. Its item table is product codes.

    Example: pocketrec distill --run runs/teacher --data my-shop --out runs/student

    Example: pocketrec distill --run runs/seed-0 --run runs/seed-1 --data my-shop --out runs/student

    Example: pocketrec distill --run runs/teacher --data my-shop --ranking-budget 192KiB --warm-from runs/student
    --out runs/student-192

    Example: pocketrec distill --run runs/week-2 --data my-shop --warm-from runs/student --out runs/week-2-student
    """
    from edge_runtime.terminal.console import Console
    from edge_runtime.terminal.outcome import print_outcome
    from train.data.folder import read_folder
    from train.data.kept_rows import save_items, saved_items
    from train.distill.distillation import chosen_sizes, describe_student, distill_model, usual_plan
    from train.distill.refresh import check_grown
    from train.distill.start import StudentChoices
    from train.distill.student_model import DistillConfig
    from train.loop.fit import batch_users_for
    from train.loop.runs import RunFolder

    runs, student = [RunFolder(each) for each in run], RunFolder(out)
    earlier = None if warm_from is None else RunFolder(warm_from)
    for folder in (*runs, *([] if earlier is None else [earlier])):
        folder.about()  # a wrong folder is refused before the data is read
    if len({each.resolve() for each in run}) < len(run):
        raise typer.BadParameter("the same run is given twice; give each one once", param_hint="--run")
    dataset = read_folder(data, earlier=saved_items(run[0]), skip_bad_rows=skip_bad_rows)
    batch, n_events = batch_users_for(len(dataset.sequences)), int(dataset.sequences.lengths.sum())
    config = DistillConfig.of(
        seed=seed, batch_users=batch, n_events=n_events, warm=earlier is not None, epochs=max_epochs
    )
    plan, choices = usual_plan(dataset, runs[0]), StudentChoices(further=tuple(runs[1:]), warm_from=earlier)
    if earlier is not None and earlier.about().get("data_digest") != dataset.digest:
        if ranking_budget is not None:
            raise typer.BadParameter(
                "a student of the data as they were keeps its sizes. Leave one of the two out.",
                param_hint="--warm-from",
            )
        check_grown(earlier, dataset)
        choices = replace(choices, code_gain=_CODE_GAIN if code_gain is None else code_gain)
    elif code_gain is not None:
        raise typer.BadParameter(
            "needs --warm-from with a student of the data as they were before.", param_hint="--code-gain"
        )
    if ranking_budget is not None:
        sizes = chosen_sizes(dataset, runs[0], ranking_budget)
        plan, choices = sizes.plan, choices.with_sizes(sizes)
        if not as_json:
            Console(soft_wrap=True).print(f"Sizes: {sizes.describe()}")
    about = describe_student(dataset, runs[0], plan, config, choices)
    finished = student.claim(about, resume=resume, options=RUN_OPTIONS)
    save_items(out, dataset.catalogue)
    figures = student.figures() if finished else distill_model(dataset, runs[0], plan, config, student, choices)
    figures = {name: value for name, value in figures.items() if name != "log"} | {"run": str(out)}
    ours, theirs = (figures[name]["history_excluded"]["ndcg@10"] for name in ("student", "teacher"))
    sentence = f"Distilled: test NDCG@10 {ours:.4f}, {figures['ndcg@10_ratio']:.3f} x the teacher's {theirs:.4f}"
    for added in ("transitions_and_codes", "transitions_and_texts"):
        if found := figures.get(f"student_with_{added}"):
            sentence += f"; {found['history_excluded']['ndcg@10']:.4f} with {added.replace('_', ' ')}"
    sentence += "."
    skip = ["--skip-bad-rows"] if skip_bad_rows else []
    bundles = ("--target", "laptop-x86_64", "--out", out.parent / "bundles")
    print_outcome(figures, sentence, "export", "--run", out, "--data", data, *skip, *bundles, as_json=as_json)
