"""Compositions are timed in turns, each in a process of its own."""

from pathlib import Path

import pytest

from benchmarks.epoch_cost import measured
from tests.hostile_folder import HostileFolder
from tests.tiny_shop import write_shop
from train.data.folder import read_folder
from train.full_model.recipes import TrainConfig


def test_an_epoch_is_all_its_steps_and_what_stands_around_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hostile, shop = HostileFolder(tmp_path / "hostile"), tmp_path / "shop"
    monkeypatch.chdir(hostile.path)
    write_shop(shop)
    n_people = len(read_folder(shop).sequences)

    n_users, costs = measured(shop, {"none": TrainConfig(), "corec": TrainConfig(plugins={"corec": {}})}, n_steps=2)

    assert 0 < n_users <= n_people
    assert [cost.plugins for cost in costs] == ["none", "corec"]
    for cost in costs:
        steps = -(-n_users // 32)
        assert cost.epoch_s == steps * cost.step_s + cost.prepare_s + cost.validate_s
        assert min(cost.step_s, cost.validate_s, cost.prepare_s) > 0.0
        assert cost.memory_mib > 50.0
    assert not hostile.was_run
