"""`pocketrec sync` against `pocketrec serve`: real processes, real sockets, real kills."""

import json
import random
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from edge_runtime.bundle import open_folder
from edge_runtime.device_folder import current_bundle
from edge_runtime.terminal.outcome import next_command
from tests.live_server import run_sync, serving, start_sync
from tests.slow_proxy import slow_proxy
from tests.tiny_bundle import make_tiny_bundle
from tests.tiny_shop import write_shop

LAPTOP = "laptop-x86_64"
BIG_BYTES = 3_000_000


@pytest.fixture
def root(tmp_path: Path) -> Path:
    make_release(tmp_path / "bundles", 1)
    return tmp_path / "bundles"


def make_release(root: Path, release: int) -> None:
    big = random.Random(release).randbytes(BIG_BYTES)
    make_tiny_bundle(root / LAPTOP, seed=release, release=release, extra={"big.bin": ("other", big)})


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def wait_for(condition: Callable[[], bool], within_s: float = 20.0) -> None:
    end = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.01)


def test_a_device_installs_updates_and_is_then_up_to_date(root: Path, tmp_path: Path) -> None:
    into = tmp_path / "device"
    with serving(root) as server:
        installed = run_sync(server.url, into, "--json")
        again = run_sync(server.url, into)
        make_release(root, 2)
        server.wait_for_release(LAPTOP, 2)
        updated = run_sync(server.url, into, "--json")

    assert (installed.returncode, again.returncode, updated.returncode) == (0, 0, 0), installed.stderr + updated.stderr
    assert json.loads(installed.stdout)["status"] == "installed"
    assert "Already up to date" in again.stdout
    assert again.stdout.splitlines()[-1] == next_command("run", into)
    assert json.loads(updated.stdout)["release"] == 2
    assert contents(current_bundle(into)) == contents(root / LAPTOP)
    assert len(list((into / "slots").iterdir())) == 2


def test_a_sync_killed_at_any_moment_leaves_the_old_release_and_later_syncs_finish(root: Path, tmp_path: Path) -> None:
    into = tmp_path / "device"
    moment = random.Random(0)
    with serving(root) as server:
        assert run_sync(server.url, into).returncode == 0
        old = contents(current_bundle(into))
        make_release(root, 2)
        new = contents(root / LAPTOP)
        server.wait_for_release(LAPTOP, 2)
        kept: list[int] = []
        with slow_proxy(server.url, bytes_s=2_000_000) as proxy:
            for _ in range(10):
                passed = proxy.passed
                process = start_sync(proxy.url, into)
                wait_for(lambda process=process, passed=passed: proxy.passed > passed or process.poll() is not None)  # type: ignore[misc]
                time.sleep(moment.uniform(0.0, 0.3))
                process.send_signal(signal.SIGKILL)
                process.communicate()
                assert contents(current_bundle(into)) in (old, new)
                kept.append(sum(path.stat().st_size for path in (into / "incoming").iterdir()))
            passed = proxy.passed
            last = run_sync(proxy.url, into)
            last_bytes = proxy.passed - passed
        _, log = server.stop()

    assert last.returncode == 0, last.stderr
    assert contents(current_bundle(into)) == new
    assert max(kept) > 0
    assert last_bytes < BIG_BYTES, "nothing was resumed"
    assert "Traceback" not in log
    assert not list((into / "incoming").iterdir())


def test_ctrl_c_prints_one_line_and_received_data_is_kept(root: Path, tmp_path: Path) -> None:
    into = tmp_path / "device"
    with serving(root) as server, slow_proxy(server.url, bytes_s=1_000_000) as proxy:
        process = start_sync(proxy.url, into)
        wait_for(lambda: proxy.passed > 500_000)
        process.send_signal(signal.SIGINT)
        _, messages = process.communicate(timeout=20)
        again = run_sync(server.url, into)

    assert process.returncode == 130
    goes_on = f"pocketrec sync {proxy.url} --into {into} --insecure"
    assert messages == f"stopped. What was finished is kept; continue with: {goes_on}\n"
    assert again.returncode == 0
    assert contents(current_bundle(into)) == contents(root / LAPTOP)


def test_a_download_resumes_after_the_server_is_killed_and_restarted(root: Path, tmp_path: Path) -> None:
    into = tmp_path / "device"
    with serving(root) as first, slow_proxy(first.url, bytes_s=2_000_000) as proxy:
        port = first.url.rpartition(":")[2]
        process = start_sync(proxy.url, into, "--json")
        wait_for(lambda: proxy.passed > 500_000)
        first.process.kill()
        first.process.wait()
        with serving(root, "--port", port):
            output, messages = process.communicate(timeout=30)

    assert process.returncode == 0, messages
    assert json.loads(output)["fetched_bytes"] < BIG_BYTES + 100_000
    assert contents(current_bundle(into)) == contents(root / LAPTOP)


def test_a_byte_flipped_in_transit_is_refused_and_the_old_release_stays(root: Path, tmp_path: Path) -> None:
    into = tmp_path / "device"
    with serving(root) as server, slow_proxy(server.url) as proxy:
        run_sync(proxy.url, into)
        old = contents(current_bundle(into))
        make_release(root, 2)
        server.wait_for_release(LAPTOP, 2)
        proxy.change = lambda piece: piece[:-1] + bytes([piece[-1] ^ 1]) if len(piece) == 16384 else piece
        refused = run_sync(proxy.url, into)

    assert refused.returncode == 1
    assert "as in the manifest" in refused.stderr
    assert "Traceback" not in refused.stderr
    assert contents(current_bundle(into)) == old


def test_a_file_damaged_on_the_server_is_not_offered_and_the_installed_release_stays(
    root: Path, tmp_path: Path
) -> None:
    into = tmp_path / "device"
    with serving(root) as server:
        run_sync(server.url, into)
    damaged = root / LAPTOP / "big.bin"
    damaged.write_bytes(damaged.read_bytes()[:-1])

    with serving(root) as server:
        refused = run_sync(server.url, into)

    assert refused.returncode == 1
    assert "has no bundle for 'laptop-x86_64'" in refused.stderr
    assert open_folder(current_bundle(into)).manifest.release == 1


def test_the_second_of_two_concurrent_syncs_is_refused(root: Path, tmp_path: Path) -> None:
    into = tmp_path / "device"
    with serving(root) as server, slow_proxy(server.url, bytes_s=2_000_000) as proxy:
        first = start_sync(proxy.url, into)
        wait_for(lambda: proxy.passed > 100_000)
        second = run_sync(server.url, into)
        _, messages = first.communicate(timeout=30)

    assert second.returncode == 1
    assert f"another sync (process {first.pid})" in second.stderr
    assert first.returncode == 0, messages


@pytest.mark.parametrize("arguments", [("not a url",), ("http://127.0.0.1:1", "--target", "../x")])
def test_invalid_arguments_exit_with_code_2(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    result = run_sync(arguments[0], tmp_path / "device", *arguments[1:])

    assert result.returncode == 2
    assert "expected" in result.stderr


def test_syncing_into_a_bundle_folder_is_refused(root: Path) -> None:
    result = run_sync("http://127.0.0.1:1", root / LAPTOP)

    assert result.returncode == 2
    assert "is a bundle" in " ".join(result.stderr.split())


def test_syncing_into_a_data_folder_is_refused(tmp_path: Path) -> None:
    write_shop(tmp_path / "shop")
    before = set(tmp_path.rglob("*"))

    result = run_sync("http://127.0.0.1:1", tmp_path / "shop")

    assert result.returncode == 2
    assert "shop is a data folder (it has interactions.csv)" in " ".join(result.stderr.split())
    assert set(tmp_path.rglob("*")) == before


def test_plain_http_to_another_machine_is_refused_before_any_request_or_write(tmp_path: Path) -> None:
    refused = run_sync("http://192.0.2.7:8000", tmp_path / "device", insecure=False)

    assert refused.returncode == 1
    assert refused.stdout == ""
    assert "http://192.0.2.7:8000: plain http to another machine is refused" in refused.stderr
    assert "--insecure" in refused.stderr
    assert not (tmp_path / "device").exists()
