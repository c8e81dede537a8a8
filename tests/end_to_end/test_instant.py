"""The instant path: from an interaction log to a recommending bundle without training."""

import json
from contextlib import redirect_stdout
from functools import partial
from io import BytesIO, TextIOWrapper
from pathlib import Path

import pytest

from edge_runtime import Recommender
from edge_runtime.cli import main
from export import demo
from tests.forked_commands import ForkedCommands, ForkedSteps
from tests.live_server import run_sync, serving
from tests.tiny_shop import write_shop

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def built(commands: ForkedCommands, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("instant")
    shop, out = write_shop(folder / "shop"), folder / "demo"
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(TextIOWrapper(BytesIO())) as printed:
        patch.setattr(demo, "Steps", partial(ForkedSteps, commands=commands))
        with pytest.raises(SystemExit) as ended:
            main(["demo", "--instant", "--data", str(shop), "--out", str(out), "--no-serve", "--json"])
    assert ended.value.code == 0
    printed.seek(0)
    (folder / "printed.json").write_text(printed.read())
    return out


def test_the_bundle_recommends_by_transitions_without_an_engine(built: Path) -> None:
    with Recommender.open(built / "bundles" / "laptop-x86_64") as recommender:
        first = recommender.items.item_id[0]
        listed = recommender.recommend(5, [first])
        assert recommender.engine.name == "transitions"
        assert first not in [one.item_id for one in listed]
        assert len(listed) == 5
        assert recommender.explain(listed[0].item_id, history=[first]).text


def test_the_table_has_the_figures_of_the_bundle_and_the_time_of_each_step(built: Path) -> None:
    printed = json.loads((built.parent / "printed.json").read_text())

    assert printed["ok"] is True
    assert list(printed["bundles"]) == ["laptop-x86_64"]
    assert printed["bundles"]["laptop-x86_64"]["engine"] == "transitions uint4"
    assert next(step["step"] for step in printed["steps"]) == "check the data"
    assert not (built / "bundles" / "laptop-x86_64" / "encoder.onnx").exists()


def test_a_device_syncs_the_bundle_and_recommends_offline(built: Path, tmp_path: Path) -> None:
    with serving(built / "bundles") as server:
        assert run_sync(server.url, tmp_path / "device", "--target", "laptop-x86_64").returncode == 0
    with Recommender.open(tmp_path / "device") as recommender:
        assert recommender.engine.name == "transitions"
