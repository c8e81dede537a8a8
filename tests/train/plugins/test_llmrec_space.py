import numpy as np
import pytest
import torch
from torch import Tensor, nn

from train.items.features import Features
from train.items.whitening import Whitening
from train.plugins.llmrec_space import SemanticSpace


def skewed(n: int = 400, width: int = 6, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    spread = torch.tensor([30.0, 10.0, 3.0, 1.0, 0.3, 0.1])[:width]
    mixed = torch.linalg.qr(torch.randn(width, width, generator=generator))[0]
    vectors: Tensor = 5.0 + (torch.randn(n, width, generator=generator) * spread) @ mixed
    return vectors


def features_of(vectors: Tensor, absent: tuple[int, ...] = ()) -> Features:
    present = np.ones((len(vectors), 1), dtype=np.bool_)
    present[list(absent)] = False
    return Features("by hand", vectors.numpy()[:, None] * present[:, :, None], present)


def condition(vectors: Tensor) -> float:
    strengths = torch.linalg.eigvalsh(torch.cov(vectors.T.double()))
    return float(strengths[-1] / strengths[0])


def test_whitening_as_published_gives_the_identity_as_covariance() -> None:
    vectors = skewed()

    found = Whitening(vectors, shrinkage=1e-9)(vectors)

    torch.testing.assert_close(torch.cov(found.T, correction=0), torch.eye(6), atol=1e-3, rtol=0.0)
    torch.testing.assert_close(found.mean(0), torch.zeros(6), atol=1e-3, rtol=0.0)


def test_more_shrinkage_leaves_more_of_the_shape_and_one_leaves_all_of_it() -> None:
    vectors = skewed()

    found = [condition(Whitening(vectors, shrinkage)(vectors)) for shrinkage in (0.01, 0.1, 1.0)]

    assert found[0] < found[1] < found[2]
    assert found[2] == pytest.approx(condition(vectors), rel=0.01)


def test_whitening_folded_into_a_linear_map_equals_whitening_and_then_mapping() -> None:
    vectors, linear = skewed(), nn.Linear(6, 4)
    whitening = Whitening(vectors, 0.1)

    torch.testing.assert_close(whitening.then(linear, vectors), linear(whitening(vectors)), atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("n", [0, 1, 3])
def test_few_or_equal_vectors_are_whitened_to_finite_numbers(n: int) -> None:
    vectors = torch.ones(n, 4)

    whitening = Whitening(vectors, 0.1)

    assert torch.isfinite(whitening(torch.randn(5, 4))).all()


def test_columns_that_hold_nothing_stay_nothing() -> None:
    vectors = torch.cat([skewed(), torch.zeros(400, 3)], dim=1)

    found = Whitening(vectors, 0.1)(vectors)

    assert found[:, 6:].abs().max() < 1e-4


def test_an_item_without_text_has_no_semantic_vector_and_does_not_bend_the_space() -> None:
    vectors = skewed(20)
    space = SemanticSpace(features_of(vectors, absent=(3,)), dim=4, hidden=None, shrinkage=0.1)
    nn.init.ones_(space.item_map.first.bias)
    others = torch.arange(20) != 3

    items = space.items()

    assert items[3].tolist() == [0.0] * 4
    assert (items[others] != 0).any(1).all()
    torch.testing.assert_close(space.whitening.centre, space.frozen[others].mean(0))


def test_only_directions_count_so_that_a_mean_and_an_exact_encoding_agree() -> None:
    space = SemanticSpace(features_of(skewed(20)), dim=4, hidden=None, shrinkage=0.1)
    longer = SemanticSpace(features_of(skewed(20) * 7.0), dim=4, hidden=None, shrinkage=0.1)
    longer.load_state_dict(space.state_dict())
    known = torch.ones(20)

    torch.testing.assert_close(longer.items(), space.items())
    torch.testing.assert_close(space.histories(0.2 * space.frozen, known), space.histories(space.frozen, known))


def test_a_history_that_says_nothing_has_no_semantic_vector() -> None:
    space = SemanticSpace(features_of(skewed(20)), dim=4, hidden=None, shrinkage=0.1)

    found = space.histories(torch.zeros(2, 6), torch.zeros(2))

    assert found.tolist() == [[0.0] * 4] * 2


@pytest.mark.parametrize("hidden", [None, 8])
def test_a_history_of_one_event_starts_where_its_item_is(hidden: int | None) -> None:
    space = SemanticSpace(features_of(skewed(20)), dim=4, hidden=hidden, shrinkage=0.1)

    torch.testing.assert_close(space.histories(space.frozen, torch.ones(20)), space.items())


def test_some_items_are_what_they_are_among_all() -> None:
    space = SemanticSpace(features_of(skewed(20), absent=(5,)), dim=4, hidden=None, shrinkage=0.1)
    rows = torch.tensor([7, 5, 7])

    torch.testing.assert_close(space.items(rows), space.items()[rows])


def test_a_hidden_layer_makes_the_map_bend() -> None:
    vectors = skewed(20)
    straight, bent = (SemanticSpace(features_of(vectors), 4, hidden, 0.1) for hidden in (None, 8))
    weights = torch.full((1, 20), 1 / 20)

    def gap(space: SemanticSpace) -> float:
        """Between the map of a mean and the mean of the maps."""
        with torch.inference_mode():
            mapped: Tensor = space.item_map(space.whitening, weights @ space.frozen)
            return float((mapped - weights @ space.items()).abs().max())

    assert gap(straight) < 1e-4
    assert gap(bent) > 1e-3


def test_the_space_is_saved_without_the_vectors_and_reads_new_items_as_before() -> None:
    old, new = skewed(20), torch.cat([skewed(20), skewed(5, seed=1)])
    trained = SemanticSpace(features_of(old), dim=4, hidden=None, shrinkage=0.1)
    grown = SemanticSpace(features_of(new), dim=4, hidden=None, shrinkage=0.1)

    saved = trained.state_dict()
    grown.load_state_dict(saved)

    assert not any(len(tensor) == 20 for tensor in saved.values())
    torch.testing.assert_close(grown.items()[:20], trained.items())
    assert (grown.items()[20:] != 0).any(1).all()
