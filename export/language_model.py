"""The language model of a bundle: found or trained, then stored in the quantization that a target asks for."""

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path

from edge_runtime.bundle.folder import open_file
from edge_runtime.bundle.manifest import LanguageModel
from export.parts import Parts, digest_of
from train.data.dataset import Dataset

FILE_NAME = "reasons.gguf"
WRITERS = "reasons"
_SHAPES_THE_MODEL = ("config.json", "*.safetensors", "tokenizer*.json", "vocab.json", "merges.txt")
_PIECE = 1 << 22


@dataclass(frozen=True, slots=True)
class StoredModel:
    """A GGUF file, and its entry in the manifest."""

    path: Path
    entry: LanguageModel


def writer_folder(dataset: Dataset, run: Path, language_model: str | None = None, *, shown: bool = True) -> Path:
    """Return the Hugging Face folder of a model that was taught this catalogue's facts, now or in an earlier run.

    Args:
        dataset: whose catalogue it speaks of.
        run: the student's folder; keeps one folder a model below ``reasons``.
        language_model: a Hugging Face id or folder to tune, or None for a small one trained from scratch.
        shown: print progress to stderr.

    Raises:
        RunError: the model cannot be used.
    """
    from train.reasons.writer import WriterConfig, train_writer

    config = WriterConfig()
    # A folder a setting: a newer version with other defaults trains anew, and never meets the older one's files.
    settings = json.dumps([asdict(config), language_model, dataset.digest]).encode()
    folder = run / WRITERS / digest_of(settings)[:12]
    return train_writer(dataset, folder, config, language_model=language_model, shown=shown)


def store_model(folder: Path, quantization: str, parts: Parts) -> StoredModel:
    """Return the model of ``folder`` as GGUF, made now or in an earlier run.

    Raises:
        RunError: it is no model that llama.cpp would run rightly.
    """
    from export.gguf import make_language_model

    inputs = {"model": folder_digest(folder), "quantization": quantization}
    path = parts.path(FILE_NAME, inputs)
    about = path.with_suffix(".json")
    if not (path.is_file() and about.is_file()):
        described = make_language_model(folder, path, quantization)
        fresh = about.with_name(about.name + ".new")
        fresh.write_text(json.dumps(described), "utf-8")
        fresh.replace(about)
    told = json.loads(about.read_text("utf-8"))
    return StoredModel(path, LanguageModel(FILE_NAME, context=told["context"], prompt=told["prompt"]))


def folder_digest(folder: Path) -> str:
    """Return a digest over the files that decide what a model says."""
    digest = hashlib.sha256()
    for path in sorted({path for pattern in _SHAPES_THE_MODEL for path in folder.glob(pattern)}):
        digest.update(f"{path.name} {path.stat().st_size}\n".encode())
        with open_file(path) as stream:
            while piece := stream.read(_PIECE):
                digest.update(piece)
    return digest.hexdigest()
