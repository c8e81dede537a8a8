"""The sizes of a student for a number of bytes."""

import numpy as np
import pytest
import torch

from edge_runtime.bundle.arrays import dump_arrays
from tests.tiny_student import make_encoder
from train.backbones.encoder import EncoderConfig
from train.distill.codes import CodedTable
from train.distill.sizes import encoder_bytes, parse_bytes, sizes_within
from train.errors import RunError

KIB = 1 << 10


@pytest.mark.parametrize(
    ("text", "n_bytes"),
    [("192KiB", 192 * KIB), ("200 kB", 200_000), ("1.5MiB", 1_572_864), ("196608", 196_608), (" 7 bytes ", 7)],
)
def test_sizes_are_read_with_the_usual_units(text: str, n_bytes: int) -> None:
    assert parse_bytes(text) == n_bytes


@pytest.mark.parametrize("text", ["", "192 pages", "KiB", "-1KiB", "0", "nan", "1e3", "1..5KiB"])
def test_what_is_not_a_size_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="expected"):
        parse_bytes(text)


@pytest.mark.parametrize("budget", [96, 128, 160, 192, 224, 256, 384, 512, 800])
def test_a_student_fits_its_budget_and_uses_it(budget: int) -> None:
    sizes = sizes_within(budget * KIB, 12_101, EncoderConfig(), has_knowledge=False)

    assert 0.95 * budget * KIB < sizes.ranking_bytes <= budget * KIB


def test_more_bytes_mean_more_codes_and_never_fewer_blocks() -> None:
    found = [sizes_within(n * KIB, 12_101, EncoderConfig(), has_knowledge=False) for n in range(96, 400, 4)]

    assert [each.n_blocks for each in found] == sorted(each.n_blocks for each in found)
    for n_blocks in (1, 2):
        means = [each.plan.mean_codes for each in found if each.n_blocks == n_blocks]
        assert means == sorted(means)
        assert min(means) > 12.0 or n_blocks == 1


@pytest.mark.parametrize(("n_items", "dim", "budget"), [(300, 16, 20_000), (2_000, 64, 100_000), (700, 48, 40_000)])
def test_the_stated_size_of_the_codes_is_that_of_the_file(n_items: int, dim: int, budget: int) -> None:
    config = EncoderConfig(dim=dim, max_length=12)
    sizes = sizes_within(budget, n_items, config, has_knowledge=False)
    table = torch.randn(n_items, dim, generator=torch.Generator().manual_seed(0))

    coded = CodedTable(table, sizes.plan, sizes.plan.tiers_of(np.arange(n_items)), seed=0)

    written = len(dump_arrays(coded.arrays()))
    assert written <= sizes.codes_bytes < written + 1_300


@pytest.mark.parametrize("n_blocks", [1, 2])
def test_the_stated_size_of_the_encoder_covers_the_exported_graph(n_blocks: int) -> None:
    from export.encoder_onnx import export_onnx_int8
    from export.quantize import quantize_encoder

    config = EncoderConfig(n_blocks=n_blocks)
    quantized = quantize_encoder(make_encoder(config))

    graph = len(export_onnx_int8(quantized, n_prompts=1, adapter_rank=1))

    assert graph <= encoder_bytes(config) < 1.03 * graph
    assert len(dump_arrays(quantized.arrays())) <= encoder_bytes(config)


def test_knowledge_takes_its_share_of_the_budget() -> None:
    with_it, without = (
        sizes_within(192 * KIB, 12_101, EncoderConfig(), has_knowledge=known) for known in (True, False)
    )

    assert (without.n_prompts, without.adapter_rank) == (1, 1)
    assert with_it.n_prompts > 1
    assert with_it.plan.mean_codes < without.plan.mean_codes


def test_a_budget_that_nothing_fits_says_how_much_is_missing() -> None:
    with pytest.raises(RunError, match=r"needs at least .* more than the budget") as refused:
        sizes_within(30_000, 12_101, EncoderConfig(), has_knowledge=False)

    missing = int(str(refused.value).split(" more than")[0].rsplit(" ", 1)[1].replace(",", ""))
    enough = sizes_within(30_000 + missing, 12_101, EncoderConfig(), has_knowledge=False)
    assert enough.plan.mean_codes == 1.0
    with pytest.raises(RunError):
        sizes_within(30_000 + missing - 1, 12_101, EncoderConfig(), has_knowledge=False)
