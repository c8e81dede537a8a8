"""The engine that is fastest on this device is used; it is measured once, and kept with the state."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from edge_runtime import Recommender
from edge_runtime.bundle import open_folder
from edge_runtime.bundle.manifest import Encoder, EngineVariant
from edge_runtime.contents import Contents, open_contents
from edge_runtime.engines.candidates import EngineCandidates, Opener
from edge_runtime.engines.protocol import Engine, Floats, SmallMatrices
from edge_runtime.engines.reference import ReferenceEngine
from edge_runtime.engines.timing import EngineTime, fastest, keep_times, read_times, time_engines, times_key
from edge_runtime.errors import EngineError, StateError
from tests.tiny_bundle import make_tiny_bundle


class Clock:
    """A clock that engines move."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


@dataclass
class PacedEngine:
    """The numpy engine, which takes some seconds of a clock an event."""

    inner: Engine
    clock: Clock
    seconds: float
    name: str
    precision: str = "fp32"
    calls: int = field(default=0, init=False)

    def encode(self, embeddings: Floats, small: SmallMatrices) -> Floats:
        self.calls += 1
        self.clock.now += self.seconds * len(embeddings)
        return self.inner.encode(embeddings, small)


class Notes:
    """Settings in memory."""

    def __init__(self) -> None:
        self.values: dict[str, str] = {}

    def setting(self, name: str) -> str | None:
        return self.values.get(name)

    def set(self, name: str, value: str) -> None:
        self.values[name] = value


class FullDisk(Notes):
    """Settings that cannot be saved."""

    def set(self, name: str, value: str) -> None:
        raise StateError(f"{name}: the disk is full")


@pytest.fixture(scope="module")
def contents(tmp_path_factory: pytest.TempPathFactory) -> Contents:
    """A bundle whose engines are `first` and `second`, then the numpy engine."""
    folder = tmp_path_factory.mktemp("timing") / "b"
    variants = tuple(EngineVariant(name, "fp32", "encoder.safetensors", 1e-3, 0.99) for name in ("first", "second"))
    make_tiny_bundle(folder, engines=variants)
    return open_contents(open_folder(folder))


@dataclass
class Shelf:
    """Openers of the engines `first` and `second`, which count how often each was opened."""

    opened: list[str] = field(default_factory=list)
    wrong: tuple[str, ...] = ()

    def openers(self) -> dict[str, Opener]:
        return {name: self._opener(name) for name in ("first", "second")}

    def _opener(self, name: str) -> Opener:
        def opener(data: bytes, sizes: Encoder, precision: str) -> Engine:
            self.opened.append(name)
            if name in self.wrong:
                raise EngineError("broken here")
            return PacedEngine(ReferenceEngine.open(data, sizes), Clock(), 0.0, name)

        return opener


def select(contents: Contents, settings: Notes, shelf: Shelf, first: str | None = None) -> EngineCandidates:
    openers = shelf.openers()
    return EngineCandidates(
        contents.folder,
        contents.codes,
        contents.small,
        contents.golden,
        first=first,
        settings=settings,
        openers=openers,
    )


def times(first: float, second: float) -> tuple[EngineTime, ...]:
    return (EngineTime("first", "fp32", first, first), EngineTime("second", "fp32", second, second))


def test_the_time_of_an_engine_is_its_fastest_call_of_each_length(contents: Contents) -> None:
    clock = Clock()
    inner = ReferenceEngine.open((contents.folder.path / "encoder.safetensors").read_bytes(), sizes(contents))
    engines = [PacedEngine(inner, clock, 0.001, "slow"), PacedEngine(inner, clock, 0.0005, "quick")]

    measured = time_engines(engines, np.zeros((10, sizes(contents).dim), np.float32), contents.small, clock=clock)

    assert [(one.engine, one.short_ms, one.long_ms) for one in measured] == [("slow", 3.0, 10.0), ("quick", 1.5, 5.0)]
    assert engines[0].calls == engines[1].calls


def test_slow_engines_are_called_twice_only(contents: Contents) -> None:
    clock = Clock()
    inner = ReferenceEngine.open((contents.folder.path / "encoder.safetensors").read_bytes(), sizes(contents))
    engine = PacedEngine(inner, clock, 1.0, "slow")

    time_engines([engine], np.zeros((5, sizes(contents).dim), np.float32), contents.small, clock=clock)

    assert engine.calls == 2 * 2  # both lengths


@pytest.mark.parametrize(("first", "second", "name"), [(1.0, 0.5, "second"), (1.0, 0.95, "first"), (0.5, 1.0, "first")])
def test_the_first_engine_stays_unless_another_is_a_tenth_faster(first: float, second: float, name: str) -> None:
    assert fastest(times(first, second)).engine == name


def test_engines_are_measured_at_the_first_start_and_not_again(contents: Contents) -> None:
    notes = Notes()
    first = select(contents, notes, before := Shelf())
    keep_times(notes, times_key(contents.folder.manifest), times(2.0, 1.0))
    second = select(contents, notes, after := Shelf())

    assert sorted(before.opened) == ["first", "second"]
    assert len(first.times) == 2
    assert after.opened == ["second"]
    assert second.engine is not None
    assert second.engine.name == "second"
    assert second.times == times(2.0, 1.0)


@pytest.mark.parametrize("kept", ["", "null", "{", '{"key": "of another encoder", "times": []}', '["times"]'])
def test_times_that_are_damaged_or_of_another_encoder_are_measured_again(contents: Contents, kept: str) -> None:
    notes = Notes()
    notes.values["engine_times"] = kept

    candidates = select(contents, notes, shelf := Shelf())

    assert sorted(shelf.opened) == ["first", "second"]
    assert read_times(notes, times_key(contents.folder.manifest)) == candidates.times


def test_another_encoder_or_other_libraries_has_another_key(
    contents: Contents, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = make_tiny_bundle(tmp_path / "b", seed=7)
    before = times_key(other)
    monkeypatch.setattr("edge_runtime.engines.timing.find_spec", lambda name: None)

    assert before != times_key(contents.folder.manifest)
    assert before != times_key(other)


def test_without_settings_the_order_of_the_manifest_holds(contents: Contents) -> None:
    shelf = Shelf()
    candidates = EngineCandidates(
        contents.folder, contents.codes, contents.small, contents.golden, openers=shelf.openers()
    )

    assert shelf.opened == ["first"]
    assert candidates.times == ()


def test_a_named_engine_is_used_without_measuring(contents: Contents) -> None:
    notes = Notes()
    candidates = select(contents, notes, shelf := Shelf(), first="second fp32")

    assert shelf.opened == ["second"]
    assert candidates.engine is not None
    assert notes.values == {}


def test_an_unknown_name_is_refused_with_those_that_there_are(contents: Contents) -> None:
    with pytest.raises(EngineError, match="no engine 'third'; it has first fp32, second fp32, reference int8"):
        select(contents, Notes(), Shelf(), first="third")


def test_an_engine_that_fails_the_self_test_is_not_measured(contents: Contents) -> None:
    candidates = select(contents, Notes(), shelf := Shelf(wrong=("first",)))

    assert [one.engine for one in candidates.times] == ["second"]
    assert candidates.refusals[0].reason == "broken here"
    assert shelf.opened.count("first") == 1


def test_a_kept_choice_that_fails_now_is_replaced_by_the_other_engine(contents: Contents) -> None:
    notes = Notes()
    keep_times(notes, times_key(contents.folder.manifest), times(2.0, 1.0))

    candidates = select(contents, notes, Shelf(wrong=("second",)))

    assert candidates.engine is not None
    assert candidates.engine.name == "first"
    assert candidates.refusals[0].engine == "second"


def test_on_a_full_disk_the_engine_is_chosen_all_the_same(contents: Contents) -> None:
    candidates = select(contents, FullDisk(), Shelf())

    assert candidates.engine is not None
    assert len(candidates.times) == 2


def test_a_recommender_keeps_the_times_with_its_state(tmp_path: Path, two_engines: Path) -> None:
    state = tmp_path / "state.sqlite"
    with Recommender.open(two_engines, state) as recommender:
        measured = recommender.engine.times
    with Recommender.open(two_engines, state) as recommender:
        assert recommender.engine.times == measured
    with Recommender.open(two_engines) as recommender:
        assert recommender.engine.times == ()

    assert {one.engine for one in measured} == {"reference", "onnxruntime"}


def test_the_environment_names_an_engine(two_engines: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POCKETREC_ENGINE", "reference")

    with Recommender.open(two_engines) as recommender:
        assert recommender.engine.name == "reference"
    with Recommender.open(two_engines, engine="onnxruntime") as recommender:
        assert recommender.engine.name == "onnxruntime"


@pytest.mark.parametrize("length", [1, 3, 8])
def test_the_choice_changes_no_list(two_engines: Path, length: int) -> None:
    lists = []
    for name in ("reference", "onnxruntime"):
        with Recommender.open(two_engines, engine=name) as recommender:
            history = list(recommender.items.item_id[:length])
            lists.append([item.item_id for item in recommender.recommend(10, history)])

    assert lists[0] == lists[1]


@pytest.fixture(scope="module")
def two_engines(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle for ONNX Runtime and numpy."""
    from tests.tiny_bundle import Shape, tiny_contents
    from tests.tiny_onnx import ONNX_VARIANT, tiny_onnx

    folder = tmp_path_factory.mktemp("two-engines") / "b"
    _, files = tiny_contents(n_items=40, seed=0, target="laptop-x86_64", shape=Shape(), release=1, name="tiny")
    graph = tiny_onnx(files["encoder.safetensors"][1], make_tiny_bundle(folder, n_items=40, seed=0).encoder)
    make_tiny_bundle(folder, n_items=40, seed=0, engines=(ONNX_VARIANT,), extra={"encoder.onnx": ("encoder", graph)})
    return folder


def sizes(contents: Contents) -> Encoder:
    return contents.folder.manifest.encoder
