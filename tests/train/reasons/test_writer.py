"""Training of the reason writer: new and pretrained models, interruption and resumption."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from tests.tiny_dataset import make_dataset
from tests.tiny_language_model import make_language_model
from train.errors import RunError
from train.reasons import tuning
from train.reasons.batches import IGNORED, TokenizedExample, batch_plan, collate
from train.reasons.lora import merge
from train.reasons.writer import WriterConfig, train_writer

DATASET = make_dataset()
QUICK = WriterConfig(
    n_examples=60, vocabulary_size=320, n_layers=1, n_steps=6, n_lora_steps=4, n_list_steps=3, batch_size=2,
    context=512, save_every=2,
)  # fmt: skip


class PulledPlugError(Exception):
    """Simulates an interruption."""


def weights(folder: Path) -> dict[str, torch.Tensor]:
    tensors: dict[str, torch.Tensor] = load_file(folder / "model.safetensors")
    return tensors


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return an uninterrupted run."""
    folder = tmp_path_factory.mktemp("writer") / "run"
    train_writer(DATASET, folder, QUICK, shown=False)
    return folder


def test_a_run_leaves_model_adapter_and_figures(whole: Path) -> None:
    figures = json.loads((whole / "metrics.json").read_text())
    files = {path.name for path in (whole / "model").iterdir()}

    assert files >= {"config.json", "model.safetensors", "tokenizer.json"}
    assert (whole / "adapter" / "adapter_model.safetensors").is_file()
    assert (whole / "list_adapter" / "adapter_model.safetensors").is_file()
    assert figures["list_loss"] > 0.0
    assert figures["n_examples"] == 60
    assert 0.0 <= figures["greedy_allowed"] <= 1.0
    assert not list(whole.glob("*.safetensors"))


def test_the_writer_learns(whole: Path, tmp_path: Path) -> None:
    train_writer(DATASET, tmp_path / "run", replace(QUICK, n_steps=30), shown=False)

    long, short = (json.loads((run / "metrics.json").read_text()) for run in (tmp_path / "run", whole))
    assert long["text_loss"] < 0.8 * short["text_loss"]


@pytest.mark.parametrize("stops_after", [3, 6, 8, 12])
def test_a_resumed_run_equals_an_uninterrupted_one(
    stops_after: int, whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    take_a_step, taken = tuning._step, 0

    def step_until_the_plug_is_pulled(*arguments: object) -> float:
        nonlocal taken
        taken += 1
        if taken > stops_after:
            raise PulledPlugError
        return take_a_step(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(tuning, "_step", step_until_the_plug_is_pulled)
    with pytest.raises(PulledPlugError):
        train_writer(DATASET, tmp_path / "killed", QUICK, shown=False)
    monkeypatch.undo()
    resumed = train_writer(DATASET, tmp_path / "killed", QUICK, shown=False)

    for name, value in weights(whole / "model").items():
        torch.testing.assert_close(weights(resumed)[name], value, rtol=1e-3, atol=1e-4)
    adapters = [load_file(run / "list_adapter" / "adapter_model.safetensors") for run in (whole, resumed.parent)]
    for name, value in adapters[0].items():
        torch.testing.assert_close(adapters[1][name], value, rtol=1e-2, atol=1e-2)


def test_a_writer_without_list_texts_has_no_adapter_for_them(tmp_path: Path) -> None:
    train_writer(DATASET, tmp_path / "run", replace(QUICK, n_list_steps=0), shown=False)

    assert not (tmp_path / "run" / "list_adapter").exists()


def test_progress_of_a_training_goes_to_stderr(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(tuning, "_REPORT_S", 0.0)

    train_writer(DATASET, tmp_path, QUICK)

    printed = capsys.readouterr()
    assert printed.out == ""
    assert f"writer: text  1 of {QUICK.n_steps} steps  loss " in printed.err


def test_a_finished_run_is_not_repeated(whole: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tuning, "_step", lambda *_: pytest.fail("it trained again"))

    assert train_writer(DATASET, whole, QUICK, shown=False) == whole / "model"


def test_a_folder_with_other_settings_is_not_overwritten(whole: Path) -> None:
    with pytest.raises(RunError, match="other settings"):
        train_writer(DATASET, whole, replace(QUICK, seed=1), shown=False)


def test_a_pretrained_model_is_fine_tuned_instead_of_a_new_one(tmp_path: Path) -> None:
    source = make_language_model(tmp_path / "source", "llama", tied=False)

    folder = train_writer(DATASET, tmp_path / "tuned", QUICK, language_model=str(source), shown=False)

    before, after = weights(source), weights(folder)
    changed = {name for name in before if (before[name].half() - after[name].half()).abs().max() > 1e-4}
    assert json.loads((folder / "config.json").read_text())["architectures"] == ["LlamaForCausalLM"]
    assert changed
    assert all("q_proj" in name or "v_proj" in name for name in changed)


def test_a_model_of_another_shape_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "gpt2", "architectures": ["GPT2LMHeadModel"]}))

    with pytest.raises(RunError, match=r"model of type 'gpt2', expected one of llama, qwen2, qwen3"):
        train_writer(DATASET, tmp_path / "out", QUICK, language_model=str(tmp_path), shown=False)


def test_a_folder_without_a_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="cannot be loaded"):
        train_writer(DATASET, tmp_path / "out", QUICK, language_model=str(tmp_path), shown=False)


def test_a_weight_beyond_float16_is_refused() -> None:
    class Tuned:
        def merge_and_unload(self) -> torch.nn.Module:
            layer = torch.nn.Linear(2, 2)
            torch.nn.init.constant_(layer.weight, 1e6)
            return layer

    with pytest.raises(RunError, match="is out of the range of float16"):
        merge(Tuned())


@pytest.mark.parametrize("change", [{"dim": 128}, {"n_lora_steps": 0}, {"n_list_steps": -1}, {"batch_size": 0}])
def test_an_invalid_configuration_is_refused(change: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="must be"):
        replace(QUICK, **change)


def test_prompts_can_be_excluded_from_the_loss() -> None:
    batch = [TokenizedExample([5, 6, 7, 8], 2), TokenizedExample([9, 3], 1)]

    tokens, mask, labels = collate(batch, reasons_only=True)

    assert tokens.tolist() == [[5, 6, 7, 8], [9, 3, 0, 0]]
    assert mask.tolist() == [[1, 1, 1, 1], [1, 1, 0, 0]]
    assert labels.tolist() == [[IGNORED, IGNORED, 7, 8], [IGNORED, 3, IGNORED, IGNORED]]


def test_each_epoch_has_every_example_once() -> None:
    examples = [TokenizedExample([1] * (3 + index % 7), 1) for index in range(50)]

    plan = batch_plan(examples, 5, 20, seed=0)

    assert sorted(index for batch in plan[:10] for index in batch) == list(range(50))
    assert plan[:10] != plan[10:]
    assert len(plan) == 20


def test_an_adapter_for_sentences_is_trained_if_it_is_wanted(whole: Path, tmp_path: Path) -> None:
    train_writer(DATASET, tmp_path / "run", replace(QUICK, n_said_steps=4, said_rank=4), shown=False)

    tensors = load_file(tmp_path / "run" / "said_adapter" / "adapter_model.safetensors")
    lists = load_file(tmp_path / "run" / "list_adapter" / "adapter_model.safetensors")
    assert json.loads((tmp_path / "run" / "metrics.json").read_text())["said_loss"] > 0.0
    assert {"q_proj", "down_proj"} <= {part for name in tensors for part in name.split(".")}
    assert not any("down_proj" in name for name in lists)
    assert not (whole / "said_adapter").exists()
