"""What a list is chosen from: candidates, exclusions, filters, seen items; feeds, similar items, several histories."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge_runtime import FilterError, Recommendation, Recommender, UnknownItemError, below, none_of
from edge_runtime.ranking import best_rows

Wrong = Any
"""What a caller without a type checker may pass."""
HISTORY = ["item-3", "item-8"]


def ids(listed: list[Recommendation]) -> list[str]:
    return [item.item_id for item in listed]


def test_candidates_are_ranked_as_in_the_whole_list(bundle: Path) -> None:
    chosen = ["item-30", "item-2", "item-17", "unknown", "item-3", "item-2"]

    with Recommender.open(bundle) as recommender:
        listed = ids(recommender.recommend(10, HISTORY, candidates=chosen))

        assert listed == [one for one in ids(recommender.recommend(40, HISTORY)) if one in chosen]
        assert sorted(listed) == ["item-17", "item-2", "item-30"]
        assert recommender.recommend(10, HISTORY, candidates=[]) == []


def test_excluded_items_are_left_out(bundle: Path) -> None:
    with Recommender.open(bundle) as recommender:
        whole = ids(recommender.recommend(40, HISTORY))

        assert ids(recommender.recommend(5, HISTORY, exclude={whole[0], whole[2], "unknown"})) == [
            whole[1],
            *whole[3:7],
        ]


def test_a_filter_candidates_and_exclusions_all_hold(bundle: Path) -> None:
    where = {"categories": "Skin care"}

    with Recommender.open(bundle) as recommender:
        found = recommender.recommend(40, HISTORY, where=where)
        of_kind = ids(found)
        others = [one for one in recommender.items.item_id if one not in (*of_kind, *HISTORY)]
        listed = recommender.recommend(
            40, HISTORY, where=where, candidates=[*of_kind[1:], *others], exclude=of_kind[2:3]
        )

        assert all("Skin care" in item.facts["categories"] for item in found)

    assert 3 < len(of_kind) < 38
    assert ids(listed) == [of_kind[1], *of_kind[3:]]


def test_the_recorded_history_is_filtered_too_and_stays_unseen(bundle: Path) -> None:
    with Recommender.open(bundle) as recommender:
        for item_id in HISTORY:
            recommender.observe(item_id)
        recommender.observe("item-5", "dislike")
        whole = ids(recommender.recommend(40))
        chosen = [*whole[::2], *HISTORY, "item-5"]

        assert ids(recommender.recommend(40, candidates=chosen)) == whole[::2]
        assert ids(recommender.recommend(3, candidates=chosen)) == whole[:6:2]


def test_live_price_and_stock_filter_a_list_and_are_shown(bundle: Path) -> None:
    with Recommender.open(bundle) as recommender:
        recommender.set_facts({f"item-{row}": {"price": 10 + row, "in_stock": row % 2 == 0} for row in range(40)})

        listed = recommender.recommend(40, where={"price": below(16), "in_stock": True})
        assert sorted(ids(listed)) == ["item-0", "item-2", "item-4"]
        assert {item.item_id: item.facts["price"] for item in listed}["item-4"] == ["14"]

        recommender.set_facts({"item-4": {"in_stock": False}})
        assert sorted(ids(recommender.recommend(40, where={"price": below(16), "in_stock": True}))) == [
            "item-0",
            "item-2",
        ]

        recommender.clear_facts()
        with pytest.raises(FilterError, match="no item has the fact 'price'"):
            recommender.recommend(40, where={"price": below(16)})


def test_seen_items_can_be_kept_but_disliked_ones_never(bundle: Path) -> None:
    with Recommender.open(bundle) as recommender:
        recommender.observe("item-3")
        assert "item-3" in ids(recommender.recommend(40, include_seen=True))
        recommender.observe("item-8", "dislike")
        recommender.observe("item-9", "dislike")
        recommender.observe("item-9", "like")
        listed = ids(recommender.recommend(40, include_seen=True))

        assert set(listed) == {f"item-{row}" for row in range(40)} - {"item-8"}
        assert "item-9" not in ids(recommender.recommend(40))
        assert ids(recommender.recommend(40, ["item-3"], include_seen=True)) != listed
        assert len(recommender.recommend(40, ["item-3"], include_seen=True)) == 40


def test_removing_a_dislike_brings_its_item_back_among_seen_ones(bundle: Path) -> None:
    with Recommender.open(bundle) as recommender:
        recommender.observe("item-3")
        event = recommender.observe("item-8", "dislike")
        assert "item-8" not in ids(recommender.recommend(40, include_seen=True))

        recommender.remove(event.id)

        assert "item-8" in ids(recommender.recommend(40, include_seen=True))


def test_a_filtered_list_can_be_diversified(bundle: Path) -> None:
    where = {"brand": none_of("Elm")}

    with Recommender.open(bundle) as recommender:
        precise = recommender.recommend(6, HISTORY, where=where)
        diverse = recommender.recommend(6, HISTORY, where=where, diversity=1.0)

    assert ids(diverse) != ids(precise)
    assert all(item.facts.get("brand") != ["Elm"] for item in diverse)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda one: one.recommend_many(None), r"histories must be a list of lists of item ids, got None"),
        (lambda one: one.recommend(3, diversity="x"), r"diversity must be a number from 0 .* got 'x' \(str\)\."),
        (lambda one: one.search(None), r"text must be a string, got None \(NoneType\)\."),
        (lambda one: one.search("a", limit="3"), r"limit must be a whole number, got '3' \(str\)\."),
        (lambda one: one.history("3"), r"limit must be a whole number, got '3' \(str\)\."),
        (lambda one: one.remove("x"), r"event_id must be a whole number, got 'x' \(str\)\."),
        (lambda one: one.latest_events(None), r"item_ids must be a list of item ids, got None \(NoneType\)\."),
        (lambda one: one.export_history(5), r"passphrase must be a string, got 5 \(int\)\."),
        (lambda one: one.import_history("x"), r"data must be the contents of a history file as bytes, got"),
        (lambda one: one.import_history(b"x", 5), r"passphrase must be a string, got 5 \(int\)\."),
        (lambda one: one.open(None), r"bundle must be the path of a folder, got None \(NoneType\)\."),
        (lambda one: one.open("b", 5), r"state must be the path of a file or None, got 5 \(int\)\."),
        (lambda one: one.open("b", engine=5), r"engine must be a string, got 5 \(int\)\. Pass the name of one"),
    ],
)
def test_an_argument_of_another_type_is_named_with_what_was_found_and_what_to_pass(
    bundle: Path, call: Callable[[Wrong], object], message: str
) -> None:
    with Recommender.open(bundle) as recommender, pytest.raises(TypeError, match=rf"^{message}"):
        call(recommender)


def test_an_unknown_style_of_a_reason_is_refused_with_the_known_ones(bundle: Path) -> None:
    with Recommender.open(bundle) as recommender, pytest.raises(ValueError, match="style must be one of"):
        recommender.explain("item-3", style="x")  # type: ignore[arg-type]


@pytest.mark.parametrize("argument", ["history", "candidates", "exclude"])
@pytest.mark.parametrize("wrong", ["A003", 3, ["item-1", 3]])
def test_ids_that_are_not_a_list_of_strings_are_refused(bundle: Path, argument: str, wrong: Wrong) -> None:
    with Recommender.open(bundle) as recommender, pytest.raises(TypeError) as caught:
        recommender.recommend(3, **{argument: wrong})

    assert argument in str(caught.value)
    if wrong == "A003":
        assert "got the string 'A003'. Pass ['A003']." in str(caught.value)


@pytest.mark.parametrize("wrong", ["3", True, 2.0, None])
def test_a_number_of_items_that_is_no_whole_number_is_refused(bundle: Path, wrong: Wrong) -> None:
    with Recommender.open(bundle) as recommender:
        for call in (recommender.recommend, partial(recommender.similar, "item-1")):
            with pytest.raises(TypeError, match=rf"k must be a whole number, got {wrong!r} "):
                call(wrong)

        of_numpy: Wrong = np.int64(3)
        assert recommender.recommend(of_numpy) == recommender.recommend(3)


def test_a_feed_is_ordered_by_the_history(bundle: Path) -> None:
    feed = ["item-30", "unknown", "item-2", "item-3", "item-17", "item-2"]

    with Recommender.open(bundle) as recommender:
        listed = recommender.rerank(feed, HISTORY)
        whole = recommender.recommend(40, HISTORY, include_seen=True)

        assert ids(listed) == [one for one in ids(whole) if one in feed]
        assert [item.rank for item in listed] == [1, 2, 3, 4]
        assert [item.score for item in listed] == sorted((item.score for item in listed), reverse=True)


def test_a_feed_keeps_its_order_without_a_history(bundle: Path) -> None:
    feed = ["item-30", "item-2", "item-17"]

    with Recommender.open(bundle) as recommender:
        assert ids(recommender.rerank(feed)) == feed
        assert ids(recommender.rerank(feed, ["unknown"])) == feed
        assert {item.score for item in recommender.rerank(feed)} == {0.0}
        assert recommender.rerank([]) == []


def test_a_feed_loses_what_the_user_dislikes(bundle: Path) -> None:
    with Recommender.open(bundle) as recommender:
        recommender.observe("item-2", "dislike")
        recommender.observe("item-30", "click")

        assert set(ids(recommender.rerank(["item-30", "item-2", "item-17"]))) == {"item-30", "item-17"}


def test_similar_items_have_the_largest_cosines(bundle: Path) -> None:
    with Recommender.open(bundle) as recommender:
        listed = recommender.similar("item-4", 5)
        codes = recommender._release.contents.codes
        vectors = codes.decode(np.arange(40)).astype(np.float64)
        unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
        cosines = (unit @ unit[4]).astype(np.float32)

        assert [item.row for item in listed] == best_rows(cosines, 5, np.array([4])).tolist()
        assert [item.score for item in listed] == pytest.approx([cosines[item.row] for item in listed], abs=1e-5)
        assert ids(recommender.similar("item-4", 40, exclude=ids(listed)))[0] not in ids(listed)
        with pytest.raises(UnknownItemError, match="Did you mean"):
            recommender.similar("itm-4")


def test_several_histories_give_the_lists_of_each(bundle: Path) -> None:
    histories = [["item-3"], [], ["item-8", "item-1"]]

    with Recommender.open(bundle) as recommender:
        lists = recommender.recommend_many(histories, 5, where={"brand": none_of("Elm")})

        assert lists == [recommender.recommend(5, one, where={"brand": none_of("Elm")}) for one in histories]
        with pytest.raises(TypeError, match="each of histories must be a list of item ids, got the string 'item-3'"):
            recommender.recommend_many(["item-3"])


def test_an_entry_has_the_facts_and_the_picture_of_its_item(bundle: Path) -> None:
    with Recommender.open(bundle) as recommender:
        for item in recommender.recommend(40):
            assert item.facts == recommender.items.facts(item.row)
            assert (item.picture is None) == (item.row % 3 == 2)
            assert item.picture is None or item.picture.startswith(b"\x89PNG")


def test_an_entry_of_a_bundle_without_pictures_has_none(tmp_path: Path) -> None:
    from tests.tiny_bundle import make_tiny_bundle

    make_tiny_bundle(tmp_path / "b")
    with Recommender.open(tmp_path / "b") as recommender:
        assert recommender.recommend(1)[0].picture is None
    assert Recommendation(1, "a", "A", 0.5, 0).facts == {}
    assert Recommendation(1, "a", "A", 0.5, 0).picture is None
