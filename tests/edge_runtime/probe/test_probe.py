"""A probe predicts from a manifest what a bundle will cost here, and says no with a reason and a fix."""

import json
from pathlib import Path

import msgspec
import pytest

from edge_runtime.bundle import open_folder
from edge_runtime.bundle.manifest import Catalogue, LanguageModel, Manifest, ModelSizes, Tier
from edge_runtime.cli import main
from edge_runtime.errors import ProbeError, TargetError
from edge_runtime.probe.checks import all_checks
from edge_runtime.probe.prediction import predicted, predicted_model
from edge_runtime.probe.report import SCHEMA_FILE, Check, EngineFound, Prediction, Probe, Range, Work, json_schema
from edge_runtime.probe.stand_in import write_stand_in
from edge_runtime.probe.subjects import from_folder, from_target
from edge_runtime.probe.trial import Trial, trials
from edge_runtime.profiling import profile as profile_module
from edge_runtime.profiling.limits import Peaks
from export.target import target_file
from tests.live_server import serving
from tests.tiny_bundle import make_tiny_bundle
from tests.tiny_transitions import WITH_ENGINES

PEAKS = Peaks({1_000: 1e10, 1_000_000: 1e9}, operations_per_s=1e10, digest_bytes_per_s=1e9, disk_flush_ms=2.0)
NUMPY = EngineFound("reference", "int8", usable=True, library="numpy 2", fix="")
ONNX = EngineFound("onnxruntime", "int8", usable=True, library="onnxruntime 1", fix="")
MISSING = EngineFound("onnxruntime", "int8", usable=False, library=None, fix="pip install it")
PREDICTION = Prediction(Range(1, 2), Range(2, 4), Range(40e6, 80e6), Work(1, 1, 0.1, "reading"), None)
TRIAL = Trial(40, (1.0, 1.2, 1.4), (0.9, 1.0, 1.1), 0.2, 2.0, 1.5, 50_000_000)


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("probe") / "laptop-x86_64"
    make_tiny_bundle(path, transitions=WITH_ENGINES)
    return path


@pytest.fixture(scope="module")
def manifest(bundle: Path) -> Manifest:
    return open_folder(bundle).manifest


def run(*arguments: object) -> int:
    with pytest.raises(SystemExit) as stopped:
        main([str(word) for word in arguments])
    return int(stopped.value.code or 0)


def failed(checks: tuple[Check, ...]) -> list[str]:
    return [one.name for one in checks if one.passed is False]


def checks_of(
    manifest: Manifest, *, engines: tuple[EngineFound, ...] = (NUMPY,), memory: int = 1 << 30, room: int | None = None
) -> tuple[Check, ...]:
    return all_checks(manifest, engines, PREDICTION, memory, room, "x86_64", has_llama=False)


def test_the_measured_median_of_a_bundle_is_within_the_range_predicted_from_its_manifest(bundle: Path) -> None:
    sizes = from_folder(bundle).manifest
    found = predicted(sizes, trials(sizes), PEAKS, (NUMPY,), 0, language_model=False)

    measured = profile_module.profile(bundle, mode="quick")

    (row,) = [one for one in measured.rows if one.step == "list"]
    assert found.recommend_ms.low <= row.cpu_ms.median if row.cpu_ms else True
    assert found.peak_memory.low <= measured.memory[0].peak <= found.peak_memory.high


def test_with_a_faster_engine_a_list_may_lack_the_time_of_the_encoder(manifest: Manifest) -> None:
    alone = predicted(manifest, [TRIAL], PEAKS, (NUMPY,), 0, language_model=False)
    beside = predicted(manifest, [TRIAL], PEAKS, (ONNX, NUMPY), 10_000_000, language_model=False)

    assert beside.recommend_ms.low < alone.recommend_ms.low
    assert beside.recommend_ms.high == alone.recommend_ms.high
    assert beside.peak_memory.high > alone.peak_memory.high


def test_a_large_catalogue_is_on_the_line_through_two_smaller_ones(manifest: Manifest) -> None:
    large = msgspec.structs.replace(manifest, catalogue=Catalogue(1_000, 16, 16, (Tier(1_000, 2),)))
    pair = [
        Trial(10, (1.0,), (1.0,), 0.0, 1.0, 1.0, 50_000_000),
        Trial(100, (2.0,), (2.0,), 0.0, 2.0, 2.0, 60_000_000),
    ]

    found = predicted(large, pair, PEAKS, (NUMPY,), 0, language_model=False)

    expected = 2.0 + 900 / 90  # milliseconds
    assert found.recommend_ms.low < expected < found.recommend_ms.high
    assert found.peak_memory.low < 160e6 < found.peak_memory.high


def test_a_language_model_reads_all_of_its_bytes_for_each_token(manifest: Manifest) -> None:
    entry = msgspec.structs.replace(manifest.files[0], name="m.gguf", role="language_model", bytes=1_000_000)
    model = LanguageModel("m.gguf", 1024, "facts-v1")
    sizes = msgspec.structs.replace(manifest, files=(*manifest.files, entry), language_model=model)

    rates = predicted(sizes, [TRIAL], PEAKS, (NUMPY,), 0, language_model=True).language_model

    assert rates is not None
    assert rates.tokens_per_s.high == pytest.approx(1e9 / 1e6)
    assert predicted(sizes, [TRIAL], PEAKS, (NUMPY,), 0, language_model=False).language_model is None


def test_a_language_model_is_predicted_from_the_sizes_in_the_manifest(manifest: Manifest) -> None:
    entry = msgspec.structs.replace(manifest.files[0], name="m.gguf", role="language_model", bytes=3_000_000)
    stated = ModelSizes("llama", 1_000_000, 500_000, 2_000_000, 400_000)
    model = LanguageModel("m.gguf", 1024, "facts-v1", sizes=stated)
    sizes = msgspec.structs.replace(manifest, files=(*manifest.files, entry), language_model=model)

    found = predicted_model(sizes, PEAKS)

    assert found is not None
    assert found.limit_tokens_per_s == pytest.approx(1e9 / 2e6)  # the reading of 2 MB outweighs the arithmetic
    assert found.tokens_per_s.low < found.limit_tokens_per_s == found.tokens_per_s.high
    assert found.first_token_ms.low == found.limit_first_token_ms < found.first_token_ms.high
    assert found.memory.low == found.least_memory == 2_000_000
    assert found.memory.high > 3_400_000


def test_a_process_of_the_language_model_that_may_not_find_its_memory_is_noted(manifest: Manifest) -> None:
    entry = msgspec.structs.replace(manifest.files[0], name="m.gguf", role="language_model", bytes=300 << 20)
    model = LanguageModel("m.gguf", 1024, "facts-v1")
    sizes = msgspec.structs.replace(manifest, files=(*manifest.files, entry), language_model=model)
    prediction = predicted(sizes, [TRIAL], PEAKS, (NUMPY,), 0, language_model=True)

    def noted(memory: int) -> list[str]:
        checks = all_checks(sizes, (NUMPY,), prediction, memory, None, "x86_64", has_llama=True)
        return [one.text for one in checks if one.name == "language model" and one.passed is None]

    assert noted(64 << 30) == []
    assert "MiB more" in noted(512 << 20)[0]


def test_a_machine_with_an_engine_and_enough_memory_will_run_it(manifest: Manifest) -> None:
    assert failed(checks_of(manifest)) == []


def test_no_engine_is_a_no_with_the_command_that_installs_one(manifest: Manifest) -> None:
    (check,) = [one for one in checks_of(manifest, engines=(MISSING,)) if one.name == "engine"]

    assert (check.passed, check.fix) == (False, "pip install it")


def test_too_little_memory_or_room_is_a_no(manifest: Manifest) -> None:
    assert failed(checks_of(manifest, memory=30_000_000, room=10)) == ["memory", "disk"]


def test_memory_within_the_range_is_undecided(manifest: Manifest) -> None:
    (check,) = [one for one in checks_of(manifest, memory=60_000_000) if one.name == "memory"]

    assert check.passed is None


def test_a_budget_fails_if_even_the_low_end_exceeds_it_on_the_machines_of_the_target(manifest: Manifest) -> None:
    tight = msgspec.structs.replace(manifest, budgets={"p95_us": 1_500, "peak_memory_bytes": 30_000_000})

    assert failed(checks_of(tight)) == ["latency", "memory budget"]
    assert failed(checks_of(msgspec.structs.replace(tight, machines=("arm64",)))) == []


def test_a_target_is_probed_with_the_sizes_of_a_default_student() -> None:
    probed = from_target("laptop-x86_64", 5_000)

    assert probed.manifest.catalogue.n_items == 5_000
    assert [one.engine for one in probed.manifest.engines] == ["onnxruntime", "litert", "reference"]
    assert probed.manifest.budgets["p95_us"] == 10_000


@pytest.mark.parametrize("name", ["laptop-x86_64", "android-arm64", "browser-wasm", "minimal"])
def test_a_stand_in_of_every_kind_of_target_is_a_valid_bundle(name: str, tmp_path: Path) -> None:
    sizes = from_target(name, 300).manifest

    write_stand_in(tmp_path, sizes, 300)

    assert open_folder(tmp_path).manifest.transitions == sizes.transitions


def test_a_target_file_that_is_no_target_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "kiosk.toml").write_text("description = 'x'")

    with pytest.raises(TargetError, match=r"kiosk\.toml.*engines"):
        from_target(str(tmp_path / "kiosk.toml"), 100)
    with pytest.raises(ProbeError, match="file not found"):
        from_target(str(tmp_path / "none.toml"), 100)


def test_an_unknown_entry_of_a_target_file_is_refused_with_its_line(tmp_path: Path) -> None:
    text = target_file("minimal").decode().replace("bundle_bytes", "bundel_bytes")
    (tmp_path / "kiosk.toml").write_text(text)

    with pytest.raises(TargetError, match=r"kiosk\.toml, line \d+: budgets\.bundel_bytes: unknown entry"):
        from_target(str(tmp_path / "kiosk.toml"), 100)


def test_as_many_followers_as_fit_are_a_small_catalogues_whole_graph_and_none_of_a_large_ones() -> None:
    small, large = from_target("minimal", 600).manifest, from_target("minimal", 50_000).manifest

    assert small.transitions is not None
    assert small.transitions.n_entries == 32 * 600
    assert large.transitions is None


def test_a_release_of_a_server_is_probed_and_the_answer_has_the_schema(
    bundle: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with serving(bundle.parent) as server:
        assert run("probe", server.url, "--json") == 0

    answer = json.loads(capsys.readouterr().out)
    assert answer.pop("ok")
    found = msgspec.convert(answer, Probe)  # which the schema is made from
    assert (found.runs, found.subject.kind) == (True, "release")


def test_a_bundle_that_will_not_run_ends_the_command_with_1_and_says_why(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    make_tiny_bundle(tmp_path / "b")
    monkeypatch.setattr("edge_runtime.probe.probe.available_memory", lambda: 1_000_000)

    assert run("probe", tmp_path / "b") == 1

    said = capsys.readouterr()
    assert "It will not run here" in said.out
    assert "Fix: free memory" in said.err


def test_the_schema_file_is_that_of_the_report() -> None:
    folder = Path(profile_module.__file__).parents[1] / "probe"

    assert (folder / SCHEMA_FILE).read_bytes() == json_schema()
