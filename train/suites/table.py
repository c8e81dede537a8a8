"""The table of a suite, from its finished cells; rows without finished cells are empty."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np

from train.data.dataset import Dataset
from train.errors import RunError
from train.evaluation.baselines import new_item_baselines
from train.evaluation.context import evaluation_context
from train.evaluation.measure import MetricsBySection
from train.evaluation.significance import Comparison, Gains, Spread, paired_bootstrap, spread
from train.evaluation.split_config import SplitConfig, SplitName, make_split
from train.full_model.choices import SuiteName
from train.metrics.ranking import ndcg
from train.suites.cells import CellResult, SectionRanks, read_cell, read_ranks
from train.suites.suites import ALONE, SuiteOptions, Variant, cells_of, missing, variants


class SuiteRow(msgspec.Struct, frozen=True, kw_only=True):
    """One variant, with the results of its finished cells.

    Attributes:
        label: label of the row.
        split: split for training and testing.
        part_of: label of the whole system that this is an ablation of; None for a whole system.
        missing: the reason why it cannot be run; None if it can.
        n_seeds: number of requested trainings.
        seeds: seeds of the finished trainings; empty for a row without results.
        epochs: number of epochs of each training.
        seconds: duration of each training.
        devices: distinct devices of the trainings.
        commits: distinct commits of the code.
        figures: section to name to mean and deviation over seeds.
        versus_alone: difference in NDCG@10 to the backbone alone on the same split, by section, over common seeds.
        versus_whole: the same to the whole system; negative if the part helps.
    """

    label: str
    split: str
    part_of: str | None
    missing: str | None
    n_seeds: int
    seeds: list[int]
    epochs: list[int]
    seconds: list[float]
    devices: list[str]
    commits: list[str]
    figures: dict[str, dict[str, Spread]]
    versus_alone: dict[str, Comparison]
    versus_whole: dict[str, Comparison]


class SuiteTable(msgspec.Struct, frozen=True, kw_only=True):
    """The results of a suite.

    Attributes:
        name: name of the suite.
        data_name: name of the dataset.
        data_digest: SHA-256 of the dataset.
        backbone: backbone of every variant.
        text: text extractor.
        image: image extractor.
        language_models: language models that CoCo fine-tunes; empty if it uses frozen text features.
        n_users: size of the sample of users; None for all.
        max_epochs: maximum number of epochs of each training.
        baselines: baselines for new items: split to baseline to section to name to value.
        rows: rows in the order of display.
    """

    name: str
    data_name: str
    data_digest: str
    backbone: str
    text: str
    image: str
    n_users: int | None
    max_epochs: int
    baselines: dict[str, dict[str, MetricsBySection]]
    rows: list[SuiteRow]
    language_models: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class _Finished:
    """One finished cell."""

    result: CellResult
    ranks: dict[str, SectionRanks]


def suite_table(name: SuiteName, dataset: Dataset, out_dir: Path, options: SuiteOptions) -> SuiteTable:
    """Load the finished cells of a suite in ``out_dir``, and compare them; trains nothing.

    Raises:
        RunError: a folder has another run, or a result cannot be read.
    """
    requested = variants(name, options)
    done = {(each.label, each.split): _finished(each, dataset, out_dir, options) for each in requested}
    rows = []
    for each in requested:
        ours = done[each.label, each.split]
        alone = done.get((ALONE, each.split), []) if each.label != ALONE else []
        whole = done.get((each.part_of, each.split), []) if each.part_of is not None else []
        rows.append(
            SuiteRow(
                label=each.label,
                split=each.split,
                part_of=each.part_of,
                missing=missing(each, dataset),
                n_seeds=len(options.seeds),
                seeds=[cell.result.seed for cell in ours],
                epochs=[cell.result.epochs for cell in ours],
                seconds=[cell.result.seconds for cell in ours],
                devices=sorted({cell.result.device for cell in ours}),
                commits=sorted({cell.result.commit for cell in ours if cell.result.commit is not None}),
                figures=_figures([cell.result for cell in ours]),
                versus_alone=_versus(ours, alone),
                versus_whole=_versus(ours, whole),
            )
        )
    return SuiteTable(
        name=name,
        data_name=dataset.name,
        data_digest=dataset.digest,
        backbone=options.backbone,
        text=options.extractors.text,
        image=options.extractors.image,
        n_users=options.n_users,
        max_epochs=options.max_epochs,
        baselines=_baselines(
            dataset, {each.split for row, each in zip(rows, requested, strict=True) if row.seeds}, options
        ),
        rows=rows,
        language_models=options.language_models,
    )


def _baselines(
    dataset: Dataset, splits: Iterable[SplitName], options: SuiteOptions
) -> dict[str, dict[str, MetricsBySection]]:
    """Return the baselines of splits with new items."""
    baselines_by_split: dict[str, dict[str, MetricsBySection]] = {}
    for split in splits:
        arranged, derived = make_split(dataset, SplitConfig(split=split, n_users=options.n_users))
        if derived.new_items is not None and (
            baselines := new_item_baselines(derived, evaluation_context(arranged).vectors)
        ):
            baselines_by_split[split] = baselines
    return baselines_by_split


def _finished(variant: Variant, dataset: Dataset, out_dir: Path, options: SuiteOptions) -> list[_Finished]:
    finished = []
    for cell in cells_of(variant, dataset, options):
        folder = out_dir / cell.name
        result = read_cell(cell, dataset, folder)
        if result is not None:
            finished.append(_Finished(result, read_ranks(folder)))
    return finished


def _figures(results: Sequence[CellResult]) -> dict[str, dict[str, Spread]]:
    """Return mean and deviation of each metric over the seeds that have it."""
    by_section: dict[str, dict[str, list[float]]] = {}
    for result in results:
        for section, figures in result.figures.items():
            for name, value in figures.items():
                by_section.setdefault(section, {}).setdefault(name, []).append(value)
    return {
        section: {name: spread(values) for name, values in figures.items()} for section, figures in by_section.items()
    }


def _versus(ours: Sequence[_Finished], theirs: Sequence[_Finished]) -> dict[str, Comparison]:
    """Compare NDCG@10 by user in every section that all cells have; see :func:`_of_same_seeds`."""
    ours, theirs = _of_same_seeds(ours, theirs)
    if not ours or not theirs:
        return {}
    common = set.intersection(*(set(cell.ranks) for cell in (*ours, *theirs)))
    comparisons = {}
    for section in ours[0].ranks:
        if section in common and len(ours[0].ranks[section].users):
            same = [cell.ranks[section] for cell in (*ours, *theirs)]
            _check_users(section, same, ours[0].result.name)
            comparisons[section] = paired_bootstrap(_gains(same[: len(ours)]), _gains(same[len(ours) :]))
    return comparisons


def _of_same_seeds(ours: Sequence[_Finished], theirs: Sequence[_Finished]) -> tuple[Sequence[_Finished], ...]:
    """Return the cells of common seeds; all cells if there are no common seeds.

    Equal seeds start from equal weights and batches, so a part without effect on the data has a difference of exactly
    zero, which the mean over other seeds would not have.
    """
    both = {cell.result.seed for cell in ours} & {cell.result.seed for cell in theirs}
    if not both:
        return ours, theirs
    return tuple([cell for cell in cells if cell.result.seed in both] for cells in (ours, theirs))


def _gains(cells: Sequence[SectionRanks]) -> Gains:
    return np.stack([ndcg(cell.ranks.astype(np.int64), 10) for cell in cells])


def _check_users(section: str, cells: Sequence[SectionRanks], name: str) -> None:
    if not all(np.array_equal(cell.users, cells[0].users) for cell in cells):
        raise RunError(
            f"{name}: the users of '{section}' differ from those of the compared cell, although data and split are "
            "equal; the code has changed in between. Use another output folder."
        )
