"""The licences of a language model as its card states them: the front matter of ``README.md``, as on Hugging Face.

Format: https://huggingface.co/docs/hub/model-cards. A card with ``license: other`` has the name in ``license_name``.
"""

from pathlib import Path
from typing import Any, Final

from train.errors import RunError

CARD: Final = "README.md"
MAX_CARD_BYTES: Final = 1 << 20

SAME_AS_CATALOGUE: Final = "same-as-catalogue"
"""What the card of a model says that has learned from nothing but a catalogue."""

_OTHER: Final = "other"


def stated_licences(source: str | Path) -> tuple[str, ...]:
    """Return the licences that a model states, as written; none without a card or without an entry.

    Args:
        source: Hugging Face folder or id; for an id, the card is fetched from the hub or its cache.

    Raises:
        RunError: the card is too large, or its front matter is not readable.
    """
    path = Path(source, CARD)
    if not Path(source).is_dir():
        path = _fetched(str(source)) or path
    if not path.is_file():
        return ()
    if path.stat().st_size > MAX_CARD_BYTES:
        raise RunError(
            f"{path}: found {path.stat().st_size:,} bytes, expected a model card of at most {MAX_CARD_BYTES:,}"
        )
    return _licences(path, _front_matter(path))


def write_card(folder: Path, licences: tuple[str, ...], base: str | None) -> None:
    """Write the card of a model.

    Args:
        folder: of the model.
        licences: of the model that it was fine-tuned from.
        base: name of that model; None for a model that was trained from random weights on a catalogue.
    """
    import yaml

    if base is None:
        entries: dict[str, object] = {"license": _OTHER, "license_name": SAME_AS_CATALOGUE}
        text = "Trained by pocketrec from random weights on the facts of a catalogue."
    else:
        entries = {"license": list(licences), "base_model": base} if licences else {"base_model": base}
        text = f"Fine-tuned by pocketrec from {base} on the facts of a catalogue."
    front = yaml.safe_dump(entries, sort_keys=False, allow_unicode=True)
    (folder / CARD).write_text(f"---\n{front}---\n{text}\n", encoding="utf-8")


def base_model(folder: Path) -> str | None:
    """Return the name of the model that the one in ``folder`` was fine-tuned from, as its card states it."""
    path = folder / CARD
    base = _front_matter(path).get("base_model") if path.is_file() else None
    return base if isinstance(base, str) else None


def _fetched(model_id: str) -> Path | None:
    """Return the card of a hub's model; None if it has none or the hub cannot be reached."""
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError

    try:
        return Path(hf_hub_download(model_id, CARD))
    except (OSError, ValueError, HfHubHTTPError, HFValidationError):
        return None


def _front_matter(path: Path) -> dict[str, Any]:
    import yaml

    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
        if not lines or lines[0].strip() != "---":
            return {}
        end = next((number for number, line in enumerate(lines[1:], start=1) if line.strip() == "---"), 0)
        entries = yaml.safe_load("\n".join(lines[1:end]))
    except (UnicodeDecodeError, yaml.YAMLError) as error:
        raise RunError(
            f"{path}: its front matter is not YAML in UTF-8, expected `license: NAME` between ---"
        ) from error
    return entries if isinstance(entries, dict) else {}


def _licences(path: Path, entries: dict[str, Any]) -> tuple[str, ...]:
    stated = entries.get("license") or entries.get("license_name") or ()
    names = tuple(stated) if isinstance(stated, list) else (stated,) if stated else ()
    if any(not isinstance(name, str) for name in names):
        raise RunError(f"{path}: found the license {stated!r}, expected a name such as apache-2.0, or a list of them")
    other = str(entries.get("license_name") or _OTHER)
    return tuple(dict.fromkeys(other if name == _OTHER else str(name) for name in names))
