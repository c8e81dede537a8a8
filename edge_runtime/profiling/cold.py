"""A first start in a process of its own: import, open, first inference, first list, and memory.

Request: ``{"bundle": path, "engine": index in the manifest or null, "history": item ids}``. Answer: milliseconds
``[wall, CPU]`` by phase, and resident bytes.
"""

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")


def main() -> None:
    """Start, and print one JSON object."""
    request = json.load(sys.stdin)
    started = resident()
    times: dict[str, list[float]] = {}

    def timed(name: str, function: Callable[[], T]) -> T:
        wall, cpu = time.perf_counter_ns(), time.thread_time_ns()
        value = function()
        times[name] = [(time.perf_counter_ns() - wall) / 1e6, (time.thread_time_ns() - cpu) / 1e6]
        return value

    timed("import", _import)
    from edge_runtime.bundle.folder import open_folder
    from edge_runtime.profiling.variants import Instance, engine_variants

    folder = open_folder(Path(request["bundle"]))
    variant = engine_variants(folder)[request["engine"] or 0]
    history = tuple(request["history"])
    instance = timed("open", lambda: Instance.open(variant, None))
    opened = resident()
    timed("first list", lambda: instance.recommend(history))
    if variant.engine is not None:
        _first_inference(instance, history, timed)
    for _ in range(20):
        instance.recommend(history)
    memory = {"started": started, "opened": opened, "peak": peak_resident()}
    sys.stdout.write(json.dumps({"times": times, "memory": memory}))


def _import() -> None:
    import edge_runtime.recommender  # noqa: F401


def _first_inference(instance, history, timed) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001
    """Time the first two runs of a new session: the first one allocates."""
    from edge_runtime.engines.candidates import OPENERS

    manifest = instance.contents.folder.manifest
    variant = instance.variant.engine
    engine = OPENERS[variant.engine](
        instance.contents.folder.read(manifest.file(variant.file)), manifest.encoder, variant.precision
    )
    vectors = instance.contents.codes.decode(instance.rows(history))
    timed("first inference", lambda: engine.encode(vectors, instance.contents.small))


def resident() -> int:
    """Return the resident bytes of this process now; where the system does not tell, the highest so far."""
    return _status("VmRSS") or peak_resident()


def peak_resident() -> int:
    """Return the highest resident bytes of this process.

    ``ru_maxrss`` is the last resort: on Linux a child inherits that of its parent.
    """
    found = _status("VmHWM")
    if found:
        return found
    try:
        import resource
    except ImportError:  # Windows
        return 0
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def _status(field: str) -> int:
    path = Path("/proc/self/status")
    if not path.is_file():
        return 0
    line = next((line for line in path.read_text().splitlines() if line.startswith(field)), "")
    return int(line.split()[1]) * 1024 if line else 0


if __name__ == "__main__":
    main()
