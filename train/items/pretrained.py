"""Loading of Hugging Face models by id or folder, identified by their digest, without running code of theirs."""

from pathlib import Path
from typing import Any, Protocol

import torch

from train.errors import DataError
from train.items.digests import MODEL_FILES, folder_digest
from train.loop.device import best_device
from train.quiet_transformers import quiet_transformers


class PretrainedClass(Protocol):
    """One of the ``Auto`` classes of transformers."""

    def from_pretrained(self, name: str, /, **settings: object) -> Any:  # noqa: ANN401 - transformers has no types
        """Load from a folder."""
        ...


def model_folder(name: str, choices: str) -> Path:
    """Return the folder of a model; an id is downloaded from Hugging Face if it is not cached.

    Args:
        name: a folder, or a Hugging Face id.
        choices: other accepted values, for the error message.

    Raises:
        DataError: it is neither a folder with a model nor an available id.
    """
    folder = Path(name).expanduser()
    if (folder / "config.json").is_file():
        return folder
    problem = "the folder has no config.json" if folder.is_dir() else None
    if problem is None:
        from huggingface_hub import snapshot_download

        try:
            return Path(snapshot_download(name, allow_patterns=list(MODEL_FILES), ignore_patterns=["*/*"]))
        except (OSError, ValueError) as error:  # no such id, not an id at all, or no network
            problem = f"no such folder, and Hugging Face has no model with that id ({str(error).splitlines()[0]})"
    raise DataError(f"extractor {name!r}: {problem}; expected {choices}, a folder with a model, or a Hugging Face id.")


def identity(folder: Path) -> str:
    """Return an identifier of a model: the last part of its name, and its digest."""
    name = next((part.split("--")[-1] for part in folder.parts if part.startswith("models--")), folder.name)
    return f"{name}@{folder_digest(folder)}"


def load_model(folder: Path) -> torch.nn.Module:
    """Return the frozen model, in evaluation mode, on the accelerator if there is one.

    Raises:
        DataError: it cannot be loaded, or some of its weights are missing.
    """
    with quiet_transformers():
        from transformers import AutoModel

        model, report = load(AutoModel, folder, use_safetensors=True, output_loading_info=True, dtype=torch.float32)
    # Untrained poolers are common and not used here; other missing weights would be random.
    missing = [name for name in report["missing_keys"] if "pooler" not in name]
    if missing:
        raise DataError(
            f"{folder}: {len(missing)} weights are missing, such as {', '.join(sorted(missing)[:3])}; expected a "
            "complete model. Download it again, or use another one."
        )
    frozen: torch.nn.Module = model.eval().requires_grad_(False)
    return frozen.to(best_device())


def load(kind: PretrainedClass, folder: Path, **settings: object) -> Any:  # noqa: ANN401 - transformers has no types
    """Load a part of a model from its folder, without network access and without remote code.

    Raises:
        DataError: it cannot be loaded.
    """
    try:
        return kind.from_pretrained(str(folder), local_files_only=True, trust_remote_code=False, **settings)
    except (OSError, ValueError, KeyError, ImportError, RuntimeError) as error:
        raise DataError(
            f"{folder}: transformers cannot load it ({type(error).__name__}: {str(error).splitlines()[0]}); expected a "
            "supported model with safetensors weights."
        ) from error
