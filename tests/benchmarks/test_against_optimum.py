"""The comparison with a SASRec that Optimum exported: its ratios, its bytes, and the exported graph."""

import random
from pathlib import Path

import msgspec
import numpy as np
import pytest
import torch

from benchmarks.against_optimum import CODES, SASREC, WHOLE, bytes_of, paired_times, ratios
from benchmarks.optimum_sasrec import Scorer, ScoringSasrec, export_by_optimum, table_bytes
from edge_runtime.bundle import open_folder
from edge_runtime.bundle.manifest import File, Manifest
from edge_runtime.probe.target import OPSET
from tests.tiny_bundle import make_tiny_bundle
from train.backbones.encoder import EncoderConfig
from train.backbones.sasrec import SASRec

SIZES = EncoderConfig(dim=8, max_length=6, n_blocks=2, n_heads=2)


@pytest.fixture
def manifest(tmp_path: Path) -> Manifest:
    """The manifest of a bundle with ONNX Runtime int8 as its only engine."""
    make_tiny_bundle(tmp_path / "bundle")
    found = open_folder(tmp_path / "bundle").manifest
    engine = msgspec.structs.replace(found.engines[0], engine="onnxruntime", precision="int8")
    return msgspec.structs.replace(found, engines=(engine,))


def test_a_variant_that_takes_half_the_time_on_every_history_has_the_ratio_one_half() -> None:
    rounds = [{SASREC: [(2.0, 1.0), (8.0, 4.0)], CODES: [(1.0, 0.25), (4.0, 1.0)]}] * 3

    found = ratios(rounds)

    assert list(found) == [CODES]
    assert found[CODES]["wall"] == {"ratio": 0.5, "low": 0.5, "high": 0.5, "ms": 2.5, "baseline_ms": 5.0}
    assert found[CODES]["CPU"]["ratio"] == 0.25


def test_every_history_is_ranked_by_every_variant_after_a_warm_up() -> None:
    histories = [np.array([row]) for row in range(3)]
    seen: dict[str, list[int]] = {"a": [], "b": []}

    def ranks(name: str, rows: np.ndarray) -> np.ndarray:
        seen[name].append(int(rows[0]))
        return rows

    times = paired_times(
        {"a": lambda rows: ranks("a", rows), "b": lambda rows: ranks("b", rows)}, histories, random.Random(0)
    )

    assert {name: len(found) for name, found in times.items()} == {"a": 3, "b": 3}
    assert seen == {"a": [0, 1, 2, 0, 1, 2], "b": [0, 1, 2, 0, 1, 2]}


def test_the_bytes_of_a_bundle_without_transitions_are_those_of_its_ranking_files(manifest: Manifest) -> None:
    found = bytes_of(manifest, sasrec=1_000_000, table=400_000)

    assert list(found) == [CODES]
    assert found[CODES]["bytes"] == manifest.ranking_bytes
    assert found[CODES]["ratio"] == manifest.ranking_bytes / 1_000_000
    assert found[CODES]["ratio_with_one_table"] == manifest.ranking_bytes / 600_000


def test_transitions_are_counted_beside_encoder_and_codes(manifest: Manifest) -> None:
    entry = File("transitions.safetensors", "transitions", 500, "0" * 64)
    whole = msgspec.structs.replace(manifest, files=(*manifest.files, entry))

    found = bytes_of(whole, sasrec=1_000_000, table=400_000)

    assert found[WHOLE]["bytes"] == found[CODES]["bytes"] + 500 == whole.ranking_bytes


def test_a_bundle_without_onnx_runtime_is_refused_with_the_engines_that_it_has(manifest: Manifest) -> None:
    other = msgspec.structs.replace(manifest.engines[0], engine="reference")

    with pytest.raises(SystemExit, match="engines are reference int8; give one with onnxruntime int8"):
        bytes_of(msgspec.structs.replace(manifest, engines=(other,)), sasrec=1, table=0)


@pytest.mark.slow
def test_the_exported_graph_has_the_table_twice_and_the_scores_of_pytorch_at_any_length(tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = ScoringSasrec(torch.randn(5000, SIZES.dim), SASRec(SIZES)).eval()
    path = tmp_path / "model.onnx"

    export_by_optimum(model, path, OPSET)

    assert 2 * table_bytes(model) < path.stat().st_size < 3 * table_bytes(model)
    scorer = Scorer(path)
    for length in (1, 3, SIZES.max_length):
        rows = np.arange(length, dtype=np.int64) * 7
        with torch.no_grad():
            expected = model(torch.from_numpy(rows[None]), torch.ones(1, length, dtype=torch.int64))[0].numpy()
        assert np.abs(scorer.scores(rows) - expected).max() < 1e-4
