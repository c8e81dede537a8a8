"""The cost of compositions is measured in separate processes."""

from pathlib import Path

import pytest

from benchmarks.epoch_cost import measure_costs
from tests.hostile_folder import HostileFolder
from tests.tiny_shop import write_shop
from train.data.folder import read_folder
from train.full_model.recipes import TrainConfig


def test_an_epoch_is_its_steps_preparation_and_validation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hostile, shop = HostileFolder(tmp_path / "hostile"), tmp_path / "shop"
    monkeypatch.chdir(hostile.path)
    write_shop(shop)
    n_histories = len(read_folder(shop).sequences)

    n_users, costs = measure_costs(
        shop, {"none": TrainConfig(), "corec": TrainConfig(plugins={"corec": {}})}, n_steps=2
    )

    assert 0 < n_users <= n_histories
    assert [cost.plugins for cost in costs] == ["none", "corec"]
    for cost in costs:
        steps = -(-n_users // 32)
        assert cost.epoch_s == steps * cost.step_s + cost.prepare_s + cost.validate_s
        assert min(cost.step_s, cost.validate_s, cost.prepare_s) > 0.0
        assert cost.memory_mib > 50.0
    assert not hostile.was_run
