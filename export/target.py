"""Export targets: the engines, pictures and language model of a bundle, and its size budgets."""

import os
import tomllib
from importlib.resources import files
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from edge_runtime.bundle.manifest import MAX_FOLLOWERS, Name, Share
from edge_runtime.bundle.pictures import MAX_SIDE
from edge_runtime.paths import AnyPath
from export.errors import TargetError

# File name of each engine variant that can be exported.
ENCODER_FILES = {
    ("onnxruntime", "int8"): "encoder.onnx",
    ("onnxruntime", "fp32"): "encoder-fp32.onnx",
    ("litert", "int8"): "encoder.tflite",
    ("reference", "int8"): "encoder.safetensors",
}
_SUFFIX = ".toml"

Positive = Annotated[int, Meta(ge=1)]


class EngineChoice(Struct, frozen=True, forbid_unknown_fields=True):
    """An engine variant and its tolerances in the self-test, in order of preference."""

    engine: str
    precision: str
    max_state_error: Annotated[float, Meta(gt=0.0)]
    min_overlap: Share

    @property
    def file(self) -> str:
        """File name in the bundle."""
        return ENCODER_FILES[self.engine, self.precision]


class LanguageModelChoice(Struct, frozen=True, forbid_unknown_fields=True):
    """Quantization of the language model: a llama.cpp type, such as ``Q8_0`` or ``Q4_K_M``."""

    quantization: Name


class PictureChoice(Struct, frozen=True, forbid_unknown_fields=True):
    """Thumbnails: length of the longer side, WebP quality, and total bytes; popular items come first."""

    side_pixels: Annotated[int, Meta(ge=16, le=MAX_SIDE)]
    quality: Annotated[int, Meta(ge=1, le=100)]
    bytes: Positive


class TransitionChoice(Struct, frozen=True, forbid_unknown_fields=True):
    """Largest number of followers an item, 0 for no transitions.

    ``without_encoder`` is for students that rank by transitions alone, and ``texts`` adds the texts as codes, which
    compare items better than item vectors do.
    """

    followers: Annotated[int, Meta(ge=0, le=MAX_FOLLOWERS)] = 0
    without_encoder: Annotated[int, Meta(ge=1, le=MAX_FOLLOWERS)] = 16
    texts: bool = False

    def for_student(self, *, has_encoder: bool) -> int:
        """Return the largest number of followers an item."""
        return self.followers if has_encoder else self.without_encoder


class Budgets(Struct, frozen=True, forbid_unknown_fields=True):
    """Maximum sizes in bytes; ``parts`` by role."""

    ranking_bytes: Positive
    bundle_bytes: Positive
    ranking_bytes_per_item: Annotated[int, Meta(ge=0)] = 0
    ranking_bytes_at_least: Annotated[int, Meta(ge=0)] = 0
    parts: dict[str, Positive] = {}

    def ranking_limit(self, n_items: int) -> int:
        """Return the maximum bytes of the files that ranking needs, for a catalogue of ``n_items``."""
        return max(self.ranking_bytes_at_least, self.ranking_bytes + self.ranking_bytes_per_item * n_items)


class Target(Struct, frozen=True, forbid_unknown_fields=True):
    """A target as described by a TOML file."""

    description: str
    engines: Annotated[tuple[EngineChoice, ...], Meta(min_length=1, max_length=16)]
    budgets: Budgets
    language_model: LanguageModelChoice | None = None
    pictures: PictureChoice | None = None
    transitions: TransitionChoice = TransitionChoice()
    # Name of the TOML file, and of the bundle's folder.
    name: str = ""


def known_targets() -> list[str]:
    """Return the names of the built-in targets."""
    folder = files("export") / "targets"
    return sorted(Path(entry.name).stem for entry in folder.iterdir() if entry.name.endswith(_SUFFIX))


def read_target(name_or_path: AnyPath) -> Target:
    """Return a built-in target by name, or a target from the path of a TOML file.

    Raises:
        TargetError: there is no such target, or its file is invalid.
    """
    name_or_path = os.fspath(name_or_path)
    if name_or_path.endswith(_SUFFIX):
        path = Path(name_or_path)
        if not path.is_file():
            raise TargetError(f"{path}: file not found. Copy a file from export/targets/ and change it.")
        return parse_target(path.read_bytes(), path.stem)
    if name_or_path not in known_targets():
        raise TargetError(
            f"target {name_or_path!r} not found; built-in targets are {', '.join(known_targets())}. "
            "For your own target, give the path of a TOML file that ends in .toml."
        )
    return parse_target((files("export") / "targets" / f"{name_or_path}{_SUFFIX}").read_bytes(), name_or_path)


def parse_target(data: bytes, name: str) -> Target:
    """Return the target in the contents of a TOML file.

    Raises:
        TargetError: the contents are not TOML, or have an unknown or invalid entry.
    """
    try:
        target = msgspec.convert(tomllib.loads(data.decode()), Target)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, msgspec.ValidationError) as error:
        raise TargetError(f"{name}{_SUFFIX}: {error}. See export/targets/ for valid targets.") from error
    for choice in target.engines:
        if (choice.engine, choice.precision) not in ENCODER_FILES:
            known = ", ".join(f"{engine} {precision}" for engine, precision in ENCODER_FILES)
            raise TargetError(
                f"{name}{_SUFFIX}: no engine {choice.engine!r} with precision {choice.precision!r}; expected one of "
                f"{known}."
            )
    if len({choice.file for choice in target.engines}) != len(target.engines):
        raise TargetError(f"{name}{_SUFFIX}: an engine variant is listed twice. List each one once.")
    return msgspec.structs.replace(target, name=name)
