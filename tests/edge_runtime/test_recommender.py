"""The public API: observe, recommend, explain, search, forget."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest

from edge_runtime import Recommendation, Recommender
from edge_runtime.errors import BundleError, ClosedError, StateError, UnknownItemError
from tests.tiny_bundle import make_tiny_bundle


def ids(listed: list[Recommendation]) -> list[str]:
    return [item.item_id for item in listed]


def test_a_list_is_sorted_by_score_and_has_ids_and_titles(bundle: Path) -> None:
    with Recommender.open(bundle) as recommender:
        listed = recommender.recommend(5, ["item-3"])

        assert [item.rank for item in listed] == [1, 2, 3, 4, 5]
        assert [item.score for item in listed] == sorted((item.score for item in listed), reverse=True)
        assert all(item.title == recommender.items.title[item.row] for item in listed)


def test_the_golden_lists_are_reproduced(bundle: Path) -> None:
    from edge_runtime.bundle import open_folder
    from edge_runtime.contents import open_contents
    from edge_runtime.learning.utility import MIN_EVENTS

    golden = open_contents(open_folder(bundle)).golden
    # For longer histories knowledge may be switched off, but golden lists are computed with it.
    unjudged = [index for index, rows in enumerate(golden.sequences) if len(rows) <= MIN_EVENTS]

    with Recommender.open(bundle) as recommender:
        for index in unjudged:
            listed = recommender.recommend(10, [f"item-{row}" for row in golden.sequences[index]])
            assert [item.row for item in listed] == golden.top_rows[index].tolist()
    assert unjudged


def test_a_recorded_and_a_given_history_give_the_same_list(bundle: Path) -> None:
    with Recommender.open(bundle) as recommender:
        for item_id in ("item-3", "item-8", "item-3"):
            recommender.observe(item_id)

        assert recommender.recommend(10) == recommender.recommend(10, ["item-3", "item-8", "item-3"])


def test_seen_items_are_not_recommended(bundle: Path) -> None:
    with Recommender.open(bundle) as recommender:
        recommender.observe("item-1", "click")
        recommender.observe("item-2", "dislike")
        listed = ids(recommender.recommend(40))

    assert len(listed) == 38
    assert not {"item-1", "item-2"} & set(listed)


def test_after_a_single_dislike_popular_items_come_without_it_and_similar_ones_later(bundle: Path) -> None:
    with Recommender.open(bundle) as recommender:
        popular = ids(recommender.recommend(40))
        recommender.observe(popular[0], "dislike")

        listed = ids(recommender.recommend(39))

        assert sorted(listed) == sorted(popular[1:])
        assert listed != popular[1:]


def test_without_a_history_popular_items_come_first(bundle: Path) -> None:
    with Recommender.open(bundle) as recommender:
        scores = [item.score for item in recommender.recommend(40)]

    assert scores[0] == 1.0
    assert scores == sorted(scores, reverse=True)


def test_only_the_newest_events_are_encoded_but_all_seen_items_are_hidden(bundle: Path) -> None:
    history = [f"item-{row}" for row in range(12)]

    with Recommender.open(bundle) as recommender:
        listed = ids(recommender.recommend(28, history))
        short = [item_id for item_id in ids(recommender.recommend(40, history[-8:])) if item_id not in history]

    assert listed == short


def test_unknown_items_are_recorded_but_not_used(bundle: Path) -> None:
    with Recommender.open(bundle) as recommender:
        recommender.observe("of-the-next-release")
        recommender.observe("item-3")

        assert recommender.recommend(5) == recommender.recommend(5, ["nonsense", "item-3"])
        assert recommender.recommend(5, ["nonsense"]) == recommender.recommend(5, [])
        assert [event.item_id for event in recommender.history()] == ["item-3", "of-the-next-release"]


def test_removing_an_event_removes_its_effect(bundle: Path) -> None:
    with Recommender.open(bundle) as recommender:
        recommender.observe("item-3")
        before = recommender.recommend(10)
        event = recommender.observe("item-8", "like")
        assert recommender.recommend(10) != before

        assert recommender.remove(event.id)
        assert recommender.recommend(10) == before


def test_forget_resets_the_recommendations(bundle: Path, tmp_path: Path) -> None:
    with Recommender.open(bundle, tmp_path / "s") as recommender:
        fresh = recommender.recommend(10)
        recommender.observe("item-3")
        recommender.recommend(10)

        recommender.forget()

        assert recommender.recommend(10) == fresh
        assert recommender.history() == []


def test_events_recorded_by_another_process_are_used_at_once(bundle: Path, tmp_path: Path) -> None:
    with Recommender.open(bundle, tmp_path / "s") as one, Recommender.open(bundle, tmp_path / "s") as other:
        one.observe("item-3")
        assert other.recommend(10) == one.recommend(10)
        other.observe("item-8", "dislike")
        assert "item-8" not in ids(one.recommend(40))


def test_a_release_that_drops_an_item_leaves_the_history_usable(bundle: Path, tmp_path: Path) -> None:
    with Recommender.open(bundle, tmp_path / "s") as recommender:
        recommender.observe("item-39")
        recommender.observe("item-3")
    make_tiny_bundle(tmp_path / "smaller", n_items=30, release=2)

    with Recommender.open(tmp_path / "smaller", tmp_path / "s") as recommender:
        assert recommender.recommend(5) == recommender.recommend(5, ["item-3"])


def test_any_item_can_be_explained(bundle: Path) -> None:
    with Recommender.open(bundle) as recommender:
        reasons = [recommender.explain(item.item_id, history=["item-3"]) for item in recommender.recommend(20)]

    assert all(reason.text for reason in reasons)
    assert {reason.source for reason in reasons} == {"template"}


def test_the_reasons_of_a_list_differ_and_cite_the_history(bundle: Path) -> None:
    with Recommender.open(bundle) as recommender:
        history = ["item-3", "item-7", "item-11"]
        items = recommender.recommend(10, history)
        reasons = recommender.explain_list(items, history=history)
        of_ids = recommender.explain_list([item.item_id for item in items], history=history)
        rows = {recommender.row(item_id) for item_id in history}

    texts = [reason.text for reason in reasons if reason]
    assert len(set(texts)) == len(texts) > 0
    assert reasons == of_ids
    assert {fact.history_row for reason in reasons if reason for fact in reason.facts} <= rows


def test_a_removed_event_is_no_longer_cited(bundle: Path) -> None:
    with Recommender.open(bundle) as recommender:
        events = [recommender.observe(f"item-{row}") for row in (3, 7, 11)]
        items = recommender.recommend(10)
        cited = {fact.history_row for reason in recommender.explain_list(items) if reason for fact in reason.facts}
        assert cited
        for event in events:
            recommender.remove(event.id)
            reasons = recommender.explain_list(items)
            row = recommender.row(event.item_id)
            assert all(fact.history_row != row for reason in reasons if reason for fact in reason.facts)


def test_the_event_is_named_if_it_is_recorded(bundle: Path) -> None:
    with Recommender.open(bundle) as recommender:
        recommender.observe("item-3", "like")
        explained = recommender.explain(recommender.recommend(1)[0].item_id)

    assert explained.facts[0].history_row == 3


def test_what_a_person_chooses_is_the_default_until_it_is_forgotten(bundle: Path, tmp_path: Path) -> None:
    with Recommender.open(bundle, tmp_path / "state") as recommender:
        history = ["item-3", "item-7"]
        item_id = recommender.recommend(1, history)[0].item_id
        before = recommender.explain(item_id, history=history)
        recommender.choose_reasons(tone="formal")
    with Recommender.open(bundle, tmp_path / "state") as recommender:
        assert recommender.explain(item_id, history=history) == recommender.explain(
            item_id, history=history, tone="formal"
        )
        assert recommender.explain(item_id, history=history, tone="casual") == before
        recommender.forget()
        assert recommender.explain(item_id, history=history) == before


def test_an_unknown_style_cannot_be_chosen(bundle: Path) -> None:
    with Recommender.open(bundle) as recommender, pytest.raises(ValueError, match="style must be one of"):
        recommender.choose_reasons(style="loud")  # type: ignore[arg-type]


def test_the_error_for_a_mistyped_id_suggests_the_right_one(bundle: Path) -> None:
    with Recommender.open(bundle) as recommender, pytest.raises(UnknownItemError, match="Did you mean 'item-3'"):
        recommender.explain("itm-3")


@pytest.mark.parametrize("k", [0, -1])
def test_a_list_length_below_one_is_rejected(bundle: Path, k: int) -> None:
    with Recommender.open(bundle) as recommender, pytest.raises(ValueError, match="at least 1"):
        recommender.recommend(k)


def test_timings_are_available(bundle: Path) -> None:
    with Recommender.open(bundle) as recommender:
        recommender.observe("item-1")
        recommender.recommend(3)
        recommender.explain("item-2")
        recommender.search("soap")

        assert set(recommender.timings) == {"open", "self_test", "observe", "recommend", "explain", "search"}
        assert all(ms > 0 for ms in recommender.timings.values())


def test_a_recommender_is_thread_safe(bundle: Path, tmp_path: Path) -> None:
    failures: list[BaseException] = []

    def work(recommender: Recommender, number: int) -> None:
        try:
            for step in range(10):
                recommender.observe(f"item-{number * 10 + step}")
                assert recommender.recommend(3)
                recommender.search("rose")
        except BaseException as error:  # noqa: BLE001 - the test reports the failure of a thread
            failures.append(error)

    with Recommender.open(bundle, tmp_path / "s") as recommender:
        threads = [threading.Thread(target=work, args=(recommender, number)) for number in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert failures == []
        assert len(recommender.history()) == 30


class HeldUp(list[str]):
    """Titles that block until the test allows reading them."""

    def __init__(self, titles: list[str]) -> None:
        super().__init__(titles)
        self.requested, self.allowed = threading.Event(), threading.Event()

    def __iter__(self) -> Iterator[str]:
        self.requested.set()
        assert self.allowed.wait(30)
        return super().__iter__()


def test_lists_do_not_wait_for_the_search_index(bundle: Path) -> None:
    from edge_runtime.bundle import open_folder
    from edge_runtime.bundle.item_table import ItemTable
    from edge_runtime.contents import open_contents
    from edge_runtime.state.history import History

    contents = open_contents(open_folder(bundle))
    titles = HeldUp(list(contents.items.title))
    table = ItemTable.of(msgspec.structs.replace(contents.items, title=titles))
    held = replace(contents, table=table)
    results: list[Recommendation] = []
    with Recommender(held, held.engine_candidates(), History.open()) as recommender:
        searching = threading.Thread(target=lambda: results.extend(recommender.search("rose")))
        searching.start()
        assert titles.requested.wait(30)

        recommender.observe("item-3")
        listed = recommender.recommend(5)
        still_searching = searching.is_alive()
        titles.allowed.set()
        searching.join()

    assert still_searching
    assert len(listed) == 5
    assert results


def test_a_folder_without_a_bundle_raises_a_bundle_error(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="pocketrec export"):
        Recommender.open(tmp_path)
    with pytest.raises(BundleError, match="pocketrec export"):
        Recommender.open(tmp_path / "nowhere")


def test_an_unusable_state_file_raises_a_state_error(bundle: Path, tmp_path: Path) -> None:
    (tmp_path / "s").write_text("not a database, but long enough to be looked at as one" * 20)

    with pytest.raises(StateError):
        Recommender.open(bundle, tmp_path / "s")


def test_a_folder_filled_by_sync_can_be_opened(bundle: Path, tmp_path: Path) -> None:
    from edge_runtime.device_folder import Pointer
    from edge_runtime.sync.slots import Slots

    slots = Slots(tmp_path / "device")
    slots.prepare()
    make_tiny_bundle(slots.folder("0" * 16), release=7)
    slots.switch(Pointer(slot="0" * 16, name="tiny shop", target="laptop-x86_64", release=7))

    with Recommender.open(tmp_path / "device") as recommender:
        assert recommender.manifest.release == 7


def test_a_disabled_language_model_is_not_read(tmp_path: Path) -> None:
    folder = tmp_path / "b"
    make_tiny_bundle(folder, extra={"reasons.gguf": ("language_model", b"weights")})
    (folder / "reasons.gguf").write_bytes(b"changed")

    with pytest.raises(BundleError, match=r"reasons\.gguf"):
        Recommender.open(folder)
    with Recommender.open(folder, language_model=False) as recommender:
        assert recommender.explain("item-2").source == "template"


CALLS: dict[str, Callable[[Recommender], object]] = {
    "observe": lambda recommender: recommender.observe("item-1"),
    "recommend": lambda recommender: recommender.recommend(3),
    "recommend for a given history": lambda recommender: recommender.recommend(3, ["item-1"]),
    "recommend_many": lambda recommender: recommender.recommend_many([["item-1"]]),
    "rerank": lambda recommender: recommender.rerank(["item-1"]),
    "similar": lambda recommender: recommender.similar("item-1"),
    "explain": lambda recommender: recommender.explain("item-1"),
    "search": lambda recommender: recommender.search("soap"),
    "set_facts": lambda recommender: recommender.set_facts({}),
    "clear_facts": lambda recommender: recommender.clear_facts(),
    "auto_diversity": lambda recommender: recommender.auto_diversity(),
    "knows": lambda recommender: recommender.knows("item-1"),
    "row": lambda recommender: recommender.row("item-1"),
    "history": lambda recommender: recommender.history(),
    "count_events": lambda recommender: recommender.count_events(),
    "latest_events": lambda recommender: recommender.latest_events(["item-1"]),
    "has_interactions": lambda recommender: recommender.has_interactions(),
    "remove": lambda recommender: recommender.remove(1),
    "forget": lambda recommender: recommender.forget(),
    "refresh": lambda recommender: recommender.refresh(),
}


@pytest.mark.parametrize("name", CALLS)
def test_every_call_after_close_is_the_same_error(bundle: Path, name: str) -> None:
    recommender = Recommender.open(bundle)
    recommender.close()
    recommender.close()

    with pytest.raises(ClosedError, match=r"^the recommender was closed before this call\. Open it again"):
        CALLS[name](recommender)


def test_an_item_id_that_is_not_a_string_is_refused(bundle: Path) -> None:
    number: Any = 3
    with Recommender.open(bundle) as recommender:
        for call in (recommender.observe, recommender.explain, recommender.row):
            with pytest.raises(TypeError, match=r"an item id must be a string, got 3 \(int\)"):
                call(number)


def test_a_pipe_in_place_of_a_file_is_rejected_without_blocking(tmp_path: Path) -> None:
    import os

    folder = tmp_path / "b"
    make_tiny_bundle(folder)
    (folder / "codes.safetensors").unlink()
    os.mkfifo(folder / "codes.safetensors")

    with pytest.raises(BundleError, match="not a file"):
        Recommender.open(folder)
