"""``pocketrec train``."""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from edge_runtime.terminal.out_folder import writable_folder
from train.commands.settings import RUN_OPTIONS, checked_backbone_settings, chosen_plugins
from train.full_model.choices import NO_BACKBONE, PLUGINS, BackboneChoice
from train.options import AsJson, CoolDown, DataFolder, Patience, Resume, Seed, SkipBadRows

if TYPE_CHECKING:
    from train.data.dataset import Dataset
    from train.full_model.model import Model
    from train.full_model.recipes import TrainConfig


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
    from edge_runtime.terminal.outcome import print_outcome
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
    skip = ["--skip-bad-rows"] if skip_bad_rows else []
    following: tuple[str | Path, ...] = ("distill", "--run", out, "--data", data, *skip, "--out", f"{out}-student")
    print_outcome(figures, _trained(figures), *following, as_json=as_json)


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
        check_warm_start(earlier, dataset, config, RUN_OPTIONS)
        about, start = describe_run(dataset, config) | {"warm_from": earlier.about()}, partial(start_from, run=earlier)
    extends = "config.fit.max_epochs"
    finished = run.claim(about, resume=resume, extends=extends, options=RUN_OPTIONS)
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
