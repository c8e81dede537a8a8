"""A personal adapter is trained when there is time, used only where it helps, and forgotten with the history."""

import itertools
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from edge_runtime import Recommender
from edge_runtime.bundle.arrays import dump_arrays
from edge_runtime.bundle.folder import open_folder
from edge_runtime.engines.protocol import Floats, SmallMatrices
from edge_runtime.learning.personal import STEPS_VARIABLE
from edge_runtime.learning.record import SETTING, SWITCH, KeptRecord, Record
from edge_runtime.state.history import History
from tests.tiny_bundle import make_tiny_bundle
from tests.tiny_learning import QUICK, make_learning_bundle, no_taste, one_taste, other_b, rewritten
from tests.tiny_transitions import WITH_ENGINES

LONG = 60.0
"""Seconds in which every session of these tests ends."""
N_STEPS = 2 * QUICK.updates


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("learning") / "tiny"
    make_learning_bundle(folder)
    return folder


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "s.sqlite"


def observe(recommender: Recommender, item_ids: Sequence[str]) -> None:
    for item_id in item_ids:
        recommender.observe(item_id)


def ranked(recommender: Recommender) -> list[tuple[str, float]]:
    return [(item.item_id, item.score) for item in recommender.recommend(10, include_seen=True)]


def state_of(recommender: Recommender) -> str:
    return recommender.learning.state


def is_used(recommender: Recommender) -> bool:
    return recommender.learning.used


def record_of(state: Path) -> Record:
    with History.open(state) as history:
        record = KeptRecord(history).read()
    assert record is not None
    return record


def optimizer_of(state: Path) -> bytes:
    adapter = record_of(state).adapter
    assert adapter is not None
    return adapter.optimizer


def learned(bundle: Path, state: Path) -> bytes:
    """Learn from the taste without any interruption; return what was learned."""
    with Recommender.open(bundle, state) as recommender:
        observe(recommender, one_taste(bundle))
        assert recommender.learn(LONG).finished
    return optimizer_of(state)


def test_an_adapter_that_helps_changes_the_lists(bundle: Path, state: Path) -> None:
    with Recommender.open(bundle, state) as recommender:
        observe(recommender, one_taste(bundle))
        before = ranked(recommender)

        result = recommender.learn(LONG)

        assert (result.n_steps, result.n_left, result.changed, result.finished) == (N_STEPS, 0, True, True)
        assert result.status.state == "helps"
        assert result.status.used
        after = ranked(recommender)
        assert after != before
        given = [event.item_id for event in reversed(recommender.history())]
        assert [(one.item_id, one.score) for one in recommender.recommend(10, given, include_seen=True)] == before
    with Recommender.open(bundle, state) as recommender:
        assert ranked(recommender) == after
        assert recommender.learn(LONG).n_steps == 0


def test_an_adapter_that_does_not_help_is_not_used(bundle: Path, state: Path) -> None:
    with Recommender.open(bundle, state) as recommender:
        observe(recommender, no_taste(bundle))
        before = ranked(recommender)

        status = recommender.learn(LONG).status

        assert (status.state, status.used) == ("does not help", False)
        assert "did not predict your 9 newest events clearly better" in status.sentence
        assert ranked(recommender) == before


def test_nothing_is_learned_from_fewer_than_twenty_events_that_count(bundle: Path) -> None:
    with Recommender.open(bundle) as recommender:
        observe(recommender, one_taste(bundle, 19))
        recommender.observe("item-3", "dislike")
        recommender.observe("not-in-the-catalogue")

        result = recommender.learn(LONG)

        assert (result.n_steps, result.finished, result.status.state) == (0, True, "few events")
        assert "takes 20 events" in result.status.sentence
        assert "there are 19" in result.status.sentence


def test_a_bundle_without_settings_does_not_learn(tmp_path: Path) -> None:
    make_tiny_bundle(tmp_path / "bundle")
    with Recommender.open(tmp_path / "bundle", tmp_path / "s.sqlite") as recommender:
        observe(recommender, one_taste(tmp_path / "bundle"))

        assert recommender.learn(LONG).n_steps == 0
        assert state_of(recommender) == "unavailable"
    with History.open(tmp_path / "s.sqlite") as history:
        assert history.setting(SETTING) is None


def test_learning_goes_on_where_it_stopped_and_gets_the_same_bytes(bundle: Path, tmp_path: Path) -> None:
    expected = learned(bundle, tmp_path / "whole.sqlite")
    state = tmp_path / "s.sqlite"
    with Recommender.open(bundle, state) as recommender:
        observe(recommender, one_taste(bundle))
        n_steps, n_calls = 0, 0
        while not (result := recommender.learn(0.0)).finished:
            n_steps, n_calls = n_steps + result.n_steps, n_calls + 1

    assert n_calls > N_STEPS
    assert n_steps == N_STEPS
    assert optimizer_of(state) == expected


KILLED = """
import os, signal, sys
from pathlib import Path
from edge_runtime import Recommender
from edge_runtime.learning.personal import PersonalLearner

def kill() -> None:
    os.kill(os.getpid(), signal.SIGKILL)

n_saves, when = int(sys.argv[3]), sys.argv[4]
save = PersonalLearner._save

def counted(self, *values):
    global n_saves
    n_saves -= 1
    if n_saves == 0 and when == "before":
        kill()
    saved = save(self, *values)
    if n_saves == 0 and when == "after":
        kill()
    return saved

PersonalLearner._save = counted
if when == "at the end":
    PersonalLearner._finish = lambda *_: kill()
with Recommender.open(Path(sys.argv[1]), Path(sys.argv[2])) as recommender:
    recommender.learn(60.0)
print("not killed")
"""


@pytest.mark.parametrize(
    ("n_saves", "when"), [*itertools.product([1, 2, QUICK.updates], ["before", "after"]), (-1, "at the end")]
)
def test_a_kill_at_any_step_changes_no_byte_of_what_is_learned(
    bundle: Path, tmp_path: Path, n_saves: int, when: str
) -> None:
    expected = learned(bundle, tmp_path / "whole.sqlite")
    state = tmp_path / "s.sqlite"
    with Recommender.open(bundle, state) as recommender:
        observe(recommender, one_taste(bundle))

    command = [sys.executable, "-c", KILLED, str(bundle), str(state), str(n_saves), when]
    killed = subprocess.run(command, capture_output=True, text=True, check=False)
    assert killed.returncode == -9, killed.stderr
    session = record_of(state).session
    done = {"before": n_saves - 1, "after": n_saves}.get(when, QUICK.updates)
    assert (session is not None) == (done > 0)
    with Recommender.open(bundle, state) as recommender:
        assert recommender.learn(LONG).n_steps == 2 * (QUICK.updates - done)

    assert optimizer_of(state) == expected
    assert record_of(state).steps == N_STEPS


def test_a_session_begins_after_ten_new_events(bundle: Path, state: Path) -> None:
    first = learned(bundle, state)
    with Recommender.open(bundle, state) as recommender:
        observe(recommender, one_taste(bundle, 9))
        assert recommender.learn(LONG).n_steps == 0
        assert state_of(recommender) == "helps"
        recommender.observe("item-1")

        assert state_of(recommender) == "ready"
        assert recommender.learn(LONG).n_steps > 0
    assert optimizer_of(state) != first


def test_events_during_a_session_wait_for_the_next_one(bundle: Path, state: Path, tmp_path: Path) -> None:
    expected = learned(bundle, tmp_path / "whole.sqlite")
    with Recommender.open(bundle, state) as recommender:
        observe(recommender, one_taste(bundle))
        while recommender.learn(0.0).n_steps == 0:
            pass
        observe(recommender, ["item-1", "item-2"])
    with Recommender.open(bundle, state) as recommender:
        recommender.learn(LONG)

    assert optimizer_of(state) == expected


def test_the_steps_of_a_day_are_limited(bundle: Path, state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(STEPS_VARIABLE, "5")
    with Recommender.open(bundle, state) as recommender:
        observe(recommender, one_taste(bundle))

        result = recommender.learn(LONG)

        assert (result.n_steps, result.n_left, result.finished) == (4, QUICK.updates - 2, False)
        assert (result.status.steps_today, result.status.steps_a_day) == (4, 5)
        assert recommender.learn(LONG).n_steps == 0
        recommender._release.learner._clock = lambda: 5e9  # another day
        assert recommender.learn(LONG).n_steps == 4


def test_more_digits_than_python_reads_are_many_steps(bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(STEPS_VARIABLE, "9" * 5000)
    with Recommender.open(bundle) as recommender:
        assert recommender.learning.steps_a_day > 10**9


@pytest.mark.parametrize("value", ["many", "-1", "1.5", "\u0665"])
def test_a_limit_that_is_no_number_is_refused(bundle: Path, monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv(STEPS_VARIABLE, value)
    with Recommender.open(bundle) as recommender, pytest.raises(ValueError, match=STEPS_VARIABLE):
        recommender.learn(LONG)


def test_a_switch_turns_learning_and_its_use_off(bundle: Path, state: Path) -> None:
    with Recommender.open(bundle, state) as recommender:
        observe(recommender, one_taste(bundle))
        before = ranked(recommender)
        recommender.learn(LONG)
        after = ranked(recommender)

        recommender.switch_learning(on=False)

        assert recommender.learning.sentence.endswith("because learning is switched off.")
        assert ranked(recommender) == before
        observe(recommender, one_taste(bundle, 20))
        assert recommender.learn(LONG).n_steps == 0
    with Recommender.open(bundle, state) as recommender:
        assert not is_used(recommender)
        recommender.switch_learning(on=True)
        assert is_used(recommender)
        assert ranked(recommender) != before != after


@pytest.mark.parametrize("end", ["switch", "forget"])
def test_a_running_call_ends_when_the_user_wants_no_learning(bundle: Path, end: str) -> None:
    with Recommender.open(bundle) as recommender:
        observe(recommender, one_taste(bundle))
        learner = recommender._release.learner
        encode = learner._encode
        stop = partial(recommender.switch_learning, on=False) if end == "switch" else recommender.forget
        stopping = threading.Thread(target=stop)

        def encode_and_stop(vectors: Floats, small: SmallMatrices) -> Floats | None:
            if stopping.ident is None:
                stopping.start()
            while not learner._n_waiting:
                time.sleep(0.001)
            return encode(vectors, small)

        learner._encode = encode_and_stop
        result = recommender.learn(LONG)
        stopping.join()

        assert (result.n_steps, result.finished) == (0, False)
        assert state_of(recommender) == ("off" if end == "switch" else "few events")


@pytest.mark.parametrize("moment", ["trained", "training"])
def test_forgetting_erases_every_byte_of_what_was_learned(bundle: Path, state: Path, moment: str) -> None:
    with Recommender.open(bundle, state) as recommender:
        observe(recommender, one_taste(bundle))
        before = ranked(recommender)
        while recommender.learn(0.0 if moment == "training" else LONG).n_steps == 0:
            pass
        with History.open(state) as history:
            kept = history.setting(SETTING)
        assert kept is not None

        recommender.forget()

        assert state_of(recommender) == "few events"
        assert not is_used(recommender)
        observe(recommender, one_taste(bundle))
        assert ranked(recommender) == before
        recommender.forget()
        files = b"".join(file.read_bytes() for file in state.parent.iterdir())
        for start in range(0, len(kept), 64):
            assert kept[start : start + 64].encode() not in files
        assert b"learning" not in files.replace(b"CREATE", b"")


def test_a_forgotten_history_is_not_learned_from_by_another_process(bundle: Path, state: Path) -> None:
    with Recommender.open(bundle, state) as first, Recommender.open(bundle, state) as second:
        observe(first, one_taste(bundle))
        while first.learn(0.0).n_steps == 0:
            pass

        second.forget()

        result = first.learn(LONG)
        assert result.status.state == "few events"
    with History.open(state) as history:
        kept = history.setting(SETTING)
        assert kept is None or '"session":null,"adapter":null' in kept


@pytest.mark.parametrize("erase", ["forget", "remove", "import"])
@pytest.mark.parametrize("n_updates", [1, QUICK.updates])
def test_a_session_of_another_process_does_not_bring_back_what_was_erased(
    bundle: Path, state: Path, tmp_path: Path, erase: str, n_updates: int
) -> None:
    taste, other = one_taste(bundle), no_taste(bundle, seed=1)
    with Recommender.open(bundle, tmp_path / "elsewhere.sqlite") as elsewhere:
        observe(elsewhere, other)
        exported = elsewhere.export_history()
    with Recommender.open(bundle, state) as first, Recommender.open(bundle, state) as second:
        observe(first, taste)
        while first.learning.n_updates < n_updates:
            first.learn(0.0)

        if erase == "forget":
            second.forget()
            observe(second, other)
        elif erase == "remove":
            second.remove(second.history()[0].id)
        else:
            second.import_history(exported)
        while second.learn(0.0).n_steps == 0:
            pass
        while not first.learn(0.0).finished:  # its status has read the other one's record
            pass
        expected = [event.item_id for event in second.history()[::-1]]
        first.learn(LONG)
    with Recommender.open(bundle, tmp_path / "fresh.sqlite") as fresh:
        observe(fresh, expected)
        fresh.learn(LONG)
    assert optimizer_of(state) == optimizer_of(tmp_path / "fresh.sqlite")


def test_removing_an_event_erases_what_another_process_saves_at_that_moment(
    bundle: Path, state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    learned(bundle, state)
    with Recommender.open(bundle, state) as recommender, History.open(state) as other:
        swap, saves = History.swap, list[bool]()

        def interfering(self: History, name: str, expected: str | None, value: str) -> bool:
            if not saves:  # another process counts steps between reading and erasing
                kept = KeptRecord(other)
                record = kept.read()
                assert record is not None
                saves.append(swap(other, name, expected, f" {expected}"))
            return swap(self, name, expected, value)

        monkeypatch.setattr(History, "swap", interfering)

        assert recommender.remove(recommender.history()[0].id)

        assert saves == [True]
        assert not is_used(recommender)
        assert record_of(state).adapter is None


def test_an_event_that_is_not_there_erases_nothing(bundle: Path, state: Path) -> None:
    before = learned(bundle, state)
    with Recommender.open(bundle, state) as recommender:
        assert not recommender.remove(10**9)
        assert not recommender.remove(0)
    assert optimizer_of(state) == before


def test_a_crash_while_an_event_is_removed_leaves_nothing_learned_from_it(
    bundle: Path, state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    learned(bundle, state)
    with Recommender.open(bundle, state) as recommender:
        newest = recommender.history()[0].id

        def crash(*_: object) -> bool:
            raise KeyboardInterrupt

        for moment in ("remove", "swap"):
            with monkeypatch.context() as patched:
                patched.setattr(History, moment, crash)
                with pytest.raises(KeyboardInterrupt):
                    recommender.remove(newest)
            gone = not any(event.id == newest for event in recommender.history())
            assert not gone or record_of(state).adapter is None


def test_an_import_erases_what_was_learned_because_events_get_new_ids(
    bundle: Path, state: Path, tmp_path: Path
) -> None:
    learned(bundle, state)
    with Recommender.open(bundle, tmp_path / "elsewhere.sqlite") as elsewhere:
        observe(elsewhere, ["item-1"])
        exported = elsewhere.export_history()
    with Recommender.open(bundle, state) as recommender:
        assert is_used(recommender)

        assert recommender.import_history(exported) == 1

        assert not is_used(recommender)
        assert recommender.learn(LONG).changed
        assert recommender.import_history(exported) == 0
        assert is_used(recommender)


def test_lists_follow_what_another_process_learns_switches_and_forgets(bundle: Path, state: Path) -> None:
    with Recommender.open(bundle, state) as first, Recommender.open(bundle, state) as second:
        observe(first, one_taste(bundle))
        plain = ranked(second)

        first.learn(LONG)
        adapted = ranked(second)
        assert adapted == ranked(first) != plain
        first.switch_learning(on=False)
        assert ranked(second) == plain
        first.switch_learning(on=True)
        assert ranked(second) == adapted
        first.forget()
        observe(first, one_taste(bundle))
        assert ranked(second) == plain
        assert not is_used(second)


def test_two_processes_that_learn_at_once_get_the_bytes_of_one(bundle: Path, state: Path, tmp_path: Path) -> None:
    with Recommender.open(bundle, state) as first, Recommender.open(bundle, state) as second:
        observe(first, one_taste(bundle))
        results = [first.learn(0.0), second.learn(0.0)]
        while not all(result.finished for result in results):
            results = [first.learn(0.0), second.learn(0.0)]

        assert is_used(first)
        assert ranked(first) == ranked(second)
    assert optimizer_of(state) == learned(bundle, tmp_path / "alone.sqlite")


def test_the_choice_to_learn_nothing_outlives_forgetting(bundle: Path, state: Path) -> None:
    with Recommender.open(bundle, state) as recommender:
        recommender.switch_learning(on=False)
        recommender.forget()
        assert state_of(recommender) == "off"
    with History.open(state) as history:
        assert history.setting(SWITCH) == "off"


def test_removing_an_event_erases_what_was_learned_from_it(bundle: Path, state: Path) -> None:
    with Recommender.open(bundle, state) as recommender:
        observe(recommender, one_taste(bundle))
        recommender.learn(LONG)
        recommender.observe("item-1")
        newest, *_, oldest = recommender.history()

        recommender.remove(newest.id)
        assert is_used(recommender)
        recommender.remove(oldest.id)

        assert not is_used(recommender)
        assert record_of(state).adapter is None
        assert recommender.learn(LONG).n_steps > 0


def test_another_b_keeps_what_was_learned_and_other_parts_do_not(bundle: Path, tmp_path: Path, state: Path) -> None:
    first = learned(bundle, state)
    rewritten(bundle, tmp_path / "other-b", files={"adapter.safetensors": other_b(bundle, scale=1e-5)})
    arrays = dict(open_folder(bundle).arrays("adapter"))
    a = dump_arrays(arrays | {"a": arrays["a"] + np.float32(1e-6)})
    rewritten(bundle, tmp_path / "other-a", files={"adapter.safetensors": a})

    with Recommender.open(tmp_path / "other-b", state) as recommender:
        assert is_used(recommender)
        assert recommender.learn(LONG).n_steps == 0
    with Recommender.open(tmp_path / "other-a", state) as recommender:
        assert state_of(recommender) == "ready"
        assert not is_used(recommender)
        assert recommender.learn(LONG).n_steps == N_STEPS
    assert optimizer_of(state) != first


def test_a_session_over_another_bundle_is_begun_anew(bundle: Path, tmp_path: Path, state: Path) -> None:
    rewritten(bundle, tmp_path / "other-b", files={"adapter.safetensors": other_b(bundle, scale=1e-5)})
    with Recommender.open(bundle, state) as recommender:
        observe(recommender, one_taste(bundle))
        while recommender.learn(0.0).n_steps == 0:
            pass

    with Recommender.open(tmp_path / "other-b", state) as recommender:
        assert recommender.learn(LONG).n_steps == N_STEPS


def test_a_session_that_another_catalogue_leaves_too_few_events_for_ends(
    bundle: Path, tmp_path: Path, state: Path
) -> None:
    make_tiny_bundle(tmp_path / "small", n_items=2)
    rewritten(tmp_path / "small", tmp_path / "small", learning=QUICK)
    with Recommender.open(bundle, state) as recommender:
        observe(recommender, no_taste(bundle))
        while recommender.learn(0.0).n_steps == 0:
            pass
        assert state_of(recommender) == "learning"

    with Recommender.open(tmp_path / "small", state) as recommender:
        assert recommender.learn(LONG).finished
        assert state_of(recommender) == "few events"


def test_the_self_test_uses_the_bundles_own_adapter(bundle: Path, state: Path) -> None:
    learned(bundle, state)

    with Recommender.open(bundle, state) as recommender:
        assert is_used(recommender)
        assert recommender.engine.fallbacks == ()
        assert recommender.engine.self_test is not None
        assert recommender.engine.self_test.state_error == 0.0


def test_a_newer_release_uses_what_was_learned(bundle: Path, tmp_path: Path, state: Path) -> None:
    learned(bundle, state)
    rewritten(bundle, tmp_path / "bundle")
    with Recommender.open(tmp_path / "bundle", state) as recommender:
        before = ranked(recommender)
        rewritten(bundle, tmp_path / "bundle", release=2)

        assert recommender.refresh()

        assert is_used(recommender)
        assert ranked(recommender) == before


def test_transitions_are_learned_to_count_more_or_less(tmp_path: Path, state: Path) -> None:
    make_learning_bundle(tmp_path / "bundle", transitions=WITH_ENGINES)

    learned(tmp_path / "bundle", state)

    with Recommender.open(tmp_path / "bundle", state) as recommender:
        found = recommender._release.learner._tried()
        assert found is not None
        assert found[0].factor != 1.0


@pytest.mark.parametrize("seconds", [-1.0, float("nan"), 1e9])
def test_seconds_out_of_range_are_refused(bundle: Path, seconds: float) -> None:
    with Recommender.open(bundle) as recommender, pytest.raises(ValueError, match="seconds must be"):
        recommender.learn(seconds)
