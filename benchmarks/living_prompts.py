"""Measures knowledge that lives: its release by delta to a device, whose lists change, and what it is worth.

In a made shop, a full model with the plug-in `coco` is trained, distilled and exported; the bundle is released, signed,
and a device syncs it. The full model is then trained further (`--warm-from`), the bundle's knowledge is fitted anew
(:mod:`export.new_prompts`), released as the component `prompts`, and synced. Printed are the bytes of the delta and of
the whole files, for how many users the device uses knowledge before and after, whose lists change, and NDCG@10 on the
test events without knowledge, and with it for the users whom it helps. All lists come from the device's API. A second
run with the same --out goes on where the first one stopped.

Usage: python -m benchmarks.living_prompts --out DIR [--data DIR] [--users 600] [--epochs 6] [--json]
"""

import argparse
import json
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import log2
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
from numpy.typing import NDArray
from rich.table import Table

from edge_runtime import Recommender
from edge_runtime.bundle import open_folder, write_folder
from edge_runtime.bundle.folder import BundleFolder
from edge_runtime.contents import open_contents
from edge_runtime.device_folder import current_bundle
from edge_runtime.engines.protocol import SmallMatrices
from edge_runtime.learning.knowledge_switch import KnowledgeSwitch
from edge_runtime.learning.utility import MIN_EVENTS
from edge_runtime.sync.opening import sync
from edge_runtime.terminal.console import Console
from export.matrices import with_matrices
from export.new_prompts import renew
from export.steps import Steps
from export.users import TestUsers
from server.repository.create import create
from server.repository.keys import KeyRing
from server.repository.publish import publish
from train.data.folder import read_folder
from train.data.kept_rows import bundle_items
from train.data.split import leave_one_out

TARGET = "laptop-x86_64"
K = 10
Lists = list[list[str]]


@dataclass(frozen=True, slots=True)
class Usage:
    """What a bundle does for some users.

    Attributes:
        lists: the ids of each user's list.
        helps: for which users knowledge is used.
        ndcg: NDCG@10 of each user.
    """

    lists: Lists
    helps: NDArray[np.bool_]
    ndcg: NDArray[np.float64]


def main() -> None:
    """Print the table, or one JSON object."""
    options = _options()
    steps, data = Steps(options.out), options.data or options.out / "world"
    if not data.exists():
        steps.run("make the shop", "world", "--out", data)
    first, second = make_bundles(steps, data, options.epochs)
    result = release_and_use(first, second, data, options.out / "release", options.users)
    if options.json:
        print(json.dumps(result, indent=1))
    else:
        show(result, Console())


def make_bundles(steps: Steps, data: Path, epochs: int) -> tuple[Path, Path]:
    """Train, distil and export a bundle, and train on for its new knowledge; return both bundles.

    Args:
        steps: runs the commands, in its folder.
        data: data folder.
        epochs: largest number of epochs of the full model; student and further training have half as many.
    """
    out = steps.out
    run, student, warm, bundle = out / "teacher", out / "student", out / "teacher-2", out / "bundles" / TARGET
    model: list[str | Path] = ["--backbone", "sasrec", "--plugins", "coco", "--text", "hashed", "--dim", "32"]
    many, few = (["--max-epochs", str(number), "--resume"] for number in (epochs, max(1, epochs // 2)))
    steps.run("train", "train", "--data", data, "--out", run, *model, *many)
    steps.run("distil", "distill", "--run", run, "--data", data, "--out", student, *few)
    where: list[str | Path] = ["--target", TARGET, "--out", bundle.parent]
    steps.run("export", "export", "--run", student, "--data", data, *where)
    steps.run("train further", "train", "--data", data, "--out", warm, *model, "--warm-from", run, *few)
    second = out / "renewed" / TARGET
    second.parent.mkdir(parents=True, exist_ok=True)
    renew(bundle, warm, data, second)
    return bundle, second


def release_and_use(first: Path, second: Path, data: Path, work: Path, n_users: int) -> dict[str, Any]:
    """Release both bundles to a device, the second as the component `prompts`, and compare what it does with them.

    Args:
        first: the bundle with the first knowledge.
        second: the same bundle with new knowledge.
        data: data folder.
        work: folder for the repository and the device, made anew.
        n_users: largest number of test users.
    """
    shutil.rmtree(work, ignore_errors=True)
    dataset = read_folder(data, earlier=bundle_items(open_folder(first)))
    users = TestUsers.of(leave_one_out(dataset.sequences).test, n_users)
    found: dict[str, Any] = {}
    used: dict[str, Usage] = {"without": use(without_knowledge(first, work / "without"), users)}
    device, releases, keys = work / "device", work / "releases", work / "keys"
    with mock.patch.dict(os.environ, {"POCKETREC_PASSPHRASE": "benchmark"}):
        create(releases, keys, {})
        for name, bundle, component in (("first", first, None), ("second", second, "prompts")):
            (done,) = publish(releases, bundle, KeyRing([keys]), component=component)
            report = sync(releases, device, target=TARGET)
            used[name] = use(device, users)
            found[name] = {"what": done.what, "fetched_bytes": report.fetched_bytes, "deltas": done.deltas}
    folder = open_folder(current_bundle(device))
    found["whole_bytes"] = {role: folder.manifest.required_role(role).bytes for role in ("prompts", "golden")}
    found["bundle_bytes"] = folder.manifest.bundle_bytes
    return found | compare(used)


def without_knowledge(bundle: Path, out: Path) -> Path:
    """Write the bundle with knowledge of zeros, which a device skips."""
    contents = open_contents(open_folder(bundle))
    old = contents.small
    zero = SmallMatrices(old.prompts, np.zeros_like(old.knowledge), old.adapter_a, old.adapter_b)
    write_folder(out, *with_matrices(contents, zero))
    return out


def use(bundle: Path, users: TestUsers) -> Usage:
    """Ask a device for the lists of all users."""
    folder: BundleFolder = open_folder(current_bundle(bundle))
    contents = open_contents(folder)
    engines = contents.engine_candidates(first="reference")
    switch = KnowledgeSwitch(contents.codes, contents.small, engines.encode)
    length = folder.manifest.encoder.max_length
    helps = [switch.helps(history[-length:].astype(np.int64)) for history in users.histories]
    ids = contents.items.item_id
    with Recommender.open(bundle, engine="reference") as recommender:
        found = recommender.recommend_many([[ids[row] for row in history] for history in users.histories], K)
    lists = [[one.item_id for one in each] for each in found]
    gains = [_gain(each, ids[row]) for each, row in zip(lists, users.targets, strict=True)]
    has_knowledge = bool(contents.small.knowledge.any())
    return Usage(lists, np.array(helps) & has_knowledge, np.array(gains))


def _gain(ids: Sequence[str], target: str) -> float:
    return 1.0 / log2(ids.index(target) + 2) if target in ids else 0.0


def compare(used: Mapping[str, Usage]) -> dict[str, Any]:
    """Return whose lists a release of knowledge changes, and what knowledge is worth."""
    plain, first, second = (used[name] for name in ("without", "first", "second"))
    changed = np.array([one != other for one, other in zip(first.lists, second.lists, strict=True)])
    by_knowledge = np.array([one != other for one, other in zip(plain.lists, second.lists, strict=True)])
    return {
        "users": len(changed),
        "helped": {"first": int(first.helps.sum()), "second": int(second.helps.sum())},
        "lists_changed": int(changed.sum()),
        "lists_changed_of_others": int((changed & ~first.helps & ~second.helps).sum()),
        "differ_from_plain": int(by_knowledge.sum()),
        "differ_from_plain_of_others": int((by_knowledge & ~second.helps).sum()),
        "ndcg@10": {name: float(one.ndcg.mean()) for name, one in used.items()},
        "minus_without": {name: _interval(used[name].ndcg - plain.ndcg) for name in ("first", "second")},
    }


def _interval(difference: NDArray[np.float64]) -> list[float]:
    """Return mean, and the half width of its 95 % interval over users."""
    return [float(difference.mean()), float(1.96 * difference.std(ddof=1) / np.sqrt(len(difference)))]


def show(result: Mapping[str, Any], console: Console) -> None:
    """Print the table."""
    table = Table("", "without", "first", "second", title=f"{result['users']:,} users")
    first, second = result["first"], result["second"]
    table.add_row("fetched, bytes", "", f"{first['fetched_bytes']:,}", f"{second['fetched_bytes']:,}")
    table.add_row("users with knowledge", "0", *(f"{result['helped'][name]:,}" for name in ("first", "second")))
    table.add_row("NDCG@10", *(f"{result['ndcg@10'][name]:.4f}" for name in ("without", "first", "second")))
    worth = (result["minus_without"][name] for name in ("first", "second"))
    table.add_row("minus without", "", *(f"{mean:+.4f} ± {half:.4f}" for mean, half in worth))
    console.print(table)
    whole, delta = result["whole_bytes"], second["deltas"][0] if second["deltas"] else 0
    console.print(
        f"Delta of the prompts' release: {delta:,} bytes; whole files: prompts {whole['prompts']:,}, golden vectors "
        f"{whole['golden']:,}, bundle {result['bundle_bytes']:,}."
    )
    console.print(
        f"Lists that the release changes: {result['lists_changed']:,}, of which {result['lists_changed_of_others']} of "
        f"users without knowledge before and after. Knowledge is used up to {MIN_EVENTS} events untried, and then for "
        "those whom it helped."
    )


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--data", type=Path, help="Data folder; by default the made shop.")
    parser.add_argument("--users", type=int, default=600, help="Size of a random sample of users.")
    parser.add_argument("--epochs", type=int, default=6, help="Largest number of epochs of the full model.")
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


if __name__ == "__main__":
    main()
