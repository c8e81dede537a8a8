"""Prints metrics and file digests of a tiny seeded run: a refactoring must not change them.

Runs the commands ``train``, ``distill`` and ``export`` with one thread on a tiny synthetic shop, and prints the metrics
of both models and the SHA-256 digest of every file of the bundle. Run it at two commits on one machine and compare:

    python -m benchmarks.fingerprint > before.txt

Usage: python -m benchmarks.fingerprint [--plugins llmrec,sage]
"""

import argparse
import hashlib
import json
import os
import subprocess
import tempfile
from pathlib import Path
from typing import Any, Final

from edge_runtime import child
from tests.tiny_shop import write_shop

TARGET: Final = "laptop-x86_64"


def main() -> None:
    """Print one line for each metric and each file."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--plugins", default="llmrec", help="Plug-ins of the full model, as for `pocketrec train`.")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        for line in fingerprint(Path(folder), options.plugins):
            print(line)


def fingerprint(folder: Path, plugins: str) -> list[str]:
    """Train, distil and export in an empty folder; return one line for each metric and each file."""
    write_shop(folder / "shop")
    train = ("train", "--data", "shop", "--out", "teacher", "--plugins", plugins, "--max-epochs", "3", "--json")
    distill = ("distill", "--run", "teacher", "--data", "shop", "--out", "student", "--json")
    lines = [f"teacher {name} {value}" for name, value in _figures(_run(folder, *train)).items()]
    lines += [f"student {name} {value}" for name, value in _figures(_run(folder, *distill)).items()]
    _run(folder, "export", "--run", "student", "--data", "shop", "--target", TARGET, "--out", "bundles", "--json")
    files = json.loads((folder / "bundles" / TARGET / "manifest.json").read_text("utf-8"))["files"]
    for entry in sorted(files, key=lambda entry: str(entry["name"])):
        data = (folder / "bundles" / TARGET / entry["name"]).read_bytes()
        lines.append(f"{entry['name']} {len(data)} {hashlib.sha256(data).hexdigest()}")
    return lines


def _run(folder: Path, *arguments: str) -> str:
    command = child.command("edge_runtime", *arguments)
    # Use the checkout of this module, whatever the working folder is.
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(Path(__file__).parents[1])}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} failed with exit code {done.returncode}:\n{done.stderr}")
    return done.stdout


def _figures(printed: str) -> dict[str, float]:
    """Return the numbers of a JSON object, nested ones with dotted names, without timings."""
    figures: dict[str, float] = {}
    values: dict[str, Any] = json.loads(printed)
    for name, value in values.items():
        if isinstance(value, dict):
            figures |= {f"{name}.{inner}": number for inner, number in _figures(json.dumps(value)).items()}
        elif isinstance(value, int | float) and not isinstance(value, bool) and not name.endswith("seconds"):
            figures[name] = value
    return figures


if __name__ == "__main__":
    main()
