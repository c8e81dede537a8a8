"""Where the operators of an encoder ran, and how long they took."""

from pathlib import Path

import pytest

from edge_runtime.bundle import open_folder
from edge_runtime.profiling.operators import engine_use, summed
from edge_runtime.profiling.report import Operator
from edge_runtime.profiling.variants import Instance, engine_variants
from tests.web_demo.conftest import write_shop

HISTORIES = (("item-1",), ("item-4", "item-2"))


def node(operator: str, ts: int, us: int, provider: str = "CPU") -> dict[str, object]:
    return {
        "cat": "Node", "name": f"{operator}_1_kernel_time", "ts": ts, "dur": us,
        "args": {"op_name": operator, "provider": provider},
    }  # fmt: skip


def run(ts: int) -> dict[str, object]:
    return {"cat": "Session", "name": "model_run", "ts": ts, "dur": 9}


def test_times_are_those_of_one_inference_without_the_ones_that_warm_up() -> None:
    events = [
        run(0), node("MatMul", 1, 900),
        run(10), node("MatMul", 11, 4), node("Add", 12, 1), node("MatMul", 13, 2),
        run(20), node("MatMul", 21, 8), node("Add", 22, 1, "GPU"),
    ]  # fmt: skip

    found = summed(events, skipped=1)

    assert found == (
        Operator("MatMul", "CPU", 1.5, 7.0, 14 / 16),
        Operator("Add", "CPU", 0.5, 0.5, 1 / 16),
        Operator("Add", "GPU", 0.5, 0.5, 1 / 16),
    )


def test_a_profile_without_inferences_has_no_operators() -> None:
    assert summed([run(0), node("MatMul", 1, 9)], skipped=1) == ()


@pytest.fixture(scope="module")
def onnx_bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_shop(tmp_path_factory.mktemp("shop")) / "browser-wasm"


def test_onnx_runtime_tells_operators_and_where_they_ran(onnx_bundle: Path) -> None:
    variant = engine_variants(open_folder(onnx_bundle))[0]
    instance = Instance.open(variant, None)

    found = engine_use(instance, HISTORIES)

    assert (found.asked, found.actual) == ("onnxruntime fp32", "onnxruntime fp32")
    assert set(found.ran_on) == {"CPUExecutionProvider"}
    assert "MatMul" in {one.operator for one in found.operators}
    assert all(one.us >= 0 and one.ran_on == "CPUExecutionProvider" for one in found.operators)


def test_an_engine_without_operators_says_why(onnx_bundle: Path) -> None:
    variant = engine_variants(open_folder(onnx_bundle))[-1]

    found = engine_use(Instance.open(variant, None), HISTORIES)

    assert found.operators == ()
    assert found.note is not None
    assert "without operators" in found.note
