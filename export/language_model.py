"""The language model of a bundle: trained or reused, then stored in the quantization of a target.

A finished GGUF file is stored as it is: its quantization is its maker's choice.
"""

import hashlib
import json
import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from edge_runtime.bundle.folder import open_file
from edge_runtime.bundle.manifest import LanguageAdapter, LanguageModel
from edge_runtime.conversation.decisions import LAYOUT as SAID_LAYOUT
from edge_runtime.files import replacing, write_atomically
from edge_runtime.list_text.prompt import LAYOUT as LIST_LAYOUT
from edge_runtime.reasons.prompt import LAYOUT
from export.finished_gguf import SUFFIX, check_runs, describe_finished
from export.gguf import MAX_CONTEXT, read_config
from export.gguf_header import read_header
from export.licences import accepted_only, checked_licences
from export.model_sizes import model_sizes
from export.parts import PartCache, digest_of
from train.data.dataset import Dataset
from train.errors import RunError
from train.reasons.model_card import CARD, stated_licences, write_card

FILE_NAME = "reasons.gguf"
LIST_FILE_NAME = "list.gguf"
SAID_FILE_NAME = "said.gguf"
_ADAPTERS = (LanguageAdapter("list", LIST_FILE_NAME, LIST_LAYOUT), LanguageAdapter("said", SAID_FILE_NAME, SAID_LAYOUT))
WRITERS = "reasons"
LICENCE = "language_model_licence"
"""The provenance entry with the licence of a language model of others."""
_MODEL_FILES = (
    "config.json",
    "adapter_config.json",
    "*.safetensors",
    "tokenizer*.json",
    "vocab.json",
    "merges.txt",
    CARD,
)
_CHUNK_BYTES = 1 << 22
_ABOUT = 2
"""Version of what is kept about a part."""


@dataclass(frozen=True, slots=True)
class StoredModel:
    """A GGUF file and what the manifest says of it.

    Attributes:
        path: of the file.
        entry: its entry in the manifest.
        licences: of the model, under SPDX's names; none for one that was trained on the catalogue only.
        provenance: entries of the manifest.
        adapters: the files of its adapters by their names in the bundle.
    """

    path: Path
    entry: LanguageModel
    licences: tuple[str, ...] = ()
    provenance: dict[str, str] = field(default_factory=dict)
    adapters: dict[str, Path] = field(default_factory=dict)


def is_finished(source: str | Path) -> bool:
    """Return whether a source is a GGUF file, which is stored as it is."""
    return str(source).endswith(SUFFIX)


def source_licences(source: str, accepted: Sequence[str]) -> tuple[str, ...]:
    """Return the licences of ``--language-model SOURCE``, checked before any work is done for it, as is its shape.

    Raises:
        LicenceError: the model states none, or one that is neither permissive nor accepted.
        RunError: a GGUF file is missing or damaged, or a folder has a model that cannot be converted.
    """
    if is_finished(source):
        if not Path(source).is_file():
            raise RunError(
                f"--language-model {source}: file not found. Give a GGUF file, or a Hugging Face folder or id."
            )
        return checked_licences(describe_finished(Path(source)).licences, accepted, source)
    licences = checked_licences(stated_licences(source), accepted, source)
    if Path(source).is_dir():
        read_config(Path(source))
    return licences


def writer_folder(
    dataset: Dataset, run: Path, language_model: str | None = None, *, parses: bool = False, shown: bool = True
) -> Path:
    """Return the Hugging Face folder of a model trained on the facts of a catalogue; trains it if needed.

    Args:
        dataset: data with the catalogue.
        run: folder of the student; stores one folder per model in ``reasons``.
        language_model: Hugging Face id or folder of a model to fine-tune, or None to train a small one from scratch.
        parses: whether to train an adapter that decides what sentences of a conversation ask for as well.
        shown: whether to print progress to stderr.

    Raises:
        RunError: the model cannot be used.
    """
    from train.reasons.writer import SAID_STEPS, WriterConfig, train_writer

    config = WriterConfig(n_said_steps=SAID_STEPS if parses else 0)
    # One folder per configuration: a version with other defaults trains a new model and never reuses an older one.
    settings = json.dumps([asdict(config), language_model, dataset.digest]).encode()
    folder = run / WRITERS / digest_of(settings)[:12]
    model = train_writer(dataset, folder, config, language_model=language_model, shown=shown)
    if model.is_dir() and not (model / CARD).is_file():  # trained before models had cards
        base = None if language_model is None else Path(language_model).name
        write_card(model, () if language_model is None else stated_licences(language_model), base)
    return model


def store_model(
    source: Path,
    quantization: str,
    parts: PartCache,
    *,
    max_context: int | None = None,
    accepted: Sequence[str] = (),
) -> StoredModel:
    """Return a model as GGUF; converts or checks it if no earlier run did.

    Args:
        source: folder of a Hugging Face model, or a finished GGUF file.
        quantization: llama.cpp's name of it; a finished file keeps its own.
        parts: cache of finished parts.
        max_context: tokens, at most; None for the model's own.
        accepted: licences that are accepted though they are not permissive.

    Raises:
        RunError: llama.cpp cannot run the model correctly.
        LicenceError: the model states no licence, or one that is neither permissive nor accepted.
    """
    if is_finished(source):
        path, description = _finished(source, parts)
    else:
        path, description = _converted(source, quantization, parts)
    licences = checked_licences(description["licences"], accepted, str(source))
    context = min(description["context"], max_context or description["context"])
    adapters = {} if is_finished(source) else _adapters(source, parts)
    entries = tuple(entry for entry in _ADAPTERS if entry.file in adapters)
    sizes = model_sizes(read_header(path), context)
    entry = LanguageModel(FILE_NAME, context=context, prompt=description["prompt"], adapters=entries, sizes=sizes)
    return StoredModel(path, entry, licences, _provenance(description["base"], licences), adapters)


def _adapters(folder: Path, parts: PartCache) -> dict[str, Path]:
    """Return the adapters that were trained on the model in ``folder`` as GGUF, by their names in the bundle."""
    from export.gguf_lora import write_lora
    from train.reasons.writer import LIST_ADAPTER_FOLDER, SAID_ADAPTER_FOLDER

    found = {}
    for name, entry in zip((LIST_ADAPTER_FOLDER, SAID_ADAPTER_FOLDER), _ADAPTERS, strict=True):
        adapter = folder.parent / name
        if adapter.is_dir():
            path = parts.path(entry.file, {"adapter": folder_digest(adapter), "model": folder_digest(folder)})
            if not path.is_file():
                path.parent.mkdir(parents=True, exist_ok=True)
                write_lora(adapter, folder, path)
            found[entry.file] = path
    return found


def _converted(folder: Path, quantization: str, parts: PartCache) -> tuple[Path, dict[str, Any]]:
    from export.gguf import make_language_model

    path = parts.path(FILE_NAME, {"model": folder_digest(folder), "quantization": quantization, "about": _ABOUT})
    about = path.with_suffix(".json")
    if not (path.is_file() and about.is_file()):
        description = make_language_model(folder, path, quantization)
        write_atomically(about, json.dumps(description).encode())
    return path, json.loads(about.read_text("utf-8"))


def _finished(source: Path, parts: PartCache) -> tuple[Path, dict[str, Any]]:
    """Return the part with a copy of the file, which is what was checked: the file itself may change at any time."""
    path = parts.path(FILE_NAME, {"gguf": _file_digest(source), "about": _ABOUT})
    about = path.with_suffix(".json")
    if not (path.is_file() and about.is_file()):
        parts.folder.mkdir(parents=True, exist_ok=True)
        with replacing(path) as fresh:
            shutil.copyfile(source, fresh)
            try:
                described = describe_finished(fresh)
                context = min(MAX_CONTEXT, described.context)
                check_runs(fresh, context)
            except RunError as error:  # name the file that was given, and not its copy
                raise RunError(str(error).replace(str(fresh), str(source))) from error
        description = {
            "architecture": described.architecture,
            "licences": described.licences,
            "base": described.base,
            "context": context,
            "prompt": LAYOUT,
        }
        write_atomically(about, json.dumps(description).encode())
    return path, json.loads(about.read_text("utf-8"))


def _provenance(base: str | None, licences: tuple[str, ...]) -> dict[str, str]:
    """Return where a model comes from; nothing for one that was trained on the catalogue only."""
    if not licences:
        return {}
    found = {"language_model": base or "unknown", LICENCE: " AND ".join(licences)}
    accepted = accepted_only(licences)
    return found | ({"language_model_licence_accepted": " AND ".join(accepted)} if accepted else {})


def _file_digest(path: Path) -> str:
    with open_file(path) as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def folder_digest(folder: Path) -> str:
    """Return a digest of the files that determine a model's output."""
    digest = hashlib.sha256()
    for path in sorted({path for pattern in _MODEL_FILES for path in folder.glob(pattern)}):
        digest.update(f"{path.name} {path.stat().st_size}\n".encode())
        with open_file(path) as stream:
            while chunk := stream.read(_CHUNK_BYTES):
                digest.update(chunk)
    return digest.hexdigest()
