"""Random numbers that follow from a seed and a counter."""

from collections import Counter

import pytest

from edge_runtime.learning.random32 import Random32


def test_numbers_are_those_of_the_published_generator() -> None:
    """The first outputs for the state 1, 2, 3, 4, as in the tests of Rust's rand_xoshiro."""
    random = Random32(0)
    random._state = [1, 2, 3, 4]

    assert [random.next() for _ in range(5)] == [11520, 0, 5927040, 70819200, 2031721883]


def test_numbers_follow_from_seed_and_counter() -> None:
    def first(seed: int, counter: int) -> tuple[int, ...]:
        random = Random32(seed, counter)
        return tuple(random.next() for _ in range(4))

    assert first(7, 3) == first(7, 3)
    assert len({first(seed, counter) for seed in range(30) for counter in range(30)}) == 900


def test_numbers_below_a_bound_are_equally_likely() -> None:
    random = Random32(5)

    counts = Counter(random.below(6) for _ in range(6000))

    assert sorted(counts) == list(range(6))
    assert sum((count - 1000) ** 2 / 1000 for count in counts.values()) < 20.5  # chi squared, p = 0.001


def test_a_bound_that_does_not_divide_the_range_is_not_favoured_at_its_start() -> None:
    random = Random32(6)
    bound = 3 * 2**30  # of whose first third a remainder would give twice as many

    first = sum(random.below(bound) < 2**30 for _ in range(3000))

    assert 850 < first < 1150


def test_a_sample_has_no_value_twice_and_every_order_is_equally_likely() -> None:
    random = Random32(8)

    counts = Counter(tuple(random.sample("abc", 2)) for _ in range(6000))

    assert len(counts) == 6
    assert sum((count - 1000) ** 2 / 1000 for count in counts.values()) < 20.5
    assert sorted(random.sample(range(50), 50)) == list(range(50))
    assert random.sample("abc", 0) == []


@pytest.mark.parametrize(("seed", "counter"), [(-1, 0), (2**32, 0), (0, -1), (0, 2**32)])
def test_more_than_32_bits_are_refused(seed: int, counter: int) -> None:
    with pytest.raises(ValueError, match="from 0 to 4294967295"):
        Random32(seed, counter)


def test_bounds_and_samples_out_of_range_are_refused() -> None:
    random = Random32(0)

    for bound in (0, -1, 2**32 + 1):
        with pytest.raises(ValueError, match="bound"):
            random.below(bound)
    with pytest.raises(ValueError, match="choose 0 to 3"):
        random.sample("abc", 4)
