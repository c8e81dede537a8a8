"""A finished GGUF file is used only if it is a whole model with a tokenizer, and llama.cpp writes a word with it."""

from pathlib import Path

import pytest

from export.finished_gguf import check_runs, describe_finished
from export.gguf import make_language_model as convert
from tests.export.gguf_bytes import ARRAY, STRING, U32, Entry, Place, changed, gguf
from tests.tiny_language_model import make_language_model
from train.errors import RunError


def written(data: bytes, folder: Path) -> Path:
    path = folder / "model.gguf"
    path.write_bytes(data)
    return path


def test_a_finished_file_is_described_by_its_header(tmp_path: Path) -> None:
    path = written(gguf(changed(("general.name", STRING, "Tiny"))), tmp_path)

    described = describe_finished(path)

    assert (described.architecture, described.context, described.n_tokens) == ("llama", 512, 3)
    assert (described.licences, described.base) == (("apache-2.0",), "Tiny")


def test_the_licence_named_other_has_its_name_in_a_key_of_its_own(tmp_path: Path) -> None:
    entries = changed(("general.license", STRING, "other"), ("general.license.name", STRING, "lfm1.0"))

    assert describe_finished(written(gguf(entries), tmp_path)).licences == ("lfm1.0",)


def test_a_file_without_a_licence_key_states_none(tmp_path: Path) -> None:
    assert describe_finished(written(gguf(changed(without=["general.license"])), tmp_path)).licences == ()


REFUSED: dict[str, tuple[list[Entry], str]] = {
    "an adapter": (changed(("general.type", STRING, "adapter")), "type 'adapter'"),
    "a piece of a split file": (changed(("split.count", U32, 3)), "one of 3 pieces"),
    "no architecture": (changed(without=["general.architecture"]), "general.architecture ''"),
    "a strange architecture": (changed(("general.architecture", STRING, "../x y")), "general.architecture"),
    "no tokens": (changed(without=["tokenizer.ggml.tokens"]), "found no tokenizer"),
    "tokens that are numbers": (changed(("tokenizer.ggml.tokens", ARRAY, (U32, [1, 2, 3]))), "found no tokenizer"),
    "fewer types than tokens": (changed(("tokenizer.ggml.token_type", ARRAY, (U32, [1]))), "not a list of 3 numbers"),
    "an end token that is not there": (changed(("tokenizer.ggml.eos_token_id", U32, 3)), "token below 3"),
    "no end token": (changed(without=["tokenizer.ggml.eos_token_id"]), "would never stop"),
    "a start token in words": (changed(("tokenizer.ggml.bos_token_id", STRING, "a")), "token below 3"),
    "no width": (changed(without=["llama.embedding_length"]), "embedding_length None"),
    "a huge number of blocks": (changed(("llama.block_count", U32, 1 << 30)), "block_count 1073741824"),
    "no room for a prompt": (changed(("llama.context_length", U32, 64)), "context_length 64"),
    "a table of another width": (changed(("llama.embedding_length", U32, 8)), r"expected \(8, 3\)"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_file_that_is_no_whole_model_is_refused(name: str, tmp_path: Path) -> None:
    entries, message = REFUSED[name]

    with pytest.raises(RunError, match=message):
        describe_finished(written(gguf(entries), tmp_path))


def test_a_file_without_a_table_of_tokens_is_refused(tmp_path: Path) -> None:
    tensors: list[Place] = [("other.weight", (4, 3), 0, 0)]

    with pytest.raises(RunError, match="table of tokens none"):
        describe_finished(written(gguf(tensors=tensors), tmp_path))


@pytest.mark.slow
def test_llama_cpp_writes_a_word_with_a_converted_model(tmp_path: Path) -> None:
    path = tmp_path / "model.gguf"
    convert(make_language_model(tmp_path / "folder"), path, "Q8_0")

    describe_finished(path)
    check_runs(path, 256)


@pytest.mark.slow
def test_a_file_that_llama_cpp_cannot_load_is_refused_although_its_header_is_in_order(tmp_path: Path) -> None:
    path = written(gguf(), tmp_path)
    describe_finished(path)

    with pytest.raises(RunError, match="language model"):
        check_runs(path, 256)
