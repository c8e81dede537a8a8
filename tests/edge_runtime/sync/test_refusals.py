"""A release that fails its self-test on a device is remembered: it is not downloaded again until something changes."""

import errno
import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from edge_runtime.bundle import open_folder
from edge_runtime.cli import main
from edge_runtime.engines import candidates
from edge_runtime.engines.libraries import Library
from edge_runtime.engines.protocol import Floats
from edge_runtime.errors import (
    BundleError,
    BundleIntegrityError,
    EngineError,
    RefusedReleaseError,
    SelfTestError,
    SlowTestError,
)
from edge_runtime.sync import opening, refusals
from edge_runtime.sync.channel import Offer
from edge_runtime.sync.refusals import Refusals
from tests.edge_runtime.sync.signed_shop import LAPTOP, SignedDevice, SignedShop, adapted


@pytest.fixture
def shop(tmp_path: Path) -> SignedShop:
    return SignedShop(tmp_path / "shop")


@pytest.fixture
def device(tmp_path: Path, shop: SignedShop) -> SignedDevice:
    """Return a device with release 1."""
    shop.release(1)
    device = SignedDevice(tmp_path / "device", shop)
    device.sync()
    return device


def failing(*manifests: str, error: Callable[[str], Exception] = SelfTestError) -> Callable[[Path], None]:
    """Return a self-test that bundles with these manifests fail."""

    def test(bundle: Path) -> None:
        if hashlib.sha256((bundle / "manifest.json").read_bytes()).hexdigest() in manifests:
            raise error("no engine passes.")

    return test


def test_a_refused_release_is_not_fetched_again_and_the_result_says_so(shop: SignedShop, device: SignedDevice) -> None:
    held = device.manifest()
    newest = shop.release(2)
    with pytest.raises(EngineError, match="no engine passes"):
        device.sync(test=failing(newest))

    report = device.sync()

    assert (report.status, report.release, report.refused_release, device.manifest()) == ("refused", 1, 2, held)
    assert report.requests == 2
    assert any("failed its self-test" in note and "no engine passes" in note for note in report.notes)
    assert not list((device.folder / "incoming").iterdir()), "what was fetched for it takes no space"


def test_the_next_release_is_tried(shop: SignedShop, device: SignedDevice) -> None:
    with pytest.raises(EngineError):
        device.sync(test=failing(shop.release(2)))
    newest = shop.release(3)
    report = device.sync()
    assert (report.status, report.refused_release, device.manifest()) == ("installed", None, newest)


def test_another_version_of_the_runtime_tries_again(
    shop: SignedShop, device: SignedDevice, monkeypatch: pytest.MonkeyPatch
) -> None:
    newest = shop.release(2)
    with pytest.raises(EngineError):
        device.sync(test=failing(newest))
    monkeypatch.setattr(refusals, "__version__", "9.9.9")
    assert (device.sync().status, device.manifest()) == ("installed", newest)


def test_a_library_that_is_installed_meanwhile_tries_again(
    shop: SignedShop, device: SignedDevice, monkeypatch: pytest.MonkeyPatch
) -> None:
    newest = shop.release(2)
    monkeypatch.setattr(refusals, "LIBRARIES", {"reference": Library((), ("not-installed",), "")})
    with pytest.raises(EngineError):
        device.sync(test=failing(newest))
    assert device.sync().status == "refused"
    monkeypatch.setattr(refusals, "LIBRARIES", {"reference": Library((), ("numpy",), "")})
    assert (device.sync().status, device.manifest()) == ("installed", newest)


def test_a_refused_component_leaves_what_it_derives_from_in_use(shop: SignedShop, device: SignedDevice) -> None:
    base = shop.release(2)
    bad = shop.component("adapter", 3, adapted(shop, base, 3), base)
    first = device.sync(test=failing(bad))
    assert (first.status, first.release, first.refused_release) == ("installed", 2, 3)

    again = device.sync()

    assert (again.status, again.release, again.refused_release, again.requests) == ("refused", 2, 3, 2)
    assert device.manifest() == base


def test_a_bundle_that_violates_the_format_is_remembered_too(shop: SignedShop, device: SignedDevice) -> None:
    with pytest.raises(BundleError):
        device.sync(test=failing(shop.release(2), error=BundleError))
    assert device.sync().status == "refused"


def opening_with(monkeypatch: pytest.MonkeyPatch, open_engine: Callable[..., object]) -> None:
    """Let the engine of the tiny bundles be opened by a function."""
    monkeypatch.setattr(candidates, "OPENERS", {"reference": open_engine})


class WrongEngine:
    """An engine that disagrees with every golden vector."""

    name, precision = "reference", "float32"

    def encode(self, embeddings: Floats, _: object) -> Floats:
        return np.full(embeddings.shape[1], 3, dtype=np.float32)


def test_an_engine_that_disagrees_with_the_golden_vectors_is_a_reason_to_remember(
    shop: SignedShop, device: SignedDevice, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.release(2)
    with monkeypatch.context() as context:
        opening_with(context, lambda *_: WrongEngine())
        with pytest.raises(SelfTestError, match="state error"):
            device.sync()
    assert (device.sync().status, (device.folder / "refused.json").exists()) == ("refused", True)


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        OSError(errno.ENOSPC, "no space left on device"),
        ImportError("libgomp.so.1: cannot open shared object file"),
        ModuleNotFoundError("no module", name="numpy"),
        ModuleNotFoundError("no module", name="another"),
        BundleIntegrityError(Path("encoder.safetensors"), expected="9 bytes", found="8 bytes"),
        SlowTestError("the self-test took more than 30 s"),
        RuntimeError("a worker was killed"),
    ],
    ids=repr,
)
def test_what_a_moment_causes_is_no_reason_to_remember_and_costs_no_traffic(
    shop: SignedShop, device: SignedDevice, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    newest = shop.release(2)

    def fails(*_: object) -> None:
        raise error

    with monkeypatch.context() as context:
        opening_with(context, fails)
        with pytest.raises(EngineError, match="no engine passes") as raised:
            device.sync()
    assert not isinstance(raised.value, SelfTestError)
    assert not (device.folder / "refused.json").exists()

    assert (device.sync().status, device.manifest()) == ("installed", newest)
    assert device.source.requests == 2


def test_a_disk_that_fails_during_the_test_is_no_reason_to_remember(shop: SignedShop, device: SignedDevice) -> None:
    newest = shop.release(2)

    def test(bundle: Path) -> None:
        (bundle / "manifest.json").unlink()
        raise BundleError("found no manifest.json")

    with pytest.raises(BundleError):
        device.sync(test=test)
    assert (device.sync().status, device.manifest()) == ("installed", newest)


def test_a_refusal_that_cannot_be_noted_is_reported_and_tried_again(
    shop: SignedShop, device: SignedDevice, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "no space left on device")

    newest = shop.release(2)
    monkeypatch.setattr(refusals, "write_atomically", full)
    with pytest.raises(SelfTestError, match="no engine passes"):
        device.sync(test=failing(newest))
    assert (device.sync().status, device.manifest()) == ("installed", newest)


def test_a_new_device_without_anything_to_serve_fails_without_fetching_again(tmp_path: Path, shop: SignedShop) -> None:
    newest = shop.release(1)
    device = SignedDevice(tmp_path / "device", shop)
    with pytest.raises(EngineError):
        device.sync(test=failing(newest))
    with pytest.raises(RefusedReleaseError, match=r"release 1 .* before, with pocketrec .*remove"):
        device.sync()
    assert device.source.requests == 2
    (device.folder / "refused.json").unlink()
    assert device.sync().status == "installed"


@pytest.mark.parametrize("content", [b"", b"[", b'{"a":1}', b"[1]", b"x" * 100_000])
def test_a_damaged_list_costs_another_try_and_nothing_else(
    shop: SignedShop, device: SignedDevice, content: bytes
) -> None:
    newest = shop.release(2)
    with pytest.raises(EngineError):
        device.sync(test=failing(newest))
    (device.folder / "refused.json").write_bytes(content)
    assert (device.sync().status, device.manifest()) == ("installed", newest)


def test_the_list_does_not_grow_without_end(shop: SignedShop, device: SignedDevice) -> None:
    manifest = open_folder(shop.bundles[device.manifest()]).manifest
    offers = [Offer(b"%d" % number, manifest) for number in range(20)]
    for offer in offers:
        Refusals(device.folder).note(offer, EngineError("no engine passes. " * 1000))

    assert (device.folder / "refused.json").stat().st_size < 32_000
    Refusals(device.folder).check(offers[3])
    for offer in offers[4:]:
        with pytest.raises(RefusedReleaseError):
            Refusals(device.folder).check(offer)


def test_the_command_says_what_is_kept_and_refused_and_ends_with_1(
    shop: SignedShop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def run(*options: str) -> int:
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main(["sync", str(shop.folder), "--into", str(tmp_path / "device"), "--target", LAPTOP, *options])
        return int(ended.value.code or 0)

    shop.renew()
    shop.release(1)
    assert run() == 0
    with monkeypatch.context() as context:
        context.setattr(opening, "self_test", failing(shop.release(2)))
        assert run() == 1

    assert run() == 1
    said = capsys.readouterr()
    assert "note: release 2 has failed its self-test" in said.out
    assert "Kept: release 1" in said.err
    assert "Release 2 has failed its self-test here before" in said.err
    assert run("--json") == 1
    result = json.loads(capsys.readouterr().out)
    assert (result["ok"], result["error"]["type"]) == (False, "RefusedReleaseError")
    assert (result["release"], result["refused_release"]) == (1, 2)
