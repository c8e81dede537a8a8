"""How codes of some bytes should be shared out among items: what each plan leaves of a full model's ranking.

The full model ranks with its item table put through product codes, with nothing trained for them. Distilling wins most
of what is lost here back, but the plan that loses less here starts better and ends better.

Usage: python -m benchmarks.code_plans --run TEACHER --data DIR [--plan 16,8:0.5,0.5 ...] [--json]
"""

import argparse
import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table
from torch import Tensor

from train.codes import CodedTable, CodePlan, item_counts
from train.data.folder import read_folder
from train.data.split import Split, Targets, leave_one_out
from train.evaluation.ranking import ndcg
from train.model import Model
from train.next_item import load_model
from train.ranker import rank_split
from train.runs import RunFolder

PLANS = (
    "32,16,8:0.05,0.18,0.77",
    "16,16,8:0.05,0.28,0.67",
    "32,8:0.12,0.88",
    "16,8,8:0.25,0.25,0.5",
    "16,8:0.5,0.5",
    "16:1.0",
    "64:1.0",
)

Row = Mapping[str, object]


class WithTable:
    """A model that ranks with another item table than its own."""

    def __init__(self, model: Model, table: Tensor) -> None:
        self._model, self._table = model, table
        self.training, self.max_length = False, model.max_length

    def item_vectors(self) -> Tensor:
        """Return the other table."""
        return self._table

    def user_states(self, rows: Tensor, mask: Tensor, table: Tensor) -> Tensor:
        """Return what the model makes of histories in the other table, ``[batch, dim]``."""
        return self._model.user_states(rows, mask, table)

    def train(self, mode: bool = True) -> None:
        """Stay as it is: nothing is trained here."""


def parse_plan(text: str) -> CodePlan:
    """Return the plan written as ``CODES:SHARES``, each with commas between.

    Raises:
        ValueError: it is not written so, or is no plan.
    """
    codes, _, shares = text.partition(":")
    return CodePlan(n_codes=tuple(map(int, codes.split(","))), shares=tuple(map(float, shares.split(","))))


def measured(text: str, model: Model, table: Tensor, split: Split, seed: int) -> Row:
    """Return the size of one plan, what it does to vectors, tier by tier, and what is left of NDCG@10."""
    plan = parse_plan(text)
    tiers = plan.tiers_of(item_counts(list(split.train), len(table)))
    decoded = CodedTable(table, plan, tiers, seed).decoded().detach()
    squares, errors = table.square().sum(1).numpy(), (decoded - table).square().sum(1).numpy()
    places = [tiers == tier for tier in range(len(plan.n_codes))]
    codes = sum(int(there.sum()) * n_codes for there, n_codes in zip(places, plan.n_codes, strict=True))
    coded = WithTable(model, decoded)
    left = {name: score(coded, targets) / score(model, targets) for name, targets in held_out(split).items()}
    lost = [float(errors[there].sum() / squares[there].sum()) for there in places]
    return {"plan": text, "bytes": codes + len(places) * plan.n_codewords * table.shape[1], "lost": lost} | left


def held_out(split: Split) -> dict[str, Targets]:
    """Return what is ranked, by name."""
    return {"valid": split.valid, "test": split.test}


def score(model: Model | WithTable, targets: Targets) -> float:
    """Return NDCG@10 among the whole catalogue, the history excluded."""
    return float(np.mean(ndcg(rank_split(model, targets).excluded, 10)))


def show(rows: list[Row], console: Console) -> None:
    """Print the table."""
    table = Table(box=None, pad_edge=False)
    for name in ("plan", "bytes", "share of squares lost, by tier", "NDCG@10 left: valid", "test"):
        table.add_column(name, justify="left" if name == "plan" else "right")
    for row in rows:
        lost = row["lost"]
        shares = ", ".join(f"{each:.3f}" for each in lost) if isinstance(lost, list) else ""
        table.add_row(str(row["plan"]), f"{row['bytes']:,}", shares, f"{row['valid']:.3f}", f"{row['test']:.3f}")
    console.print(table)


def main() -> None:
    """Measure each plan on one full model."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("--run", type=Path, required=True, help="folder of a finished `pocketrec train`")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--plan", action="append", help="CODES:SHARES, the most popular items first; repeatable")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    dataset = read_folder(options.data)
    split = leave_one_out(dataset.sequences)
    model = load_model(RunFolder(options.run), dataset, split).cpu()
    table = model.item_vectors().detach()
    rows = [measured(plan, model, table, split, options.seed) for plan in options.plan or PLANS]
    if options.json:
        print(json.dumps(rows, indent=2))
    else:
        show(rows, Console())


if __name__ == "__main__":
    main()
