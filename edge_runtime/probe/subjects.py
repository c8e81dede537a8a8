"""What is probed for: a bundle on disk, the manifest of a server's release, or a target. All become a manifest."""

from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path
from typing import Final, Literal

from edge_runtime.bundle.folder import open_folder
from edge_runtime.bundle.manifest import (
    REQUIRED_ROLES,
    TRANSITIONS,
    Catalogue,
    Encoder,
    EngineVariant,
    File,
    LanguageModel,
    Manifest,
    Tier,
    TransitionSettings,
)
from edge_runtime.bundle.transitions import follower_bytes
from edge_runtime.device_folder import current_bundle
from edge_runtime.errors import ProbeError
from edge_runtime.probe.target import FEWEST_THAT_FIT, IF_THEY_FIT, Target, parse_target
from edge_runtime.sync.fetch import Source
from edge_runtime.sync.trust import checked_manifest

TARGETS: Final = "pocketrec.targets"
"""Entry points that return the contents of a target's TOML file by its name; the exporter defines one."""

MAX_TARGET_BYTES: Final = 1 << 16

# Sizes of a default student (docs/export.md); bytes of its encoder, and of a name with facts.
_ENCODER: Final = Encoder(dim=64, max_length=50, n_blocks=2, n_heads=2, n_prompts=8, adapter_rank=4, input_scale=8.0)
_ENCODER_BYTES: Final = 65_232
_N_CODES: Final = 16
_ITEM_BYTES: Final = 33
# Followers an item in its graph, and tokens of a language model's context where the target does not limit it.
_FOLLOWERS: Final = 32
_CONTEXT: Final = 1024


@dataclass(frozen=True, slots=True)
class Probed:
    """What is probed for; ``is_here`` if its files need no room on the disk any more."""

    kind: Literal["bundle", "release", "target"]
    source: str
    manifest: Manifest
    is_here: bool = False


def from_folder(path: Path) -> Probed:
    """Return a bundle on disk; only its manifest is read.

    Raises:
        BundleError: there is no bundle, or its manifest is invalid.
    """
    return Probed("bundle", str(path), open_folder(current_bundle(path)).manifest, is_here=True)


def from_server(source: Source, url: str, target: str) -> Probed:
    """Return the newest release of a server; nothing but its manifest is fetched.

    Raises:
        SyncError: there is no such release, no response, or the manifest is not valid.
        BundleVersionError: the release needs a newer runtime.
    """
    offered = source.manifest(target, None)
    if offered is None:
        raise ProbeError(f"{url}: the server sent no manifest, though nothing was here that it could equal. Try again.")
    return Probed("release", url, checked_manifest(offered.raw, target=target))


def from_target(name: str, n_items: int) -> Probed:
    """Return the largest bundle that a target allows: a default student with so many items.

    Args:
        name: name of a built-in target, or the path of a TOML file.
        n_items: size of the catalogue.

    Raises:
        ProbeError: there is no such target here.
        TargetError: its file is not one.
    """
    data = _file_bytes(Path(name)) if name.endswith(".toml") else _built_in(name)
    target = parse_target(data, Path(name).stem)
    return Probed("target", name, _manifest(Path(name).stem, target, n_items))


def _file_bytes(path: Path) -> bytes:
    if not path.is_file():
        raise ProbeError(f"{path}: file not found. Give the TOML file of a target, a bundle or a server's address.")
    size = path.stat().st_size
    if size > MAX_TARGET_BYTES:
        raise ProbeError(f"{path}: found {size:,} bytes, expected a target of at most {MAX_TARGET_BYTES:,}.")
    return path.read_bytes()


def _built_in(name: str) -> bytes:
    """Return the file of a built-in target, which belongs to the exporter: a device may be without."""
    advice = "Give the folder of a bundle, the address of a server, or the TOML file of a target."
    try:
        readers: list[Callable[[str], bytes]] = [entry.load() for entry in entry_points(group=TARGETS)]
    except ModuleNotFoundError as error:
        raise ProbeError(
            f"{name}: names of targets need a checkout (found no module {error.name!r}). {advice}"
        ) from error
    if not readers:
        raise ProbeError(f"{name}: found no such folder, and names of targets need a checkout. {advice}")
    return readers[0](name)


def _manifest(name: str, target: Target, n_items: int) -> Manifest:
    """Return what the exporter would write for a default student, without digests."""
    catalogue = Catalogue(n_items, _ENCODER.dim, 256, (Tier(n_items, _N_CODES),))
    sizes = {"codes": (_N_CODES + 1) * n_items + (16 << 10), "items": _ITEM_BYTES * n_items}
    followers, texts = _transitions(target, n_items, sizes["codes"])
    settings = None
    if followers:
        n_entries = followers * n_items
        settings = TransitionSettings(10, 0.6, 0.5, 1e-4, 1.0, 0.5, 0.8, n_entries, catalogue if texts else None)
        sizes[TRANSITIONS] = round(_follower_size(n_items) * n_entries)
    if texts:
        sizes["similarity"] = sizes["codes"]
    files = [
        _file(role, sizes.get(role, n_items))
        for role in (*REQUIRED_ROLES, TRANSITIONS, "similarity")
        if role in sizes or role in REQUIRED_ROLES
    ]
    engines = tuple(EngineVariant(one.engine, one.precision, "encoder", 1e-3, 0.98) for one in target.engines)
    files.append(_file("encoder", _ENCODER_BYTES))
    model = None
    if target.language_model is not None:
        files.append(_file("language_model", target.budgets.parts.get("language_model", target.budgets.bundle_bytes)))
        model = LanguageModel("language_model", target.language_model.context or _CONTEXT, "facts-v1")
    budgets = {"peak_memory_bytes": target.budgets.peak_memory_bytes, "p95_us": _microseconds(target.budgets.p95_ms)}
    return Manifest(
        schema=1,
        required_features=() if settings is None else (TRANSITIONS,),
        minimum_runtime="0.0.0",
        name=name,
        release=1,
        created="1970-01-01T00:00:00Z",
        target=name,
        files=tuple(files),
        catalogue=catalogue,
        encoder=_ENCODER,
        engines=engines,
        transitions=settings,
        language_model=model,
        budgets={key: value for key, value in budgets.items() if value is not None},
        machines=target.machines,
    )


def _transitions(target: Target, n_items: int, code_bytes: int) -> tuple[int, bool]:
    """Return the followers an item of a default student, and whether the texts come along as codes."""
    choice = target.transitions
    number, texts = choice.number(has_encoder=True), choice.texts is True
    if number is None:
        size = _follower_size(n_items) * n_items
        room = target.budgets.ranking_limit(n_items) + choice.at_least * size - _ENCODER_BYTES - code_bytes - n_items
        most, beside_texts = (min(_FOLLOWERS, int(left // size)) for left in (room, room - code_bytes))
        texts = texts or (choice.texts == IF_THEY_FIT and beside_texts >= max(FEWEST_THAT_FIT, choice.at_least))
        number = beside_texts if texts else most
        number = max(number if number >= FEWEST_THAT_FIT else 0, choice.at_least)
    number = min(number, n_items - 1)
    return number, texts and number > 0


def _follower_size(n_items: int) -> float:
    """Return the bytes of a follower with its level."""
    return follower_bytes(n_items) + 0.5


def _file(role: str, n_bytes: int) -> File:
    return File(role, role, n_bytes, "")


def _microseconds(ms: float | None) -> int | None:
    return None if ms is None else round(1000 * ms)
