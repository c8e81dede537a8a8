"""``pocketrec train`` and ``pocketrec distill``."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from difflib import get_close_matches
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from edge_runtime.terminal.out_folder import writable_folder
from train.full_model.choices import NO_BACKBONE, PLUGINS, BackboneChoice, PluginName
from train.options import AsJson, CoolDown, DataFolder, Patience, Resume, Seed, SkipBadRows

if TYPE_CHECKING:
    from train.data.dataset import Dataset
    from train.full_model.model import Model
    from train.full_model.recipes import TrainConfig

# Options by the setting of a run that they determine, for messages about runs with other settings.
_RUN_OPTIONS: Mapping[str, str] = {
    "data_digest": "--data",
    "n_items": "--data",
    "teacher": "--run",
    "further_teachers": "--run",
    "plan": "--ranking-budget",
    "n_blocks": "--ranking-budget",
    "warm_from": "--warm-from",
    "code_gain": "--code-gain",
    "config.backbone": "--backbone",
    "config.backbone_settings": "--backbone-settings",
    "config.plugins": "--plugins, --plugin-settings",
    "config.extractors.text": "--text",
    "config.extractors.image": "--image",
    "config.encoder.dim": "--dim",
    "config.encoder.max_length": "--max-length",
    "config.fit.seed": "--seed",
    "config.fit.max_epochs": "--max-epochs",
    "config.fit.patience": "--patience",
    "config.fit.cool_down_epochs": "--cool-down",
    "config.fit.batch_users": "--batch-users",
    "config.learning_rate": "--learning-rate",
    "config.extractors.fitted_items": "--warm-from",
    "config.dropout": "--dropout",
}


def _even(dim: int) -> int:
    if dim % 2:
        raise typer.BadParameter(f"must be even (two attention heads), got {dim}")
    return dim


_Dim = Annotated[
    int, typer.Option(min=8, max=1024, callback=_even, help="Dimension of item vectors and user states.", metavar="N")
]
# A device accepts histories of up to this many events (SPEC.md).
_MAX_LENGTH = 1024

_MaxLength = Annotated[
    int,
    typer.Option(
        min=1,
        max=_MAX_LENGTH,
        help="Number of newest events of a history that the backbone uses; time and memory grow with it.",
        metavar="N",
    ),
]
_DEFAULT_PLUGINS = "llmrec,transitions"
_EPOCHS, _WARM_EPOCHS = 100, 20
_CODE_GAIN = 0.002
_Plugins = Annotated[
    str | None,
    typer.Option(
        help=f"Comma-separated: {', '.join(sorted(PLUGINS))}; `none` trains the backbone alone.  "
        f"[default: {_DEFAULT_PLUGINS}; transitions without a backbone]",
        metavar="NAME,NAME",
    ),
]
_BackboneSettings = Annotated[
    str, typer.Option(help="Settings of the backbone as JSON, such as '{\"hidden_share\": 0.6}'.", metavar="JSON")
]
_PluginSettings = Annotated[
    str, typer.Option(help='Settings of plug-ins as JSON, such as \'{"corec": {"contrast": false}}\'.', metavar="JSON")
]
_Text = Annotated[
    str, typer.Option(help="Text features: hashed, minilm, or a Hugging Face id or folder.", metavar="MODEL")
]
_Image = Annotated[
    str, typer.Option(help="Image features: colour, a .tflite file, or a Hugging Face id or folder.", metavar="MODEL")
]
_BatchUsers = Annotated[
    int | None, typer.Option(min=1, help="Batch size in users.  [default: depends on the data]", metavar="N")
]
_LearningRate = Annotated[
    float | None,
    typer.Option(
        min=1e-7, max=1.0, help="Learning rate of AdamW; lower it if the loss becomes infinite or NaN.", metavar="X"
    ),
]

_Dropout = Annotated[
    float,
    typer.Option(
        min=0.0,
        max=0.9,
        help="Dropout rate of the backbone; logs with many events for each item need less.",
        metavar="X",
    ),
]


def train(
    data: DataFolder,
    out: Annotated[
        Path,
        typer.Option(
            help="Folder for configuration, checkpoint, weights and metrics.", callback=writable_folder, metavar="PATH"
        ),
    ],
    seed: Seed = 0,
    resume: Resume = False,
    dim: _Dim = 64,
    max_length: _MaxLength = 50,
    backbone: Annotated[
        BackboneChoice, typer.Option(help="Sequence encoder; `none` ranks by transitions alone, without training.")
    ] = "sasrec",
    plugins: _Plugins = None,
    backbone_settings: _BackboneSettings = "{}",
    plugin_settings: _PluginSettings = "{}",
    text: _Text = "hashed",
    image: _Image = "colour",
    max_epochs: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Maximum number of epochs; --resume may raise it.  [default: 100, or 20 with --warm-from]",
            metavar="N",
        ),
    ] = None,
    patience: Patience = 5,
    cool_down: CoolDown = 0,
    batch_users: _BatchUsers = None,
    learning_rate: _LearningRate = None,
    dropout: _Dropout = 0.5,
    warm_from: Annotated[
        Path | None,
        typer.Option(
            help="Earlier run of the same settings to start from, when its catalogue has grown or has new events. It "
            "takes a few epochs, and the items keep their rows.",
            exists=True,
            file_okay=False,
            metavar="RUN",
        ),
    ] = None,
    rows_of: Annotated[
        Path | None,
        typer.Option(
            help="Earlier run or bundle of the same catalogue: its items keep their rows, and new ones are appended, "
            "so that a release of this run follows one of that. Beside --warm-from: a bundle that has got items since.",
            exists=True,
            file_okay=False,
            metavar="PATH",
        ),
    ] = None,
    skip_bad_rows: SkipBadRows = False,
    as_json: AsJson = False,
) -> None:
    """Train the full model. It is a sequence backbone with any plug-ins, trained on the whole catalogue.

    Training is validated after each epoch and stops early when validation no longer improves; the best weights are
    kept. Ctrl-C or a power cut loses at most the current epoch: continue with the same command and --resume.

    Example: pocketrec train --data my-shop --out runs/teacher

    Example: pocketrec train --plugins none --data my-shop --out runs/sasrec

    Example: pocketrec train --backbone none --data my-shop --out runs/instant

    Example: pocketrec train --backbone pinnerformer --plugins corec,coco,recfusion --data my-shop --out runs/full

    Example: pocketrec train --warm-from runs/teacher --data my-shop --out runs/week-2
    """
    from edge_runtime.terminal.console import Console
    from train.backbones.encoder import EncoderConfig
    from train.data.folder import read_folder
    from train.data.kept_rows import check_same_catalogue, earlier_items, saved_items
    from train.data.summary import advice_for
    from train.full_model.recipes import TrainConfig
    from train.items.extractors import ExtractorConfig
    from train.loop.fit import FitConfig, batch_users_for

    plugins = plugins or (_DEFAULT_PLUGINS if backbone != NO_BACKBONE else "transitions")
    chosen = chosen_plugins(plugins, plugin_settings)
    if backbone == NO_BACKBONE and set(chosen) != {"transitions"}:
        raise typer.BadParameter(
            f"without a backbone, transitions rank alone; got {plugins!r}. Give --plugins transitions.",
            param_hint="--plugins",
        )
    of_backbone = checked_backbone_settings(backbone, backbone_settings)
    if warm_from is not None and backbone == NO_BACKBONE:
        raise typer.BadParameter("without a backbone nothing is trained. Leave it out.", param_hint="--warm-from")
    kept = rows_of or warm_from
    earlier = saved_items(out) if kept is None else earlier_items(kept)
    dataset = read_folder(data, earlier=earlier, skip_bad_rows=skip_bad_rows)
    if kept is not None and earlier is not None:
        check_same_catalogue(dataset.catalogue, len(earlier.item_id), kept)
    advice = None if backbone == NO_BACKBONE else advice_for(dataset.sequences.n_events)
    if advice is not None:
        Console(stderr=True, soft_wrap=True).print(f"advice: {advice}", markup=False)
    batch = batch_users or batch_users_for(len(dataset.sequences))
    config = TrainConfig(
        backbone=backbone,
        backbone_settings=of_backbone,
        plugins=chosen,
        extractors=ExtractorConfig(text=text, image=image),
        encoder=EncoderConfig(dim=dim, max_length=max_length),
        dropout=dropout,
        fit=FitConfig(
            seed=seed,
            max_epochs=max_epochs or (_EPOCHS if warm_from is None else _WARM_EPOCHS),
            patience=patience,
            cool_down_epochs=cool_down,
            batch_users=batch,
        ),
    )
    if learning_rate is not None:
        config = replace(config, learning_rate=learning_rate)
    figures = _train(dataset, config, out, warm_from, resume=resume)
    where: tuple[str | Path, ...] = ("--data", data, *_flag("--skip-bad-rows", given=skip_bad_rows))
    following: tuple[str | Path, ...] = ("distill", "--run", out, *where, "--out", f"{out}-student")
    _print(figures, _trained(figures), following, as_json=as_json)


def _train(
    dataset: "Dataset", config: "TrainConfig", out: Path, warm_from: Path | None, *, resume: bool
) -> dict[str, Any]:
    """Return the figures of the run in ``out``, trained now unless it is finished."""
    from train.data.kept_rows import save_items
    from train.full_model.training import describe_run, train_model
    from train.full_model.warm_start import check_warm_start, start_from, warm_config
    from train.loop.runs import RunFolder

    run, about, start = RunFolder(out), describe_run(dataset, config), _nothing
    if warm_from is not None:
        earlier = RunFolder(warm_from)
        config = warm_config(config, earlier)
        check_warm_start(earlier, dataset, config, _RUN_OPTIONS)
        about, start = describe_run(dataset, config) | {"warm_from": earlier.about()}, partial(start_from, run=earlier)
    extends = "config.fit.max_epochs"
    finished = run.claim(about, resume=resume, extends=extends, options=_RUN_OPTIONS)
    save_items(out, dataset.catalogue)
    figures = run.figures() if finished else train_model(dataset, config, run, start=start)
    return {name: value for name, value in figures.items() if name != "log"} | {"run": str(out)}


def _nothing(_model: "Model") -> None:
    """Leave a model as it is."""


def _trained(figures: Mapping[str, Any]) -> str:
    score, epoch, seconds = (figures[name] for name in ("valid_ndcg@10", "best_epoch", "seconds"))
    line = f"Trained: validation NDCG@10 {score:.4f}{f' in epoch {epoch}' if epoch else ''}, {seconds:.0f} s."
    mixed = figures.get("plugins", {}).get("transitions", {})
    if "valid_ndcg@10_without" in mixed:
        line += (
            f" Transitions have weight {mixed['weight']:g}; without them it is {mixed['valid_ndcg@10_without']:.4f}."
        )
    return line


def chosen_plugins(names: str, settings: str) -> dict[PluginName, dict[str, Any]]:
    """Return the settings of each requested plug-in; the name ``none`` requests no plug-in.

    Raises:
        typer.BadParameter: a name is unknown or repeated, or the settings are not a JSON object, name a plug-in that
            was not requested, or are not accepted by the plug-in.
    """
    wanted = [] if names.strip() == "none" else [name.strip() for name in names.split(",") if name.strip()]
    unknown = sorted(set(wanted) - set(PLUGINS))
    if unknown or len(set(wanted)) != len(wanted):
        near = [name for each in unknown for name in get_close_matches(each, PLUGINS, n=1)]
        meant = f"; did you mean {', '.join(near)}?" if near else ""
        raise typer.BadParameter(
            f"expected names of {', '.join(sorted(PLUGINS))}, each once, got {names!r}{meant}", param_hint="--plugins"
        )
    found = _object(settings, "--plugin-settings")
    fits = all(isinstance(value, dict) for value in found.values())
    if not fits or found.keys() - set(wanted):
        raise typer.BadParameter(
            f"expected one object for each of {wanted}, got {settings}", param_hint="--plugin-settings"
        )
    chosen = {name: found.get(name, {}) for name in PLUGINS if name in wanted}

    from train.errors import RunError
    from train.full_model.recipes import plugin_factory

    try:
        for name, values in chosen.items():
            plugin_factory(name, values)
    except RunError as error:
        raise typer.BadParameter(str(error), param_hint="--plugin-settings") from error
    return chosen


def checked_backbone_settings(name: BackboneChoice, text: str) -> dict[str, Any]:
    """Return a backbone's settings.

    Raises:
        typer.BadParameter: they are no JSON object, or not such as the backbone takes.
    """
    from train.errors import RunError
    from train.full_model.recipes import check_backbone

    settings = _object(text, "--backbone-settings")
    try:
        check_backbone(name, settings)
    except RunError as error:
        raise typer.BadParameter(str(error), param_hint="--backbone-settings") from error
    return settings


def _object(text: str, option: str) -> dict[str, Any]:
    try:
        found = json.loads(text, parse_constant=_finite, parse_float=_finite, parse_int=_integer)
    except (ValueError, RecursionError) as error:
        raise typer.BadParameter(f"is not JSON: {error}", param_hint=option) from error
    if not isinstance(found, dict):
        raise typer.BadParameter(f"expected an object, such as {{}}, got {text}", param_hint=option)
    return found


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"found {text}, expected a finite number")
    return number


def _integer(text: str) -> int:
    _finite(text)  # a larger one cannot become a float
    return int(text)


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
            _say(f"Sizes: {sizes.describe()}")
    about = describe_student(dataset, runs[0], plan, config, choices)
    finished = student.claim(about, resume=resume, options=_RUN_OPTIONS)
    save_items(out, dataset.catalogue)
    figures = student.figures() if finished else distill_model(dataset, runs[0], plan, config, student, choices)
    figures = {name: value for name, value in figures.items() if name != "log"} | {"run": str(out)}
    ours, theirs = (figures[name]["history_excluded"]["ndcg@10"] for name in ("student", "teacher"))
    sentence = f"Distilled: test NDCG@10 {ours:.4f}, {figures['ndcg@10_ratio']:.3f} x the teacher's {theirs:.4f}"
    for added in ("transitions_and_codes", "transitions_and_texts"):
        if found := figures.get(f"student_with_{added}"):
            sentence += f"; {found['history_excluded']['ndcg@10']:.4f} with {added.replace('_', ' ')}"
    sentence += "."
    where: tuple[str | Path, ...] = ("--data", data, *_flag("--skip-bad-rows", given=skip_bad_rows))
    bundles = ("--target", "laptop-x86_64", "--out", out.parent / "bundles")
    following: tuple[str | Path, ...] = ("export", "--run", out, *where, *bundles)
    _print(figures, sentence, following, as_json=as_json)


def _say(sentence: str) -> None:
    from edge_runtime.terminal.console import Console

    Console(soft_wrap=True).print(sentence)


def _flag(name: str, *, given: bool) -> list[str | Path]:
    return [name] if given else []


def _print(figures: Mapping[str, Any], sentence: str, following: Sequence[str | Path], *, as_json: bool) -> None:
    from edge_runtime.terminal.console import Console
    from edge_runtime.terminal.outcome import next_command, print_result

    if as_json:
        print_result(figures)
    else:
        Console(soft_wrap=True).print(f"{sentence}\n{next_command(*following)}")
