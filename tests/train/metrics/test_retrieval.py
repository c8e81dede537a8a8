import numpy as np
import pytest
import torch

from train.metrics.ranking import BATCH_USERS
from train.metrics.retrieval import retrieval_ranks


def test_the_candidate_with_the_same_direction_ranks_first() -> None:
    queries = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    candidates = torch.tensor([[9.0, 0.1], [0.0, 0.2]])

    ranks = retrieval_ranks(queries, candidates)

    assert ranks.tolist() == [0, 0]


def test_the_rank_is_the_number_of_nearer_candidates() -> None:
    generator = torch.Generator().manual_seed(0)
    queries = torch.randn(BATCH_USERS + 7, 3, generator=generator, dtype=torch.float64)
    candidates = torch.randn(BATCH_USERS + 7, 3, generator=generator, dtype=torch.float64)

    ranks = retrieval_ranks(queries, candidates)

    cosines = torch.nn.functional.cosine_similarity(queries[:, None], candidates[None], dim=2)
    assert ranks.tolist() == [int((row > row[own]).sum()) for own, row in enumerate(cosines)]


def test_a_duplicate_candidate_never_ranks_first() -> None:
    twice = torch.tensor([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])

    ranks = retrieval_ranks(twice, twice)

    assert ranks.tolist() == [1, 1, 0]


def test_zero_vectors_retrieve_nothing() -> None:
    ranks = retrieval_ranks(torch.zeros(4, 2), torch.zeros(4, 2))

    assert ranks.tolist() == [3, 3, 3, 3]


def test_a_single_item_is_retrieved() -> None:
    assert retrieval_ranks(torch.ones(1, 2), -torch.ones(1, 2)).tolist() == [0]


@pytest.mark.parametrize(("queries", "candidates"), [((0, 3), (0, 3)), ((2, 3), (3, 3)), ((2, 3), (2, 4))])
def test_mismatched_or_empty_shapes_are_refused(queries: tuple[int, int], candidates: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="expected"):
        retrieval_ranks(torch.zeros(queries), torch.zeros(candidates))


def test_ranks_do_not_depend_on_the_order_of_the_items() -> None:
    generator = torch.Generator().manual_seed(1)
    queries, candidates = torch.randn(2, 9, 4, generator=generator)
    order = torch.randperm(9, generator=generator)

    shuffled = retrieval_ranks(queries[order], candidates[order])

    np.testing.assert_array_equal(shuffled, retrieval_ranks(queries, candidates)[order.numpy()])
