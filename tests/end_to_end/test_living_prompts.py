"""Knowledge of a full model with `coco` reaches devices by delta, and changes the lists of those whom it helps."""

from pathlib import Path

import pytest

from benchmarks import living_prompts
from benchmarks.living_prompts import make_bundles, release_and_use
from edge_runtime.bundle import open_folder
from edge_runtime.bundle.release import foreign_change
from edge_runtime.contents import open_contents
from tests.forked_commands import ForkedCommands, ForkedSteps
from tests.tiny_shop import write_shop

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


def test_new_knowledge_reaches_a_device_by_delta_and_changes_only_lists_that_use_it(
    commands: ForkedCommands, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Knowledge is the same for all targets, and this one needs no TFLite file.
    monkeypatch.setattr(living_prompts, "TARGET", "browser-wasm")
    shop = write_shop(tmp_path / "shop")

    first, second = make_bundles(ForkedSteps(tmp_path / "out", commands=commands), shop, epochs=2)
    found = release_and_use(first, second, shop, tmp_path / "release", 80)

    old, new = (open_contents(open_folder(bundle)) for bundle in (first, second))
    assert old.small.knowledge.any()
    assert (old.small.knowledge != new.small.knowledge).any()
    assert foreign_change(old.folder.manifest, new.folder.manifest, "prompts") is None
    assert found["second"]["what"] == "prompts"
    (delta,) = found["second"]["deltas"]
    assert 0 < delta < sum(found["whole_bytes"].values())
    assert found["second"]["fetched_bytes"] < found["bundle_bytes"]
    assert found["lists_changed_of_others"] == found["differ_from_plain_of_others"] == 0
    assert found["helped"]["second"] < found["users"]
