"""Chooses what is compared: all engines of one bundle, or the first usable engine of each of two."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from edge_runtime.bundle.folder import BundleFolder
from edge_runtime.errors import ProfileError
from edge_runtime.profiling.report import EngineUse
from edge_runtime.profiling.variants import Instance, Variant, engine_variants

LABELS: Final = ("A", "B")
_NOT_INSTALLED: Final = "not installed"


@dataclass(frozen=True, slots=True)
class Choice:
    """The variants that work here, and those that do not."""

    variants: tuple[Variant, ...]
    refused: tuple[EngineUse, ...]

    @property
    def failures(self) -> list[str]:
        """Engines that are installed, but failed."""
        return [f"{one.variant}: {one.note}" for one in self.refused if not (one.note or "").startswith(_NOT_INSTALLED)]

    def first_of(self, folders: Sequence[BundleFolder]) -> list[Variant]:
        """Return the first variant of each bundle."""
        return [next(one for one in self.variants if one.folder is folder) for folder in folders]


def choose(folders: Sequence[BundleFolder]) -> Choice:
    """Try the engines; of two bundles, each one's engines until the first that works.

    Raises:
        ProfileError: no engine of a bundle works here.
        BundleError: a bundle is damaged.
    """
    variants: list[Variant] = []
    refused: list[EngineUse] = []
    is_pair = len(folders) > 1
    for label, folder in zip(LABELS, folders, strict=False):
        usable = 0
        for variant in engine_variants(folder, f"{label} " if is_pair else ""):
            if is_pair and usable:
                break
            refusal = _refusal(variant)
            if refusal is None:
                variants.append(variant)
                usable += 1
            else:
                refused.append(EngineUse(variant.name, variant.asked, None, {}, (), refusal))
        if not usable:
            listed = "; ".join(f"{one.variant}: {one.note}" for one in refused)
            raise ProfileError(f"{folder.path}: no engine works here ({listed}). `pocketrec inspect` tests each one.")
    return Choice(tuple(variants), tuple(refused))


def _refusal(variant: Variant) -> str | None:
    try:
        Instance.open(variant, None).close()
    except ProfileError as error:
        return str(error).removeprefix(f"{variant.name}: ")
    return None
