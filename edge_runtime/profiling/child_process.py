"""Runs measurements that need a process of their own: JSON in, JSON out."""

import json
import subprocess
from collections.abc import Mapping
from typing import Any, Final

from edge_runtime import child
from edge_runtime.errors import ProfileError

TIMEOUT_S: Final = 600.0


def run(module: str, request: Mapping[str, object], *, one_thread: bool = False) -> dict[str, Any]:
    """Run a module with a request on its stdin, and return what it printed.

    Args:
        module: name within ``edge_runtime``.
        request: JSON values; paths must be absolute.
        one_thread: let numpy compute on one thread.

    Raises:
        ProfileError: the process failed, or took longer than ten minutes.
    """
    environment = child.environment() | ({"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"} if one_thread else {})
    try:
        done = subprocess.run(  # noqa: S603 - a module of this project
            child.command(f"edge_runtime.{module}"),
            input=json.dumps(request).encode(),
            capture_output=True,
            cwd=child.FOLDER,
            env=environment,
            timeout=TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise ProfileError(f"{module} did not end within {TIMEOUT_S:g} s; is the machine overloaded?") from error
    if done.returncode:
        lines = done.stderr.decode(errors="replace").strip().splitlines()
        raise ProfileError(f"{module} ended with exit code {done.returncode}: {lines[-1] if lines else 'no message'}")
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer
