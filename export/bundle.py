"""From a student to one bundle folder a target: every part made once, the budgets held, then written in one step."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from edge_runtime.bundle import Manifest, dump_manifest, open_folder, parse_manifest, write_folder
from edge_runtime.bundle.arrays import dump_arrays
from edge_runtime.bundle.folder import describe, read_file, recover_folder
from edge_runtime.bundle.golden import dump_golden
from edge_runtime.bundle.items import dump_items
from edge_runtime.bundle.manifest import MANIFEST_NAME, Encoder, EngineVariant, LanguageModel
from edge_runtime.errors import BundleError
from edge_runtime.paths import AnyPath
from export.budget import check_budgets, manifest_budgets
from export.encoders import Encoders
from export.golden import golden_answers, golden_sequences
from export.language_model import store_model
from export.naming import catalogue_name
from export.parts import Parts, digest_of
from export.pictures import make_pictures
from export.provenance import provenance
from export.target import Target
from train.data.dataset import Dataset
from train.data.published import published_items, published_popularity
from train.data.split import leave_one_out
from train.distill.student import Student
from train.errors import RunError

WORK_FOLDER = ".work"
MINIMUM_RUNTIME = "0.1.0"
FEATURES = ("shared-codebooks",)

Contents = dict[str, tuple[str, bytes]]
Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """What is said of a bundle besides its contents.

    Attributes:
        number: None for one more than the bundle that is there.
        created: when.
        licences: of the data and the models inside.
        name: of the catalogue; None keeps the name of the bundles that are there.
    """

    number: int | None = None
    created: datetime = field(default_factory=lambda: datetime.now(UTC))
    licences: tuple[str, ...] = ()
    name: str | None = None


@dataclass(frozen=True, slots=True)
class Exported:
    """One bundle.

    Attributes:
        path: its folder.
        manifest: as written.
        changed: False where the folder held this very bundle already.
    """

    path: Path
    manifest: Manifest
    changed: bool


class Exporter:
    """Makes bundles of one student; what targets share is made once.

    Args:
        student: to be shipped.
        dataset: that it was trained on.
        out: receives one folder a target, and ``.work`` with finished parts.
        writer: folder of the language model, or None for bundles without one.
        progress: is told what is being made.

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
        progress: Progress = lambda _: None,
    ) -> None:
        _check_same_data(student, dataset)
        self._student = student
        self._dataset = dataset
        self._out = Path(out)
        self._writer = None if writer is None else Path(writer)
        self._progress = progress
        self._parts = Parts(self._out / WORK_FOLDER)
        self._encoders = Encoders(student, self._parts)
        self._popularity = published_popularity(dataset)
        self._shared: Contents | None = None

    def export(self, target: Target, release: Release) -> Exported:
        """Write the bundle of one target, unless the folder holds it already.

        Raises:
            BudgetError: it is larger than the target allows; nothing is written.
            EngineError: a converter fails.
        """
        contents: Contents = {}
        wanted = ", ".join(f"{choice.engine} {choice.precision}" for choice in target.engines)
        self._progress(f"{target.name}: encoder for {wanted}")
        contents |= {name: ("encoder", data) for name, data in self._encoders.files(target.engines).items()}
        if self._shared is None:
            self._progress(f"{target.name}: items and golden vectors")
            self._shared = self._shared_contents()
        contents |= self._shared
        contents |= self._pictures(target)
        language_model = self._add_language_model(target, contents)
        manifest = self._manifest(target, release, language_model, contents)
        check_budgets(manifest)
        return self._write(self._out / target.name, manifest, contents, release)

    def _shared_contents(self) -> Contents:
        """Return the files that are the same in every bundle."""
        student = self._student
        contents: Contents = {
            f"{role}.safetensors": (role, read_file(student.path / f"{role}.safetensors"))
            for role in ("codes", "prompts", "adapter")
        }
        contents["items.json.z"] = ("items", dump_items(published_items(self._dataset.catalogue)))
        contents["popularity.safetensors"] = ("popularity", dump_arrays({"popularity": self._popularity}))
        max_length = student.encoder.config.max_length
        # Steps of the part that was trained on; "nobody lived it" is checked against the whole log.
        sequences = golden_sequences(
            leave_one_out(self._dataset.sequences).train,
            student.sizes.n_items,
            max_length,
            lived=self._dataset.sequences,
        )
        golden = golden_answers(
            self._encoders.quantized.encoder,
            student.codes,
            student.prompts["prompts"],
            student.prompts["knowledge"],
            student.adapter["a"],
            student.adapter["b"],
            sequences,
        )
        contents["golden.safetensors"] = ("golden", dump_arrays(dump_golden(golden, max_length)))
        return contents

    def _pictures(self, target: Target) -> Contents:
        choice, catalogue = target.pictures, self._dataset.catalogue
        if choice is None or not any(catalogue.images):
            return {}
        self._progress(f"{target.name}: thumbnails")
        shown = [(str(path.name), path.stat().st_size, path.stat().st_mtime_ns) for path in catalogue.images if path]
        inputs = {
            "data": self._dataset.digest,
            "images": digest_of(repr(shown).encode()),
            "choice": msgspec.to_builtins(choice),
            "popularity": digest_of(self._popularity.tobytes()),
        }

        def make() -> bytes:
            arrays = make_pictures(catalogue, self._popularity, choice)
            return b"" if arrays is None else dump_arrays(arrays)

        data = self._parts.get("pictures.safetensors", inputs, make)
        return {"pictures.safetensors": ("pictures", data)} if data else {}

    def _add_language_model(self, target: Target, contents: Contents) -> LanguageModel | None:
        if target.language_model is None or self._writer is None:
            return None
        quantization = target.language_model.quantization
        self._progress(f"{target.name}: language model, {quantization}")
        stored = store_model(self._writer, quantization, self._parts)
        contents[stored.entry.file] = ("language_model", stored.path.read_bytes())
        return stored.entry

    def _manifest(
        self, target: Target, release: Release, language_model: LanguageModel | None, contents: Contents
    ) -> Manifest:
        student = self._student
        config = student.encoder.config
        return Manifest(
            schema=1,
            required_features=FEATURES,
            minimum_runtime=MINIMUM_RUNTIME,
            name=catalogue_name(self._out, target.name, requested=release.name, default=self._dataset.name),
            release=release.number or 1,
            created=release.created.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            target=target.name,
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
                for one in target.engines
            ),
            language_model=language_model,
            budgets=manifest_budgets(target.budgets, student.sizes.n_items),
            provenance=provenance(student, self._dataset),
            licences=release.licences,
        )

    def _write(self, path: Path, manifest: Manifest, contents: Contents, release: Release) -> Exported:
        """Write the folder under its release number; leave it alone where it holds the same bundle."""
        there = _bundle_in(path)
        if there is not None:
            same = msgspec.structs.replace(manifest, release=there.release, created=there.created)
            if release.number in (None, there.release) and parse_manifest(dump_manifest(same)) == there:
                return Exported(path, there, changed=False)
            manifest = msgspec.structs.replace(manifest, release=_next_release(path, there, release.number))
        self._progress(f"{manifest.target}: release {manifest.release}")
        return Exported(path, write_folder(path, manifest, contents), changed=True)


def export_all(exporter: Exporter, targets: Sequence[Target], release: Release) -> list[Exported]:
    """Write the bundles of all targets, in order."""
    return [exporter.export(target, release) for target in targets]


def _bundle_in(path: Path) -> Manifest | None:
    """Return the manifest of the bundle in ``path``, or None where there is none yet.

    A damaged bundle counts, without its files, and so does one that a kill left aside: a release number must not be
    given again.

    Raises:
        BundleError: the folder holds something that is no bundle, and would be lost.
    """
    recover_folder(path)
    if not path.exists() or (path.is_dir() and not any(path.iterdir())):
        return None
    if not (path / MANIFEST_NAME).is_file():
        raise BundleError(
            f"{path}: is there already and is no bundle (no {MANIFEST_NAME} in it). Choose another --out, or move it."
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


def _next_release(path: Path, there: Manifest, asked: int | None) -> int:
    """Return the number of a bundle that takes the place of another."""
    if asked is None:
        return there.release + 1
    if asked <= there.release:
        raise BundleError(
            f"{path}: holds release {there.release}, and numbers only grow: devices would not take a changed release "
            f"{asked}. Leave --release out, or give at least {there.release + 1}."
        )
    return asked


def _check_same_data(student: Student, dataset: Dataset) -> None:
    trained_on = student.about.get("data_digest")
    if trained_on != dataset.digest or student.sizes.n_items != len(dataset.catalogue):
        raise RunError(
            f"{student.path}: was distilled on data with the digest {str(trained_on)[:12]}… and "
            f"{student.sizes.n_items:,} items, but {dataset.path} has {dataset.digest[:12]}… and "
            f"{len(dataset.catalogue):,}. Give the folder that it was trained on, or distil again."
        )
