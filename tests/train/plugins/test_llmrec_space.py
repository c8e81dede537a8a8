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


def test_full_whitening_gives_the_identity_covariance() -> None:
    vectors = skewed()

    result = Whitening(vectors, shrinkage=1e-9)(vectors)

    torch.testing.assert_close(torch.cov(result.T, correction=0), torch.eye(6), atol=1e-3, rtol=0.0)
    torch.testing.assert_close(result.mean(0), torch.zeros(6), atol=1e-3, rtol=0.0)


def test_shrinkage_interpolates_between_whitened_and_original_covariance() -> None:
    vectors = skewed()

    result = [condition(Whitening(vectors, shrinkage)(vectors)) for shrinkage in (0.01, 0.1, 1.0)]

    assert result[0] < result[1] < result[2]
    assert result[2] == pytest.approx(condition(vectors), rel=0.01)


def test_whitening_folded_into_a_linear_map_equals_both_in_sequence() -> None:
    vectors, linear = skewed(), nn.Linear(6, 4)
    whitening = Whitening(vectors, 0.1)

    torch.testing.assert_close(whitening.then(linear, vectors), linear(whitening(vectors)), atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("n", [0, 1, 3])
def test_few_or_equal_vectors_are_whitened_to_finite_numbers(n: int) -> None:
    vectors = torch.ones(n, 4)

    whitening = Whitening(vectors, 0.1)

    assert torch.isfinite(whitening(torch.randn(5, 4))).all()


def test_constant_columns_stay_zero() -> None:
    vectors = torch.cat([skewed(), torch.zeros(400, 3)], dim=1)

    result = Whitening(vectors, 0.1)(vectors)

    assert result[:, 6:].abs().max() < 1e-4


def test_an_item_without_text_has_a_zero_vector_and_does_not_affect_the_whitening() -> None:
    vectors = skewed(20)
    space = SemanticSpace(features_of(vectors, absent=(3,)), dim=4, hidden=None, shrinkage=0.1)
    nn.init.ones_(space.item_map.first.bias)
    others = torch.arange(20) != 3

    items = space.items()

    assert items[3].tolist() == [0.0] * 4
    assert (items[others] != 0).any(1).all()
    torch.testing.assert_close(space.whitening.centre, space.frozen[others].mean(0))


def test_only_directions_count() -> None:
    space = SemanticSpace(features_of(skewed(20)), dim=4, hidden=None, shrinkage=0.1)
    longer = SemanticSpace(features_of(skewed(20) * 7.0), dim=4, hidden=None, shrinkage=0.1)
    longer.load_state_dict(space.state_dict())
    known = torch.ones(20)

    torch.testing.assert_close(longer.items(), space.items())
    torch.testing.assert_close(space.histories(0.2 * space.frozen, known), space.histories(space.frozen, known))


def test_a_history_without_texts_has_a_zero_vector() -> None:
    space = SemanticSpace(features_of(skewed(20)), dim=4, hidden=None, shrinkage=0.1)

    result = space.histories(torch.zeros(2, 6), torch.zeros(2))

    assert result.tolist() == [[0.0] * 4] * 2


@pytest.mark.parametrize("hidden", [None, 8])
def test_a_history_of_one_event_starts_at_its_item(hidden: int | None) -> None:
    space = SemanticSpace(features_of(skewed(20)), dim=4, hidden=hidden, shrinkage=0.1)

    torch.testing.assert_close(space.histories(space.frozen, torch.ones(20)), space.items())


def test_a_selection_of_items_gives_the_same_vectors() -> None:
    space = SemanticSpace(features_of(skewed(20), absent=(5,)), dim=4, hidden=None, shrinkage=0.1)
    rows = torch.tensor([7, 5, 7])

    torch.testing.assert_close(space.items(rows), space.items()[rows])


def test_a_hidden_layer_makes_the_projection_non_linear() -> None:
    vectors = skewed(20)
    straight, bent = (SemanticSpace(features_of(vectors), 4, hidden, 0.1) for hidden in (None, 8))
    weights = torch.full((1, 20), 1 / 20)

    def gap(space: SemanticSpace) -> float:
        """Difference between the projection of a mean and the mean of the projections."""
        with torch.inference_mode():
            mapped: Tensor = space.item_map(space.whitening, weights @ space.frozen)
            return float((mapped - weights @ space.items()).abs().max())

    assert gap(straight) < 1e-4
    assert gap(bent) > 1e-3


def test_the_space_is_saved_without_the_item_vectors() -> None:
    old, new = skewed(20), torch.cat([skewed(20), skewed(5, seed=1)])
    trained = SemanticSpace(features_of(old), dim=4, hidden=None, shrinkage=0.1)
    grown = SemanticSpace(features_of(new), dim=4, hidden=None, shrinkage=0.1)

    saved = trained.state_dict()
    grown.load_state_dict(saved)

    assert not any(len(tensor) == 20 for tensor in saved.values())
    torch.testing.assert_close(grown.items()[:20], trained.items())
    assert (grown.items()[20:] != 0).any(1).all()
