"""The metrics of LLMRec, and what alignment changes about them."""

from dataclasses import replace

import torch

from tests.train.plugins.tiny_llmrec import (
    DIM,
    N_ITEMS,
    PLAIN,
    SILENT,
    inputs,
    trained,
)
from tests.train.plugins.tiny_steps import make_data
from tests.train.tiny_data import tiny_dataset
from train.data.split import leave_one_out
from train.full_model.model import Model
from train.plugins.llmrec import LlmRecConfig, llmrec


def test_alignment_improves_retrieval_of_next_items() -> None:
    with_it, without = (trained(replace(PLAIN, align=align, next_weight=1.0)) for align in (True, False))

    result, missed = (metrics_of(model) for model in (with_it, without))

    assert result["aligned_cosine"] > missed["aligned_cosine"]
    assert result["aligned_cosine"] > result["aligned_cosine_to_any"]
    assert result["aligned_recall@10"] > 0.9
    assert result["frozen_recall@10"] == missed["frozen_recall@10"]


def metrics_of(model: Model) -> dict[str, float]:
    test = leave_one_out(tiny_dataset(n_items=N_ITEMS).sequences).test
    plugin = model.plugins[0]
    assert plugin.metrics is not None
    with torch.inference_mode():
        histories = [test.history(index) for index in range(len(test))]
        return dict(plugin.metrics(make_data(model.item_vectors(), histories, test.rows)))


def test_metrics_include_users_without_history_and_stay_finite() -> None:
    plugin = llmrec(PLAIN, inputs())
    assert plugin.metrics is not None

    with torch.inference_mode():
        result = plugin.metrics(make_data(torch.zeros(N_ITEMS, DIM), [[], [SILENT]], [3, 4]))

    assert result["aligned_cosine"] == 0.0
    assert result["aligned_recall@10"] == 0.0


def test_metrics_exist_only_if_both_projections_are_trained() -> None:
    assert llmrec(LlmRecConfig(semantics=False, align=False), inputs()).metrics is None
    assert llmrec(LlmRecConfig(semantics=False, user_semantics=False), inputs()).metrics is not None
