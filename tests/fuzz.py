"""Mutates valid inputs of the parsers of untrusted data, for as many executions as are asked for.

A parser must return a value or raise the error that it documents, in bounded time. The property tests do the same for
some hundred inputs; this is for a night. Inputs that fail are written into ``--out``, and the seed repeats a run.

Example: python -m tests.fuzz --executions 1000000 --only delta --only metadata
"""

import argparse
import json
import random
import sys
import tempfile
import time
import traceback
import zlib
from base64 import b64decode
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from io import BytesIO
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np

from edge_runtime.bundle import Manifest, dump_manifest, parse_manifest
from edge_runtime.bundle.arrays import load_arrays
from edge_runtime.bundle.delta.pack import Delta, dump_pack, read_pack
from edge_runtime.bundle.folder import describe
from edge_runtime.bundle.item_log import changes_between, dump_log, read_item_log
from edge_runtime.bundle.items import dump_items, read_items
from edge_runtime.bundle.release import parse_component, parse_release, parse_rollout
from edge_runtime.errors import BundleError, DeltaError, PocketRecError, RoundError, StateError, UpdateRefusedError
from edge_runtime.learning.adamw import AdamWState
from edge_runtime.rounds.plan import dump_plan, parse_plan
from edge_runtime.rounds.update import Update, decode, encode
from edge_runtime.sync.tuf.metadata import Root, Snapshot, Targets, Timestamp, parse
from export.gguf_header import parse_header
from tests.edge_runtime.delta.releases import manifest_of
from tests.export.gguf_bytes import gguf
from tests.tiny_bundle import Shape, tiny_contents
from tests.tiny_items import make_items
from tests.tiny_round import PLAN
from train.errors import RunError

GOLDEN: Final = Path(__file__).parent / "golden"
DEFAULT_EXECUTIONS: Final = 100_000
SLOW_S: Final = 5.0
"""Seconds from which an execution counts as a failure: valid inputs take milliseconds."""

MAX_FAILED: Final = 10

_MOST_BYTES: Final = 1 << 16
_NUMBERS: Final = (0, 1, 127, 128, 255, 256, 1 << 16, (1 << 31) - 1, 1 << 31, (1 << 32) - 1, 1 << 40, (1 << 53) - 1)


@dataclass(frozen=True, slots=True)
class Parser:
    """A parser under test.

    Attributes:
        seeds: valid inputs.
        run: parses an input, and checks what it returns.
        allowed: what it may raise.
    """

    seeds: tuple[bytes, ...]
    run: Callable[[bytes], object]
    allowed: type[PocketRecError]


def mutated(data: bytes, other: bytes, chance: random.Random) -> bytes:
    """Return ``data`` with one to four changes: other bits, bytes and numbers, parts cut, repeated, or of ``other``."""
    changed = bytearray(data)
    for _ in range(chance.randint(1, 4)):
        start = chance.randrange(len(changed) + 1)
        stop = min(len(changed), start + chance.choice((0, 1, 1, 2, 4, 8, 64)))
        kind = chance.randrange(6)
        if kind == 0 and start < len(changed):
            changed[start] ^= 1 << chance.randrange(8)
        elif kind == 1:
            changed[start:stop] = chance.randbytes(stop - start)
        elif kind == 2:
            changed[start:stop] = chance.choice(_NUMBERS).to_bytes(8, "little")[: chance.choice((1, 2, 4, 8))]
        elif kind == 3:
            changed[start:stop] = str(chance.choice(_NUMBERS)).encode()
        elif kind == 4:
            changed[start:start] = changed[start:stop] * chance.choice((1, 2, 30))
        else:
            place = chance.randrange(len(other) + 1)
            changed[start:stop] = other[place : place + chance.randrange(40)]
    return bytes(changed[:_MOST_BYTES])


def parsers() -> dict[str, Parser]:
    """Return the parsers by name."""
    manifest, contents = tiny_contents(n_items=40, seed=0, target="t", shape=Shape(), release=1, name="tiny")
    files = tuple(describe(name, role, data) for name, (role, data) in contents.items())
    whole = dump_manifest(msgspec.structs.replace(manifest, files=files))
    arrays = tuple(data for name, (_, data) in contents.items() if name.endswith(".safetensors"))
    bundle = {
        "gguf": Parser((gguf(),), lambda data: parse_header(BytesIO(data), len(data), "x"), RunError),
        "manifest": Parser((whole,), lambda data: parse_manifest(dump_manifest(parse_manifest(data))), BundleError),
        "arrays": Parser(arrays, lambda data: load_arrays(data, "x"), BundleError),
    }
    return bundle | _items() | _documents() | _metadata() | _deltas() | _learning() | _rounds()


def _items() -> dict[str, Parser]:
    before = make_items(["one", "two", "three"], brand=[["Elm"], [], ["Birch", "Elm"]])
    after = make_items(["one", "new", "three", "four"], brand=[["Elm"], ["Cedar"], [], ["Birch"]])
    log = dump_log([dump_items(before), dump_items(changes_between(before, after))])
    texts = (zlib.decompress(dump_items(after)), zlib.decompress(dump_items(changes_between(before, after))))
    return {
        "item-log": Parser((log,), lambda data: read_item_log(data, 4), BundleError),
        "items-text": Parser(texts[:1], lambda data: read_items(zlib.compress(data, 1), 4), BundleError),
        "changes-text": Parser(
            texts[1:],
            lambda data: read_item_log(dump_log([dump_items(before), zlib.compress(data, 1)]), 4),
            BundleError,
        ),
    }


def _documents() -> dict[str, Parser]:
    digest = "0" * 64
    release: dict[str, object] = {
        "schema": 1, "name": "beauty", "target": "t", "release": 7, "manifest": {"bytes": 4045, "sha256": digest},
        "deltas": [{"from": digest, "bytes": 2969, "sha256": digest}],
        "wave": {"start": "2026-11-28T10:00:00Z", "hours": 24.0, "rings": [0.1, 1.0], "salt": "0" * 32,
                 "max_refused": 0.1},
    }  # fmt: skip
    component = release | {"component": "adapter", "base": digest}
    rollout = {"schema": 1, "target": "t", "manifest": digest, "share": 0.1, "halted": False}
    parse_of: dict[str, tuple[Mapping[str, object], Callable[[bytes], object]]] = {
        "release": (release, lambda data: parse_release(data, "t")),
        "component": (component, lambda data: parse_component(data, "adapter", "t")),
        "rollout": (rollout, lambda data: parse_rollout(data, "t")),
    }
    return {name: Parser((json.dumps(seed).encode(),), run, BundleError) for name, (seed, run) in parse_of.items()}


def _rounds() -> dict[str, Parser]:
    update = encode(Update(bytes(16), PLAN.adapter_sha256, np.arange(PLAN.size)), PLAN)
    return {
        "plan": Parser((dump_plan(PLAN),), lambda data: dump_plan(parse_plan(data, PLAN.target)), BundleError),
        "update": Parser((update,), lambda data: encode(decode(data, PLAN), PLAN), RoundError),
    }


def _learning() -> dict[str, Parser]:
    state = AdamWState.start(np.ones(9))
    return {"optimizer": Parser((state.to_bytes(),), lambda data: AdamWState.from_bytes(data).to_bytes(), StateError)}


def _metadata() -> dict[str, Parser]:
    contents = json.loads((GOLDEN / "signed_metadata.json").read_text(encoding="utf-8"))["contents"].values()
    files = [text.encode() for text in contents if isinstance(text, str)]
    runs: dict[str, Callable[[bytes], object]] = {
        "root": lambda data: parse(data, Root, "root"),
        "timestamp": lambda data: parse(data, Timestamp, "timestamp"),
        "snapshot": lambda data: parse(data, Snapshot, "snapshot"),
        "targets": lambda data: parse(data, Targets, "targets"),
    }
    seeds = {name: tuple(file for file in files if _is_accepted(run, file)) for name, run in runs.items()}
    return {f"metadata-{name}": Parser(seeds[name], run, UpdateRefusedError) for name, run in runs.items()}


def _is_accepted(run: Callable[[bytes], object], data: bytes) -> bool:
    try:
        run(data)
    except UpdateRefusedError:
        return False
    return True


@dataclass(frozen=True, slots=True)
class _Change:
    """A golden delta: the pack, its content before compression, and the files that it leads between."""

    pack: bytes
    manifest: Manifest
    name: str
    old: bytes | None
    new: bytes

    def delta(self) -> Delta:
        return read_pack(self.pack, self.manifest).deltas[self.name]

    def apply(self, payload: bytes) -> None:
        deflater = zlib.compressobj(1, wbits=-zlib.MAX_WBITS)
        delta = Delta(self.delta().kind, len(payload), deflater.compress(payload) + deflater.flush())
        made = read_pack(dump_pack({self.name: delta}), self.manifest).apply(self.name, self.old)
        if made != self.new:
            raise AssertionError("a delta led to another file than the manifest states")


def _deltas() -> dict[str, Parser]:
    """Return parsers of packs, and of their content before compression, which most changes of a pack do not reach.

    The first byte of an input is the number of the golden case.
    """
    cases = [case for case in json.loads((GOLDEN / "deltas.json").read_text())["cases"] if case["new"] is not None]
    changes = [_change(case) for case in cases]
    payloads = [zlib.decompress(change.delta().deflated, wbits=-zlib.MAX_WBITS) for change in changes]

    def change_of(data: bytes) -> _Change:
        return changes[data[0] % len(changes) if data else 0]

    return {
        "delta-table": Parser(
            tuple(bytes([index]) + change.pack for index, change in enumerate(changes)),
            lambda data: read_pack(data[1:], change_of(data).manifest),
            DeltaError,
        ),
        "delta-content": Parser(
            tuple(bytes([index]) + payload for index, payload in enumerate(payloads)),
            lambda data: change_of(data).apply(data[1:]),
            DeltaError,
        ),
    }


def _change(case: Mapping[str, Any]) -> _Change:
    new, name = b64decode(case["new"]), case["file"]["name"]
    old = None if case["old"] is None else b64decode(case["old"])
    return _Change(b64decode(case["pack"]), manifest_of({name: new}), name, old, new)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of the executions of a parser; ``failed`` are the files of inputs, at most ten."""

    parser: str
    executions: int
    refused: int
    failed: tuple[str, ...]
    seconds: float


def fuzz(name: str, parser: Parser, n_executions: int, seed: int, out: Path) -> Outcome:
    """Run one parser; write the inputs that fail, and why, into ``out``."""
    chance = random.Random(f"{name} {seed}")
    n_refused, n_done = 0, 0
    failed: list[str] = []
    started = time.perf_counter()
    while n_done < n_executions and len(failed) < MAX_FAILED:
        data = mutated(chance.choice(parser.seeds), chance.choice(parser.seeds), chance)
        problem, before = "", time.perf_counter()
        try:
            parser.run(data)
        except parser.allowed:
            n_refused += 1
        except Exception:  # noqa: BLE001 - whatever it is, it is what this looks for
            problem = traceback.format_exc()
        if time.perf_counter() - before > SLOW_S:
            problem = f"it took more than {SLOW_S} s"
        if problem:
            failed.append(_saved(out / f"{name}-{seed}-{n_done}", data, problem))
        n_done += 1
    return Outcome(name, n_done, n_refused, tuple(failed), round(time.perf_counter() - started, 1))


def _saved(path: Path, data: bytes, reason: str) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    path.with_suffix(".txt").write_text(reason, encoding="utf-8")
    return str(path)


def main() -> None:
    """Print one line, or with ``--json`` one object, for each parser; the exit status is 1 if one failed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--executions", type=int, default=DEFAULT_EXECUTIONS, help="In total, spread over the parsers.")
    parser.add_argument("--only", action="append", metavar="PREFIX", help="Parsers whose names start so; repeatable.")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path(tempfile.gettempdir()) / "pocketrec-fuzz")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    chosen = {
        name: one for name, one in parsers().items() if not arguments.only or name.startswith(tuple(arguments.only))
    }
    if not chosen:
        parser.error(f"--only: no parser starts with {arguments.only}; they are {', '.join(parsers())}")
    n_each = max(1, arguments.executions // len(chosen))
    n_failed = 0
    for name, one in chosen.items():
        outcome = fuzz(name, one, n_each, arguments.seed, arguments.out)
        n_failed += len(outcome.failed)
        sys.stdout.write((json.dumps(asdict(outcome)) if arguments.json else _line(outcome)) + "\n")
        sys.stdout.flush()
    raise SystemExit(n_failed > 0)


def _line(outcome: Outcome) -> str:
    said = f"{outcome.parser:<20} {outcome.executions:>10,} executions, {outcome.refused:>10,} refused, "
    return said + f"{outcome.seconds:>7} s, {len(outcome.failed)} failed {' '.join(outcome.failed)}"


if __name__ == "__main__":
    main()
