"""The corpus of list texts is allowed, varied, reproducible, and contains no user's history."""

from tests.tiny_dataset import make_dataset
from train.data.published import published_items, published_popularity
from train.reasons.list_corpus import make_list_corpus

DATASET = make_dataset()
ITEMS = published_items(DATASET.catalogue)
POPULARITY = published_popularity(DATASET)
EXAMPLES = list(make_list_corpus(ITEMS, POPULARITY, 200, seed=1))


def test_each_line_of_a_text_is_one_of_its_alternatives() -> None:
    for example in EXAMPLES:
        lines = example.reason.splitlines(keepends=True)
        assert len(lines) == len(example.rows) + 1
        assert all(line in allowed for line, allowed in zip(lines, example.case.lines(), strict=True))


def test_no_item_is_there_twice_and_none_is_in_its_history() -> None:
    for example in EXAMPLES:
        assert len(set(example.rows)) == len(example.rows)
        assert not set(example.rows) & set(example.history)


def test_lists_reasons_and_openings_are_varied() -> None:
    openings = {example.reason.partition("\n")[0] for example in EXAMPLES}
    optional = [
        "\u2013" in line
        for example in EXAMPLES
        for entry, line in zip(example.case.entries, example.reason.splitlines()[1:], strict=True)
        if entry.is_optional
    ]

    assert len({len(example.rows) for example in EXAMPLES}) == 4
    assert len({example.rows for example in EXAMPLES}) > 150
    assert len(openings) > 10
    assert 0.25 < sum(optional) / len(optional) < 0.75


def test_equal_seeds_give_equal_corpora() -> None:
    again, other = (list(make_list_corpus(ITEMS, POPULARITY, 200, seed)) for seed in (1, 2))

    assert again == EXAMPLES
    assert other != EXAMPLES
