"""Clusters of items: assignment, updates and saving."""

import torch
from torch import Tensor

from train.items.clustering import nearest_centre, spherical_k_means
from train.plugins.corec_clusters import InterestClusters


def three_clusters(n: int = 12) -> Tensor:
    """Return items 0, 3, 6, ... in one direction, 1, 4, 7, ... in another and 2, 5, 8, ... in a third."""
    generator = torch.Generator().manual_seed(0)
    return torch.eye(3).repeat(n // 3, 1) * torch.rand(n, 1, generator=generator).add(0.1) + 0.01 * torch.rand(
        n, 3, generator=generator
    )


def same_partition(label: Tensor, truth: Tensor) -> bool:
    return torch.equal(label[:, None] == label, truth[:, None] == truth)


def test_items_with_the_same_direction_share_an_interest() -> None:
    clusters = InterestClusters(three_clusters(), torch.arange(12), n_interests=3, seed=0)

    assert same_partition(clusters.label, torch.arange(12) % 3)


def test_one_lloyd_step_matches_the_reference() -> None:
    vectors = torch.randn(20, 4, generator=torch.Generator().manual_seed(1)).double()
    start = vectors[:3]

    centres = spherical_k_means(vectors, start, n_steps=1)

    members: dict[int, list[Tensor]] = {0: [], 1: [], 2: []}
    for vector in vectors:
        cosines = [float(vector @ centre / vector.norm() / centre.norm()) for centre in start]
        members[cosines.index(max(cosines))].append(vector / vector.norm())
    for result, mine in zip(centres, members.values(), strict=True):
        total = torch.stack(mine).sum(dim=0)
        torch.testing.assert_close(result, total / total.norm())


def test_an_empty_cluster_restarts_at_the_worst_fit() -> None:
    vectors = torch.tensor([[1.0, 0.0], [1.0, 0.1], [0.0, 1.0]])
    start = torch.tensor([[1.0, 0.0], [-1.0, 0.0]])

    label, _ = nearest_centre(vectors, spherical_k_means(vectors, start, n_steps=2))

    assert label.tolist() == [0, 0, 1]


def test_refreshed_clusters_follow_the_table_and_keep_their_numbers() -> None:
    clusters = InterestClusters(three_clusters(), torch.arange(12), n_interests=3, seed=0)
    before, moved = clusters.label.clone(), three_clusters()
    moved[0] = moved[1]

    clusters.refresh(moved)

    assert clusters.label[0] == before[1]
    assert torch.equal(clusters.label[1:], before[1:])


def test_items_without_events_join_an_interest_but_do_not_change_the_clusters() -> None:
    vectors = three_clusters()
    known = torch.arange(9)
    other = vectors.clone()
    other[9:] = 100 * torch.tensor([-1.0, -1.0, -1.0])

    one, two = (InterestClusters(v, known, n_interests=3, seed=0) for v in (vectors, other))

    assert torch.equal(one.label[:9], two.label[:9])
    assert same_partition(one.label, torch.arange(12) % 3)


def test_there_are_at_most_as_many_interests_as_known_items() -> None:
    clusters = InterestClusters(three_clusters(), torch.tensor([4]), n_interests=5, seed=0)

    assert clusters.n_interests == 1
    assert set(clusters.label.tolist()) == {0}


def test_zero_vectors_and_duplicates_are_handled() -> None:
    clusters = InterestClusters(torch.zeros(6, 3), torch.arange(6), n_interests=4, seed=0)

    clusters.refresh(torch.ones(6, 2))

    assert clusters.label.min() >= 0
    assert clusters.label.max() < 4


def test_clusters_are_saved_with_the_model() -> None:
    one, two = (InterestClusters(three_clusters(), torch.arange(12), n_interests=3, seed=seed) for seed in (0, 5))

    two.load_state_dict(one.state_dict())

    assert list(one.state_dict()) == ["label"]
    assert torch.equal(one.label, two.label)
