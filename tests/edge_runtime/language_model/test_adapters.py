"""LoRA adapters in the worker: attached and swapped at run time, with what another adapter computed dropped."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from edge_runtime.errors import BundleIntegrityError
from edge_runtime.language_model.client import LlamaWriter, ModelFile
from edge_runtime.language_model.model import MAX_ADAPTERS, Model, RefusedError, load
from edge_runtime.language_model.writer import WriterError
from export.gguf import make_language_model as make_gguf
from export.gguf_lora import write_lora
from tests.tiny_language_model import make_adapter, make_language_model

PROMPT = "Give one true reason for the item, using only these facts.\nitem: “Rose Soap”\n- comes from Aster\n"
LETTERS = "root ::= [a-z ]{24}"


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with ``reasons.gguf`` and the adapters ``a.gguf`` and ``b.gguf``, all with random weights."""
    root = tmp_path_factory.mktemp("adapters")
    folder = make_language_model(root / "model")
    make_gguf(folder, root / "reasons.gguf", "Q4_K_M")
    for seed, name in enumerate("ab"):
        write_lora(make_adapter(root / name, folder, seed=seed), folder, root / f"{name}.gguf")
    return root


@pytest.fixture(scope="module")
def model(base: Path) -> Model:
    return load(base / "reasons.gguf", 512)


@pytest.fixture
def writer(base: Path) -> Iterator[LlamaWriter]:
    adapters: dict[str, ModelFile] = {"a": base / "a.gguf", "b": lambda: base / "b.gguf"}
    writer = LlamaWriter(base / "reasons.gguf", context=512, adapters=adapters, timeout_s=60.0)
    yield writer
    writer.close()


def text(model: Model, adapter: Path | None) -> bytes:
    model.use(adapter)
    return b"".join(model.stream(PROMPT, LETTERS, 7))


def test_each_adapter_writes_its_own_text_and_going_back_gives_the_same_tokens(base: Path, model: Model) -> None:
    a, b = base / "a.gguf", base / "b.gguf"

    texts = [text(model, adapter) for adapter in (None, a, b, a, None, b)]

    assert len(set(texts)) == 3
    assert texts[1] == texts[3]
    assert texts[0] == texts[4]
    assert texts[2] == texts[5]


def test_a_swapped_adapter_writes_what_it_writes_alone(base: Path, model: Model) -> None:
    text(model, base / "a.gguf")

    assert text(model, base / "b.gguf") == text(load(base / "reasons.gguf", 512), base / "b.gguf")


def test_the_cache_of_another_adapter_is_dropped_and_that_of_the_same_is_kept(base: Path, model: Model) -> None:
    text(model, base / "a.gguf")
    model.use(base / "a.gguf")
    kept = len(model._cached)
    model.use(base / "b.gguf")

    assert kept > 0
    assert model._cached == []


def test_many_adapters_are_used_in_turn(base: Path, model: Model, tmp_path: Path) -> None:
    paths = [tmp_path / f"{number}.gguf" for number in range(MAX_ADAPTERS + 3)]
    for number, path in enumerate(paths):
        path.write_bytes((base / f"{'ab'[number % 2]}.gguf").read_bytes())

    texts = [text(model, path) for path in paths * 2]

    assert len(set(texts)) == 2
    assert texts[0::2] != texts[1::2]
    assert len(model._adapters) == MAX_ADAPTERS


def test_an_adapter_of_another_model_is_refused_and_the_one_before_stays(
    base: Path, model: Model, tmp_path: Path
) -> None:
    other = make_language_model(tmp_path / "other", n_kv_heads=1)
    write_lora(make_adapter(tmp_path / "adapter", other, seed=0), other, tmp_path / "other.gguf")
    before = text(model, base / "a.gguf")

    for path in (tmp_path / "other.gguf", tmp_path / "missing.gguf", base / "reasons.gguf"):
        with pytest.raises(RefusedError, match=f"cannot read the adapter {path.name}, or it belongs to another model"):
            model.use(path)

    assert b"".join(model.stream(PROMPT, LETTERS, 7)) == before


def test_a_request_names_its_adapter(writer: LlamaWriter) -> None:
    texts = ["".join(writer.stream(PROMPT, LETTERS, 7, adapter=name)) for name in ("a", "b", None, "a")]

    assert len(set(texts)) == 3
    assert texts[0] == texts[3]


def test_an_unknown_adapter_is_an_error_and_the_next_request_works(writer: LlamaWriter) -> None:
    with pytest.raises(WriterError, match=r"found no adapter 'c'; the adapters are \['a', 'b'\]"):
        writer.write(PROMPT, ("It is red.", "It is blue."), 0, adapter="c")

    assert writer.write(PROMPT, ("It is red.", "It is blue."), 0, adapter="a").startswith("It is ")


def test_an_adapter_that_does_not_match_its_digest_is_never_loaded(base: Path) -> None:
    def forged() -> Path:
        raise BundleIntegrityError(Path("shop.gguf"), expected="abc", found="def")

    writer = LlamaWriter(base / "reasons.gguf", context=512, adapters={"shop": forged}, timeout_s=60.0)

    with pytest.raises(WriterError, match="the manifest says abc"):
        writer.write(PROMPT, ("It is red.", "It is blue."), 0, adapter="shop")
    assert writer.write(PROMPT, ("It is red.", "It is blue."), 0).startswith("It is ")
    writer.close()
