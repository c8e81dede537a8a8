"""Trained models on a tiny catalogue, for ``python -m benchmarks.few_shot``.

Models are trained by the default settings of ``pocketrec train`` and ``distill``. A transferred model is trained on
another catalogue, beside which the items of the tiny one have texts and no events; their vectors come from these texts.
"""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from numpy.typing import NDArray

from train.backbones.encoder import EncoderConfig
from train.data.dataset import Catalogue, Dataset
from train.data.sequences import RowArray, Sequences
from train.data.split import Targets, leave_one_out
from train.distill.distillation import distill_model, usual_plan
from train.distill.student import load_student, ranking_model
from train.distill.student_model import DistillConfig
from train.full_model.choices import PluginName
from train.full_model.model import Model
from train.full_model.recipes import TrainConfig
from train.full_model.training import describe_run, load_model, train_model
from train.items.extractors import ExtractorConfig
from train.loop.batches import pad
from train.loop.fit import FitConfig, batch_users_for
from train.loop.runs import RunFolder
from train.metrics.histories import histories_of
from train.metrics.ranker import Ranker, scorer
from train.metrics.ranking import Score
from train.transitions.expert import Queries, TransitionsExpert
from train.transitions.mixing import WEIGHTS, ndcg_by_weight

SASREC, LLMREC, BOTH, STUDENT = "SASRec", "with llmrec", "with llmrec,transitions", "its student, as on devices"
_PLUGINS: Mapping[str, tuple[PluginName, ...]] = {SASREC: (), BOTH: ("llmrec", "transitions")}


def trained_scores(known: Dataset, text: str, seed: int, histories: list[RowArray]) -> dict[str, Score]:
    """Train SASRec alone, SASRec with plug-ins and a student on the known people; return their scores by name.

    Args:
        known: the tiny catalogue with the events of the known people.
        text: text extractor.
        seed: random seed.
        histories: events of the people to predict.
    """
    scores: dict[str, Score] = {}
    with TemporaryDirectory() as folder:
        for name, plugins in _PLUGINS.items():
            run = RunFolder(Path(folder) / name)
            config = _config(known, text, plugins, seed)
            run.claim(describe_run(known, config), resume=False)
            train_model(known, config, run)
            scores[name] = _score(load_model(run, known), histories)
            if plugins:
                without = load_model(run, known)
                without.plugins = tuple(plugin for plugin in without.plugins if plugin.log_scores is None)
                scores[LLMREC] = _score(without, histories)
                scores[STUDENT] = _score(_student(known, run, seed, Path(folder) / "student"), histories)
    return {name: scores[name] for name in (SASREC, LLMREC, BOTH, STUDENT)}


def _student(known: Dataset, run: RunFolder, seed: int, out: Path) -> Ranker:
    student = RunFolder(out)
    student.claim({}, resume=False)
    batch, n_events = batch_users_for(len(known.sequences)), known.sequences.n_events
    config = DistillConfig.of(seed=seed, batch_users=batch, n_events=n_events, warm=False, epochs=None)
    distill_model(known, run, usual_plan(known, run), config, student)
    loaded = load_student(out)
    return ranking_model(loaded, transitions=None if loaded.transitions is None else "codes")


class Transferred:
    """A model of another catalogue that ranks the tiny one's items by their texts."""

    def __init__(self, source: Dataset, tiny: Catalogue, text: str, *, max_epochs: int = 100) -> None:
        """Train on the events of ``source``; the items of ``tiny`` stand behind its items, without events."""
        joined = replace(source, catalogue=joined_catalogue(source.catalogue, tiny))
        config = _config(joined, text, ("llmrec",), 0, max_epochs=max_epochs)
        with TemporaryDirectory() as folder:
            run = RunFolder(Path(folder) / "run")
            run.claim(describe_run(joined, config), resume=False)
            train_model(joined, config, run)
            self._model: Model = load_model(run, joined)
        self._first = len(source.catalogue)
        with torch.no_grad():
            self._table = self._model.item_vectors()

    def score(self, histories: list[RowArray]) -> Score:
        """Return the scores of the tiny catalogue's items for these histories, rows of that catalogue."""

        @torch.no_grad()
        def score(users: NDArray[np.int64]) -> torch.Tensor:
            newest = [histories[int(user)][-self._model.max_length :] + self._first for user in users]
            rows, mask = pad(newest)
            scores = self._model.scores(rows.to(self._table.device), mask.to(self._table.device), self._table)
            return scores[:, self._first :].cpu()

        return score

    def with_transitions(self, known: Sequences, expert: TransitionsExpert, histories: list[RowArray]) -> Score:
        """Return the scores with the log-scores of the known people's transitions, weighted by validation."""
        valid: Targets = leave_one_out(known).valid
        found = ndcg_by_weight(expert, self.score(histories_of(valid)), valid)
        weight, alone = WEIGHTS[int(np.argmax(found))], self.score(histories)

        def score(users: NDArray[np.int64]) -> torch.Tensor:
            added = expert.log_scores(Queries.of([histories[int(user)] for user in users]))
            return torch.as_tensor(alone(users)) + weight * torch.from_numpy(added)

        return score


def joined_catalogue(first: Catalogue, second: Catalogue) -> Catalogue:
    """Return the items of two catalogues, whose ids are prefixed because they may coincide."""
    names = [*first.fields, *(name for name in second.fields if name not in first.fields)]
    empty: tuple[str, ...] = ()
    return Catalogue(
        item_ids=tuple(f"{place}:{one}" for place, of in enumerate((first, second)) for one in of.item_ids),
        titles=first.titles + second.titles,
        fields={
            name: first.fields.get(name, (empty,) * len(first)) + second.fields.get(name, (empty,) * len(second))
            for name in names
        },
        descriptions=first.descriptions + second.descriptions,
        images=first.images + second.images,
        videos=first.videos + second.videos,
    )


def small_catalogue(catalogue: Catalogue, rows: NDArray[np.int64]) -> Catalogue:
    """Return the items at ``rows``."""
    kept = rows.tolist()
    return Catalogue(
        item_ids=tuple(catalogue.item_ids[row] for row in kept),
        titles=tuple(catalogue.titles[row] for row in kept),
        fields={name: tuple(values[row] for row in kept) for name, values in catalogue.fields.items()},
        descriptions=tuple(catalogue.descriptions[row] for row in kept),
        images=tuple(catalogue.images[row] for row in kept),
        videos=tuple(catalogue.videos[row] for row in kept),
    )


def _score(model: Ranker, histories: list[RowArray]) -> Score:
    with torch.no_grad():  # not in inference mode: the ranking excludes the history in place
        model.train(False)
        of_model = scorer(model, model.item_vectors(), histories)
    return torch.no_grad()(of_model)


def _config(
    dataset: Dataset, text: str, plugins: tuple[PluginName, ...], seed: int, *, max_epochs: int = 100
) -> TrainConfig:
    """Return the default settings of ``pocketrec train``."""
    batch = batch_users_for(len(dataset.sequences))
    return TrainConfig(
        plugins={name: {} for name in plugins},
        extractors=ExtractorConfig(text=text),
        encoder=EncoderConfig(dim=64, max_length=50),
        fit=FitConfig(seed=seed, batch_users=batch, max_epochs=max_epochs),
    )
