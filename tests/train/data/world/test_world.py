"""The synthetic world is a valid and reproducible data folder, and its ground truth agrees with its events."""

import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from PIL import Image

from train.data.dataset import Dataset
from train.data.folder import read_folder
from train.data.split import leave_one_out
from train.data.world.folder import write_world
from train.data.world.items import make_items
from train.data.world.pictures import N_FRAMES, Look, frames, picture, shapes
from train.data.world.shop import SHOP
from train.data.world.theme import FIRST_S, N_DAYS, Theme, WorldKind
from train.data.world.themes import THEMES
from train.data.world.world import N_USERS
from train.errors import DataError


@pytest.fixture(scope="module", params=THEMES)
def theme(request: pytest.FixtureRequest) -> Theme:
    """Return each theme in turn."""
    kind: WorldKind = request.param
    return THEMES[kind]


@pytest.fixture(scope="module")
def folder(theme: Theme, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a written world."""
    out = tmp_path_factory.mktemp("made") / theme.kind
    write_world(out, seed=0, kind=theme.kind)
    return out


@pytest.fixture(scope="module")
def log(folder: Path) -> pl.DataFrame:
    """Return the events, with the time of release of their items."""
    released = pl.read_parquet(folder / "truth" / "items.parquet").select("item_id", "released")
    return pl.read_parquet(folder / "interactions.parquet").join(released, on="item_id")


@pytest.fixture(scope="module")
def dataset(folder: Path) -> Dataset:
    """Return the world as a dataset."""
    return read_folder(folder)


@pytest.fixture(scope="module")
def reasons(folder: Path) -> pl.DataFrame:
    """Return the true reason of each event."""
    return pl.read_parquet(folder / "truth" / "reasons.parquet")


def stories(dataset: Dataset, reasons: pl.DataFrame) -> Iterator[tuple[list[str], pl.DataFrame]]:
    """Yield the item ids and reasons of each user."""
    ids = dataset.catalogue.item_ids
    by_user = reasons.partition_by("user_id", as_dict=True, maintain_order=True)
    for user, rows in zip(dataset.sequences.user_ids, dataset.sequences, strict=True):
        yield [ids[row] for row in rows], by_user[(user,)]


def test_it_is_a_data_folder_without_a_complaint(dataset: Dataset) -> None:
    lengths = dataset.sequences.lengths

    assert (len(dataset.catalogue), len(dataset.sequences)) == (600, N_USERS)
    assert (lengths.min(), lengths.max()) == (5, 40)
    assert dataset.sequences.timestamps.min() >= FIRST_S
    assert dataset.sequences.timestamps.max() < FIRST_S + N_DAYS * 86_400
    assert not dataset.report.kept_out
    assert not any("no picture" in warning or "Sorted" in warning for warning in dataset.report.warnings)


def test_every_item_can_be_told_from_the_others_and_has_a_picture(dataset: Dataset, theme: Theme) -> None:
    catalogue = dataset.catalogue

    assert len(set(catalogue.titles)) == len(catalogue)
    assert all(all(values) for values in catalogue.fields.values())
    assert all(catalogue.descriptions)
    assert all(catalogue.images)
    sizes = {Image.open(io.BytesIO(path.read_bytes())).size for path in catalogue.images if path}
    assert sizes == {theme.picture_size}


def test_a_world_has_the_fields_and_events_of_its_kind(dataset: Dataset, theme: Theme, log: pl.DataFrame) -> None:
    fields, event = {
        "shop": ({"brand", "categories", "price", "colour", "material", "use"}, "purchase"),
        "video": ({"creator", "topics", "duration", "setting", "style"}, "watch"),
        "articles": ({"author", "section", "topics", "reading_minutes", "place", "form", "date"}, "read"),
    }[theme.kind]

    assert set(dataset.catalogue.fields) == fields
    assert set(log["event"]) == {"click", "like", event}


def test_videos_are_all_items_of_a_video_shelf_and_their_first_frame_is_the_picture(
    dataset: Dataset, theme: Theme
) -> None:
    catalogue = dataset.catalogue
    n_videos = sum(map(bool, catalogue.videos))

    assert n_videos in {"shop": range(80, 160), "video": range(600, 601), "articles": range(1)}[theme.kind]
    assert {len(video) for video in catalogue.videos} <= {0, N_FRAMES}
    if theme.kind == "video":
        assert list(catalogue.images) == [video[0] for video in catalogue.videos]


def test_articles_are_read_while_they_are_new(log: pl.DataFrame, theme: Theme) -> None:
    half = log.select(((pl.col("timestamp") - pl.col("released")) < 180 * 86_400).mean()).item()

    assert (half > 0.5) == (theme.kind == "articles")


@pytest.mark.parametrize("theme", ["shop"], indirect=True)
def test_the_same_seed_gives_the_same_bytes_and_another_seed_another_world(
    folder: Path, theme: Theme, tmp_path: Path
) -> None:
    write_world(tmp_path / "again", seed=0, kind=theme.kind)

    files = sorted(path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    assert all((folder / name).read_bytes() == (tmp_path / "again" / name).read_bytes() for name in files)
    assert make_items(theme, np.random.default_rng(1)) != make_items(theme, np.random.default_rng(0))


def test_the_true_reasons_have_every_event_in_file_order(folder: Path, reasons: pl.DataFrame) -> None:
    log = pl.read_parquet(folder / "interactions.parquet")

    assert reasons.select("user_id", "item_id", "timestamp").equals(log.select("user_id", "item_id", "timestamp"))
    kinds = {"taste_category", "taste_brand", "complement", "drift", "popular", "noise"}
    assert set(reasons["kind"]) == kinds


def test_the_facts_of_a_reason_are_true(dataset: Dataset, reasons: pl.DataFrame) -> None:
    row_of, fields = dataset.catalogue.row_of(), dataset.catalogue.fields

    said = reasons.drop_nulls("field").select("item_id", "field", "value").rows()

    assert said
    assert all(value in fields[field][row_of[item_id]] for item_id, field, value in said)


def test_the_item_of_a_reason_is_in_the_history(dataset: Dataset, reasons: pl.DataFrame, folder: Path) -> None:
    pairs = set(pl.read_parquet(folder / "truth" / "complements.parquet").select("because_item_id", "item_id").rows())
    row_of, fields = dataset.catalogue.row_of(), dataset.catalogue.fields

    for history, reason_rows in stories(dataset, reasons):
        for place, (kind, because, field, value) in enumerate(
            reason_rows.select("kind", "because_item_id", "field", "value").rows()
        ):
            if because is None:
                assert kind != "complement"
                continue
            assert because in history[:place]
            if kind == "complement":
                assert (because, history[place]) in pairs
            else:
                assert value in fields[field][row_of[because]]


def test_preferences_drift_at_the_recorded_times(folder: Path, reasons: pl.DataFrame) -> None:
    users = pl.read_parquet(folder / "truth" / "users.parquet")

    drifted = users.filter(pl.col("drift_at").list.len() > 0)
    steady = users.filter(pl.col("drift_at").list.len() == 0)

    assert len(drifted) > 300
    assert (drifted["start_categories"] != drifted["end_categories"]).mean() == pytest.approx(1.0, abs=0.01)
    assert (steady["start_categories"] == steady["end_categories"]).all()
    assert set(reasons.filter(kind="drift")["user_id"]) <= set(drifted["user_id"])


def test_no_event_is_before_the_release_of_its_item(log: pl.DataFrame) -> None:
    assert log.filter(pl.col("timestamp") < pl.col("released")).is_empty()


def test_the_oracle_is_far_better_than_popularity(dataset: Dataset, reasons: pl.DataFrame) -> None:
    split = leave_one_out(dataset.sequences)
    popular = set(np.argsort(-np.bincount(split.train.rows, minlength=len(dataset.catalogue)))[:20].tolist())

    last = reasons.group_by("user_id", maintain_order=True).last()
    oracle = float((last["oracle_rank"] <= 10).mean())  # type: ignore[arg-type]  # a mean of truth values is a float
    hits = [row in [p for p in popular if p not in split.test.history(i)][:10] for i, row in enumerate(split.test.rows)]

    assert oracle > 0.45
    assert np.mean(hits) < 0.1


def test_every_kind_of_item_has_a_shape_and_its_own_picture(theme: Theme) -> None:
    kinds = [kind.shape or kind.name for of in theme.categories.values() for kind in of]
    colours = (200, 90, 60), (240, 200, 90), (238, 234, 222)
    pictures = {picture(Look(name, *colours, theme.picture_size)) for name in kinds}

    assert set(kinds) <= set(shapes())
    assert len(pictures) == len(kinds)
    assert max(map(len, pictures)) < 6000


def test_no_shape_is_left_over() -> None:
    kinds = {kind.shape or kind.name for each in THEMES.values() for of in each.categories.values() for kind in of}

    assert kinds == set(shapes())


def test_what_goes_with_a_kind_is_a_kind_of_the_same_theme(theme: Theme) -> None:
    kinds = [kind for of in theme.categories.values() for kind in of]

    assert {name for kind in kinds for name in kind.goes_with} <= {kind.name for kind in kinds}


def test_the_frames_of_a_video_move() -> None:
    look = Look("lantern", (200, 90, 60), (240, 200, 90), (238, 234, 222), SHOP.picture_size)

    shown = list(frames(look))

    assert len(shown) == N_FRAMES
    assert len(set(shown)) == N_FRAMES
    assert Image.open(io.BytesIO(shown[0])).format == "WEBP"


def test_a_world_never_overwrites_files(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine").write_bytes(b"")

    with pytest.raises(DataError, match="not empty"):
        write_world(tmp_path / "out")
