"""Adds new items to a bundle without training: codes from their texts, and transitions from those of similar items.

A new item's vector is the mean of the decoded vectors of the five known items with the nearest texts, as
:mod:`train.items.stand_ins` computes it for a full model, and its codes are the nearest codewords of the bundle's own
codebooks. Known items keep their rows, their codes and their levels of popularity (ADR 0052).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import msgspec
import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import csr_array

from edge_runtime.bundle import BundleFolder, Manifest
from edge_runtime.bundle.arrays import Array, dump_arrays
from edge_runtime.bundle.codes import read_codes
from edge_runtime.bundle.folder import describe
from edge_runtime.bundle.golden import dump_golden
from edge_runtime.bundle.item_log import extend_items
from edge_runtime.bundle.item_table import dump_item_table
from edge_runtime.bundle.items import dump_items
from edge_runtime.bundle.manifest import ITEM_LOG, ITEM_TABLE, RETIRED, TRANSITIONS, Catalogue, TransitionSettings
from edge_runtime.bundle.retired import FILE as RETIRED_FILE
from edge_runtime.bundle.retired import dump_retired
from edge_runtime.bundle.transitions import dump_transitions, levels_of, unpack_transitions
from edge_runtime.contents import Contents, open_contents
from edge_runtime.search.finder import word_index
from edge_runtime.transitions import TransitionScores
from export.budget import check_budgets
from export.golden import golden_of_states
from export.picture_colours import colour_field, picture_colours, with_picture_colours
from train.data.dataset import Catalogue as ItemCatalogue
from train.data.dataset import Dataset
from train.data.published import published_items
from train.distill.grown_codes import grown_codes, grown_texts
from train.errors import DataError
from train.full_model.recipes import FEATURES
from train.items.blocks import one_each
from train.items.computing import features_of
from train.items.digests import text_digests
from train.items.extractors import text_extractor
from train.items.features import text_space
from train.items.stand_ins import MAX_KNOWN, nearest_known
from train.items.text import ItemTexts
from train.transitions.graph import most_frequent
from train.transitions.new_items import with_new_items
from train.transitions.similar import centred

Files = dict[str, tuple[str, bytes]]
Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Grown:
    """A bundle with new items.

    Attributes:
        manifest: its manifest.
        files: file name to role and bytes.
        n_new: number of new items.
        n_without_text: those of them without a text, which start at the mean of all items.
    """

    manifest: Manifest
    files: Files
    n_new: int
    n_without_text: int


def text_vectors(catalogue: ItemCatalogue, extractor: str) -> Floats:
    """Return unit vectors of the items' texts, ``[n_items, W]``, zeros for items without a text.

    Raises:
        DataError: there is no such extractor.
    """
    texts = ItemTexts(catalogue)
    layout = one_each(range(len(texts)), len(catalogue))
    return text_space(features_of(text_extractor(extractor), texts, layout, lambda: text_digests(texts), FEATURES))


def add_items(folder: BundleFolder, dataset: Dataset, texts: Floats, *, share: float, created: datetime) -> Grown:
    """Return a bundle with the items of a data folder that it lacks.

    Args:
        folder: the bundle.
        dataset: the data, with the rows of the bundle; its events are not used.
        texts: text vectors of all items, ``[n_items, W]``, zeros for items without a text.
        share: how often a new item follows others, relative to the items like it, in [0, 1].
        created: time of creation of the new release.

    Raises:
        DataError: the data have no new item.
        BudgetError: the bundle exceeds a budget of its target.
    """
    contents = open_contents(folder)
    manifest, n_known, n_items = folder.manifest, folder.manifest.catalogue.n_items, len(dataset.catalogue)
    if n_items == n_known:
        raise DataError(
            f"{dataset.path}: has no item that {folder.path} lacks, so there is nothing to add. Changed facts and "
            "items that are gone are released by `pocketrec export`."
        )
    compared = centred(texts)
    near = _Near.of(np.zeros((n_items, 1), np.float32) if compared is None else compared, contents)
    files: Files = {entry.name: (entry.role, folder.read(entry)) for entry in manifest.files}
    sizes, codes = grown_codes(
        folder.arrays("codes"), manifest.catalogue, near.means(contents.codes.decode(np.arange(n_known))),
        np.full(n_items - n_known, len(manifest.catalogue.tiers) - 1, dtype=np.uint8),
    )  # fmt: skip
    _put(files, folder, "codes", codes)
    levels = np.concatenate([contents.popularity.levels, np.zeros(n_items - n_known, np.uint8)])
    _put(files, folder, "popularity", {"popularity": levels})
    settings, scores = _add_transitions(files, folder, contents, near, sizes, codes, share)
    golden = golden_of_states(read_codes(codes, sizes), contents.golden.sequences, contents.golden.states, scores)
    _put(files, folder, "golden", dump_golden(golden, manifest.encoder.max_length))
    _add_facts(files, folder, contents, dataset)
    changed = msgspec.structs.replace(
        manifest,
        release=manifest.release + 1,
        created=created.strftime("%Y-%m-%dT%H:%M:%SZ"),
        files=tuple(describe(name, role, data) for name, (role, data) in files.items()),
        catalogue=sizes,
        transitions=settings,
        provenance=manifest.provenance | {"items_added": str(n_items - n_known), "items_digest": dataset.digest},
    )
    check_budgets(changed)
    return Grown(changed, files, n_items - n_known, int((near.weights.sum(1) == 0.0).sum()))


@dataclass(frozen=True, slots=True)
class _Near:
    """The known items that each new item is like.

    Attributes:
        texts: unit vectors of all items, ``[n_items, W]``.
        rows: rows of the nearest known items, ``[n_new, k]``.
        weights: their weights, which sum to 1; zeros for an item without a text.
    """

    texts: Floats
    rows: NDArray[np.int64]
    weights: Floats

    @classmethod
    def of(cls, texts: Floats, contents: Contents) -> "_Near":
        n_known = len(contents.popularity.levels)
        described = (texts != 0.0).any(1)
        order = np.argsort(-contents.popularity.levels.astype(np.int64), kind="stable")
        known = order[described[:n_known][order]][:MAX_KNOWN]
        new = np.arange(n_known, len(texts))
        rows, weights = nearest_known(torch.from_numpy(texts), torch.from_numpy(known), torch.from_numpy(new))
        return cls(texts, rows.numpy(), weights.numpy() * described[new, None])

    def means(self, known: Floats) -> Floats:
        """Return the weighted means of known vectors, ``[n_new, dim]``; the mean of all for an item without a text."""
        means = (self.weights[:, :, None] * known[self.rows]).sum(1)
        result: Floats = np.where(self.weights.sum(1, keepdims=True) > 0.0, means, known.mean(0)).astype(np.float32)
        return result


def _add_transitions(
    files: Files,
    folder: BundleFolder,
    contents: Contents,
    near: _Near,
    sizes: Catalogue,
    codes: Mapping[str, Array],
    share: float,
) -> tuple[TransitionSettings | None, TransitionScores | None]:
    """Put the transitions of all items into ``files``; return their settings and scores, None if there are none."""
    settings = folder.manifest.transitions
    if settings is None:
        return None, None
    n_known, n_items = folder.manifest.catalogue.n_items, sizes.n_items
    found = unpack_transitions(folder.arrays(TRANSITIONS), settings, n_known)
    most = int(np.diff(found.offsets).max(initial=0))
    offsets = np.concatenate([found.offsets, np.full(n_items - n_known, found.offsets[-1])])
    weights = found.weight_of_level[found.levels].astype(np.float32)
    counts = csr_array((weights, found.followers.astype(np.int64), offsets), shape=(n_items, n_items))
    if share > 0.0 and most:
        # As many followers as before: a new one takes the place of the least frequent.
        counts = most_frequent(with_new_items(counts, near.texts, share, most), most)
    offsets = counts.indptr.astype(np.int64)
    levels = levels_of(offsets, counts.data.astype(np.float64), settings.ratio)
    arrays = dump_transitions(offsets, counts.indices, levels, n_items)
    _put(files, folder, TRANSITIONS, arrays)
    compared, vectors = read_codes(codes, sizes), settings.vectors
    if vectors is not None:
        vectors, similarity = grown_texts(folder.arrays("similarity"), vectors, near.texts)
        _put(files, folder, "similarity", similarity)
        compared = read_codes(similarity, vectors, "similarity.safetensors")
    settings = msgspec.structs.replace(settings, n_entries=len(levels), vectors=vectors)
    return settings, TransitionScores(unpack_transitions(arrays, settings, n_items), compared)


def _add_facts(files: Files, folder: BundleFolder, contents: Contents, dataset: Dataset) -> None:
    """Put titles and facts, pictures and retired items into ``files``."""
    features = folder.manifest.required_features
    catalogue = _with_colours(dataset.catalogue, contents, folder.manifest.kind)
    entry, items = folder.manifest.required_role("items"), published_items(catalogue)
    if ITEM_TABLE in features:
        data = dump_item_table(items, word_index(items))
    elif ITEM_LOG in features:
        data = extend_items(files[entry.name][1], len(contents.items.item_id), items, is_log=True)
    else:
        data = dump_items(items)
    files[entry.name] = (entry.role, data)
    retired = sorted({*contents.retired.tolist(), *catalogue.gone})
    if retired:
        files[RETIRED_FILE] = (RETIRED, dump_retired(retired, len(catalogue)))
    if folder.manifest.role("pictures") is not None:
        pictures = folder.arrays("pictures")
        n_new = len(catalogue) + 1 - len(pictures["offset"])
        _put(files, folder, "pictures", pictures | {"offset": np.pad(pictures["offset"], (0, n_new), mode="edge")})


def _with_colours(catalogue: ItemCatalogue, contents: Contents, kind: str) -> ItemCatalogue:
    """Return the catalogue with the colours of its pictures, if the bundle has them."""
    field = colour_field(catalogue, kind)
    if field is None or field not in contents.items.fields:
        return catalogue
    return with_picture_colours(catalogue, field, picture_colours(catalogue.images))


def _put(files: Files, folder: BundleFolder, role: str, arrays: Mapping[str, Array]) -> None:
    files[folder.manifest.required_role(role).name] = (role, dump_arrays(arrays))
