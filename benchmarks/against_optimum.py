"""Compares a bundle with a float32 SASRec of the same d that Optimum exported and that scores in its graph.

Both get the rows of a history and return the ten best rows that are not in it, with ONNX Runtime and one thread. A pair
is the same history through both, one after the other in random order; every round opens both anew. The bundle is timed
twice: with encoder and codes, which is what the SASRec does, and with its transitions, if it has any, as it is used.
Ratios are times of the bundle by times of the SASRec, so below 1 the bundle is faster; intervals are those of
`pocketrec profile`, at 99 %. Histories are those of test users.

Usage: python -m benchmarks.against_optimum --run FULL_MODEL --bundle BUNDLE --data DIR [--users 200] [--json]
"""

import argparse
import json
import random
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.optimum_sasrec import Scorer, ScoringSasrec, export_by_optimum, table_bytes
from edge_runtime.bundle import open_folder
from edge_runtime.bundle.folder import BundleFolder
from edge_runtime.bundle.golden import TOP
from edge_runtime.bundle.manifest import TRANSITIONS, EngineVariant, Manifest
from edge_runtime.probe.target import OPSET
from edge_runtime.profiling.clocks import timed
from edge_runtime.profiling.statistics import median, ratio_interval
from edge_runtime.profiling.variants import Instance, Variant
from edge_runtime.ranking import Rows, best_rows, score_all
from train.backbones.encoder import encoder_config
from train.backbones.sasrec import SASRec
from train.data.folder import read_folder
from train.data.split import leave_one_out
from train.loop.runs import RunFolder

SASREC: Final = "SASRec by Optimum"
CODES: Final = "encoder and codes"
WHOLE: Final = "with transitions"
ENGINE: Final = ("onnxruntime", "int8")
CODES_ROLES: Final = ("codes", "prompts", "adapter")
ASKED: Final = {"latency": 1.0, "bytes": 0.1}
_WARM_UP: Final = 30

Rank = Callable[[Rows], Rows]
Times = Mapping[str, Sequence[tuple[float, float]]]
"""Milliseconds of wall and CPU time of each history, by variant."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How much is measured: the histories of every round, and the number of rounds."""

    histories: Sequence[Rows]
    rounds: int
    seed: int = 0


def full_sasrec(run: Path) -> ScoringSasrec:
    """Return item table and SASRec of a trained full model, without its plug-ins."""
    folder = RunFolder(run)
    settings = folder.about()["config"]
    if settings["backbone"] != "sasrec":
        raise SystemExit(f"{run}: its backbone is {settings['backbone']!r}; give a full model with backbone 'sasrec'.")
    tensors = folder.load_best()
    backbone = SASRec(encoder_config(settings["encoder"]))
    start = "backbone."
    backbone.load_state_dict({name[len(start) :]: one for name, one in tensors.items() if name.startswith(start)})
    return ScoringSasrec(tensors["item"], backbone).eval()


def paired_times(variants: Mapping[str, Rank], histories: Sequence[Rows], rng: random.Random) -> Times:
    """Return the times of all variants, in random order for each history, after a warm-up."""
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in variants}
    for rows in histories[:_WARM_UP]:
        for rank in variants.values():
            rank(rows)
    for rows in histories:
        for name in rng.sample(list(variants), len(variants)):
            _, wall, cpu = timed(lambda rank=variants[name], rows=rows: rank(rows))  # type: ignore[misc]
            times[name].append((wall, cpu))
    return times


def ratios(rounds: Sequence[Times], baseline: str = SASREC) -> dict[str, dict[str, Any]]:
    """Return of each variant the ratios to the baseline by clock, with median times of both."""
    found: dict[str, dict[str, Any]] = {}
    for name in rounds[0]:
        if name == baseline:
            continue
        for clock, index in (("wall", 0), ("CPU", 1)):
            pairs = [list(zip(one[name], one[baseline], strict=True)) for one in rounds]
            of_rounds = [[ours[index] / theirs[index] for ours, theirs in pair] for pair in pairs]
            interval = ratio_interval(of_rounds)
            found.setdefault(name, {})[clock] = {
                "ratio": interval.median,
                "low": interval.low,
                "high": interval.high,
                "ms": median([ours[index] for pair in pairs for ours, _ in pair]),
                "baseline_ms": median([theirs[index] for pair in pairs for _, theirs in pair]),
            }
    return found


def bytes_of(manifest: Manifest, sasrec: int, table: int) -> dict[str, dict[str, float]]:
    """Return the bytes of what ranks in the bundle, with the ratio to the SASRec as exported, and with one table.

    Args:
        manifest: of the bundle.
        sasrec: bytes of the exported file, which has the item table twice.
        table: bytes of one item table.
    """
    needed = [manifest.file(_engine(manifest).file), *(manifest.required_role(role) for role in CODES_ROLES)]
    added = [one for one in map(manifest.role, (TRANSITIONS, "similarity")) if one is not None]
    parts = {CODES: sum(one.bytes for one in needed)}
    if _has_transitions(manifest):
        parts[WHOLE] = parts[CODES] + sum(one.bytes for one in added)
    return {
        name: {"bytes": size, "ratio": size / sasrec, "ratio_with_one_table": size / (sasrec - table)}
        for name, size in parts.items()
    }


def measure(folder: BundleFolder, model: Path, plan: Plan) -> dict[str, dict[str, Any]]:
    """Return the ratios of a bundle to an exported SASRec."""
    engine = _engine(folder.manifest)
    rng, rounds = random.Random(plan.seed), []  # noqa: S311 - not for security
    for number in range(plan.rounds):
        with tempfile.TemporaryDirectory() as place:
            instance = Instance.open(Variant("bundle", folder, engine), Path(place) / "state.sqlite")
            try:
                rounds.append(paired_times(_variants(instance, Scorer(model)), plan.histories, rng))
            finally:
                instance.close()
        print(f"round {number + 1} of {plan.rounds}", file=sys.stderr, flush=True)
    return ratios(rounds)


def _engine(manifest: Manifest) -> EngineVariant:
    """Return the engine that is compared."""
    for one in manifest.engines:
        if (one.engine, one.precision) == ENGINE:
            return one
    has = ", ".join(f"{one.engine} {one.precision}" for one in manifest.engines) or "none"
    raise SystemExit(f"the bundle's engines are {has}; give one with {' '.join(ENGINE)}, such as laptop-x86_64.")


def _has_transitions(manifest: Manifest) -> bool:
    return manifest.role(TRANSITIONS) is not None


def _variants(instance: Instance, scorer: Scorer) -> dict[str, Rank]:
    """Return how each variant ranks."""
    codes = instance.contents.codes
    variants: dict[str, Rank] = {
        SASREC: lambda rows: best_rows(scorer.scores(rows), TOP, rows),
        CODES: lambda rows: best_rows(score_all(codes, instance.encode(rows)), TOP, rows),
    }
    if _has_transitions(instance.contents.folder.manifest):
        variants[WHOLE] = lambda rows: instance.best(instance.encode(rows), rows)
    return variants


def _histories(data: Path, n_users: int, length: int) -> list[NDArray[np.int64]]:
    test = leave_one_out(read_folder(data).sequences).test
    chosen = np.random.default_rng(0).permutation(len(test))[:n_users]
    return [test.history(int(user))[-length:].astype(np.int64) for user in chosen]


def _print(found: Mapping[str, Any]) -> None:
    sasrec = found["sasrec"]
    print(f"{SASREC}: {sasrec['bytes']:,} bytes, of which an item table {sasrec['table_bytes']:,}, twice")
    for name, one in found["bytes"].items():
        print(
            f"{name}: {one['bytes']:,} bytes, {one['ratio']:.3f} of them (asked: at most {ASKED['bytes']:g}), "
            f"{one['ratio_with_one_table']:.3f} if it had the table once"
        )
    for name, clocks in found["latency"].items():
        for clock, one in clocks.items():
            print(
                f"{name}, {clock}: {one['ms']:.3f} ms against {one['baseline_ms']:.3f} ms, ratio {one['ratio']:.3f} "
                f"({one['low']:.3f} to {one['high']:.3f}; asked: below {ASKED['latency']:g})"
            )


def main() -> None:
    """Export, measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", type=Path, required=True, help="Folder of the full model.")
    parser.add_argument("--bundle", type=Path, required=True, help="A bundle with ONNX Runtime int8.")
    parser.add_argument("--data", type=Path, required=True, help="Data folder that both were trained on.")
    parser.add_argument("--users", type=int, default=200, help="Histories of a round. [default: %(default)s]")
    parser.add_argument("--rounds", type=int, default=10, help="Rounds. [default: %(default)s]")
    parser.add_argument("--json", action="store_true", help="Print one JSON object.")
    options = parser.parse_args()
    torch.set_num_threads(1)
    model, folder = full_sasrec(options.run), open_folder(options.bundle)
    plan = Plan(_histories(options.data, options.users, model.backbone.config.max_length), options.rounds)
    with tempfile.TemporaryDirectory(prefix="pocketrec-optimum-") as name:
        path = Path(name) / "model.onnx"
        export_by_optimum(model, path, OPSET)
        size, table = path.stat().st_size, table_bytes(model)
        found = {
            "sasrec": {"bytes": size, "table_bytes": table},
            "bytes": bytes_of(folder.manifest, size, table),
            "latency": measure(folder, path, plan),
        }
    if options.json:
        print(json.dumps({"asked": ASKED, **found}, indent=1))
    else:
        _print(found)


if __name__ == "__main__":
    main()
