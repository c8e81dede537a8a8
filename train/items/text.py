"""The text of an item, for extractors."""

from dataclasses import dataclass

from train.data.dataset import Catalogue

# Descriptions may be very long; what distinguishes items is at the beginning.
MAX_CHARACTERS = 4096


def item_text(catalogue: Catalogue, row: int) -> str:
    """Return title, fields as ``name: value, value`` and description, at most ``MAX_CHARACTERS`` characters."""
    lines = [catalogue.titles[row]]
    for name, values in catalogue.fields.items():
        if values[row]:
            lines.append(f"{name}: {', '.join(values[row])}")
    lines.append(catalogue.descriptions[row] or "")
    return "\n".join(lines).strip()[:MAX_CHARACTERS]


@dataclass(frozen=True, slots=True)
class ItemTexts:
    """The texts of a catalogue's items, created on access."""

    catalogue: Catalogue

    def __len__(self) -> int:
        return len(self.catalogue)

    def __getitem__(self, row: int) -> str:
        return item_text(self.catalogue, row)
