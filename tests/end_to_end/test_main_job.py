"""The main job on a tiny shop: from an interaction log to reasons on an offline device."""

import json
import re
import subprocess
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from edge_runtime import Recommender
from edge_runtime.cli import main
from export.language_model import writer_folder
from tests.live_server import POCKETREC, run_sync, serving
from tests.tiny_shop import write_shop
from tests.watched import Watch
from train.data.folder import read_folder
from train.data.kept_rows import saved_items
from train.reasons import writer
from train.reasons.tuning import Stage, tune

# A command and the stages of its work.
STAGES = r"(laptop-x86_64|browser-wasm): .* \.\.\.$|(reading|ranking) .* \.\.\.$"
OURS = rf"\$ pocketrec |advice: |(teacher|student): epoch |writer: |{STAGES}"

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


def pocketrec(
    *arguments: str | Path | int, typed: str = "", environment: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    command = [*POCKETREC, *map(str, arguments)]
    return subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=500, input=typed, env=environment
    )


@pytest.fixture(scope="module")
def watch(tmp_path_factory: pytest.TempPathFactory) -> Watch:
    return Watch.over(tmp_path_factory.mktemp("watch"))


class StoppedError(Exception):
    """Simulates an interruption."""


def begin_language_model(shop: Path, student: Path) -> None:
    """Leave a language model as it is if an export stops after the first stage, which would take a minute."""

    def briefly(model: Any, examples: Any, stage: Stage, run: Any, **options: Any) -> list[float]:  # noqa: ANN401
        if stage.name != "text":
            raise StoppedError
        return tune(model, examples, replace(stage, n_steps=5), run, **options)

    dataset = read_folder(shop, earlier=saved_items(student))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(writer, "tune", briefly)
        with pytest.raises(StoppedError):
            writer_folder(dataset, student, shown=False)


def modified(out: Path) -> dict[str, int]:
    """Return when the weights of each run were written."""
    return {str(path): path.stat().st_mtime_ns for path in out.glob("runs/*/*/best.safetensors")}


@pytest.fixture(scope="module")
def built(watch: Watch, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the demo's folder after the main job on a tiny shop, which goes on with runs that are there.

    Next to it are the stderr of all commands, and when the runs had been written before the demo.
    """
    folder = tmp_path_factory.mktemp("main-job")
    shop, out = write_shop(folder / "shop"), folder / "demo"
    runs = out / "runs" / f"shop-{read_folder(shop).digest[:8]}"
    teacher, student, data = runs / "teacher", runs / "student", ("--data", shop, "--resume", "--json")
    said = []
    for command in (("train", *data, "--out", teacher), ("distill", "--run", teacher, *data, "--out", student)):
        done = pocketrec(*command, environment=watch.environment)
        assert done.returncode == 0, done.stderr
        said.append(done.stderr)
    begin_language_model(shop, student)
    (folder / "before.json").write_text(json.dumps(modified(out)))
    arguments = ("demo", "--data", shop, "--out", out, "--no-serve", "--language-model")
    done = pocketrec(*arguments, environment=watch.environment)
    assert done.returncode == 0, done.stderr
    (folder / "stderr").write_text("".join([*said, done.stderr]))
    return out


def test_training_export_and_verification_use_no_network_and_one_cache(built: Path, watch: Watch) -> None:
    assert watch.network() == set()
    cached = {Path(*Path(file).parts[:3]).as_posix() for file in watch.files()}
    assert cached == {".cache", ".cache/pocketrec", ".cache/pocketrec/features", ".cache/pocketrec/transitions"}


def test_stderr_has_no_output_of_libraries(built: Path) -> None:
    lines = (built.parent / "stderr").read_text().splitlines()
    assert len(lines) > 10

    foreign = [line for line in lines if not re.match(OURS, line)]

    assert foreign == []


def test_the_figures_have_metrics_sizes_times_and_memory(built: Path) -> None:
    figures = json.loads((built / "figures.json").read_text())

    assert set(figures["bundles"]) == {"laptop-x86_64", "browser-wasm"}
    assert {"ndcg@10", "recall@5", "training_seconds"} == set(figures["teacher"]) == set(figures["student"])
    for shipped in figures["bundles"].values():
        assert shipped["ndcg@10"] == pytest.approx(figures["student"]["ndcg@10"], abs=0.02)
        assert 0 < shipped["ranking_bytes"] < shipped["bundle_bytes"]
    assert all(step["seconds"] > 0 and step["peak_memory_mib"] > 0 for step in figures["steps"])


def test_the_demo_reuses_finished_runs(built: Path) -> None:
    before = json.loads((built.parent / "before.json").read_text())

    assert len(before) == 2
    assert modified(built) == before


def test_a_synced_device_recommends_and_explains_after_the_server_was_stopped(built: Path, tmp_path: Path) -> None:
    device, state = tmp_path / "device", tmp_path / "me.sqlite"
    with serving(built / "bundles") as server:
        synced = run_sync(server.url, device, "--target", "laptop-x86_64")
        assert synced.returncode == 0, synced.stderr
        server.stop()

    done = pocketrec("recommend", device, "--history", "i3,i4", "--k", 5, "--explain", "--json")

    assert done.returncode == 0, done.stderr
    items = json.loads(done.stdout)["items"]
    assert len(items) == 5
    assert not {"i3", "i4"} & {item["item_id"] for item in items}
    assert all(item["reason"] for item in items)
    with Recommender.open(device, state, language_model=False) as recommender:
        recommender.observe("i3")
        best = recommender.recommend(1)[0]
        assert recommender.explain(best.item_id).text
    with Recommender.open(device, state, language_model=False) as again:
        assert [event.item_id for event in again.history()] == ["i3"]


def test_a_like_in_the_terminal_is_in_the_history_of_the_next_session(built: Path, tmp_path: Path) -> None:
    bundle, state = built / "bundles" / "laptop-x86_64", tmp_path / "me.sqlite"

    first = pocketrec("run", bundle, "--state", state, typed="like 1\nquit\n")
    second = pocketrec("run", bundle, "--state", state, typed="history\nquit\n")

    assert first.returncode == 0, first.stderr
    assert second.returncode == 0, second.stderr
    with Recommender.open(bundle, state, language_model=False) as recommender:
        liked = recommender.history()[0]
    assert liked.event == "like"
    assert recommender.items.title[int(liked.item_id[1:])] in second.stdout


def test_one_flipped_byte_anywhere_is_refused(built: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = built / "bundles" / "laptop-x86_64"
    names = [path.name for path in source.iterdir()]
    assert "manifest.json" in names
    for name in names:
        copy = tmp_path / name.replace(".", "-")
        copy.mkdir()
        for path in source.iterdir():
            (copy / path.name).hardlink_to(path)
        data = bytearray((source / name).read_bytes())
        data[len(data) // 2] ^= 1
        (copy / name).unlink()
        (copy / name).write_bytes(data)

        with pytest.raises(SystemExit) as ended:
            main(["inspect", str(copy)])

        # A flipped byte of the manifest may be in a descriptive text; then the bundle is still valid.
        assert ended.value.code == 1 or name == "manifest.json", f"{name} was accepted"
        assert "Traceback" not in capsys.readouterr().err
