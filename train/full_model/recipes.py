"""From names and numbers to a composed model: what the command line offers, and what ``run.json`` is read back with.

Anything beyond this closed list is a short script that composes :class:`train.full_model.model.Model` itself.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from inspect import signature
from pathlib import Path
from typing import Any, TypeVar

import torch

from edge_runtime.errors import RunError
from train.backbones.encoder import Backbone, EncoderConfig, encoder_config
from train.backbones.sasrec import SASRec
from train.data.dataset import Dataset
from train.data.sequences import Sequences
from train.full_model.choices import BACKBONES, PLUGINS, BackboneName, PluginName
from train.full_model.model import Model
from train.items.extractors import ExtractorConfig, plugin_inputs
from train.items.features import PluginInputs
from train.items.stand_ins import StandIns
from train.loop.fit import FitConfig
from train.plugins.plugin import Plugin

Config = TypeVar("Config")

# Features cost minutes and depend on the catalogue alone: kept for the next run.
FEATURES = Path.home() / ".cache" / "pocketrec" / "features"


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainConfig:
    """One training of the full model.

    Attributes:
        backbone: one of ``BACKBONES``.
        backbone_settings: those that differ from the backbone's own defaults.
        plugins: name to the settings that differ from the plug-in's own defaults; applied in the order of ``PLUGINS``.
        extractors: what describes texts, images and videos to plug-ins and backbones that use them.
        dropout: of the backbone.
        id_dropout: see :class:`train.full_model.model.Model`.
        learning_rate: of AdamW, constant.
        average_epochs: see :func:`train.loop.fit.fit`.
    """

    backbone: BackboneName = "sasrec"
    backbone_settings: Mapping[str, Any] = field(default_factory=dict)
    plugins: Mapping[PluginName, Mapping[str, Any]] = field(default_factory=dict)
    encoder: EncoderConfig = field(default_factory=EncoderConfig)
    fit: FitConfig = field(default_factory=FitConfig)
    extractors: ExtractorConfig = field(default_factory=ExtractorConfig)
    dropout: float = 0.5
    id_dropout: float = 0.1
    learning_rate: float = 2e-3
    weight_decay: float = 0.01
    average_epochs: float = 2.0

    def __post_init__(self) -> None:
        if self.average_epochs < 0.0:
            raise ValueError(f"average_epochs must not be negative, got {self.average_epochs}")
        if not 0.0 <= self.dropout < 1.0:
            raise ValueError(f"dropout must be in [0, 1), got {self.dropout}")
        unknown = set(self.plugins) - set(PLUGINS)
        if self.backbone not in BACKBONES or unknown:
            raise ValueError(
                f"expected a backbone of {BACKBONES} and plug-ins of {PLUGINS}, "
                f"got {self.backbone!r} and {sorted(self.plugins)}"
            )


def read_config(fields: Mapping[str, Any]) -> TrainConfig:
    """Return the configuration that ``run.json`` holds, ignoring entries of newer versions."""
    known = {name: fields[name] for name in TrainConfig.__dataclass_fields__ if name in fields}
    return TrainConfig(
        **known
        | {
            "encoder": encoder_config(fields["encoder"]),
            "fit": FitConfig(**fields["fit"]),
            "extractors": ExtractorConfig(**fields.get("extractors", {})),
        }
    )


def compose(dataset: Dataset, train: Sequences, config: TrainConfig) -> Model:
    """Return the untrained model that ``config`` describes.

    Args:
        dataset: its items.
        train: the events that may be learnt from.
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
    backbone = make_backbone(config, inputs)
    plugins = [plugin_maker(name, config.plugins[name])(inputs) for name in PLUGINS if name in config.plugins]
    counts = inputs.counts()
    describes = any(plugin.items is not None for plugin in plugins)
    stand_ins = StandIns(inputs.text(), counts) if describes else None
    return Model(torch.from_numpy(counts > 0), backbone, plugins, id_dropout=config.id_dropout, stand_ins=stand_ins)


def make_backbone(config: TrainConfig, inputs: PluginInputs) -> Backbone:
    """Return an untrained backbone; only its own module is imported.

    Raises:
        RunError: the backbone has no such setting, or not such a value.
    """
    check_backbone(config.backbone, config.backbone_settings)
    maker = _backbone_maker(config.backbone)
    given = {"inputs": inputs} if "inputs" in signature(maker).parameters else {}
    try:
        return maker(config.encoder, dropout=config.dropout, **given, **config.backbone_settings)
    except (TypeError, ValueError) as error:
        raise RunError(f"{config.backbone} cannot be set so: {error}.") from error


def check_backbone(name: BackboneName, settings: Mapping[str, Any]) -> None:
    """Refuse settings that a backbone does not have.

    Raises:
        RunError: there are some.
    """
    given = ("config", "dropout", "inputs")
    _check_names(name, settings, [known for known in signature(_backbone_maker(name)).parameters if known not in given])


def _backbone_maker(name: BackboneName) -> Callable[..., Backbone]:
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


def plugin_maker(name: PluginName, settings: Mapping[str, Any]) -> Callable[[PluginInputs], Plugin]:
    """Return what makes an untrained plug-in; only its own module is imported.

    Args:
        name: which.
        settings: those that differ from its defaults.

    Raises:
        RunError: the plug-in has no such setting, or not such a value.
    """
    match name:
        case "corec":
            from train.plugins.corec import CoRecConfig, corec

            return partial(corec, _configured(CoRecConfig, name, settings))
        case "sage":
            from train.plugins.sage import SageConfig, sage

            return partial(sage, _configured(SageConfig, name, settings))
        case "llmrec":
            from train.plugins.llmrec import LlmRecConfig, llmrec

            return partial(llmrec, _configured(LlmRecConfig, name, settings))
        case "recfusion":
            from train.plugins.recfusion import RecFusionConfig, recfusion

            return partial(recfusion, _configured(RecFusionConfig, name, settings))
        case "coco":
            from train.plugins.coco import CoCoConfig, coco

            return partial(coco, _configured(CoCoConfig, name, settings))


def _configured(kind: Callable[..., Config], name: str, settings: Mapping[str, Any]) -> Config:
    _check_names(name, settings, list(signature(kind).parameters))
    try:
        return kind(**settings)
    except (TypeError, ValueError) as error:
        raise RunError(f"{name} cannot be set so: {error}.") from error


def _check_names(name: str, settings: Mapping[str, Any], known: Sequence[str]) -> None:
    unknown = sorted(set(settings) - set(known))
    if unknown:
        raise RunError(f"{name} has no setting {', '.join(unknown)}; it has {', '.join(known) or 'none'}.")
