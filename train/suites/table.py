"""A suite's table, put together from the cells that are done; what is not done is empty, never guessed."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np

from edge_runtime.errors import RunError
from train.data.dataset import Dataset
from train.evaluation.baselines import new_item_baselines
from train.evaluation.context import evaluation_context
from train.evaluation.measure import MetricsBySection
from train.evaluation.plan import SplitConfig, SplitName, make_split
from train.evaluation.significance import Comparison, Gains, Spread, paired_bootstrap, spread
from train.full_model.choices import SuiteName
from train.metrics.ranking import ndcg
from train.suites.cells import CellResult, SectionRanks, read_cell, read_ranks
from train.suites.suites import ALONE, SuiteOptions, Variant, cells_of, missing, variants


class SuiteRow(msgspec.Struct, frozen=True, kw_only=True):
    """One variant: what its finished cells say.

    Attributes:
        label: what a reader sees.
        split: what it was trained and tested on.
        part_of: the whole that a part was taken away from; None for a whole.
        missing: why it cannot be run; None where it can.
        n_seeds: trainings wanted.
        seeds: of the finished ones; a row without any is empty.
        epochs: trained by each of them.
        seconds: each training took.
        devices: that they were trained on, each once.
        commits: of the code that finished them, each once.
        figures: section to name to mean and deviation over seeds.
        versus_alone: gain in NDCG@10 over the backbone alone on the same split, by section, over seeds that both have.
        versus_whole: the same over the whole that this is a part of; negative where the part matters.
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
    """Everything that a suite has to say.

    Attributes:
        name: of the suite.
        data_name: of the data's folder.
        data_digest: SHA-256 of the data.
        backbone: under every plug-in.
        text: what describes texts.
        image: what describes pictures.
        language_models: that CoCo tunes; none where it keeps to the texts' frozen features.
        n_users: size of the sample; None for all.
        max_epochs: of each training.
        baselines: of each split with new items that a row has: split to baseline to section to name to value.
        rows: in the order in which they are read.
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
    """Read the finished cells of a suite in ``out_dir``, and compare them; trains nothing.

    Raises:
        RunError: a folder holds something else, or a result cannot be read.
    """
    asked = variants(name, options)
    done = {(each.label, each.split): _finished(each, dataset, out_dir, options) for each in asked}
    rows = []
    for each in asked:
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
            dataset, {each.split for row, each in zip(rows, asked, strict=True) if row.seeds}, options
        ),
        rows=rows,
        language_models=options.language_models,
    )


def _baselines(
    dataset: Dataset, splits: Iterable[SplitName], options: SuiteOptions
) -> dict[str, dict[str, MetricsBySection]]:
    """Return the baselines of those splits that ask for new items."""
    found: dict[str, dict[str, MetricsBySection]] = {}
    for split in splits:
        arranged, derived = make_split(dataset, SplitConfig(split=split, n_users=options.n_users))
        if derived.new_items is not None and (
            baselines := new_item_baselines(derived, evaluation_context(arranged).vectors)
        ):
            found[split] = baselines
    return found


def _finished(variant: Variant, dataset: Dataset, out_dir: Path, options: SuiteOptions) -> list[_Finished]:
    found = []
    for cell in cells_of(variant, dataset, options):
        folder = out_dir / cell.name
        result = read_cell(cell, dataset, folder)
        if result is not None:
            found.append(_Finished(result, read_ranks(folder)))
    return found


def _figures(results: Sequence[CellResult]) -> dict[str, dict[str, Spread]]:
    """Return each figure over the seeds that have it."""
    found: dict[str, dict[str, list[float]]] = {}
    for result in results:
        for section, figures in result.figures.items():
            for name, value in figures.items():
                found.setdefault(section, {}).setdefault(name, []).append(value)
    return {section: {name: spread(values) for name, values in figures.items()} for section, figures in found.items()}


def _versus(ours: Sequence[_Finished], theirs: Sequence[_Finished]) -> dict[str, Comparison]:
    """Compare NDCG@10 user by user in every section that all cells have; see :func:`_of_same_seeds`."""
    ours, theirs = _of_same_seeds(ours, theirs)
    if not ours or not theirs:
        return {}
    common = set.intersection(*(set(cell.ranks) for cell in (*ours, *theirs)))
    found = {}
    for section in ours[0].ranks:
        if section in common and len(ours[0].ranks[section].users):
            same = [cell.ranks[section] for cell in (*ours, *theirs)]
            _check_users(section, same, ours[0].result.name)
            found[section] = paired_bootstrap(_gains(same[: len(ours)]), _gains(same[len(ours) :]))
    return found


def _of_same_seeds(ours: Sequence[_Finished], theirs: Sequence[_Finished]) -> tuple[Sequence[_Finished], ...]:
    """Return the cells of the seeds that both have; all of them where they share none.

    Equal seeds start from equal weights and draw equal batches: a part that does nothing on this data shows no
    difference at all, where against the mean over other seeds it would show theirs.
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
            f"{name}: the users of '{section}' are not those of the cell it is compared with, though data and split "
            "are the same; the code has changed in between. Use another output folder."
        )
