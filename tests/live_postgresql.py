"""Runs Debian's PostgreSQL in a temporary folder, as a user without privileges, on a socket of its own."""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

START_S = 30.0


def postgresql_folder() -> Path | None:
    """Return the folder with the newest `initdb` and `postgres`, or None if they are not installed."""
    found = [path.parent for path in Path("/usr/lib/postgresql").glob("*/bin/initdb")]
    on_path = shutil.which("initdb")
    found += [Path(on_path).parent] if on_path else []
    return max(found, key=lambda path: path.parts, default=None)


@contextmanager
def postgresql() -> Iterator[str]:
    """Run a server for the duration of the block; the value is the URL of an empty database."""
    programs = postgresql_folder()
    assert programs is not None
    with tempfile.TemporaryDirectory(prefix="pocketrec-pg-", dir="/tmp") as name:  # a short path: it has the socket
        folder, user = Path(name), _user()
        if user is not None:
            os.chown(folder, user.pw_uid, user.pw_gid)
        data = folder / "data"
        identity: dict[str, Any] = (
            {} if user is None else {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
        )
        initialize = [
            str(programs / "initdb"),
            "-D",
            str(data),
            "-U",
            "pocketrec",
            "--auth=trust",
            "--no-sync",
            "-E",
            "UTF8",
        ]
        subprocess.run(initialize, check=True, capture_output=True, cwd=folder, **identity)
        settings = ("listen_addresses=", f"unix_socket_directories={folder}", "fsync=off", "shared_buffers=16MB")
        command = [str(programs / "postgres"), "-D", str(data), *(word for one in settings for word in ("-c", one))]
        with (
            (folder / "log").open("w") as log,
            subprocess.Popen(command, stdout=log, stderr=log, cwd=folder, **identity) as process,
        ):
            try:
                _wait(folder / ".s.PGSQL.5432", process, folder / "log")
                yield f"postgresql+asyncpg://pocketrec@/postgres?host={folder}"
            finally:
                process.send_signal(
                    signal.SIGINT
                )  # at once: after a failed test there may be clients, for whom it waits


def _user() -> pwd.struct_passwd | None:
    """Return who runs the server: PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return None
    names = {entry.pw_name: entry for entry in pwd.getpwall()}
    return names.get("postgres") or names["nobody"]


def _wait(socket: Path, process: "subprocess.Popen[Any]", log: Path) -> None:
    end = time.monotonic() + START_S
    while not socket.exists():
        if process.poll() is not None or time.monotonic() > end:
            raise AssertionError(f"PostgreSQL did not start: {log.read_text()}")
        time.sleep(0.05)
