"""Kills processes at random writes, and checks that nothing is lost or torn: syncs, apps, publishers, rounds."""

import os
import random
import signal
import subprocess
import sys
from abc import ABC, abstractmethod
from pathlib import Path

from edge_runtime.state.history import History
from edge_runtime.sync import sync
from tests.crash.recording import Recorder
from tests.crash.signed_device import DEVICE, Releases, recorded_sync, served_release, trusted_version
from tests.edge_runtime.sync.signed_shop import LAPTOP, SignedShop
from tests.fake_operator import collecting
from tests.live_server import POCKETREC
from tests.tiny_bundle import make_tiny_bundle
from tests.tiny_repository import PASSPHRASE, make_repository
from tests.tiny_round import plan_for

_OBSERVER = """
import sys
from edge_runtime import Recommender
with Recommender.open(sys.argv[1], sys.argv[2], language_model=False) as recommender:
    for number in range(len(recommender.history()), 100_000):
        recommender.observe(f"item-{number}", "click")
        print(number, flush=True)
"""
_PARTICIPANT = """
import sys, time
from edge_runtime.rounds.participate import Limit
from edge_runtime.sync.taking_part import take_part
while take_part(*sys.argv[1:4], limit=Limit(epsilon=1e9)).status == "waiting":
    time.sleep(0.2)
"""
_TIMEOUT_S = 60


class Killed(ABC):
    """Something that is killed again and again.

    Args:
        folder: an empty folder.
        rng: decides when it is killed.
    """

    def __init__(self, folder: Path, rng: random.Random) -> None:
        self._recorder = Recorder.over(folder / "recorded", folder)
        self._rng = rng

    @abstractmethod
    def cycle(self) -> bool:
        """Start a process, kill it, and check what it leaves; return whether it was killed before its end.

        Raises:
            AssertionError: something is lost or torn.
            PocketRecError: something is damaged.
        """

    def _killed(self, done: subprocess.CompletedProcess[str]) -> bool:
        """Return whether a process was killed before its end.

        Raises:
            AssertionError: it ended with an error, which the message quotes.
        """
        self._recorder.log.unlink(missing_ok=True)
        said = done.stderr.strip()
        assert done.returncode in (0, -signal.SIGKILL), f"it ended with {done.returncode}: {said}"
        return done.returncode != 0


class KilledSync(Killed):
    """Signed syncs; there is a new release after each that was not killed before its end, and at times before that."""

    def __init__(self, folder: Path, rng: random.Random) -> None:
        super().__init__(folder, rng)
        self._releases = Releases(SignedShop(folder / "shop"))
        self._releases.next()

    def cycle(self) -> bool:
        """Kill a sync; see :class:`Killed`."""
        device = self._recorder.folder / DEVICE
        served, seen = served_release(device), trusted_version(device)
        if served == self._releases.newest or self._rng.random() < 0.3:
            self._releases.next()
        done = recorded_sync(self._recorder, self._releases.shop.folder, kill_after=self._rng.randrange(1, 250))
        is_killed = self._killed(done)
        assert served_release(device) >= (served if is_killed else self._releases.newest)
        assert trusted_version(device) >= max(seen, self._releases.versions.get(served_release(device), 0))
        return is_killed


class KilledApp(Killed):
    """An app that observes events in one history."""

    def __init__(self, folder: Path, rng: random.Random) -> None:
        super().__init__(folder, rng)
        self._bundle = folder / "bundle"
        make_tiny_bundle(self._bundle)
        self._n_events = 0

    def cycle(self) -> bool:
        """Kill an app; see :class:`Killed`."""
        state = self._recorder.folder / "history.sqlite"
        done = subprocess.run(
            [sys.executable, "-c", _OBSERVER, str(self._bundle), str(state)],
            env=self._recorder.environment(self._rng.randrange(1, 120)),
            capture_output=True,
            text=True,
            timeout=_TIMEOUT_S,
            check=False,
        )
        acknowledged = max([self._n_events, *(int(line) + 1 for line in done.stdout.split())])
        with History.open(state) as history:
            found = [event.item_id for event in reversed(history.newest())]
        assert found == [f"item-{number}" for number in range(len(found))]
        assert acknowledged <= len(found) <= acknowledged + 1
        self._n_events = len(found)
        return self._killed(done)


class KilledPublisher(Killed):
    """`pocketrec release publish`, and a new device after each kill."""

    def __init__(self, folder: Path, rng: random.Random) -> None:
        super().__init__(folder, rng)
        os.environ["POCKETREC_PASSPHRASE"] = PASSPHRASE
        self._repository = make_repository(self._recorder.folder)
        self._repository.publish()
        self._n_cycles, self._release = 0, 1
        self._devices = folder / "devices"

    def cycle(self) -> bool:
        """Kill a publisher; see :class:`Killed`."""
        self._n_cycles += 1
        self._repository.bundle(self._n_cycles)
        words = ("release", "publish", str(self._repository.path), str(self._repository.bundles))
        done = subprocess.run(
            [*POCKETREC, *words],
            env=self._recorder.environment(self._rng.randrange(1, 200)),
            capture_output=True,
            text=True,
            timeout=_TIMEOUT_S,
            check=False,
        )
        is_killed = self._killed(done)
        device = self._devices / str(self._n_cycles)
        report = sync(self._repository.path, device, target=LAPTOP)
        assert report.release == served_release(device)
        assert self._release + (not is_killed) <= report.release <= self._release + 1
        self._release = report.release
        return is_killed


class KilledParticipant(Killed):
    """A device in rounds, with a new round after each in which its update was counted."""

    def __init__(self, folder: Path, rng: random.Random) -> None:
        super().__init__(folder, rng)
        self._shop = SignedShop(folder / "shop")
        self._shop.release(1)
        self._shop.renew()
        self._device, self._state = self._recorder.folder / DEVICE, self._recorder.folder / "history.sqlite"
        with History.open(self._state) as history:
            for number in range(12):
                history.add(f"item-{number}")
        sync(self._shop.folder, self._device, target=LAPTOP)
        self._round, self._n_rounds, self._port = "", 0, 0
        self._updates = dict[str, set[bytes]]()

    def cycle(self) -> bool:
        """Kill a device at any write from its plan to its receipt; see :class:`Killed`."""
        with collecting(self._port) as operator:
            self._port = operator.port
            if not self._round:
                self._open_round(operator.url)
            done = subprocess.run(
                [sys.executable, "-c", _PARTICIPANT, self._shop.folder, self._device, self._state],
                env=self._recorder.environment(self._rng.randrange(30, 200)),
                capture_output=True,
                text=True,
                timeout=_TIMEOUT_S,
                check=False,
            )
            is_killed = self._killed(done)
            self._updates.setdefault(self._round, set()).update(operator.bodies(self._round))
        assert len(self._updates[self._round]) == 1 or (is_killed and not self._updates[self._round])
        if not is_killed:
            self._round = ""
        return is_killed

    def _open_round(self, operator: str) -> None:
        self._n_rounds += 1
        self._round = f"{self._n_rounds:026}"
        (bundle,) = self._shop.bundles.values()
        changes = {"round": self._round, "participations": 10_000, "retry_after_s": 1}
        self._shop.open_round(plan_for(bundle, operator, **changes))


KINDS: dict[str, type[Killed]] = {
    "sync": KilledSync,
    "observe": KilledApp,
    "publish": KilledPublisher,
    "round": KilledParticipant,
}
