"""Runs a bundle's golden vectors on 64-bit ARM: every engine, in an arm64 Python under qemu's emulation.

Training steps, which have to give the same bytes on every processor, are compared with the cases shared with the page.

python -m benchmarks.arm64 bundles/laptop-arm64

Nothing is installed into this system: Debian's arm64 Python and an emulator are unpacked into
``~/.cache/pocketrec/arm64``, with the wheels that a device would install (about 200 MB, once). That needs Debian's
``apt-get`` on x86-64 and a network. Exit code 0 if every engine and the training pass, 1 if one does not, and 77 with
the reason if the emulation cannot be set up here.

Emulation shows that the results are right, and nothing about speed. The processor is a Cortex-A72, that of a Raspberry
Pi 4: with qemu's ``max``, which has SVE, LiteRT crashes under emulation. ONNX Runtime 1.31 needs qemu 10 or newer: with
7.2, Debian 12's own, it crashes on import.
"""

import argparse
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from zipfile import ZipFile

from edge_runtime.bundle.folder import open_folder
from edge_runtime.child import command

CHECKOUT = Path(__file__).parent.parent
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "pocketrec" / "arm64"
PROCESSOR = "cortex-a72"
SKIPPED = 77
PACKAGES = ("python3.11", "libpython3.11-stdlib", "libstdc++6", "libgomp1")
WHEELS = ("numpy", "msgspec", "onnxruntime", "ai-edge-litert")
PLATFORMS = tuple(f"manylinux_2_{minor}_aarch64" for minor in (17, 27, 28, 31, 34, 35))
KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
LIMIT_S = 600
# Imports what a device does. The test is the one that every device runs before it uses an engine.
TEST = """
import sys
from edge_runtime.bundle import open_folder
from edge_runtime.contents import open_contents
import platform
name = sys.argv[2]
candidates = open_contents(open_folder(sys.argv[1])).engine_candidates(first=name)
engine, test = candidates.engine, candidates.self_test
passed = engine is not None and f"{engine.name} {engine.precision}" == name
reasons = "; ".join(each.reason for each in candidates.refusals)
figures = [f"state error {test.state_error:.1e}", f"overlap {test.overlap:.3f}"] if test else []
print(f"{name} on {platform.machine()}: " + (", ".join(["passed", *figures]) if passed else f"FAILED, {reasons}"))
sys.exit(not passed)
"""
TRAINING = """
import platform
import sys
from tests.golden_learning import FILES, FOLDER, dump
others = [name for name, make in FILES.items() if (FOLDER / name).read_text("utf-8") != dump(make())]
result = f"FAILED, other bytes in {', '.join(others)}" if others else f"passed, the same bytes in {len(FILES)} files"
print(f"training steps on {platform.machine()}: {result}")
sys.exit(bool(others))
"""


class SkippedError(Exception):
    """The emulation cannot be set up here."""


def main() -> int:
    """Test every engine of a bundle; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bundle", type=Path, metavar="BUNDLE")
    bundle = parser.parse_args().bundle.absolute()
    names = [f"{one.engine} {one.precision}" for one in open_folder(bundle).manifest.engines]
    try:
        python = emulated_python()
    except SkippedError as reason:
        print(f"skipped: {reason}")
        return SKIPPED
    codes = [_run([*python, "-c", TEST, str(bundle), name]) for name in names]
    print(f"{codes.count(0)} of {len(codes)} engines passed on an emulated {PROCESSOR}")
    training = _run([*python, "-c", TRAINING])
    return int(any(codes) or not codes or training != 0)


def emulated_python() -> list[str]:
    """Return the command that starts an arm64 Python with the device's libraries.

    Raises:
        SkippedError: something that it needs is missing here.
    """
    if os.uname().machine != "x86_64" or shutil.which("apt-get") is None or shutil.which("dpkg-deb") is None:
        raise SkippedError(f"expected Debian on x86_64 with apt-get and dpkg-deb, found {os.uname().machine}")
    done = CACHE / ".ready"
    if not done.exists():
        shutil.rmtree(CACHE, ignore_errors=True)
        try:
            _set_up()
        except (subprocess.SubprocessError, OSError) as error:
            raise SkippedError(f"{error}. It needs a network, and apt-get with Debian's archive") from error
        done.touch()
    root, path = CACHE / "root", f"{CACHE / 'wheels'}:{CHECKOUT}"
    emulator = CACHE / "emulator" / "usr" / "bin" / "qemu-aarch64"
    return [
        *map(str, (emulator, "-cpu", PROCESSOR, "-L", root, "-E", f"PYTHONPATH={path}", root / "usr/bin/python3.11"))
    ]


def _set_up() -> None:
    """Download and unpack the emulator, the arm64 Python and its wheels."""
    _unpack("emulator", "bookworm-backports", "amd64", ("qemu-user",), dependencies=False)
    _unpack("root", "bookworm", "arm64", PACKAGES, dependencies=True)
    downloads = CACHE / "downloads"
    platforms = [word for name in PLATFORMS for word in ("--platform", name)]
    options = ("--quiet", "--only-binary=:all:", "--python-version", "3.11", *platforms)
    _checked(command("pip", "download", *options, "-c", CHECKOUT / "constraints.txt", "-d", downloads, *WHEELS))
    for wheel in downloads.glob("*.whl"):
        ZipFile(wheel).extractall(CACHE / "wheels")


def _unpack(name: str, suite: str, machine: str, packages: Sequence[str], *, dependencies: bool) -> None:
    """Unpack packages of Debian into a folder, by an apt-get that knows nothing of this system's packages."""
    state = CACHE / f"apt-{name}"
    (state / "lists" / "partial").mkdir(parents=True)
    (state / "cache" / "archives" / "partial").mkdir(parents=True)
    (state / "status").touch()
    (state / "sources.list").write_text(f"deb [signed-by={KEYRING}] http://deb.debian.org/debian {suite} main\n")
    options = {
        "Dir::Etc::sourcelist": state / "sources.list",
        "Dir::Etc::sourceparts": "-",
        "Dir::State": state,
        "Dir::State::status": state / "status",
        "Dir::Cache": state / "cache",
        "APT::Architecture": machine,
        "APT::Architectures": machine,
        "APT::Sandbox::User": "",
        "Acquire::Languages": "none",
        "Debug::NoLocking": "1",
    }
    apt = ["apt-get", "-qq", *(word for key, value in options.items() for word in ("-o", f"{key}={value}"))]
    _checked([*apt, "update"])
    if dependencies:
        _checked([*apt, "install", "--yes", "--no-install-recommends", "--download-only", *packages])
    else:
        _checked([*apt, "download", *packages], state / "cache" / "archives")
    for package in _packages(state):
        _checked(["dpkg-deb", "-x", str(package), str(CACHE / name)])


def _packages(state: Path) -> Iterator[Path]:
    return (state / "cache" / "archives").glob("*.deb")


def _checked(command: list[str], folder: Path | None = None) -> None:
    """Run a command; its error output is the message if it fails."""
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=LIMIT_S, check=False)
    if done.returncode:
        raise OSError(f"{command[0]} failed: {(done.stderr.strip().splitlines() or ['no message'])[-1]}")


def _run(command: list[str]) -> int:
    return subprocess.run(command, timeout=LIMIT_S, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
