"""TFLite files on tflite-runtime 2.14, the last version for old boards, in a separate environment (numpy 1).

Some recipes of quantization run there without an error and give other states than the trained model. What excludes them
is tested too: a target cannot ask for them, and the self-test refuses them at export and on the board.
"""

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec
import numpy as np
import pytest

from edge_runtime.bundle import open_folder
from edge_runtime.bundle.manifest import Encoder, EngineVariant
from edge_runtime.contents import Contents, open_contents
from edge_runtime.engines.candidates import EngineCandidates
from edge_runtime.engines.litert import LiteRTEngine
from edge_runtime.engines.protocol import Engine, Floats, SmallMatrices
from edge_runtime.errors import TargetError
from edge_runtime.probe.target import parse_target
from edge_runtime.ranking import best_rows, score_all
from export.encoder_tflite import export_tflite
from export.quantize import QuantizedEncoder
from export.target import read_target, target_file
from tests.export.encoder_cases import ROUNDING
from tests.export.tflite_recipes import RECIPES, Cases, quantized_by, states_on_litert, states_on_old_board
from tests.tiny_student import N_PROMPTS, RANK

CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
PYTHON = CACHE / "pocketrec" / "old-board" / "bin" / "python"

OURS = ("float32", "weight-only int8 of this project")
SILENT = (
    "weight-only int8 by ai-edge-quantizer",
    "dynamic int8, per tensor",
    "dynamic int8, per channel",
    "dynamic int4, per channel",
)
FAILING = tuple(name for name in RECIPES if name not in SILENT)

pytestmark = pytest.mark.slow


@dataclass(frozen=True, slots=True)
class Board:
    """What every file gives on tflite-runtime: states ``[n, d]`` of the golden sequences, or an error."""

    contents: Contents
    files: Mapping[str, bytes]
    outputs: Mapping[str, Floats | str]

    def states(self, name: str) -> Floats:
        """Return the states of a file that runs."""
        found = self.outputs[name]
        assert not isinstance(found, str), f"{name}: {found}"
        return found

    def error(self, name: str) -> float:
        """Return the largest difference of a state from the trained model's."""
        return float(np.abs(self.states(name) - self.contents.golden.states).max())


@dataclass(slots=True)
class Recorded:
    """An engine that returns states one after the other, in the order of the self-test."""

    states: Iterator[Floats]
    name: str = "litert"
    precision: str = "int8"

    def encode(self, embeddings: Floats, small: SmallMatrices) -> Floats:
        return next(self.states)


@pytest.fixture(scope="module")
def board(bundles: Path, tflite: bytes, quantized: QuantizedEncoder, tmp_path_factory: pytest.TempPathFactory) -> Board:
    if not PYTHON.exists():
        pytest.skip("the environment of old boards is missing; build it with `make old-board-env`")
    contents = open_contents(open_folder(bundles / "laptop-x86_64"))
    cases, folder = Cases.of(contents), tmp_path_factory.mktemp("old-board")
    float32 = export_tflite(quantized.encoder, n_prompts=N_PROMPTS, adapter_rank=RANK)
    files = dict(zip(OURS, (float32, tflite), strict=True))
    files |= {name: quantized_by(name, float32, cases) for name in RECIPES}
    outputs = {name: states_on_old_board(PYTHON, data, cases, folder) for name, data in files.items()}
    return Board(contents, files, outputs)


def refusal(contents: Contents, opened: Callable[[Encoder], Engine]) -> str:
    """Return why a device with the target for old boards refuses an engine; empty if it uses it."""
    choice = next(one for one in read_target("raspberry-pi-3").engines if one.engine == "litert")
    file = contents.folder.manifest.engines[0].file
    variant = EngineVariant("litert", choice.precision, file, choice.max_state_error, choice.min_overlap)
    manifest = msgspec.structs.replace(contents.folder.manifest, engines=(variant,))
    candidates = EngineCandidates(
        replace(contents.folder, manifest=manifest),
        contents.codes,
        contents.small,
        contents.golden,
        openers={"litert": lambda _, sizes, __: opened(sizes)},
    )
    return "" if candidates.engine is not None else candidates.refusals[-1].reason


@pytest.mark.parametrize("name", OURS)
def test_an_old_board_ranks_the_golden_sequences_like_the_trained_model(board: Board, name: str) -> None:
    golden, codes = board.contents.golden, board.contents.codes

    assert board.error(name) < ROUNDING
    for state, rows, top in zip(board.states(name), golden.sequences, golden.top_rows, strict=True):
        assert best_rows(score_all(codes, state), 10, rows).tolist() == top[top >= 0].tolist()


def test_these_recipes_run_on_an_old_board_and_are_silently_outside_the_tolerance(board: Board) -> None:
    tolerance = next(one for one in read_target("raspberry-pi-3").engines if one.engine == "litert").max_state_error

    silent = {name for name in RECIPES if not isinstance(board.outputs[name], str) and board.error(name) > tolerance}

    assert silent == set(SILENT)


@pytest.mark.parametrize("name", FAILING)
def test_the_other_recipes_fail_there_with_an_error(board: Board, name: str) -> None:
    assert isinstance(board.outputs[name], str)
    assert "Error" in board.outputs[name]


def test_dynamic_int8_per_channel_is_usable_on_litert_and_wrong_on_an_old_board(board: Board) -> None:
    name = "dynamic int8, per channel"
    on_litert = states_on_litert(board.files[name], board.contents)

    assert np.abs(on_litert - board.contents.golden.states).max() < 0.1
    assert board.error(name) > 1.0


@pytest.mark.parametrize("name", SILENT)
def test_the_self_test_on_an_old_board_refuses_a_recipe_that_is_silently_wrong(board: Board, name: str) -> None:
    reason = refusal(board.contents, lambda _: Recorded(iter(board.states(name))))

    assert "failed the self-test: state error" in reason


@pytest.mark.parametrize("name", OURS)
def test_the_self_test_on_an_old_board_accepts_the_files_of_this_project(board: Board, name: str) -> None:
    assert refusal(board.contents, lambda _: Recorded(iter(board.states(name)))) == ""


@pytest.mark.parametrize("name", RECIPES)
def test_the_self_test_of_the_export_refuses_every_recipe_before_a_board_has_it(board: Board, name: str) -> None:
    assert refusal(board.contents, lambda sizes: LiteRTEngine.open(board.files[name], sizes)) != ""


@pytest.mark.parametrize("precision", ["int4", "dynamic-int8", "static-int8", "int16"])
def test_a_target_cannot_ask_for_such_a_recipe(precision: str) -> None:
    text = target_file("raspberry-pi-3").decode().replace('precision = "int8"', f'precision = "{precision}"', 1)

    with pytest.raises(TargetError, match=f"no engine 'litert' with precision '{precision}'"):
        parse_target(text.encode(), "mine")
