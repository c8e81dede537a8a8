"""Builds models from names and settings, for the command line and for the configuration saved in ``run.json``.

For anything beyond this list, write a short script that composes :class:`train.full_model.model.Model` itself.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from inspect import signature
from pathlib import Path
from typing import Any, TypeVar, get_type_hints

import msgspec
import torch

from train.backbones.encoder import Backbone, EncoderConfig, encoder_config
from train.backbones.sasrec import SASRec
from train.data.dataset import Dataset
from train.data.sequences import Sequences
from train.errors import RunError
from train.full_model.choices import BACKBONES, NO_BACKBONE, PLUGINS, BackboneChoice, PluginName
from train.full_model.model import Model
from train.items.extractors import ExtractorConfig, plugin_inputs
from train.items.features import PluginInputs
from train.items.stand_ins import StandIns
from train.loop.fit import FitConfig, fit_config
from train.plugins.plugin import Plugin

Config = TypeVar("Config")

# Features take minutes to compute and depend on the catalogue alone, so they are cached between runs.
FEATURES = Path.home() / ".cache" / "pocketrec" / "features"


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainConfig:
    """Configuration of the training of a full model.

    Attributes:
        backbone: one of ``BACKBONES``, or ``none`` with the plug-in ``transitions`` alone.
        backbone_settings: settings that differ from the backbone's defaults.
        plugins: settings that differ from the defaults, by name of the plug-in; applied in the order of ``PLUGINS``.
        extractors: extractors of text, image and video features, for plug-ins and backbones that use them.
        dropout: dropout rate of the backbone.
        id_dropout: see :class:`train.full_model.model.Model`.
        stand_ins: whether a backbone without a plug-in that changes item vectors has stand-ins and ID dropout as well;
            see :class:`train.full_model.model.Model`.
        learning_rate: learning rate of AdamW, constant until early stopping.
        average_epochs: see :func:`train.loop.fit.fit`.
    """

    backbone: BackboneChoice = "sasrec"
    backbone_settings: Mapping[str, Any] = field(default_factory=dict)
    plugins: Mapping[PluginName, Mapping[str, Any]] = field(default_factory=dict)
    encoder: EncoderConfig = field(default_factory=EncoderConfig)
    fit: FitConfig = field(default_factory=FitConfig)
    extractors: ExtractorConfig = field(default_factory=ExtractorConfig)
    dropout: float = 0.5
    id_dropout: float = 0.1
    stand_ins: bool = False
    learning_rate: float = 2e-3
    weight_decay: float = 0.01
    average_epochs: float = 2.0

    def __post_init__(self) -> None:
        if self.average_epochs < 0.0:
            raise ValueError(f"average_epochs must not be negative, got {self.average_epochs}")
        if not 0.0 <= self.dropout < 1.0:
            raise ValueError(f"dropout must be in [0, 1), got {self.dropout}")
        unknown = set(self.plugins) - set(PLUGINS)
        if self.backbone not in (*BACKBONES, NO_BACKBONE) or unknown:
            raise ValueError(
                f"expected a backbone of {BACKBONES} and plug-ins of {PLUGINS}, "
                f"got {self.backbone!r} and {sorted(self.plugins)}"
            )
        if self.backbone == NO_BACKBONE and set(self.plugins) != {"transitions"}:
            raise ValueError(
                f"backbone 'none' ranks by the plug-in 'transitions' alone; got the plug-ins {sorted(self.plugins)}"
            )


def read_config(fields: Mapping[str, Any]) -> TrainConfig:
    """Return the configuration saved in ``run.json``, ignoring entries of newer versions."""
    known = {name: fields[name] for name in TrainConfig.__dataclass_fields__ if name in fields}
    return TrainConfig(
        **known
        | {
            "encoder": encoder_config(fields["encoder"]),
            "fit": fit_config(fields["fit"]),
            "extractors": ExtractorConfig(**fields.get("extractors", {})),
        }
    )


def compose(dataset: Dataset, train: Sequences, config: TrainConfig) -> Model:
    """Return the untrained model that ``config`` describes.

    Args:
        dataset: provides the items.
        train: the training events.
        config: backbone, plug-ins and sizes.
    """
    inputs = plugin_inputs(
        dataset.catalogue,
        train,
        config.extractors,
        dim=config.encoder.dim,
        seed=config.fit.seed,
        cache_dir=FEATURES,
    )
    backbone = build_backbone(config, inputs)
    plugins = [plugin_factory(name, config.plugins[name])(inputs) for name in PLUGINS if name in config.plugins]
    counts = inputs.counts()
    describes = config.stand_ins or any(plugin.items is not None for plugin in plugins)
    stand_ins = StandIns(inputs.text(), counts) if describes else None
    model = Model(torch.from_numpy(counts > 0), backbone, plugins, id_dropout=config.id_dropout, stand_ins=stand_ins)
    if config.backbone == NO_BACKBONE:
        from train.transitions.similar import item_table

        model.item.data.copy_(torch.from_numpy(item_table(inputs)))
    return model


def build_backbone(config: TrainConfig, inputs: PluginInputs) -> Backbone:
    """Return an untrained backbone; only its own module is imported.

    Raises:
        RunError: the backbone has no such setting, or the value is invalid.
    """
    check_backbone(config.backbone, config.backbone_settings)
    factory = _backbone_factory(config.backbone)
    given = {"inputs": inputs} if "inputs" in signature(factory).parameters else {}
    try:
        return factory(config.encoder, dropout=config.dropout, **given, **config.backbone_settings)
    except (TypeError, ValueError) as error:
        raise RunError(f"{config.backbone}: invalid settings: {error}.") from error


def check_backbone(name: BackboneChoice, settings: Mapping[str, Any]) -> None:
    """Check that a backbone has the given settings, and their types.

    Raises:
        RunError: it does not have one of them, or a value is of another type.
    """
    given, factory = ("config", "dropout", "inputs"), _backbone_factory(name)
    _check_names(name, settings, [known for known in signature(factory).parameters if known not in given])
    types = get_type_hints(vars(factory)["__init__"] if isinstance(factory, type) else factory)
    for setting, value in settings.items():
        try:
            msgspec.convert(value, types[setting])
        except msgspec.ValidationError as error:
            raise RunError(f"{name}: invalid setting {setting}: {error}.") from error


def _backbone_factory(name: BackboneChoice) -> Callable[..., Backbone]:
    match name:
        case "sasrec":
            return SASRec
        case "bert4rec":
            from train.backbones.bert4rec import BERT4Rec

            return BERT4Rec
        case "gru4rec":
            from train.backbones.gru4rec import GRU4Rec

            return GRU4Rec
        case "fdsa":
            from train.backbones.fdsa import fdsa

            return fdsa
        case "s3rec":
            from train.backbones.s3rec import s3rec

            return s3rec
        case "pinnerformer":
            from train.backbones.pinnerformer import PinnerFormer

            return PinnerFormer
        case "none":
            from train.backbones.none import NoBackbone

            return NoBackbone


def plugin_factory(name: PluginName, settings: Mapping[str, Any]) -> Callable[[PluginInputs], Plugin]:
    """Return a function that builds an untrained plug-in; only its own module is imported.

    Args:
        name: name of the plug-in.
        settings: settings that differ from its defaults.

    Raises:
        RunError: the plug-in has no such setting, or the value is invalid.
    """
    match name:
        case "corec":
            from train.plugins.corec import CoRecConfig, corec

            return partial(corec, _build_config(CoRecConfig, name, settings))
        case "sage":
            from train.plugins.sage import SageConfig, sage

            return partial(sage, _build_config(SageConfig, name, settings))
        case "llmrec":
            from train.plugins.llmrec import LlmRecConfig, llmrec

            return partial(llmrec, _build_config(LlmRecConfig, name, settings))
        case "recfusion":
            from train.plugins.recfusion import RecFusionConfig, recfusion

            return partial(recfusion, _build_config(RecFusionConfig, name, settings))
        case "coco":
            from train.plugins.coco import CoCoConfig, coco

            return partial(coco, _build_config(CoCoConfig, name, settings))
        case "transitions":
            from train.plugins.transitions import TransitionsConfig, transitions

            return partial(transitions, _build_config(TransitionsConfig, name, settings))


def _build_config(kind: type[Config], name: str, settings: Mapping[str, Any]) -> Config:
    _check_names(name, settings, list(signature(kind).parameters))
    try:
        return msgspec.convert(dict(settings), kind)  # unlike the class itself, this checks types
    except msgspec.ValidationError as error:
        raise RunError(f"{name}: invalid settings: {error}.") from error


def _check_names(name: str, settings: Mapping[str, Any], known: Sequence[str]) -> None:
    unknown = sorted(set(settings) - set(known))
    if unknown:
        raise RunError(f"{name} has no setting {', '.join(unknown)}; expected some of {', '.join(known) or 'none'}.")
