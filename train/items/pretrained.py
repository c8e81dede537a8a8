"""Hugging Face models as files: found by id or folder, known by their digest, loaded without any code of theirs."""

from pathlib import Path
from typing import Any, Protocol

import torch

from edge_runtime.errors import DataError
from train.hushed import hushed
from train.items.digests import MODEL_FILES, folder_digest
from train.loop.device import best_device


class PretrainedClass(Protocol):
    """One of the ``Auto`` classes of transformers."""

    def from_pretrained(self, name: str, /, **settings: object) -> Any:  # noqa: ANN401 - transformers has no types
        """Load from a folder."""
        ...


def model_folder(name: str, choices: str) -> Path:
    """Return the folder of a model; an id is fetched from Hugging Face, unless it has been before.

    Args:
        name: a folder, or a Hugging Face id.
        choices: what else the caller accepts, for the message.

    Raises:
        DataError: it is neither.
    """
    folder = Path(name).expanduser()
    if (folder / "config.json").is_file():
        return folder
    found = "the folder has no config.json" if folder.is_dir() else None
    if found is None:
        from huggingface_hub import snapshot_download

        try:
            return Path(snapshot_download(name, allow_patterns=list(MODEL_FILES), ignore_patterns=["*/*"]))
        except (OSError, ValueError) as error:  # no such id, not an id at all, or no network
            found = f"no such folder, and Hugging Face gives no model of that id ({str(error).splitlines()[0]})"
    raise DataError(f"extractor {name!r}: {found}; expected {choices}, a folder with a model, or a Hugging Face id.")


def identity(folder: Path) -> str:
    """Return what tells one model from another: the last part of its name, and its digest."""
    name = next((part.split("--")[-1] for part in folder.parts if part.startswith("models--")), folder.name)
    return f"{name}@{folder_digest(folder)}"


def load_model(folder: Path) -> torch.nn.Module:
    """Return the frozen model, in evaluation mode, on the accelerator where there is one.

    Raises:
        DataError: it cannot be loaded, or has weights for a part of itself only.
    """
    with hushed():
        from transformers import AutoModel

        model, report = load(AutoModel, folder, use_safetensors=True, output_loading_info=True, dtype=torch.float32)
    # A pooler that was never trained is common, and not used here; anything else would be noise.
    missing = [name for name in report["missing_keys"] if "pooler" not in name]
    if missing:
        raise DataError(
            f"{folder}: has no weights for {', '.join(sorted(missing)[:3])} ({len(missing)} in all); expected a whole "
            "model. Fetch it again, or give another one."
        )
    frozen: torch.nn.Module = model.eval().requires_grad_(False)
    return frozen.to(best_device())


def load(kind: PretrainedClass, folder: Path, **settings: object) -> Any:  # noqa: ANN401 - transformers has no types
    """Load one part of a model from its folder: never from the network, and never with code of its own.

    Raises:
        DataError: it cannot be loaded.
    """
    try:
        return kind.from_pretrained(str(folder), local_files_only=True, trust_remote_code=False, **settings)
    except (OSError, ValueError, KeyError, ImportError, RuntimeError) as error:
        raise DataError(
            f"{folder}: transformers cannot load it ({type(error).__name__}: {str(error).splitlines()[0]}); expected a "
            "model of a kind that it knows, with its weights as safetensors."
        ) from error
