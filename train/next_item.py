"""The full model: an item table and a sequence backbone, trained to foretell the next item."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from edge_runtime.errors import DataError
from train.backbones.sasrec import EncoderConfig, SASRec, encoder_config
from train.batches import Batch, Rows, TrainingSequences, pad
from train.data.dataset import Dataset
from train.data.split import Split, Targets, leave_one_out
from train.evaluation.ranking import Ranked, Score, ndcg, rank_targets
from train.fit import FitConfig, fit
from train.objectives.cross_entropy import fast_product_dtype, full_cross_entropy
from train.runs import RunFolder

_LEAST_EVENTS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainConfig:
    """One training of the full model.

    Attributes:
        dropout: of inputs, attention weights, and both outputs of each block.
        learning_rate: of AdamW, constant.
    """

    encoder: EncoderConfig = field(default_factory=EncoderConfig)
    fit: FitConfig = field(default_factory=FitConfig)
    dropout: float = 0.5
    learning_rate: float = 1e-3
    weight_decay: float = 0.01

    def __post_init__(self) -> None:
        if not 0.0 <= self.dropout < 1.0:
            raise ValueError(f"dropout must be in [0, 1), got {self.dropout}")


class NextItemModel(nn.Module):
    """Item vectors, looked up at the input and scored against at the output (tied), around a backbone."""

    def __init__(self, n_items: int, config: EncoderConfig, *, dropout: float = 0.0) -> None:
        super().__init__()
        self.item = nn.Parameter(torch.empty(n_items, config.dim))
        nn.init.normal_(self.item, std=0.02)
        self.backbone = SASRec(config, dropout=dropout)

    def forward(self, batch: Batch) -> Tensor:
        """Return the mean cross-entropy over all events that are followed by another, a scalar."""
        return next_item_loss(self.backbone, self.item, batch)

    def item_vectors(self) -> Tensor:
        """Return the item table, ``[n_items, dim]``."""
        return self.item


def next_item_loss(backbone: SASRec, table: Tensor, batch: Batch) -> Tensor:
    """Return the full softmax cross-entropy at every position that has a target."""
    states, targets = states_and_targets(backbone, table, batch)
    return full_cross_entropy(states, table, targets, product_dtype=fast_product_dtype(states.device))


def states_and_targets(backbone: SASRec, table: Tensor, batch: Batch) -> tuple[Tensor, Tensor]:
    """Return the state before every event to foretell, ``[rows, dim]``, and that event's row, int64 ``[rows]``."""
    known = [group.targets >= 0 for group in batch]
    states = [backbone(F.embedding(group.rows, table), group.mask)[k] for group, k in zip(batch, known, strict=True)]
    return torch.cat(states), torch.cat([group.targets[k] for group, k in zip(batch, known, strict=True)])


def train_model(dataset: Dataset, config: TrainConfig, run: RunFolder) -> dict[str, Any]:
    """Train the full model, or finish a training that was cut off; return its figures, which are also in ``run``."""
    split = leave_one_out(dataset.sequences)
    torch.manual_seed(config.fit.seed)
    model = NextItemModel(len(dataset.catalogue), config.encoder, dropout=config.dropout)
    optimizer = torch.optim.AdamW(model.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay)
    sequences = TrainingSequences(list(split.train), config.encoder.max_length)
    fitted = fit(model, optimizer, sequences, lambda: validation_score(model, split), run, config.fit, title="teacher")
    figures = {"best_epoch": fitted.best_epoch, "valid_ndcg@10": fitted.best, "seconds": round(fitted.seconds, 1)}
    run.finish(figures | {"log": fitted.log})
    return figures


def describe_run(dataset: Dataset, config: TrainConfig) -> dict[str, Any]:
    """Return what ``run.json`` says: everything that decides the outcome.

    Raises:
        DataError: nobody has events enough to learn from.
    """
    longest = int(dataset.sequences.lengths.max(initial=0))
    if longest < _LEAST_EVENTS:
        raise DataError(
            f"{dataset.path}: nobody has more than {longest} events; expected at least one user with {_LEAST_EVENTS}: "
            "two to learn from, one to validate, one to test. Give a longer log."
        )
    return {
        "kind": "teacher",
        "data_digest": dataset.digest,
        "data_name": dataset.name,
        "n_items": len(dataset.catalogue),
        "config": asdict(config),
    }


def load_model(run: RunFolder) -> NextItemModel:
    """Return the trained model of a run, in evaluation mode.

    Raises:
        RunError: there is none.
    """
    about = run.about()
    model = NextItemModel(about["n_items"], encoder_config(about["config"]["encoder"]))
    model.load_state_dict(run.load_best())
    return model.eval()


def validation_score(model: nn.Module, split: Split) -> float:
    """Return NDCG@10 on the validation events, history excluded."""
    return float(np.mean(ndcg(rank_split(model, split.valid).excluded, 10)))


def rank_split(model: nn.Module, targets: Targets) -> Ranked:
    """Rank the targets with a model that has ``backbone`` and ``item_vectors``."""
    histories = [targets.history(index) for index in range(len(targets))]
    with torch.inference_mode():
        was_training = model.training
        model.eval()
        table = model.item_vectors()  # type: ignore[operator]  # torch types every attribute of a module as Tensor | Module
        score = scorer(model.backbone, table, histories)  # type: ignore[arg-type]
        ranked = rank_targets(score, histories, targets.rows, len(table))
        model.train(was_training)
    return ranked


def scorer(backbone: SASRec, table: Tensor, histories: Sequence[Rows]) -> Score:
    """Return a function from user numbers to scores of all items, ``[users, n_items]``."""
    longest = backbone.config.max_length

    def score(users: NDArray[np.int64]) -> NDArray[np.float32]:
        rows, mask = pad([histories[user][-longest:] for user in users])
        states = backbone.last(F.embedding(rows.to(table.device), table), mask.to(table.device))
        scores: NDArray[np.float32] = (states @ table.T).cpu().numpy()
        return scores

    return score
