"""What is read of an item, as one text."""

from dataclasses import dataclass

from train.data.dataset import Catalogue

# A catalogue may hold whole manuals; what tells items apart stands at the beginning.
LONGEST = 4096


def item_text(catalogue: Catalogue, row: int) -> str:
    """Return an item's title, known facts as ``name: value, value`` and description, ``LONGEST`` characters at most."""
    lines = [catalogue.titles[row]]
    for name, values in catalogue.fields.items():
        if values[row]:
            lines.append(f"{name}: {', '.join(values[row])}")
    lines.append(catalogue.descriptions[row] or "")
    return "\n".join(lines).strip()[:LONGEST]


@dataclass(frozen=True, slots=True)
class ItemTexts:
    """The texts of a catalogue's items, each put together when it is asked for."""

    catalogue: Catalogue

    def __len__(self) -> int:
        return len(self.catalogue)

    def __getitem__(self, row: int) -> str:
        return item_text(self.catalogue, row)
