"""Exports a student as one bundle folder per target.

PartCache are built once and shared between targets. The folder is written in one step, after the budgets were checked.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from edge_runtime.bundle import BundleFolder, Manifest, dump_manifest, open_folder, parse_manifest, write_folder
from edge_runtime.bundle.arrays import dump_arrays
from edge_runtime.bundle.folder import describe, read_file
from edge_runtime.bundle.golden import dump_golden, read_golden
from edge_runtime.bundle.item_table import TABLE_FILE, dump_item_table
from edge_runtime.bundle.items import IN_MEMORY_ITEMS, Items, dump_items
from edge_runtime.bundle.manifest import (
    ITEM_TABLE,
    LANGUAGE_ADAPTER,
    MANIFEST_NAME,
    NARROW_ATTENTION,
    RETIRED,
    TRANSITIONS,
    Encoder,
    EngineVariant,
    LearningSettings,
)
from edge_runtime.bundle.retired import FILE as RETIRED_FILE
from edge_runtime.bundle.retired import dump_retired
from edge_runtime.errors import BundleError
from edge_runtime.files import recover_folder
from edge_runtime.paths import AnyPath
from edge_runtime.probe.target import Target
from edge_runtime.search.finder import word_index
from export.budget import RANKING, check_budgets, manifest_budgets
from export.catalogue_kind import catalogue_kind
from export.encoders import Encoders
from export.following import check_follows, next_number
from export.golden import golden_sequences, golden_vectors
from export.language_model import StoredModel, store_model
from export.learning_settings import learning_settings
from export.naming import catalogue_name, default_name
from export.parts import PartCache, digest_of
from export.picture_colours import cached_picture_colours, colour_field, with_picture_colours
from export.pictures import make_thumbnails
from export.provenance import provenance
from export.self_tests import check_engines
from export.transitions import BundleTransitions, choose_transitions, max_transitions_bytes
from train.backbones.encoder import EncoderConfig
from train.data.dataset import Catalogue, Dataset
from train.data.published import published_items, published_popularity
from train.data.split import leave_one_out
from train.distill.student import Compared, Student
from train.errors import DataError, RunError

WORK_FOLDER = ".work"
MINIMUM_RUNTIME = "0.1.0"
_RANKING_MATRICES = ("codes", "prompts", "adapter")
FEATURES = ("shared-codebooks",)

Contents = dict[str, tuple[str, bytes]]
Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """Metadata of a release.

    Attributes:
        number: release number; None for one more than the existing bundle.
        created: time of creation.
        licences: licences of the data and of the models in the bundle.
        kind: what the items are (SPEC section 2); None decides by the catalogue.
        name: name of the catalogue; None keeps the name of the existing bundles.
        retired: ids of items that are never recommended, besides those that are gone from the data.
        after: the release that this one follows, if it is in another folder.
    """

    number: int | None = None
    created: datetime = field(default_factory=lambda: datetime.now(UTC))
    licences: tuple[str, ...] = ()
    name: str | None = None
    kind: str | None = None
    retired: tuple[str, ...] = ()
    after: BundleFolder | None = None


@dataclass(frozen=True, slots=True)
class Exported:
    """An exported bundle.

    Attributes:
        path: folder of the bundle.
        manifest: manifest as written.
        changed: False if the folder already held the same bundle.
    """

    path: Path
    manifest: Manifest
    changed: bool


class Exporter:
    """Exports bundles of one student; parts that targets share are built once.

    Args:
        student: student to export.
        dataset: data that it was trained on.
        out: output folder; receives one folder per target, and ``.work`` with finished parts.
        writer: folder of the language model or a finished GGUF file, or None for bundles without one.
        accepted_licences: licences of the language model that are accepted though they are not permissive.
        progress: called with a description of each stage.

    Raises:
        RunError: the student was trained on other data.
    """

    def __init__(
        self,
        student: Student,
        dataset: Dataset,
        out: AnyPath,
        *,
        writer: AnyPath | None = None,
        accepted_licences: Sequence[str] = (),
        progress: Progress = lambda _: None,
    ) -> None:
        _check_same_data(student, dataset)
        self._student = student
        self._dataset = dataset
        self._out = Path(out)
        self._writer = None if writer is None else Path(writer)
        self._accepted_licences = tuple(accepted_licences)
        self._progress = progress
        self._parts = PartCache(self._out / WORK_FOLDER)
        self._encoders = None if student.encoder is None else Encoders(student, student.encoder, self._parts)
        self._popularity = published_popularity(dataset)
        self._shared: Contents | None = None
        self._walks: tuple[NDArray[np.int64], ...] | None = None
        self._learning_by_use: dict[Compared | None, LearningSettings | None] = {}

    def export(self, target: Target, release: Release) -> Exported:
        """Write the bundle of one target, unless the folder already holds the same bundle.

        Raises:
            RunError: an item has another row than in the release that this one follows.
            BudgetError: the bundle exceeds a budget of the target; nothing is written.
            EngineError: a converter fails, or a device would refuse an engine; nothing is written.
        """
        self._check_follows(target, release)
        contents: Contents = {}
        if self._encoders is not None:
            variants = ", ".join(f"{choice.engine} {choice.precision}" for choice in target.engines)
            self._progress(f"{target.name}: encoder for {variants}")
            contents |= {
                name: ("encoder", data) for name, data in self._encoders.files(target.engines, target.opset).items()
            }
        if self._shared is None:
            self._progress(f"{target.name}: items")
            self._shared = self._shared_contents(release.kind)
        contents |= self._shared
        self._progress(f"{target.name}: transitions and golden vectors")
        transitions = choose_transitions(self._student, target.transitions, self._room(target, contents))
        if transitions is not None:
            contents["transitions.safetensors"] = ("transitions", transitions.data)
            if transitions.similarity is not None:
                contents["similarity.safetensors"] = ("similarity", transitions.similarity)
        contents["golden.safetensors"] = ("golden", self._golden(transitions))
        contents |= self._pictures(target)
        contents |= self._retired(release.retired)
        language_model = self._add_language_model(target, contents)
        manifest = self._manifest(target, release, language_model, transitions, contents)
        check_budgets(manifest)
        return self._write(self._out / target.name, manifest, contents, release)

    def _check_follows(self, target: Target, release: Release) -> None:
        path = self._out / target.name
        existing = _existing_bundle(path)
        followed = [] if release.after is None else [release.after]
        followed += [] if existing is None or not existing.files else [BundleFolder(path, existing)]
        for each in followed:
            check_follows(each, self._dataset.catalogue, self._name(target.name, release))
        if self._walks is None and followed:
            manifest = followed[-1].manifest
            self._walks = self._make_walks(read_golden(followed[-1].arrays("golden"), manifest).sequences)

    def _name(self, target: str, release: Release) -> str:
        default = default_name(self._student.path, self._dataset.name)
        return catalogue_name(self._out, target, requested=release.name, default=default)

    def _shared_contents(self, kind: str | None) -> Contents:
        """Return the files that are the same in every bundle."""
        student = self._student
        contents: Contents = {
            f"{role}.safetensors": (role, read_file(student.path / f"{role}.safetensors")) for role in _RANKING_MATRICES
        }
        contents |= _items(published_items(self._with_colours(kind)))
        contents["popularity.safetensors"] = ("popularity", dump_arrays({"popularity": self._popularity}))
        return contents

    def _with_colours(self, kind: str | None) -> Catalogue:
        """Return the catalogue with the colours of its pictures, if it states none."""
        catalogue = self._dataset.catalogue
        field = colour_field(catalogue, kind or catalogue_kind(catalogue))
        if field is None:
            return catalogue
        self._progress("colours of the pictures")
        return with_picture_colours(catalogue, field, cached_picture_colours(catalogue.images, self._parts))

    def _room(self, target: Target, contents: Contents) -> int:
        """Return the bytes that the limit for ranking leaves for transitions."""
        first = target.engines[0].file
        used = sum(len(data) for name, (role, data) in contents.items() if name == first or role in _RANKING_MATRICES)
        return self._budgets(target)[RANKING] - used

    def _budgets(self, target: Target) -> dict[str, int]:
        n_items, choice = self._student.sizes.n_items, target.transitions
        reserved = choice.reserved(has_encoder=self._student.encoder is not None)
        added = max_transitions_bytes(n_items, reserved, texts=choice.texts is True)
        return manifest_budgets(target.budgets, n_items, transitions=added)

    def _learning(self, transitions: BundleTransitions | None) -> LearningSettings | None:
        """Return the settings of learning; targets that compare items alike share them."""
        compared: Compared | None = None
        if transitions is not None:
            compared = "codes" if transitions.similarity is None else "texts"
        if compared not in self._learning_by_use:
            valid = leave_one_out(self._dataset.sequences).valid
            self._learning_by_use[compared] = learning_settings(self._student, compared, valid)
        return self._learning_by_use[compared]

    def _golden(self, transitions: BundleTransitions | None) -> bytes:
        student = self._student
        max_length = student.config.max_length
        if self._walks is None:
            self._walks = self._make_walks()
        golden = golden_vectors(
            None if self._encoders is None else self._encoders.quantized.encoder,
            student.codes,
            student.prompts["prompts"],
            student.prompts["knowledge"],
            student.adapter["a"],
            student.adapter["b"],
            self._walks,
            None if transitions is None else transitions.scores,
        )
        return dump_arrays(dump_golden(golden, max_length))

    def _make_walks(self, earlier: Sequence[NDArray[np.int64]] = ()) -> tuple[NDArray[np.int64], ...]:
        """Return the walks of the golden vectors, those of an earlier release if they may be kept."""
        # Transitions are from the training split; real triples are excluded over the whole log.
        return golden_sequences(
            leave_one_out(self._dataset.sequences).train,
            self._student.sizes.n_items,
            self._student.config.max_length,
            excluded=self._dataset.sequences,
            earlier=earlier,
        )

    def _retired(self, item_ids: Sequence[str]) -> Contents:
        row_of = {item_id: row for row, item_id in enumerate(self._dataset.catalogue.item_ids)}
        unknown = [item_id for item_id in item_ids if item_id not in row_of]
        if unknown:
            raise DataError(
                f"{len(unknown):,} of {len(item_ids):,} retired ids are not in {self._dataset.path}, such as "
                f"{unknown[0]!r}. A retired item keeps its row in the data; put it back, or leave its id out."
            )
        rows = {row_of[item_id] for item_id in item_ids}.union(self._dataset.catalogue.gone)
        return {RETIRED_FILE: (RETIRED, dump_retired(rows, len(row_of)))} if rows else {}

    def _pictures(self, target: Target) -> Contents:
        choice, catalogue = target.pictures, self._dataset.catalogue
        if choice is None or not any(catalogue.images):
            return {}
        self._progress(f"{target.name}: thumbnails")
        images = [(str(path.name), path.stat().st_size, path.stat().st_mtime_ns) for path in catalogue.images if path]
        inputs = {
            "data": self._dataset.digest,
            "images": digest_of(repr(images).encode()),
            "choice": msgspec.to_builtins(choice),
            "popularity": digest_of(self._popularity.tobytes()),
        }

        def make() -> bytes:
            arrays = make_thumbnails(catalogue, self._popularity, choice)
            return b"" if arrays is None else dump_arrays(arrays)

        data = self._parts.get("pictures.safetensors", inputs, make)
        return {"pictures.safetensors": ("pictures", data)} if data else {}

    def _add_language_model(self, target: Target, contents: Contents) -> StoredModel | None:
        if target.language_model is None or self._writer is None:
            return None
        quantization, context = target.language_model.quantization, target.language_model.context
        self._progress(f"{target.name}: language model, {quantization}")
        stored = store_model(
            self._writer, quantization, self._parts, max_context=context, accepted=self._accepted_licences
        )
        contents[stored.entry.file] = ("language_model", stored.path.read_bytes())
        contents |= {name: (LANGUAGE_ADAPTER, path.read_bytes()) for name, path in stored.adapters.items()}
        return stored

    def _manifest(
        self,
        target: Target,
        release: Release,
        language_model: StoredModel | None,
        transitions: BundleTransitions | None,
        contents: Contents,
    ) -> Manifest:
        student, config = self._student, self._student.config
        return Manifest(
            schema=1,
            required_features=_features(config, contents),
            minimum_runtime=MINIMUM_RUNTIME,
            name=self._name(target.name, release),
            release=release.number or 1,
            created=release.created.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            target=target.name,
            kind=release.kind or catalogue_kind(self._dataset.catalogue),
            files=tuple(describe(name, role, data) for name, (role, data) in contents.items()),
            catalogue=student.sizes,
            encoder=Encoder(
                dim=config.dim,
                max_length=config.max_length,
                n_blocks=config.n_blocks,
                n_heads=config.n_heads,
                n_prompts=len(student.prompts["prompts"]),
                adapter_rank=student.adapter["a"].shape[1],
                input_scale=config.input_scale,
            ),
            engines=tuple(
                EngineVariant(one.engine, one.precision, one.file, one.max_state_error, one.min_overlap)
                for one in (() if self._encoders is None else target.engines)
            ),
            transitions=None if transitions is None else transitions.settings,
            learning=self._learning(transitions),
            language_model=None if language_model is None else language_model.entry,
            budgets=self._budgets(target),
            provenance=provenance(student, self._dataset)
            | ({} if language_model is None else language_model.provenance),
            licences=_licences(release, language_model),
            machines=target.machines,
        )

    def _write(self, path: Path, manifest: Manifest, contents: Contents, release: Release) -> Exported:
        """Write the folder with its release number; leave it unchanged if it holds the same bundle."""
        existing = _existing_bundle(path)
        if existing is not None:
            # What the folders of data and run are called says nothing about the content; the digest does.
            folders = {key: existing.provenance[key] for key in ("data", "run") if key in existing.provenance}
            origin = manifest.provenance | folders
            same = msgspec.structs.replace(
                manifest, release=existing.release, created=existing.created, provenance=origin
            )
            if release.number in (None, existing.release) and parse_manifest(dump_manifest(same)) == existing:
                check_engines(path)
                return Exported(path, existing, changed=False)
            manifest = msgspec.structs.replace(manifest, release=next_number(existing, path, release.number))
        if release.after is not None:
            after = release.after
            number = next_number(after.manifest, after.path, release.number)
            manifest = msgspec.structs.replace(manifest, release=max(manifest.release, number))
        self._progress(f"{manifest.target}: release {manifest.release}")
        return Exported(path, write_folder(path, manifest, contents, check=check_engines), changed=True)


def export_all(exporter: Exporter, targets: Sequence[Target], release: Release) -> list[Exported]:
    """Write the bundles of all targets, in order."""
    return [exporter.export(target, release) for target in targets]


def _items(items: Items) -> Contents:
    """Return the file of titles and facts: a table if there are too many for a device's memory."""
    if len(items.item_id) > IN_MEMORY_ITEMS:
        return {TABLE_FILE: ("items", dump_item_table(items, word_index(items)))}
    return {"items.json.z": ("items", dump_items(items))}


def _licences(release: Release, language_model: StoredModel | None) -> tuple[str, ...]:
    """Return the licences of data and models, those of the language model included."""
    added = () if language_model is None else language_model.licences
    return tuple(dict.fromkeys((*release.licences, *added)))


def _features(config: EncoderConfig, contents: Contents) -> tuple[str, ...]:
    """Return what a reader must support."""
    narrow = [NARROW_ATTENTION] if min(config.block_heads) < config.n_heads else []
    of_files = {"transitions.safetensors": TRANSITIONS, TABLE_FILE: ITEM_TABLE}
    return (*FEATURES, *narrow, *(feature for name, feature in of_files.items() if name in contents))


def _existing_bundle(path: Path) -> Manifest | None:
    """Return the manifest of the bundle in ``path``, or None if there is no bundle.

    A damaged bundle is returned without its files, and a bundle that an interrupted export left aside is restored
    first: a release number must not be used twice.

    Raises:
        BundleError: the folder holds other files, which would be lost.
    """
    recover_folder(path)
    if not path.exists() or (path.is_dir() and not any(path.iterdir())):
        return None
    if not (path / MANIFEST_NAME).is_file():
        raise BundleError(
            f"{path}: exists and is not a bundle (it has no {MANIFEST_NAME}). Choose another --out, or move it."
        )
    try:
        folder = open_folder(path)
    except BundleError:
        return None
    try:
        folder.check_all()
    except BundleError:
        return msgspec.structs.replace(folder.manifest, files=())
    return folder.manifest


def _check_same_data(student: Student, dataset: Dataset) -> None:
    trained_on = student.about.get("data_digest")
    if trained_on != dataset.digest or student.sizes.n_items != len(dataset.catalogue):
        raise RunError(
            f"{student.path}: was distilled on data with the digest {str(trained_on)[:12]}… and "
            f"{student.sizes.n_items:,} items, but {dataset.path} has {dataset.digest[:12]}… and "
            f"{len(dataset.catalogue):,}. Give the data folder that it was trained on, or distil again."
        )
