"""Reads and checks everything of a bundle that the recommender needs."""

from dataclasses import dataclass, field
from typing import Final

import numpy as np

from edge_runtime.bundle.bundle_items import open_items
from edge_runtime.bundle.codes import ProductCodes, read_codes
from edge_runtime.bundle.folder import BundleFolder
from edge_runtime.bundle.golden import Golden, read_golden
from edge_runtime.bundle.item_table import ItemTable
from edge_runtime.bundle.items import Items
from edge_runtime.bundle.manifest import LANGUAGE_ADAPTER, REQUIRED_ROLES, RETIRED, TRANSITIONS
from edge_runtime.bundle.retired import read_retired
from edge_runtime.bundle.transitions import read_transitions
from edge_runtime.engines.candidates import EngineCandidates
from edge_runtime.engines.popularity import Popularity
from edge_runtime.engines.protocol import Engine, SmallMatrices, read_small
from edge_runtime.engines.timing import Settings
from edge_runtime.ranking import Rows
from edge_runtime.transitions import TransitionScores

_READ_ROLES: Final = (*REQUIRED_ROLES, TRANSITIONS, "similarity", RETIRED)


@dataclass(frozen=True, slots=True)
class Contents:
    """A checked bundle; a large catalogue's items, engine files and the language model stay on disk."""

    folder: BundleFolder
    codes: ProductCodes
    table: ItemTable
    popularity: Popularity
    small: SmallMatrices
    golden: Golden
    transitions: TransitionScores | None = None
    retired: Rows = field(default_factory=lambda: np.empty(0, dtype=np.int64))

    @property
    def items(self) -> Items:
        """Ids, titles and facts."""
        return self.table.items

    def engine_candidates(
        self, *, first: Engine | str | None = None, settings: Settings | None = None
    ) -> EngineCandidates:
        """Return the engine candidates of this bundle, with a usable one selected; arguments as for the class."""
        return EngineCandidates(
            self.folder, self.codes, self.small, self.golden, self.transitions, first=first, settings=settings
        )


def open_contents(folder: BundleFolder, *, language_model: bool = True) -> Contents:
    """Check every file of a bundle against its digest, and read those that recommending needs.

    Args:
        folder: a bundle with a checked manifest.
        language_model: False skips the check of the language model and its adapters, which must not be used then.

    Raises:
        BundleIntegrityError: a file is missing, shorter, longer or changed.
        BundleError: a file breaks SPEC.md.
    """
    manifest = folder.manifest
    for entry in manifest.files:
        skipped = entry.role in ("language_model", LANGUAGE_ADAPTER) and not language_model
        if entry.role not in _READ_ROLES and not skipped:  # those are checked below, as they are read
            folder.checked_path(entry)
    codes = read_codes(folder.arrays("codes"), manifest.catalogue)
    return Contents(
        folder=folder,
        codes=codes,
        table=open_items(folder),
        popularity=Popularity.open(folder.arrays("popularity"), manifest.catalogue.n_items),
        small=read_small(folder),
        golden=read_golden(folder.arrays("golden"), manifest),
        transitions=_read_transitions(folder, codes),
        retired=_read_retired(folder),
    )


def _read_retired(folder: BundleFolder) -> Rows:
    """Return the rows of the retired items, ascending."""
    if folder.manifest.role(RETIRED) is None:
        return np.empty(0, dtype=np.int64)
    return read_retired(folder.arrays(RETIRED), folder.manifest.catalogue.n_items)


def _read_transitions(folder: BundleFolder, codes: ProductCodes) -> TransitionScores | None:
    """Return the transitions of a bundle, which compare items by their own vectors or by ``codes``; None without."""
    settings = folder.manifest.transitions
    if settings is None:
        return None
    transitions = read_transitions(folder.arrays(TRANSITIONS), folder.manifest)
    if settings.vectors is not None:
        codes = read_codes(folder.arrays("similarity"), settings.vectors, "similarity.safetensors")
    return TransitionScores(transitions, codes)
