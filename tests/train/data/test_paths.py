"""Public functions accept paths as strings."""

from pathlib import Path

import pytest

from tests.train.data.data_folders import EVENTS, ITEMS, write
from tests.train.data.test_importers import DAT
from train.data.folder import read_folder
from train.data.importers import import_movielens


@pytest.mark.parametrize("kind", [str, Path])
def test_a_folder_is_read_and_imported_by_a_string_or_a_path(tmp_path: Path, kind: type[str] | type[Path]) -> None:
    write(tmp_path / "shop", {"interactions.csv": EVENTS, "items.jsonl": ITEMS})
    write(tmp_path / "ml", DAT)

    assert read_folder(kind(tmp_path / "shop")).path == tmp_path / "shop"
    import_movielens(kind(tmp_path / "ml"), kind(tmp_path / "out"), k=2)
    assert len(read_folder(kind(tmp_path / "out")).catalogue) > 0
