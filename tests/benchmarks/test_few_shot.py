"""The benchmark of tiny catalogues predicts people who are not known, on items of its own."""

import numpy as np

from benchmarks.few_shot import known_people, one_draw, summary, tiny_dataset
from benchmarks.few_shot_models import joined_catalogue, small_catalogue
from tests.train.items.tiny_catalogue import make_catalogue
from tests.train.tiny_data import tiny_dataset as walks


def test_a_tiny_catalogue_has_the_most_frequent_items_and_people_with_enough_events_of_them() -> None:
    dataset = walks()
    counts = np.bincount(dataset.sequences.rows)

    tiny = tiny_dataset(dataset, 12)

    kept = [int(item_id.split("-")[1]) for item_id in tiny.catalogue.item_ids]
    assert min(counts[kept]) >= max(np.delete(counts, kept))
    assert int(tiny.sequences.lengths.min()) >= 4
    user = tiny.sequences.user_ids[0]
    whole = dataset.sequences.of(dataset.sequences.user_ids.index(user))
    assert [kept[row] for row in tiny.sequences.of(0)] == [row for row in whole if row in kept]


def test_the_known_people_are_others_than_those_who_are_predicted() -> None:
    tiny = tiny_dataset(walks(), 24)

    known = known_people(tiny, 10, seed=3)

    place = tiny.sequences.user_ids.index(known.user_ids[4])
    assert known.of(4).tolist() == tiny.sequences.of(place).tolist()
    assert len(set(known.user_ids)) == 10
    assert known.user_ids != known_people(tiny, 10, seed=4).user_ids


def test_following_events_are_found_from_a_few_people() -> None:
    tiny = tiny_dataset(walks(n_users=120), 24)

    found = one_draw(tiny, np.zeros((24, 4), dtype=np.float32), 30, seed=0)

    assert list(found) == ["popularity", "item to item", "nearest text", "transitions x texts"]
    assert found["item to item"] > 2 * found["popularity"]
    over = summary([found, found], "item to item")
    assert over["over"] == over["over_low"] == round(found["item to item"] - found["transitions x texts"], 4)


def test_joined_catalogues_keep_rows_texts_and_different_fields() -> None:
    shop = make_catalogue(["flask", "tent"], fields={"brand": (("Vela",), ())})
    films = make_catalogue(["a walk", "a storm"], fields={"creator": (("Ada",), ("Bo",))})

    joined = joined_catalogue(shop, small_catalogue(films, np.array([1])))

    assert joined.titles == ("flask", "tent", "a storm")
    assert len(set(joined.item_ids)) == len(joined) == 3
    assert joined.fields == {"brand": (("Vela",), (), ()), "creator": ((), (), ("Bo",))}
