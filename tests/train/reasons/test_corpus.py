"""The corpus of the reason writer is true, varied, reproducible, and contains no user's history."""

from collections import Counter
from pathlib import Path

import numpy as np

from edge_runtime.reasons.claims import claims_of_list
from edge_runtime.reasons.evidence import without_engine
from edge_runtime.reasons.facts import FactFinder
from edge_runtime.reasons.names import short_names
from edge_runtime.reasons.words import display_title
from tests.tiny_dataset import make_dataset
from train.data.published import published_items, published_popularity
from train.reasons.corpus import make_corpus

DATASET = make_dataset()
ITEMS = published_items(DATASET.catalogue)
POPULARITY = published_popularity(DATASET)


def test_each_reason_says_a_claim_that_the_history_allows() -> None:
    finder = FactFinder(ITEMS, POPULARITY)

    for example in make_corpus(ITEMS, POPULARITY, 200, seed=1):
        evidence = without_engine(example.history, [example.row])
        names = short_names(finder, evidence.pasts)
        claims = claims_of_list(finder, [example.row], evidence, frozenset(names))[0]
        assert example.reason in example.allowed
        assert claims
        assert f"style: {example.style}, " in example.prompt
        assert f"item: “{display_title(ITEMS.title[example.row])}”" in example.prompt


def test_the_reasons_are_varied() -> None:
    examples = list(make_corpus(ITEMS, POPULARITY, 400, seed=1))

    beginnings = Counter(example.reason.split(" ")[0] for example in examples)
    styles = Counter(example.style for example in examples)

    assert len({example.reason for example in examples}) > 200
    assert len(beginnings) >= 6
    assert min(styles.values()) > 80
    assert any(not example.history for example in examples)


def test_equal_seeds_give_equal_corpora() -> None:
    one, same, other = (list(make_corpus(ITEMS, POPULARITY, 50, seed)) for seed in (3, 3, 4))

    assert one == same
    assert one != other


def test_the_item_itself_is_never_in_its_history() -> None:
    assert all(example.row not in example.history for example in make_corpus(ITEMS, POPULARITY, 200, seed=0))


def test_only_popularity_is_taken_from_the_events() -> None:
    shuffled = make_dataset(shuffled=True)

    assert np.array_equal(published_popularity(shuffled), POPULARITY)
    assert list(make_corpus(published_items(shuffled.catalogue), published_popularity(shuffled), 50, 0)) == list(
        make_corpus(ITEMS, POPULARITY, 50, 0)
    )


def test_titles_and_facts_are_those_of_the_catalogue() -> None:
    assert ITEMS.facts(0) == {name: list(column[0]) for name, column in DATASET.catalogue.fields.items() if column[0]}
    assert ITEMS.title == list(DATASET.catalogue.titles)
    assert DATASET.path == Path("made")
