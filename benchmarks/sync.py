"""Requests, bytes and time of a device's syncs: ``python -m benchmarks.sync --bundle BUNDLE``.

Publishes a bundle with new keys, serves it with `pocketrec serve` on this machine, and lets a device sync with it:

- cold start: from an empty folder to the first recommendation, in a process that has just started;
- check: a sync without news, CPU time of the device, the shortest of several;
- change: 1 % of the catalogue in all files that it has, as in :mod:`benchmarks.delta`. The self-test is left out of
  this step, because the changed item codes are invented.

Prints whether the limits hold: a check takes at most two requests, 0.7 KB and 5 ms; a cold start 2 s; a change 3 % of
the bundle.

Example: python -m benchmarks.sync --bundle bundles/laptop-x86_64 --json
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from benchmarks.delta import Release, with_changed_catalogue
from edge_runtime.bundle import dump_manifest, open_folder
from edge_runtime.bundle.item_log import read_item_log
from edge_runtime.bundle.items import dump_items
from edge_runtime.sync.apply import apply
from edge_runtime.sync.device_metadata import DeviceMetadata
from edge_runtime.sync.documents import SignedDocuments
from edge_runtime.sync.fetch import Source
from edge_runtime.sync.layout import DOCUMENTS, TRUSTED
from edge_runtime.sync.report import SyncReport
from edge_runtime.sync.signed import SignedChannel
from edge_runtime.sync.transport import HttpTransport
from edge_runtime.sync.trial import self_test
from tests.live_server import POCKETREC, serving

MAX_REQUESTS = 2
MAX_CHECK_BYTES = 700
MAX_CHECK_MS = 5.0
MAX_COLD_S = 2.0
MAX_CHANGE_SHARE = 0.03
_CHANGED = 0.01
_N_CHECKS = 30
_COLD_START = """
import sys
from edge_runtime import Recommender
from edge_runtime.sync import sync
sync(sys.argv[1], sys.argv[2], target=sys.argv[3])
with Recommender.open(sys.argv[2]) as recommender:
    print(recommender.recommend(10)[0].item_id)
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """Results.

    Attributes:
        bundle_bytes: size of the bundle.
        cold_s: seconds from the start of a process with an empty folder to its first recommendation.
        cold_bytes: bytes of response bodies of the first sync.
        check_requests: requests of a sync without news.
        check_bytes: bytes of their bodies.
        check_cpu_ms: CPU time of the device, the shortest.
        change_requests: requests of a sync after 1 % of the catalogue changed.
        change_bytes: bytes of their bodies, metadata and documents included.
        delta_bytes: bytes of the delta alone.
    """

    bundle_bytes: int
    cold_s: float
    cold_bytes: int
    check_requests: int
    check_bytes: int
    check_cpu_ms: float
    change_requests: int
    change_bytes: int
    delta_bytes: int

    def missed(self) -> list[str]:
        """Return the limits that do not hold."""
        limits = {
            f"a check takes at most {MAX_REQUESTS} requests": self.check_requests <= MAX_REQUESTS,
            f"a check takes at most {MAX_CHECK_BYTES} bytes": self.check_bytes <= MAX_CHECK_BYTES,
            f"a check takes at most {MAX_CHECK_MS} ms of CPU time": self.check_cpu_ms <= MAX_CHECK_MS,
            f"a cold start takes at most {MAX_COLD_S} s": self.cold_s <= MAX_COLD_S,
            f"a change takes at most {MAX_CHANGE_SHARE:.0%} of the bundle": self.change_bytes
            <= MAX_CHANGE_SHARE * self.bundle_bytes,
        }
        return [limit for limit, holds in limits.items() if not holds]


def measure(bundle: Path, folder: Path, seed: int) -> Figures:
    """Measure syncs of a bundle; ``folder`` is a temporary folder."""
    repository = folder / "releases"
    made = folder / "bundles"
    made.mkdir()
    target = open_folder(bundle).manifest.target
    (made / target).symlink_to(bundle.resolve())
    _release("init", repository, "--yes")
    _release("publish", repository, made)
    with serving(repository) as server:
        cold_s = _cold_start(server.url, folder / "cold", target)
        first = _sync(server.url, folder / "device", target)
        checks = []
        for _ in range(_N_CHECKS):
            started = time.process_time()
            report = _sync(server.url, folder / "device", target)
            checks.append((time.process_time() - started) * 1e3)
        (made / target).unlink()
        write_changed(bundle, made / target, seed)
        published = _release("publish", repository, made)
        server.wait_for_release(target, 2)
        changed = _sync(server.url, folder / "device", target, tested=False)
    return Figures(
        bundle_bytes=open_folder(bundle).manifest.bundle_bytes,
        cold_s=cold_s,
        cold_bytes=first.fetched_bytes,
        check_requests=report.requests,
        check_bytes=report.fetched_bytes,
        check_cpu_ms=min(checks),
        change_requests=changed.requests,
        change_bytes=changed.fetched_bytes,
        delta_bytes=published["releases"][0]["deltas"][0],
    )


def write_changed(bundle: Path, changed: Path, seed: int) -> None:
    """Write a bundle of which 1 % of the items has changed."""
    release = Release.open(bundle)
    random = np.random.default_rng(seed)
    n_items = release.manifest.catalogue.n_items
    items = np.sort(random.permutation(n_items)[: max(1, int(_CHANGED * n_items))]).astype(np.int64)
    files = with_changed_catalogue(release, items, random)
    log = release.manifest.required_role("items").name
    # As an exporter writes them, and a publisher finds out what has changed.
    files[log] = dump_items(read_item_log(files[log], n_items))
    after = release.with_files(files)
    changed.mkdir()
    for name, data in after.files.items():
        (changed / name).write_bytes(data)
    (changed / "manifest.json").write_bytes(dump_manifest(after.manifest))


def _sync(url: str, into: Path, target: str, *, tested: bool = True) -> SyncReport:
    transport = HttpTransport(url)
    with DeviceMetadata(into / TRUSTED) as metadata:
        source = Source(transport)
        if not metadata.has_root:
            first = source.small("metadata/1.root.json", 512_000, "the first root")
            metadata.trust(first or b"")
        channel = SignedChannel(SignedDocuments(source, target, metadata, into / DOCUMENTS))
        report = apply(into, channel=channel, self_test=self_test if tested else lambda _: None)
    transport.close()
    return report


def _cold_start(url: str, into: Path, target: str) -> float:
    started = time.perf_counter()
    subprocess.run([POCKETREC[0], "-c", _COLD_START, url, str(into), target], check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - started


def _release(*words: str | Path) -> dict[str, list[dict[str, list[int]]]]:
    environment = os.environ | {"POCKETREC_PASSPHRASE": "a passphrase for benchmarks"}
    done = subprocess.run(
        [*POCKETREC, "release", *map(str, words), "--json"], check=True, stdout=subprocess.PIPE, env=environment
    )
    result: dict[str, list[dict[str, list[int]]]] = json.loads(done.stdout)
    return result


def run(bundle: Path, seed: int, *, as_json: bool) -> int:
    """Measure and print; return 1 if a limit does not hold, else 0."""
    with tempfile.TemporaryDirectory() as folder:
        figures = measure(bundle, Path(folder), seed)
    missed = figures.missed()
    if as_json:
        print(json.dumps(asdict(figures) | {"missed": missed}))
    else:
        for name, value in asdict(figures).items():
            print(f"{name:16} {value:12,.2f}" if isinstance(value, float) else f"{name:16} {value:12,}")
        print("All limits hold." if not missed else "Missed: " + "; ".join(missed))
    return 1 if missed else 0


def main() -> None:
    """Read the arguments and measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bundle", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    sys.exit(run(arguments.bundle, arguments.seed, as_json=arguments.json))


if __name__ == "__main__":
    main()
