"""The language model of a bundle: trained or reused, then stored in the quantization of a target."""

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path

from edge_runtime.bundle.folder import open_file
from edge_runtime.bundle.manifest import LanguageModel
from edge_runtime.files import write_atomically
from export.parts import PartCache, digest_of
from train.data.dataset import Dataset

FILE_NAME = "reasons.gguf"
WRITERS = "reasons"
FEWEST_ITEMS = 1000
"""Items below which no language model is trained unless it is asked for: its training would be most of an export."""
_MODEL_FILES = ("config.json", "*.safetensors", "tokenizer*.json", "vocab.json", "merges.txt")
_CHUNK_BYTES = 1 << 22


@dataclass(frozen=True, slots=True)
class StoredModel:
    """A GGUF file and its entry in the manifest."""

    path: Path
    entry: LanguageModel


def writer_folder(dataset: Dataset, run: Path, language_model: str | None = None, *, shown: bool = True) -> Path:
    """Return the Hugging Face folder of a model trained on the facts of a catalogue; trains it if needed.

    Args:
        dataset: data with the catalogue.
        run: folder of the student; stores one folder per model in ``reasons``.
        language_model: Hugging Face id or folder of a model to fine-tune, or None to train a small one from scratch.
        shown: whether to print progress to stderr.

    Raises:
        RunError: the model cannot be used.
    """
    from train.reasons.writer import WriterConfig, train_writer

    config = WriterConfig()
    # One folder per configuration: a version with other defaults trains a new model and never reuses an older one.
    settings = json.dumps([asdict(config), language_model, dataset.digest]).encode()
    folder = run / WRITERS / digest_of(settings)[:12]
    return train_writer(dataset, folder, config, language_model=language_model, shown=shown)


def store_model(folder: Path, quantization: str, parts: PartCache, *, max_context: int | None = None) -> StoredModel:
    """Return the model of ``folder`` as GGUF; converts it if no earlier run did.

    Args:
        folder: of the Hugging Face model.
        quantization: llama.cpp's name of it.
        parts: cache of finished parts.
        max_context: tokens, at most; None for the model's own.

    Raises:
        RunError: llama.cpp cannot run the model correctly.
    """
    from export.gguf import make_language_model

    inputs = {"model": folder_digest(folder), "quantization": quantization}
    path = parts.path(FILE_NAME, inputs)
    about = path.with_suffix(".json")
    if not (path.is_file() and about.is_file()):
        description = make_language_model(folder, path, quantization)
        write_atomically(about, json.dumps(description).encode())
    description = json.loads(about.read_text("utf-8"))
    context = min(description["context"], max_context or description["context"])
    return StoredModel(path, LanguageModel(FILE_NAME, context=context, prompt=description["prompt"]))


def folder_digest(folder: Path) -> str:
    """Return a digest of the files that determine a model's output."""
    digest = hashlib.sha256()
    for path in sorted({path for pattern in _MODEL_FILES for path in folder.glob(pattern)}):
        digest.update(f"{path.name} {path.stat().st_size}\n".encode())
        with open_file(path) as stream:
            while chunk := stream.read(_CHUNK_BYTES):
                digest.update(chunk)
    return digest.hexdigest()
