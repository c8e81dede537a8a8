"""Measures a week: what devices download, and how they rank, after warm retraining, a new one, and new items alone.

A twentieth of the events and some items are held back (:mod:`benchmarks.weekly_data`). The bundle of the rest is what
devices have. Three releases follow it: ``added`` (`pocketrec add-items`, no training), ``warm`` (`--warm-from` the full
model and the student) and ``cold`` (trained and distilled anew, with the same rows). Bytes are those of the delta pack
and of the files that are fetched whole, with items continued as `pocketrec release publish` does. NDCG@10 is that of
the bundles on the test events of the whole data, by the numpy engine. A second run with the same --out goes on where
the first one stopped.

Usage: python -m benchmarks.weekly --data DIR --out DIR [--users 5000] [--json]
"""

import argparse
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.table import Table

from benchmarks.weekly_data import make_weeks
from edge_runtime.bundle import BundleFolder, open_folder, write_folder
from edge_runtime.bundle.delta.diff import MAX_SHARE, diff_file, diff_files
from edge_runtime.bundle.item_log import continue_items
from edge_runtime.contents import open_contents
from edge_runtime.errors import PocketRecError
from edge_runtime.terminal.console import Console
from export.added_items import add_items, text_vectors
from export.measure import open_engine, rank_users
from export.rankings import Ranking
from export.steps import Steps
from export.users import TestUsers
from train.data.dataset import Dataset
from train.data.folder import read_folder
from train.data.kept_rows import bundle_items
from train.data.split import leave_one_out
from train.metrics.ranking import ndcg

TARGET = "laptop-x86_64"
RELEASES = ("added", "warm", "cold")
Gains = NDArray[np.float64]


def main() -> None:
    """Print the table, or one JSON object."""
    options = _options()
    data = options.out / "data"
    weeks = make_weeks(
        options.data, data, n_users=options.users or None, share=options.share, new_items=options.new_items
    )
    steps = Steps(options.out)
    bundles = releases(steps, weeks.before, weeks.after, options)
    first = open_folder(bundles["before"])
    dataset = read_folder(weeks.after, earlier=bundle_items(open_folder(bundles["added"])))
    found: dict[str, dict[str, Any]] = {
        name: {"bytes": download(first, open_folder(bundles[name]))} for name in RELEASES
    }
    ranked = rankings({name: bundles[name] for name in RELEASES}, dataset)
    for name, values in ranked.items():
        found[name] |= values
    about = {"week_events": weeks.n_events, "new_items": weeks.n_new_items, "bundle_bytes": first.manifest.bundle_bytes}
    result = about | {"releases": found, "steps": steps.costs}
    if options.json:
        print(json.dumps(result, indent=1))
    else:
        show(result, Console())


def releases(steps: Steps, before: Path, after: Path, options: argparse.Namespace) -> dict[str, Path]:
    """Train, distil and export all releases; return their folders by name."""
    runs, out = steps.out / "runs", steps.out / "bundles"
    text = ["--text", options.text]
    cold, student_epochs = [*_epochs(options.max_epochs), *text], _epochs(options.student_epochs)
    warm, gain = [*_epochs(options.warm_epochs), *text], ["--code-gain", str(options.code_gain)]
    week: list[tuple[str, Path, list[str | Path], list[str | Path]]] = [
        ("before", before, [*cold], [*student_epochs]),
        (
            "warm", after, ["--warm-from", runs / "before", *warm],
            ["--warm-from", runs / "before-student", *gain],
        ),
        ("cold", after, [*cold, "--rows-of", runs / "before"], [*student_epochs]),
    ]  # fmt: skip
    bundles: dict[str, Path] = {}
    for name, data, train, distill in week:
        run, student = runs / name, runs / f"{name}-student"
        steps.run(f"train {name}", "train", "--data", data, "--out", run, *train, "--resume")
        steps.run(f"distil {name}", "distill", "--run", run, "--data", data, "--out", student, *distill, "--resume")
        follows: list[str | Path] = [] if name == "before" else ["--after", bundles["before"]]
        where: list[str | Path] = ["--target", TARGET, "--out", out / name]
        steps.run(f"export {name}", "export", "--run", student, "--data", data, *where, *follows)
        bundles[name] = out / name / TARGET
    bundles["added"] = out / "added" / TARGET
    _add(bundles["before"], after, bundles["added"], options.text)
    return bundles


def _epochs(number: int | None) -> list[str]:
    return [] if number is None else ["--max-epochs", str(number)]


def _add(bundle: Path, data: Path, out: Path, text: str) -> None:
    folder = open_folder(bundle)
    dataset = read_folder(data, earlier=bundle_items(folder))
    grown = add_items(folder, dataset, text_vectors(dataset.catalogue, text), share=0.25, created=datetime.now(UTC))
    out.parent.mkdir(parents=True, exist_ok=True)
    write_folder(out, grown.manifest, grown.files)


def download(first: BundleFolder, second: BundleFolder) -> dict[str, int]:
    """Return the bytes that a device with the first bundle fetches for the second: by file, and all."""
    old, new, manifest = _files(first), _files(second), second.manifest
    items = first.manifest.required_role("items").name
    manifest, new[items] = continue_items(first.manifest, old[items], manifest, new[items])
    known = {entry.name: entry.sha256 for entry in first.manifest.files}
    changed = [entry for entry in manifest.files if known.get(entry.name) != entry.sha256]
    costs, packed = {}, set()
    for entry in changed:
        n_bytes = len(diff_file(old.get(entry.name), new[entry.name]).deflated)
        if n_bytes < MAX_SHARE * entry.bytes:
            packed.add(entry.name)
        costs[entry.name] = min(n_bytes, entry.bytes)
    pack = diff_files(old, new, first.manifest, manifest)
    whole = sum(entry.bytes for entry in changed if entry.name not in packed)
    return costs | {"all": whole + (0 if pack is None else len(pack))}


def _files(folder: BundleFolder) -> dict[str, bytes]:
    return {entry.name: folder.read(entry) for entry in folder.manifest.files}


def rankings(bundles: dict[str, Path], dataset: Dataset) -> dict[str, dict[str, float]]:
    """Return NDCG@10 of bundles with the same rows on the same users, and how each differs from the last one."""
    targets = leave_one_out(dataset.sequences).test
    users = TestUsers.of(targets, len(targets))
    gains = {name: ndcg(rank(path, users).ranks, 10) for name, path in bundles.items()}
    last = gains[list(bundles)[-1]]
    return {name: _figures(gain, gain - last) for name, gain in gains.items()}


def rank(bundle: Path, users: TestUsers) -> Ranking:
    """Rank users by the numpy engine of a bundle.

    Raises:
        PocketRecError: a device would refuse the engine.
    """
    contents = open_contents(open_folder(bundle))
    variant = next(one for one in contents.folder.manifest.engines if one.engine == "reference")
    engine = open_engine(contents, variant)
    if isinstance(engine, str):
        raise PocketRecError(f"{bundle}: {engine}")
    return rank_users(contents, engine, users)


def _figures(gain: Gains, difference: Gains) -> dict[str, float]:
    error = float(difference.std(ddof=1) / np.sqrt(len(difference)))
    return {"ndcg@10": float(gain.mean()), "against_cold": float(difference.mean()), "standard_error": error}


def show(result: Mapping[str, Any], console: Console) -> None:
    """Print what each release costs, by file, and how it ranks."""
    found = result["releases"]
    title = (
        f"{result['week_events']:,} events, {result['new_items']} new items; bundle {result['bundle_bytes']:,} bytes"
    )
    table = Table("", title=title)
    for name in found:
        table.add_column(name, justify="right")
    files = sorted({file for values in found.values() for file in values["bytes"]} - {"all"})
    for file in [*files, "all"]:
        table.add_row(file, *(f"{values['bytes'].get(file, 0):,}" for values in found.values()))
    table.add_row("NDCG@10", *(f"{values['ndcg@10']:.4f}" for values in found.values()))
    table.add_row(
        "minus cold", *(f"{each['against_cold']:+.4f} ± {1.96 * each['standard_error']:.4f}" for each in found.values())
    )
    console.print(table)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--users", type=int, default=5000, help="Size of a random sample of users; 0 for all.")
    parser.add_argument("--share", type=float, default=0.05, help="Share of the events in the week.")
    parser.add_argument("--new-items", type=float, default=0.005, help="Share of the items that are new.")
    parser.add_argument("--max-epochs", type=int, help="Largest number of epochs of a new full model.")
    parser.add_argument("--student-epochs", type=int, help="Epochs of a new student.")
    parser.add_argument("--warm-epochs", type=int, help="Largest number of epochs of a warm full model.")
    parser.add_argument("--code-gain", type=float, default=0.002, help="As for `pocketrec distill`.")
    parser.add_argument("--text", default="hashed", help="Text extractor.")
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


if __name__ == "__main__":
    main()
