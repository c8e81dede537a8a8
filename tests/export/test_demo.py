"""The demo: which world it creates, where, and what it tells the export about the items."""

from pathlib import Path
from typing import Any, ClassVar

import pytest

from edge_runtime.cli import main
from export import demo as module
from export.steps import Steps

HEADLINE = {"history_excluded": {"ndcg@10": 0.25, "recall@5": 0.5}}
RESULTS: dict[str, dict[str, Any]] = {
    "check": {"digest": "d" * 64, "name": "made"},
    "train": {"seconds": 1.0},
    "distill": {"teacher": HEADLINE, "student": HEADLINE, "seconds": 1.0},
    "export": {"bundles": [{"target": target} for target in module.TARGETS]},
    "verify": {"engines": [], "ranking_bytes": 2048, "bundle_bytes": 4096},
}


class RecordedSteps(Steps):
    """Remembers the commands, and creates a world's items file only."""

    commands: ClassVar[list[list[str]]] = []

    def run(self, name: str, *arguments: str | Path, may_fail: bool = False) -> dict[str, Any]:
        words = [str(word) for word in arguments]
        self.commands.append(words)
        self.costs.append({"step": name, "seconds": 0.0, "peak_memory_mib": 1})
        if words[0] == "world":
            Path(words[-1]).mkdir(parents=True)
            (Path(words[-1]) / "items.jsonl").touch()
        return RESULTS.get(words[0], {})


@pytest.fixture(autouse=True)
def _recorded(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(module, "Steps", RecordedSteps)
    monkeypatch.setattr(RecordedSteps, "commands", [])


def run(*arguments: str) -> list[list[str]]:
    """Run the demo without serving; return its commands."""
    with pytest.raises(SystemExit) as stopped:
        main(["demo", "--no-serve", *arguments])
    assert not stopped.value.code
    return RecordedSteps.commands


def of(name: str, commands: list[list[str]]) -> list[list[str]]:
    return [words for words in commands if words[0] == name]


def test_without_a_kind_the_demo_creates_a_shop() -> None:
    commands = run()

    assert of("world", commands) == [["world", "--kind", "shop", "--out", "build/demo/world"]]
    assert "--kind" not in of("export", commands)[0]  # the facts say that it is one


@pytest.mark.parametrize("kind", ["video", "articles"])
def test_each_kind_of_world_has_a_folder_of_its_own(kind: str) -> None:
    commands = run("--kind", kind)

    world = f"build/demo-{kind}/world-{kind}"
    assert of("world", commands) == [["world", "--kind", kind, "--out", world]]
    train = of("train", commands)[0]
    assert train[train.index("--data") + 1] == world
    assert Path(f"build/demo-{kind}/figures.json").is_file()


@pytest.mark.parametrize("options", [(), ("--language-model",)])
def test_a_language_model_is_trained_only_when_it_is_asked_for(options: tuple[str, ...]) -> None:
    commands = run(*options)

    assert ("--train-language-model" in of("export", commands)[0]) == bool(options)


def test_a_second_run_keeps_the_world_and_another_kind_in_the_same_folder_is_another_world() -> None:
    run("--kind", "video", "--out", "here")
    run("--kind", "video", "--out", "here")
    commands = run("--out", "here")

    assert [words[-1] for words in of("world", commands)] == ["here/world-video", "here/world"]


def test_with_data_the_kind_is_passed_to_the_export_and_no_world_is_created() -> None:
    commands = run("--data", "films", "--kind", "video", "--instant")

    assert of("world", commands) == []
    export = of("export", commands)[0]
    assert export[export.index("--kind") + 1] == "video"
    assert Path("build/demo/figures.json").is_file()
