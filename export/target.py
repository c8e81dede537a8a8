"""A target: which engines, pictures and language model its bundle holds, and how large each may be."""

import os
import tomllib
from importlib.resources import files
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from edge_runtime.bundle.manifest import Name, Share
from edge_runtime.paths import AnyPath
from export.errors import TargetError

# The file of every engine variant that can be exported.
ENCODER_FILES = {
    ("onnxruntime", "int8"): "encoder.onnx",
    ("onnxruntime", "fp32"): "encoder-fp32.onnx",
    ("litert", "int8"): "encoder.tflite",
    ("reference", "int8"): "encoder.safetensors",
}
_SUFFIX = ".toml"

Positive = Annotated[int, Meta(ge=1)]


class EngineChoice(Struct, frozen=True, forbid_unknown_fields=True):
    """One engine candidate, and its tolerance against the golden vectors."""

    engine: str
    precision: str
    max_state_error: Annotated[float, Meta(gt=0.0)]
    min_overlap: Share

    @property
    def file(self) -> str:
        """The name of its file in the bundle."""
        return ENCODER_FILES[self.engine, self.precision]


class LanguageModelChoice(Struct, frozen=True, forbid_unknown_fields=True):
    """How the language model is stored: a llama.cpp type, such as ``Q8_0`` or ``Q4_K_M``."""

    quantization: Name


class PictureChoice(Struct, frozen=True, forbid_unknown_fields=True):
    """Thumbnails: the longer side, the WebP quality, and the bytes of all; popular items get theirs first."""

    side_pixels: Annotated[int, Meta(ge=16, le=1024)]
    quality: Annotated[int, Meta(ge=1, le=100)]
    bytes: Positive


class Budgets(Struct, frozen=True, forbid_unknown_fields=True):
    """The largest sizes allowed, in bytes; ``parts`` by role."""

    ranking_bytes: Positive
    bundle_bytes: Positive
    ranking_bytes_per_item: Annotated[int, Meta(ge=0)] = 0
    ranking_bytes_at_least: Annotated[int, Meta(ge=0)] = 0
    parts: dict[str, Positive] = {}

    def ranking_limit(self, n_items: int) -> int:
        """Return what ranking may take with a catalogue of ``n_items``."""
        return max(self.ranking_bytes_at_least, self.ranking_bytes + self.ranking_bytes_per_item * n_items)


class Target(Struct, frozen=True, forbid_unknown_fields=True):
    """One target, as its TOML file says."""

    description: str
    engines: Annotated[tuple[EngineChoice, ...], Meta(min_length=1, max_length=16)]
    budgets: Budgets
    language_model: LanguageModelChoice | None = None
    pictures: PictureChoice | None = None
    # The file's name; a folder of this name receives the bundle.
    name: str = ""


def known_targets() -> list[str]:
    """Return the names of the targets that come with the project."""
    folder = files("export") / "targets"
    return sorted(Path(entry.name).stem for entry in folder.iterdir() if entry.name.endswith(_SUFFIX))


def read_target(name_or_path: AnyPath) -> Target:
    """Return a target by its name, or from a TOML file of the caller's own.

    Raises:
        TargetError: there is no such target, or its file cannot be used.
    """
    name_or_path = os.fspath(name_or_path)
    if name_or_path.endswith(_SUFFIX):
        path = Path(name_or_path)
        if not path.is_file():
            raise TargetError(f"{path}: no such file. Copy one of export/targets/ and change it.")
        return parse_target(path.read_bytes(), path.stem)
    if name_or_path not in known_targets():
        raise TargetError(
            f"there is no target {name_or_path!r}; there are {', '.join(known_targets())}. "
            "A target of your own is a TOML file: give its path, ending in .toml."
        )
    return parse_target((files("export") / "targets" / f"{name_or_path}{_SUFFIX}").read_bytes(), name_or_path)


def parse_target(data: bytes, name: str) -> Target:
    """Return the target in the bytes of a TOML file.

    Raises:
        TargetError: they are not TOML, or say something that no target has.
    """
    try:
        target = msgspec.convert(tomllib.loads(data.decode()), Target)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, msgspec.ValidationError) as error:
        raise TargetError(f"{name}{_SUFFIX}: {error}. See export/targets/ for targets that work.") from error
    for choice in target.engines:
        if (choice.engine, choice.precision) not in ENCODER_FILES:
            known = ", ".join(f"{engine} {precision}" for engine, precision in ENCODER_FILES)
            raise TargetError(
                f"{name}{_SUFFIX}: no engine {choice.engine!r} with precision {choice.precision!r}; there are {known}."
            )
    if len({choice.file for choice in target.engines}) != len(target.engines):
        raise TargetError(f"{name}{_SUFFIX}: an engine variant stands twice. Name each once.")
    return msgspec.structs.replace(target, name=name)
