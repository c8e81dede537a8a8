"""A device's plain session, the whole API once, as a process that can be watched.

``python -m edge_runtime.audit.session BUNDLE STATE LINGER [--refuse]`` prints one JSON object a line: each step, then
what Python itself was asked to send. With ``--refuse`` Python refuses it, where the kernel does not watch.
"""

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

EVENTS: Final = (
    "socket.connect", "socket.bind", "socket.sendto", "socket.sendmsg", "socket.getaddrinfo", "socket.gethostbyname",
)  # fmt: skip
"""Events of Python (PEP 578) that reach for the network."""
N_EVENTS: Final = 30
LEARN_S: Final = 5.0


class PythonWatch:
    """Notes what Python is asked to send; a hook cannot be removed again.

    Attributes:
        seen: event and address, in order.
    """

    def __init__(self, *, refuses: bool) -> None:
        self.seen: list[tuple[str, str]] = []
        self._refuses = refuses
        sys.addaudithook(self._note)

    def _note(self, event: str, arguments: tuple[object, ...]) -> None:
        if event in EVENTS:
            whom = arguments[1:] if event.startswith(("socket.connect", "socket.bind", "socket.send")) else arguments
            self.seen.append((event, str(whom[0]) if whom else ""))
            if self._refuses:
                raise PermissionError("pocketrec audit: this session may not use the network")


def run_session(bundle: Path, state: Path, say: Callable[..., None], *, linger_s: float) -> None:
    """Use each engine of a bundle and its language model once, with a history of its own.

    Args:
        bundle: the bundle's or a device's folder.
        state: file of the history, new.
        say: gets what was done.
        linger_s: how long to stay after each step, for libraries that send something later.
    """
    from edge_runtime.bundle.folder import open_folder
    from edge_runtime.device_folder import current_bundle

    manifest = open_folder(current_bundle(bundle)).manifest
    for name in dict.fromkeys(variant.engine for variant in manifest.engines):
        _use_engine(bundle, state, name, say, has_model=manifest.role("language_model") is not None)
        time.sleep(linger_s)


def _use_engine(bundle: Path, state: Path, name: str, say: Callable[..., None], *, has_model: bool) -> None:
    from edge_runtime.recommender import Recommender

    for with_model in (True, False) if has_model else (False,):
        with Recommender.open(bundle, state, engine=name, language_model=with_model) as recommender:
            used = recommender.engine.name
            while recommender.count_events() < N_EVENTS and (items := recommender.recommend(1)):
                recommender.observe(items[0].item_id)
            items = recommender.recommend(10)
            reason = recommender.explain(items[0].item_id).source if items else "none"
            learned, n_events = recommender.learn(LEARN_S).n_steps, recommender.count_events()
        say(
            "session", asked=name, engine=used, events=n_events, listed=len(items), reason=reason,
            learning_steps=learned,
        )  # fmt: skip


def _say(kind: str, **values: object) -> None:
    sys.stdout.write(json.dumps({"kind": kind, **values}) + "\n")
    sys.stdout.flush()


def main(arguments: list[str]) -> None:
    """Run the session that the arguments name."""
    seen = PythonWatch(refuses="--refuse" in arguments)
    bundle, state, linger_s = arguments[:3]
    try:
        run_session(Path(bundle), Path(state), _say, linger_s=float(linger_s))
    finally:
        for event, whom in seen.seen:
            _say("python", event=event, address=whom)


if __name__ == "__main__":
    main(sys.argv[1:])
