"""List texts of a recommender: with the adapter of the bundle, with the template, cancelled and forgotten."""

import json
from pathlib import Path

import msgspec
import pytest

from edge_runtime.bundle import open_folder
from edge_runtime.bundle.folder import write_folder
from edge_runtime.bundle.manifest import LanguageAdapter, LanguageModel
from edge_runtime.cli import main
from edge_runtime.errors import BundleError, UnknownItemError
from edge_runtime.list_text.prompt import LAYOUT as LIST_LAYOUT
from edge_runtime.reasons.prompt import LAYOUT
from edge_runtime.recommender import Recommender
from export.gguf import make_language_model as make_gguf
from export.gguf_lora import write_lora
from tests.tiny_bundle import make_tiny_bundle
from tests.tiny_language_model import make_adapter, make_language_model

HISTORY = ["item-1", "item-2", "item-3"]


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle with an untrained language model and an adapter of list texts."""
    root = tmp_path_factory.mktemp("lists")
    make_tiny_bundle(root / "plain")
    base = make_language_model(root / "model", max_position_embeddings=4096)
    make_gguf(base, root / "reasons.gguf", "Q8_0")
    write_lora(make_adapter(root / "adapter", base, seed=1), base, root / "list.gguf")
    plain = open_folder(root / "plain")
    contents = {entry.name: (entry.role, plain.read(entry)) for entry in plain.manifest.files}
    contents["reasons.gguf"] = ("language_model", (root / "reasons.gguf").read_bytes())
    contents["list.gguf"] = ("language_adapter", (root / "list.gguf").read_bytes())
    entry = LanguageModel("reasons.gguf", 4096, LAYOUT, (LanguageAdapter("list", "list.gguf", LIST_LAYOUT),))
    write_folder(root / "bundle", msgspec.structs.replace(plain.manifest, language_model=entry), contents)
    return root / "bundle"


def test_the_adapter_of_the_bundle_writes_every_item_once_and_in_order(bundle: Path) -> None:
    with Recommender.open(bundle) as recommender:
        listed = recommender.recommend(5, HISTORY)
        pieces = list(recommender.write_list(listed, history=HISTORY))

    assert {(piece.source, piece.note) for piece in pieces} == {("language model", None)}
    assert list(dict.fromkeys(piece.item_id for piece in pieces)) == [None, *(item.item_id for item in listed)]
    assert "".join(piece.text for piece in pieces).count("\n") == 6
    assert not {piece.item_id for piece in pieces} & set(HISTORY)


def test_equal_seeds_give_equal_texts(bundle: Path) -> None:
    with Recommender.open(bundle) as recommender:
        texts = [
            "".join(piece.text for piece in recommender.write_list(["item-5", "item-6"], history=HISTORY, seed=seed))
            for seed in (3, 4, 5, 6, 3)
        ]

    assert texts[0] == texts[-1]
    assert len(set(texts)) > 1


def test_a_disabled_language_model_leaves_it_to_the_template(bundle: Path) -> None:
    with Recommender.open(bundle, language_model=False) as recommender:
        pieces = list(recommender.write_list(["item-5"], history=HISTORY))

    assert {piece.source for piece in pieces} == {"template"}


def test_a_damaged_adapter_is_noticed_at_opening(bundle: Path, tmp_path: Path) -> None:
    for path in bundle.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / "list.gguf").write_bytes((bundle / "list.gguf").read_bytes()[:-1] + b"!")

    with pytest.raises(BundleError, match=r"list\.gguf"):
        Recommender.open(tmp_path)
    Recommender.open(tmp_path, language_model=False).close()


def test_a_list_that_changes_ends_its_text_and_a_new_one_is_written(bundle: Path) -> None:
    with Recommender.open(bundle) as recommender:
        old = recommender.write_list(["item-5", "item-6"], history=HISTORY)
        next(old)
        old.close()  # type: ignore[attr-defined]

        assert len({piece.item_id for piece in recommender.write_list(["item-7"], history=HISTORY)}) == 2


@pytest.mark.parametrize("language_model", [True, False])
def test_forgetting_ends_a_text(bundle: Path, language_model: bool) -> None:
    with Recommender.open(bundle, language_model=language_model) as recommender:
        pieces = recommender.write_list(["item-5", "item-6"], history=HISTORY)
        next(pieces)
        recommender.forget()

        assert list(pieces) == []


def test_closing_the_recommender_ends_a_text(bundle: Path) -> None:
    recommender = Recommender.open(bundle)
    pieces = recommender.write_list(["item-5", "item-6"], history=HISTORY)
    next(pieces)
    recommender.close()

    assert list(pieces) == []


def test_wrong_items_are_refused(bundle: Path) -> None:
    with Recommender.open(bundle, language_model=False) as recommender:
        with pytest.raises(UnknownItemError):
            recommender.write_list(["nothing"])
        with pytest.raises(ValueError, match="without duplicates"):
            recommender.write_list(["item-5", "item-5"])
        with pytest.raises(ValueError, match="style must be one of"):
            recommender.write_list(["item-5"], style="long")  # type: ignore[arg-type]
        with pytest.raises(ValueError, match="language must be one of"):
            recommender.write_list(["item-5"], language="tlh")


def test_the_command_prints_the_text(bundle: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["recommend", str(bundle), "--history", "item-1,item-2", "-k", "3", "--as-text"]
    for more in ([], ["--json"]):
        with pytest.raises(SystemExit) as left:
            main([*command, *more])
        assert not left.value.code
    lines = capsys.readouterr().out.splitlines()

    assert [line[:2] for line in lines[1:4]] == ["1.", "2.", "3."]
    assert json.loads("\n".join(lines[4:]))["text"].splitlines() == lines[:4]
