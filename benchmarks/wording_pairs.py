"""Prepares and counts a blind comparison of reasons: the language model's words against the template's.

``make`` writes one sheet for each judge: pairs of lists with the same items, the same claims and other words, in an
order of its own; and ``key.json``, which the judges do not see. A judge writes a file of one line for each pair, ``1``
or ``2`` for the better list, or ``=``. ``count`` prints how often the language model was preferred, with a 95 %
interval over the people whose lists were judged, and how often judges agree.

Example::

    python -m benchmarks.wording_pairs make BUNDLE --data DATA --out pairs
    python -m benchmarks.wording_pairs count pairs pairs/judge-1.txt pairs/judge-2.txt pairs/judge-3.txt
"""

import argparse
import json
import random
import tempfile
from collections.abc import Sequence
from itertools import combinations
from pathlib import Path
from typing import Final

import numpy as np

from benchmarks.list_text import with_writer
from edge_runtime import Recommender
from export.users import TestUsers
from train.data.folder import read_folder
from train.data.split import leave_one_out

CRITERIA: Final = """\
Each pair shows one list twice: the same items for the same person, each with a reason. Only the words of the reasons
differ. Which list would you rather read on a shop's page? Judge, in this order: (1) it sounds like a person and not
like a form; (2) it is understood at first reading; (3) the reasons of the list do not sound alike. Facts are the same
and true in both. Write one line for each pair: 1, 2, or = if you would not care.
"""
N_ITEMS: Final = 6
_N_RESAMPLES: Final = 2000


def make(bundle: Path, data: Path, writer: Path | None, out: Path, n_pairs: int, n_judges: int, seed: int) -> None:
    """Write the sheets and the key."""
    out.mkdir(parents=True)
    users = TestUsers.of(leave_one_out(read_folder(data).sequences).test, 4 * n_pairs, seed)
    with tempfile.TemporaryDirectory() as scratch:
        model = bundle if writer is None else with_writer(bundle, writer, Path(scratch))
        pairs = pairs_of(model, users, n_pairs)
    key = []
    for judge in range(1, n_judges + 1):
        rng = random.Random(f"{seed}/{judge}")  # noqa: S311 - an order, not a secret
        order = [(index, rng.random() < 0.5) for index in rng.sample(range(len(pairs)), len(pairs))]
        key.append([[index, int(is_first)] for index, is_first in order])
        sheet = [CRITERIA]
        for number, (index, is_first) in enumerate(order, 1):
            titles, by_model, by_template = pairs[index]
            shown = (by_model, by_template) if is_first else (by_template, by_model)
            sheet.append(f"## Pair {number}\n")
            for name, reasons in zip("12", shown, strict=True):
                lines = [f"- {title}: {reason}" for title, reason in zip(titles, reasons, strict=True)]
                sheet.append(f"List {name}\n" + "\n".join(lines) + "\n")
        (out / f"sheet-{judge}.md").write_text("\n".join(sheet), "utf-8")
    (out / "key.json").write_text(json.dumps(key), "utf-8")
    print(f"{len(pairs)} pairs for {n_judges} judges in {out}")


def pairs_of(bundle: Path, users: TestUsers, n_pairs: int) -> list[tuple[list[str], list[str], list[str]]]:
    """Return titles, and the reasons of the language model and of the template, of lists where any word differs."""
    pairs = []
    with Recommender.open(bundle) as model, Recommender.open(bundle, language_model=False) as template:
        for rows in users.histories:
            history = [model.items.item_id[row] for row in rows]
            items = template.recommend(N_ITEMS, history)
            by_model, by_template = (
                [reason.text if reason else "(no reason)" for reason in one.explain_list(items, history=history)]
                for one in (model, template)
            )
            if by_model != by_template:
                pairs.append(([item.title for item in items], by_model, by_template))
            if len(pairs) == n_pairs:
                break
    return pairs


def count(folder: Path, answers: Sequence[Path]) -> dict[str, object]:
    """Return the share of pairs in which the language model was preferred, a tie being half of one.

    Raises:
        SystemExit: a file has not one answer for each pair.
    """
    key = json.loads((folder / "key.json").read_text("utf-8"))
    points = np.full((len(answers), len(key[0])), np.nan)
    for judge, path in enumerate(answers):
        lines = path.read_text("utf-8").split()
        if len(lines) != len(key[judge]) or set(lines) - {"1", "2", "="}:
            raise SystemExit(f"{path}: expected {len(key[judge])} lines, each 1, 2 or =")
        for line, (index, is_first) in zip(lines, key[judge], strict=True):
            points[judge, index] = 0.5 if line == "=" else float((line == "1") == bool(is_first))
    by_pair = points.mean(axis=0)
    rng = np.random.default_rng(0)
    means = rng.choice(by_pair, (_N_RESAMPLES, len(by_pair))).mean(axis=1)
    agreement = [float((points[a] == points[b]).mean()) for a, b in combinations(range(len(answers)), 2)]
    return {
        "pairs": len(by_pair),
        "language_model_preferred": round(float(by_pair.mean()), 3),
        "interval": [round(float(bound), 3) for bound in np.quantile(means, (0.025, 0.975))],
        "by_judge": [round(float(mean), 3) for mean in points.mean(axis=1)],
        "ties": round(float((points == 0.5).mean()), 3),
        "agreement": round(float(np.mean(agreement)), 3) if agreement else None,
    }


def main() -> None:
    """Read the arguments; make sheets, or count answers."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    making = commands.add_parser("make", help="write the sheets and the key")
    making.add_argument("bundle", type=Path)
    making.add_argument("--data", type=Path, required=True)
    making.add_argument("--writer", type=Path, help="folder of a writer's run, whose model the bundle gets")
    making.add_argument("--out", type=Path, required=True)
    making.add_argument("--pairs", type=int, default=40)
    making.add_argument("--judges", type=int, default=3)
    making.add_argument("--seed", type=int, default=0)
    counting = commands.add_parser("count", help="count the answers")
    counting.add_argument("folder", type=Path)
    counting.add_argument("answers", type=Path, nargs="+")
    options = parser.parse_args()
    if options.command == "make":
        make(options.bundle, options.data, options.writer, options.out, options.pairs, options.judges, options.seed)
    else:
        print(json.dumps(count(options.folder, options.answers), indent=1))


if __name__ == "__main__":
    main()
