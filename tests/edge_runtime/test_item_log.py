"""Items as a log: what it reads is what was written, and what an earlier release wrote stays byte by byte."""

import zlib
from collections.abc import Callable
from pathlib import Path

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_runtime import Recommender
from edge_runtime.bundle.item_log import MAX_STREAMS, continue_items, dump_log, extend_items, read_item_log, start_log
from edge_runtime.bundle.items import Field, Items, dump_items
from edge_runtime.bundle.manifest import ITEM_LOG, ITEM_TABLE, Manifest
from edge_runtime.errors import BundleError
from tests.edge_runtime.delta.releases import manifest_of
from tests.tiny_bundle import make_tiny_bundle
from tests.tiny_items import make_items, with_item_log

BRANDS = ("Aster", "Birch", "Cedar", "Dogwood")
N_BEFORE = 200


def made(n: int, seed: int = 0) -> Items:
    rng = np.random.default_rng(seed)
    titles = [f"title {row} {rng.integers(1 << 60)}" for row in range(n)]
    return make_items(titles, brand=[[BRANDS[index]] for index in rng.integers(0, 3, n)], year=[[]] * n)


def facts(items: Items) -> list[tuple[str, str, dict[str, list[str]]]]:
    return [(items.item_id[row], items.title[row], items.facts(row)) for row in range(len(items.item_id))]


def retitled(items: Items, *rows: int) -> Items:
    titles = [f"new {row}" if row in rows else title for row, title in enumerate(items.title)]
    return msgspec.structs.replace(items, title=titles)


def with_brand(items: Items, row: int, brand: str) -> Items:
    """Return items of which one has another brand, which may be a new value."""
    field = items.fields["brand"]
    values = list(dict.fromkeys([*field.values, brand]))
    rows = [[values.index(brand)] if index == row else list(old) for index, old in enumerate(field.rows)]
    return msgspec.structs.replace(items, fields=items.fields | {"brand": Field(values, rows)})


BEFORE = made(N_BEFORE)
FILE = dump_items(BEFORE)
CHANGED = with_brand(retitled(BEFORE, 3, 100), 7, "Elm")


def test_a_log_starts_with_the_bytes_of_the_earlier_release() -> None:
    log = extend_items(FILE, N_BEFORE, CHANGED, is_log=False)

    assert log.startswith(FILE)
    assert len(log) - len(FILE) < 200
    assert facts(read_item_log(log, N_BEFORE)) == facts(CHANGED)


def test_each_release_appends_its_own_changes() -> None:
    first = extend_items(FILE, N_BEFORE, CHANGED, is_log=False)
    items = retitled(CHANGED, 5)
    log = extend_items(first, N_BEFORE, items, is_log=True)

    assert log.startswith(first[:-12])
    assert facts(read_item_log(log, N_BEFORE)) == facts(items)


def test_without_a_change_a_log_stays_the_same() -> None:
    log = extend_items(FILE, N_BEFORE, CHANGED, is_log=False)

    assert extend_items(log, N_BEFORE, CHANGED, is_log=True) == log


def test_new_items_are_appended() -> None:
    grown = made(N_BEFORE + 3)
    grown = msgspec.structs.replace(
        grown,
        title=[*BEFORE.title, "a", "b", "c"],
        fields={"brand": Field(BRANDS, [*BEFORE.fields["brand"].rows, [3], [], [0]]), "year": grown.fields["year"]},
    )
    before = with_brand(BEFORE, 0, BEFORE.facts(0)["brand"][0])

    log = extend_items(dump_items(before), N_BEFORE, grown, is_log=False)

    assert facts(read_item_log(log, N_BEFORE + 3))[N_BEFORE:] == facts(grown)[N_BEFORE:]


def test_a_log_that_grew_too_large_starts_again() -> None:
    log = extend_items(FILE, N_BEFORE, made(N_BEFORE, seed=1), is_log=False)

    assert not log.startswith(FILE)
    assert facts(read_item_log(log, N_BEFORE)) == facts(made(N_BEFORE, seed=1))


def test_a_log_of_too_many_releases_starts_again() -> None:
    log, n_streams = FILE, []
    for release in range(MAX_STREAMS + 1):
        log = extend_items(log, N_BEFORE, retitled(BEFORE, release), is_log=release > 0)
        n_streams.append(int.from_bytes(log[-4:], "little"))

    assert max(n_streams) <= MAX_STREAMS
    assert 1 in n_streams
    assert facts(read_item_log(log, N_BEFORE)) == facts(retitled(BEFORE, MAX_STREAMS))


@pytest.mark.parametrize(
    "change",
    [
        lambda items: msgspec.structs.replace(items, item_id=items.item_id[::-1]),
        lambda items: msgspec.structs.replace(items, fields={"brand": items.fields["brand"]}),
    ],
)
def test_items_that_moved_or_have_other_facts_start_again(change: Callable[[Items], Items]) -> None:
    items = change(BEFORE)

    log = extend_items(FILE, N_BEFORE, items, is_log=False)

    assert facts(read_item_log(log, N_BEFORE)) == facts(items)


def test_a_log_of_fewer_items_than_the_manifest_says_is_refused() -> None:
    with pytest.raises(BundleError, match="expected 201"):
        read_item_log(extend_items(FILE, N_BEFORE, CHANGED, is_log=False), N_BEFORE + 1)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 19), st.sampled_from(BRANDS), st.booleans()), max_size=6))
def test_any_changes(changes: list[tuple[int, str, bool]]) -> None:
    items = made(20)
    file, is_log = dump_items(items), False
    for row, brand, is_retitled in changes:
        items = with_brand(retitled(items, row) if is_retitled else items, row, brand)
        file, is_log = extend_items(file, 20, items, is_log=is_log), True

        assert facts(read_item_log(file, 20)) == facts(items)


def release(items: bytes, *features: str, n_items: int = N_BEFORE) -> Manifest:
    manifest = manifest_of({"items.json.z": items, "codes.bin": b""})
    sizes = msgspec.structs.replace(manifest.catalogue, n_items=n_items)
    return msgspec.structs.replace(
        manifest, catalogue=sizes, required_features=(*manifest.required_features, *features)
    )


def test_a_release_whose_items_did_not_change_keeps_the_older_file() -> None:
    recompressed = zlib.compress(zlib.decompress(FILE), 1)

    manifest, data = continue_items(release(FILE), FILE, release(recompressed), recompressed)

    assert data == FILE
    assert manifest == release(FILE)


def test_a_release_with_some_other_facts_appends_them_and_needs_the_feature() -> None:
    new = dump_items(CHANGED)

    manifest, data = continue_items(release(FILE), FILE, release(new), new)
    again, same = continue_items(manifest, data, release(new), new)

    assert data.startswith(FILE)
    assert manifest == release(data, ITEM_LOG)
    assert (again, same) == (manifest, data)


def test_a_release_with_mostly_other_facts_stays_as_it_is_unless_the_feature_is_there() -> None:
    new = dump_items(made(N_BEFORE, seed=1))
    log = dump_log([FILE])

    assert continue_items(release(FILE), FILE, release(new), new) == (release(new), new)
    manifest, data = continue_items(release(log, ITEM_LOG), log, release(new), new)
    assert manifest == release(dump_log([new]), ITEM_LOG)
    assert data == dump_log([new])


def test_an_item_table_is_not_touched() -> None:
    new = b"a table"

    assert continue_items(release(FILE), FILE, release(new, ITEM_TABLE), new) == (release(new, ITEM_TABLE), new)


def test_a_recommender_reads_a_log(tmp_path: Path) -> None:
    make_tiny_bundle(tmp_path / "whole")
    with_item_log(tmp_path / "whole", tmp_path / "log")

    with Recommender.open(tmp_path / "whole") as whole, Recommender.open(tmp_path / "log") as log:
        assert log.recommend(10, ["item-3"]) == whole.recommend(10, ["item-3"])
        assert log.search("rose", 10) == whole.search("rose", 10)


def test_a_log_is_started_once() -> None:
    manifest, data = start_log(release(FILE), FILE)

    assert data == dump_log([FILE])
    assert ITEM_LOG in manifest.required_features
    assert manifest.required_role("items").bytes == len(data)
    assert start_log(manifest, data) == (manifest, data)
    assert start_log(release(FILE, ITEM_TABLE), FILE) == (release(FILE, ITEM_TABLE), FILE)
