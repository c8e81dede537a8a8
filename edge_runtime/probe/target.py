"""Target files: the engines, pictures and language model of a bundle, and its budgets.

The exporter makes bundles of them, and ``pocketrec probe`` predicts what such a bundle needs.
"""

import tomllib
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta, Struct

from edge_runtime.bundle.manifest import MAX_FOLLOWERS, Name, Share, Word
from edge_runtime.bundle.pictures import MAX_SIDE
from edge_runtime.errors import TargetError
from edge_runtime.probe.target_errors import located

OPSET = 20
"""The first version of ONNX operators with Gelu; supported by onnxruntime-web and ONNX Runtime 1.17."""

# File name of each engine variant that can be exported; WebGPU runs the graphs of ONNX Runtime (ADR 0032).
ENCODER_FILES = {
    ("onnxruntime", "int8"): "encoder.onnx",
    ("onnxruntime", "fp32"): "encoder-fp32.onnx",
    ("webgpu", "int8"): "encoder.onnx",
    ("webgpu", "fp32"): "encoder-fp32.onnx",
    ("litert", "int8"): "encoder.tflite",
    ("litert", "fp32"): "encoder-fp32.tflite",
    ("reference", "int8"): "encoder.safetensors",
}
SUFFIX = ".toml"
_SEE = "`pocketrec targets NAME` explains a target, and export/targets/ has valid ones to copy."

AS_MANY_AS_FIT: Final = "as-many-as-fit"
IF_THEY_FIT: Final = "if-they-fit"
FEWEST_THAT_FIT: Final = 8
"""Followers an item below which a part of a graph is left out.

The weights were chosen with 16: on Beauty's validation users, up to 4 rank worse with them than none, and 8 like none.
"""

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
    """Quantization of the language model: a llama.cpp type, such as ``Q8_0`` or ``Q4_K_M``.

    ``context`` limits its context in tokens, and so the memory of its key-value cache; None for all of the model's.
    """

    quantization: Name
    context: Annotated[int, Meta(ge=256, le=1 << 20)] | None = None


class PictureChoice(Struct, frozen=True, forbid_unknown_fields=True):
    """Thumbnails: length of the longer side, WebP quality, and total bytes; popular items come first."""

    side_pixels: Annotated[int, Meta(ge=16, le=MAX_SIDE)]
    quality: Annotated[int, Meta(ge=1, le=100)]
    bytes: Positive


class TransitionChoice(Struct, frozen=True, forbid_unknown_fields=True):
    """How much of a student's transitions a bundle has.

    Attributes:
        followers: largest number of followers an item, 0 for no transitions; or as many as the budget for ranking has
            room for, up to the whole graph.
        at_least: followers an item where as many as fit are wanted and fewer would fit.
        without_encoder: followers an item for students that rank by transitions alone.
        texts: adds the texts as codes, which compare items better than item vectors do; or adds them if they fit.
    """

    followers: Annotated[int, Meta(ge=0, le=MAX_FOLLOWERS)] | Literal["as-many-as-fit"] = 0
    at_least: Annotated[int, Meta(ge=0, le=MAX_FOLLOWERS)] = 0
    without_encoder: Annotated[int, Meta(ge=1, le=MAX_FOLLOWERS)] = 16
    texts: bool | Literal["if-they-fit"] = False

    def number(self, *, has_encoder: bool) -> int | None:
        """Return the largest number of followers of an item; None for as many as fit."""
        wanted = self.followers if has_encoder else self.without_encoder
        return None if wanted == AS_MANY_AS_FIT else wanted

    def reserved(self, *, has_encoder: bool) -> int:
        """Return the followers an item whose bytes are allowed in addition to the budget for ranking."""
        number = self.number(has_encoder=has_encoder)
        return self.at_least if number is None else number


class Budgets(Struct, frozen=True, forbid_unknown_fields=True):
    """Maximum sizes in bytes, ``parts`` by role, and limits of the process that ranks.

    ``peak_memory_bytes`` is the largest resident size of that process, and ``p95_ms`` what 95 % of its lists of ten
    take at most; they are checked on the machines of the target only.
    """

    ranking_bytes: Positive
    bundle_bytes: Positive
    ranking_bytes_per_item: Annotated[int, Meta(ge=0)] = 0
    ranking_bytes_at_least: Annotated[int, Meta(ge=0)] = 0
    peak_memory_bytes: Positive | None = None
    p95_ms: Annotated[float, Meta(ge=0.001, le=60_000.0)] | None = None
    parts: dict[str, Positive] = {}

    def ranking_limit(self, n_items: int) -> int:
        """Return the maximum bytes of the files that ranking needs, for a catalogue of ``n_items``."""
        return max(self.ranking_bytes_at_least, self.ranking_bytes + self.ranking_bytes_per_item * n_items)


class Target(Struct, frozen=True, forbid_unknown_fields=True):
    """A target as described by a TOML file.

    Attributes:
        description: one line, for people.
        engines: variants in order of preference.
        budgets: limits of the bundle, and of the process that ranks with it.
        machines: processors that have the time and memory of the budgets (``machine_name``); none: any.
        opset: version of the operators in ONNX graphs.
        language_model: None for bundles without one.
        pictures: None for bundles without pictures.
        transitions: followers of each item.
        name: name of the TOML file, and of the bundle's folder.
    """

    description: str
    engines: Annotated[tuple[EngineChoice, ...], Meta(min_length=1, max_length=16)]
    budgets: Budgets
    machines: tuple[Word, ...] = ()
    opset: Annotated[int, Meta(ge=OPSET, le=21)] = OPSET
    language_model: LanguageModelChoice | None = None
    pictures: PictureChoice | None = None
    transitions: TransitionChoice = TransitionChoice()
    name: str = ""

    @property
    def modalities(self) -> tuple[str, ...]:
        """What the bundle has of an item: its texts, and pictures where the target has room for them."""
        return ("text",) if self.pictures is None else ("text", "images")


def parse_target(data: bytes, name: str) -> Target:
    """Return the target in the contents of a TOML file.

    Raises:
        TargetError: the contents are not TOML, or have an unknown or invalid entry; the message has its line.
    """
    file = f"{name}{SUFFIX}"
    try:
        text = data.decode()
        entries = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise TargetError(f"{file}: {error}. {_SEE}") from error
    try:
        target = msgspec.convert(entries, Target)
    except msgspec.ValidationError as error:
        raise TargetError(f"{file}{located(text, error, Target)} {_SEE}") from error
    _check_engines(target, file)
    if target.transitions.at_least and target.transitions.followers != AS_MANY_AS_FIT:
        raise TargetError(
            f"{file}: transitions.at_least is for followers = {AS_MANY_AS_FIT!r}, found followers = "
            f"{target.transitions.followers}. Leave one of them out."
        )
    return msgspec.structs.replace(target, name=name)


def _check_engines(target: Target, file: str) -> None:
    for choice in target.engines:
        if (choice.engine, choice.precision) not in ENCODER_FILES:
            known = ", ".join(f"{engine} {precision}" for engine, precision in ENCODER_FILES)
            raise TargetError(
                f"{file}: no engine {choice.engine!r} with precision {choice.precision!r}; expected one of {known}."
            )
    if len({(choice.engine, choice.precision) for choice in target.engines}) != len(target.engines):
        raise TargetError(f"{file}: an engine variant is listed twice. List each one once.")
