"""The variants of each suite: the backbone alone, the backbone with a plug-in, and its ablations.

A suite is a list of variants; a variant with a seed is a cell. Variants that cannot be run on the data are included;
their rows are empty and have the reason.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, get_args

from train.data.dataset import Dataset
from train.evaluation.split_config import SplitConfig, SplitName, can_split
from train.full_model.choices import PLUGINS, BackboneName, PluginName, SuiteName
from train.full_model.recipes import TrainConfig
from train.items.extractors import ExtractorConfig
from train.loop.fit import FitConfig, batch_users_for
from train.suites.cells import Cell

SUITES: tuple[SuiteName, ...] = get_args(SuiteName)

Settings = Mapping[PluginName, Mapping[str, Any]]

ALONE = "backbone alone"
# Plug-ins that change item vectors bring stand-ins and ID dropout, a regularizer that the backbone alone lacks.
_REGULARIZED = "backbone with stand-ins and ID dropout"
# Splits besides leave-one-out for combinations of plug-ins.
_OTHER_SPLITS: tuple[SplitName, ...] = ("new items", "global time")


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """A row of a table.

    Attributes:
        label: label of the row.
        plugins: settings that differ from the defaults, by name of the plug-in.
        stand_ins: see :class:`train.full_model.recipes.TrainConfig`.
        split: split for training and testing.
        part_of: label of the whole system that this is an ablation or a sweep of; None for a whole system.
        needs: the reason why the row cannot be run; None if it can.
    """

    label: str
    plugins: Settings = field(default_factory=dict)
    stand_ins: bool = False
    split: SplitName = "standard"
    part_of: str | None = None
    needs: str | None = None

    @property
    def title(self) -> str:
        """Unique title of the row within a suite."""
        return self.label if self.split == "standard" else f"{self.label} [{self.split}]"


@dataclass(frozen=True, slots=True, kw_only=True)
class SuiteOptions:
    """Options of all cells of a suite.

    Attributes:
        backbone: backbone of every variant.
        seeds: random seeds of the trainings.
        max_epochs: maximum number of epochs.
        patience, cool_down_epochs: see :class:`train.loop.fit.FitConfig`.
        n_users: size of a sample of users; all if None.
        extractors: feature extractors.
        language_models: Hugging Face ids or folders for CoCo to fine-tune: the first in the main row, all in a sweep.
    """

    backbone: BackboneName = "sasrec"
    seeds: tuple[int, ...] = (0, 1, 2)
    max_epochs: int = 100
    patience: int = 5
    cool_down_epochs: int = 0
    n_users: int | None = None
    extractors: ExtractorConfig = field(default_factory=ExtractorConfig)
    language_models: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.seeds or len(set(self.seeds)) != len(self.seeds):
            raise ValueError(f"expected at least one seed and no duplicates, got {self.seeds}")


def variants(name: SuiteName, options: SuiteOptions) -> list[Variant]:
    """Return the rows of a suite, whole systems before their ablations."""
    match name:
        case "corec":
            return _corec()
        case "sage":
            return _sage()
        case "llmrec":
            return _llmrec(options)
        case "recfusion":
            return _recfusion()
        case "coco":
            return _coco(options)
        case "transitions":
            return _transitions()
        case "all":
            each = [variant for suite in SUITES if suite != "all" for variant in variants(suite, options)]
            return _distinct([*each, *_together(options)])


def cells_of(variant: Variant, dataset: Dataset, options: SuiteOptions) -> list[Cell]:
    """Return the trainings of a variant, one for each seed; empty if it cannot be run."""
    plan = SplitConfig(split=variant.split, n_users=options.n_users)
    if missing(variant, dataset) is not None:
        return []
    n_users = min(len(dataset.sequences), options.n_users or len(dataset.sequences))
    config = TrainConfig(
        backbone=options.backbone,
        plugins=variant.plugins,
        stand_ins=variant.stand_ins,
        extractors=options.extractors,
        fit=FitConfig(
            batch_users=batch_users_for(n_users),
            max_epochs=options.max_epochs,
            patience=options.patience,
            cool_down_epochs=options.cool_down_epochs,
        ),
    )
    return [
        Cell(name=f"{_folder(variant, options)}/seed-{seed}", config=_seeded(config, seed), plan=plan)
        for seed in options.seeds
    ]


def missing(variant: Variant, dataset: Dataset) -> str | None:
    """Return why a row cannot be run, or None if it can."""
    if variant.needs is None and not can_split(dataset, SplitConfig(split=variant.split)):
        return "needs real timestamps"
    return variant.needs


def _corec() -> list[Variant]:
    return [
        *_pair("corec", "standard"),
        _part("corec", "without contrast", {"contrast": False}),
        _part("corec", "without same-target sequences", {"same_target": False}),
        _part("corec", "with augmented views", {"views": "augmented"}),
        _part("corec", "without reconstruction", {"reconstruction": False}),
        _part("corec", "without adaptation", {"adaptive": False}),
        *_pair("corec", "global time"),
    ]


def _sage() -> list[Variant]:
    return [
        *_pair("sage", "standard"),
        _part("sage", "without gradient scale", {"gamma": 0.0}),
        _part("sage", "without vocabulary reuse", {"vocabulary": "dedicated"}),
        _part("sage", "vocabulary reuse alone", {"vocabulary": "reuse"}),
        _part("sage", "without diversity", {"diversity": 0.0}),
        *_pair("sage", "global time"),
        *_pair("sage", "new users"),
        *_pair("sage", "new items"),
        *_pair("sage", "extreme"),
    ]


def _llmrec(options: SuiteOptions) -> list[Variant]:
    by_text = _part("llmrec", "with histories as text", {"history": "text"})
    if options.extractors.text == "hashed":
        by_text = replace(by_text, needs="needs a language model: --text minilm")
    return [
        *_pair("llmrec", "standard"),
        _regularized("standard"),
        _part("llmrec", "without item semantics", {"semantics": False}),
        _part("llmrec", "without user semantics", {"user_semantics": False}),
        _part("llmrec", "without alignment", {"align": False}),
        by_text,
        *_pair("llmrec", "new items"),
        _regularized("new items"),
        *_pair("llmrec", "global time"),
    ]


def _recfusion() -> list[Variant]:
    return [
        *_pair("recfusion", "standard"),
        _part("recfusion", "without unified encoder", {"unified": False}),
        _part("recfusion", "without gate", {"gate": False}),
        _part("recfusion", "without contrast", {"contrast": 0.0}),
        *_pair("recfusion", "new items"),
        *_pair("recfusion", "new users"),
        *_pair("recfusion", "global time"),
    ]


def _transitions() -> list[Variant]:
    with_llmrec = Variant(label="llmrec and transitions", plugins={"llmrec": {}, "transitions": {}})
    return [
        *_pair("transitions", "standard"),
        _regularized("standard"),
        _part("transitions", "with default settings", {"search_users": 0}),
        Variant(label="llmrec", plugins={"llmrec": {}}),
        with_llmrec,
        *_pair("transitions", "new items"),
        _regularized("new items"),
        replace(with_llmrec, split="new items"),
        *_pair("transitions", "global time"),
    ]


def _together(options: SuiteOptions) -> list[Variant]:
    """Return combinations of plug-ins, in the order in which the model applies them, and all five without one."""
    systems: list[PluginName] = [name for name in PLUGINS if name != "transitions"]
    every: Settings = {name: {} for name in systems} | {"coco": _tuned(options)}
    content = Variant(label="llmrec and recfusion", plugins={"llmrec": {}, "recfusion": {}})
    # Whether a system adds to llmrec, which all five cannot tell.
    added = [
        Variant(label="llmrec and coco", plugins={"llmrec": {}, "coco": every["coco"]}),
        Variant(label="llmrec and corec", plugins={"llmrec": {}, "corec": {}}),
    ]
    five = Variant(label="all five", plugins=every)
    less_one = [
        Variant(
            label=f"{five.label} without {left_out}",
            plugins={name: settings for name, settings in every.items() if name != left_out},
            part_of=five.label,
        )
        for left_out in every
    ]
    elsewhere = [replace(whole, split=split) for split in _OTHER_SPLITS for whole in (content, five)]
    return [content, *added, five, *less_one, *elsewhere]


def _tuned(options: SuiteOptions) -> dict[str, Any]:
    """Return the setting for CoCo to fine-tune the first language model; empty if there is none."""
    return {"language_model": options.language_models[0]} if options.language_models else {}


def _coco(options: SuiteOptions) -> list[Variant]:
    first = _tuned(options)
    sweeps: list[tuple[str, dict[str, Any]]] = [(f"K = {k}", {"n_prompts": k}) for k in (16, 32, 128)]
    sweeps += [(f"threshold {cosine}", {"threshold": cosine}) for cosine in (0.3, 0.6)]
    sweeps += [(f"model {Path(model).name}", {"language_model": model}) for model in options.language_models[1:]]
    whole = Variant(label="coco", plugins={"coco": first})
    untuned = _part("coco", "without fine-tuning", first | {"llm_budget": 0})
    return [
        Variant(label=ALONE),
        whole,
        _part("coco", "static prompt", first | {"static_prompt": True}),
        _part("coco", "without disentangling", first | {"disentangle": False}),
        replace(untuned, needs=None if first else "needs a language model"),
        *(_part("coco", label, first | settings) for label, settings in sweeps),
        *(replace(each, split="global time") for each in (Variant(label=ALONE), whole)),
    ]


def _pair(plugin: PluginName, split: SplitName) -> list[Variant]:
    return [Variant(label=ALONE, split=split), Variant(label=plugin, plugins={plugin: {}}, split=split)]


def _regularized(split: SplitName) -> Variant:
    return Variant(label=_REGULARIZED, stand_ins=True, split=split)


def _part(plugin: PluginName, label: str, settings: Mapping[str, Any]) -> Variant:
    return Variant(label=f"{plugin} {label}", plugins={plugin: settings}, part_of=plugin)


def _distinct(distinct: Sequence[Variant]) -> list[Variant]:
    kept: dict[tuple[str, SplitName], Variant] = {}
    for variant in distinct:
        kept.setdefault((variant.label, variant.split), variant)
    return list(kept.values())


def _seeded(config: TrainConfig, seed: int) -> TrainConfig:
    return replace(config, fit=replace(config.fit, seed=seed))


def _folder(variant: Variant, options: SuiteOptions) -> str:
    """Return the folder of a variant: shared between suites, separate for other users, extractors and models."""
    users = "all-users" if options.n_users is None else f"{options.n_users}-users"
    extractors = f"{options.extractors.text}-{options.extractors.image}"
    models = [str(settings["language_model"]) for settings in variant.plugins.values() if "language_model" in settings]
    parts = (users, extractors, options.backbone, variant.split, "-".join([variant.label, *models]))
    return "/".join("".join(_plain(part)) for part in parts)


def _plain(name: str) -> Iterator[str]:
    return (letter if letter.isalnum() or letter in "._" else "-" for letter in name)
