"""The header of a GGUF file from others is read in bounds: whatever it claims, the answer is a header or a refusal."""

import struct
import tracemalloc
from pathlib import Path

import pytest

from export.gguf_header import TENSOR_TYPES, Array, read_header
from tests.export.gguf_bytes import ARRAY, BOOL, METADATA, STRING, TENSORS, U8, U32, U64, changed, gguf, text
from tests.tiny_language_model import make_language_model
from train.errors import RunError


def written(data: bytes, folder: Path) -> Path:
    path = folder / "model.gguf"
    path.write_bytes(data)
    return path


def test_a_right_header_is_read(tmp_path: Path) -> None:
    header = read_header(written(gguf(), tmp_path))

    assert header.metadata["general.architecture"] == "llama"
    assert header.metadata["tokenizer.ggml.tokens"] == Array(STRING, 3)
    assert header.metadata["tokenizer.ggml.token_type"] == Array(U32, 3, (1, 1, 1))
    assert {name: tensor.shape for name, tensor in header.tensors.items()} == {
        "token_embd.weight": (4, 3),
        "output_norm.weight": (4,),
    }
    assert header.data_start + 64 + 16 == len(gguf())
    assert [tensor.n_elements for tensor in header.tensors.values()] == [12, 4]


def test_the_header_of_a_converted_model_agrees_with_llama_cpps_own_library(tmp_path: Path) -> None:
    from gguf import GGUFReader

    from export.gguf import make_language_model as convert

    path = tmp_path / "model.gguf"
    convert(make_language_model(tmp_path / "folder"), path, "Q4_K_M")

    header, theirs = read_header(path), GGUFReader(path)

    assert {name: (tensor.shape, tensor.n_bytes) for name, tensor in header.tensors.items()} == {
        one.name: (tuple(map(int, one.shape)), int(one.n_bytes)) for one in theirs.tensors
    }
    assert list(header.metadata) == [key for key in theirs.fields if not key.startswith("GGUF.")]
    assert header.data_start == theirs.data_offset


def test_the_sizes_of_blocks_are_those_of_llama_cpps_own_library() -> None:
    from gguf import GGML_QUANT_SIZES, GGMLQuantizationType

    for number, (name, *sizes) in TENSOR_TYPES.items():
        assert GGMLQuantizationType(number).name == name
        assert tuple(sizes) == GGML_QUANT_SIZES[GGMLQuantizationType(number)]


HUGE = (1 << 64) - 1
BLOCKS = text("llama.block_count")
IS_X = text("x") + struct.pack("<I", BOOL)
HOSTILE: dict[str, tuple[bytes, str]] = {
    "an empty file": (b"", "ends within the magic"),
    "a wrong magic": (gguf(magic=b"GGML"), "starts with b'GGML'"),
    "an old version": (gguf(version=1), "found the version 1"),
    "big-endian numbers": (gguf(version=3 << 24), "found the version"),
    "a huge number of tensors": (gguf(n_tensors=HUGE), "tensors, expected 1 to"),
    "a huge number of entries": (gguf(n_entries=HUGE), "entries of metadata, expected 1 to"),
    "no tensors": (gguf(tensors=()), "found 0 tensors"),
    "more entries than there are": (gguf(n_entries=len(METADATA) + 1), "has|type|ends"),
    "a key beyond the file": (gguf()[:24] + struct.pack("<Q", 200), "ends within a key"),
    "a huge key": (gguf()[:24] + struct.pack("<Q", HUGE), "expected at most 256"),
    "a key that is not UTF-8": (gguf(changed()).replace(b"general.license", b"general.\xff\xfecense"), "not UTF-8"),
    "a value that is not UTF-8": (gguf().replace(b"apache-2.0", b"apache-\xc3.0"), "not UTF-8"),
    "a token that is not UTF-8": (gguf().replace("é".encode(), b"\xc3\xc3"), "an element of .* is not UTF-8"),
    "a key twice": (gguf([*METADATA, METADATA[1]]), "'general.license' is there twice"),
    "a value of an unknown type": (gguf().replace(BLOCKS + b"\4", BLOCKS + b"\x63"), "unknown type 99"),
    "a list of lists": (gguf(changed(("x", ARRAY, (ARRAY, [])))), "expected numbers or strings"),
    "a list of an unknown type": (gguf(changed(("x", ARRAY, (77, [])))), "expected numbers or strings"),
    "a bool that is neither": (gguf(changed(("x", BOOL, True))).replace(IS_X + b"\1", IS_X + b"\2"), "is 2, expected"),
    "a tensor twice": (gguf(tensors=[TENSORS[0], ("token_embd.weight", (4,), 0, 64)]), "is there twice"),
    "a tensor of an unknown type": (gguf(tensors=[("a", (4, 3), 4, 0)]), "unknown type 4"),
    "a tensor without dimensions": (gguf(tensors=[("a", (), 0, 0)]), "has 0 dimensions"),
    "a tensor of five dimensions": (gguf(tensors=[("a", (1, 1, 1, 1, 1), 0, 0)]), "has 5 dimensions"),
    "an empty tensor": (gguf(tensors=[("a", (4, 0), 0, 0)]), "does not fit"),
    "a shape that overflows": (gguf(tensors=[("a", (1 << 32, 1 << 32), 0, 0)]), "does not fit"),
    "a tensor beyond the file": (gguf(n_data=64), "it was cut off"),
    "overlapping tensors": (gguf(tensors=[TENSORS[0], ("b", (4,), 0, 32)]), "is at 32, expected at 64"),
    "a gap between tensors": (gguf(tensors=[TENSORS[0], ("b", (4,), 0, 96)]), "is at 96, expected at 64"),
    "a long name of a tensor": (gguf(tensors=[("n" * 64, (4, 3), 0, 0)]), "expected at most 63"),
    "rows of part of a block": (gguf(tensors=[("a", (4, 8), 8, 0)]), "expected a multiple of 32 for Q8_0"),
    "an odd alignment": (gguf(changed(("general.alignment", U32, 24))), "expected a power of two"),
    "no alignment": (gguf(changed(("general.alignment", U32, 0))), "expected a power of two"),
    "an alignment in words": (gguf(changed(("general.alignment", STRING, "32"))), "expected a power of two"),
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_header_is_refused(name: str, tmp_path: Path) -> None:
    data, message = HOSTILE[name]

    with pytest.raises(RunError, match=message):
        read_header(written(data, tmp_path))


@pytest.mark.parametrize(("kind", "length"), [(STRING, HUGE), (STRING, 1 << 21), (U8, 1 << 40), (U64, 1 << 20)])
def test_a_list_that_claims_more_than_the_file_has_costs_no_memory(kind: int, length: int, tmp_path: Path) -> None:
    data = gguf(changed(("x", ARRAY, (kind, []))))
    claim = text("x") + struct.pack("<II", ARRAY, kind)
    path = written(data.replace(claim + bytes(8), claim + struct.pack("<Q", length)), tmp_path)

    tracemalloc.start()
    with pytest.raises(RunError, match="elements, which exceeds"):
        read_header(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert peak < 1 << 20


def test_every_shortened_file_is_refused(tmp_path: Path) -> None:
    whole = gguf()

    for length in range(0, len(whole), 7):
        with pytest.raises(RunError):
            read_header(written(whole[:length], tmp_path))


def test_every_changed_byte_gives_a_header_or_a_refusal(tmp_path: Path) -> None:
    whole = gguf()
    outcomes = set()

    for place in range(len(whole) - 80):
        for bit in (0, 3, 7):
            data = bytearray(whole)
            data[place] ^= 1 << bit
            try:
                outcomes.add(type(read_header(written(bytes(data), tmp_path))).__name__)
            except RunError:
                outcomes.add("refused")

    assert outcomes == {"Header", "refused"}
