"""Categorical attributes of items as integers, and learned embeddings of them."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

MIN_ITEMS = 2
MAX_VALUES_PER_FIELD = 20_000
MAX_VALUES_PER_ITEM = 8


@dataclass(frozen=True, slots=True, eq=False)
class Attributes:
    """The attribute values of every item, numbered from 1; 0 is padding.

    Attributes:
        fields: the columns of ``values`` of each field; fields without any kept value are left out.
        values: int32 ``[n_items, columns]``.
        n_values: number of values over all fields.
    """

    fields: Mapping[str, slice]
    values: NDArray[np.int32]
    n_values: int


def number_attributes(fields: Mapping[str, Sequence[Sequence[str]]], n_items: int) -> Attributes:
    """Number the values of a catalogue's fields.

    Values are kept that at least ``LEAST_ITEMS`` items have (others cannot be learned), but not all items (those do not
    distinguish any); of those the ``MOST_VALUES_A_FIELD`` most frequent of a field, and for each item the first
    ``MOST_VALUES_AN_ITEM`` of a field.

    Args:
        fields: the values of every item, by name of the field.
        n_items: size of the catalogue.
    """
    columns: dict[str, slice] = {}
    parts: list[NDArray[np.int32]] = [np.zeros((n_items, 0), dtype=np.int32)]
    n_values = width = 0
    for name, values in fields.items():
        number_of = {value: n_values + index for index, value in enumerate(_kept_values(values), start=1)}
        if not number_of:
            continue
        part = _numbered(values, number_of)
        columns[name] = slice(width, width + part.shape[1])
        width += part.shape[1]
        n_values += len(number_of)
        parts.append(part)
    return Attributes(columns, np.concatenate(parts, axis=1), n_values)


class AttributeVectors(nn.Module):
    """A learned embedding for each value, looked up by catalogue row."""

    values: Tensor

    def __init__(self, attributes: Attributes, dim: int) -> None:
        super().__init__()
        self.n_values = attributes.n_values
        self._fields = tuple(attributes.fields.values())
        # Computed from the catalogue when the model is built, so it is not saved with the weights.
        self.register_buffer("values", torch.from_numpy(attributes.values), persistent=False)
        self.vector = nn.Parameter(torch.empty(attributes.n_values + 1, dim))
        nn.init.normal_(self.vector, std=0.02)

    def values_of(self, rows: Tensor) -> Tensor:
        """Return the values of items, 0 for padding: int64 rows ``[...]`` to int64 ``[..., columns]``."""
        return self.values[rows].long()

    def field_means(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        """Return the mean embedding of each field's values, and which fields have one.

        Args:
            rows: catalogue rows, int64 ``[batch, length]``.

        Returns:
            ``[batch, length, fields, dim]``, zeros for an item without a value, and bool ``[batch, length, fields]``.
        """
        values = self.values_of(rows)
        bags = [values[:, :, columns] for columns in self._fields]
        if not bags:
            return self.vector.new_zeros(*rows.shape, 0, self.vector.shape[1]), values.new_zeros(values.shape).bool()
        means = [F.embedding_bag(bag.flatten(0, 1), self.vector, mode="mean", padding_idx=0) for bag in bags]
        present = [(bag > 0).any(2) for bag in bags]
        return torch.stack(means, dim=1).view(*rows.shape, len(bags), -1), torch.stack(present, dim=2)


def _kept_values(values: Sequence[Sequence[str]]) -> list[str]:
    counts = Counter(value for of_item in values for value in dict.fromkeys(of_item))
    kept = [value for value, n in counts.items() if MIN_ITEMS <= n < len(values)]
    return sorted(kept, key=lambda value: (-counts[value], value))[:MAX_VALUES_PER_FIELD]


def _numbered(values: Sequence[Sequence[str]], number_of: Mapping[str, int]) -> NDArray[np.int32]:
    of_items = [
        [number_of[value] for value in dict.fromkeys(of_item) if value in number_of][:MAX_VALUES_PER_ITEM]
        for of_item in values
    ]
    numbered = np.zeros((len(values), max(map(len, of_items))), dtype=np.int32)
    for row, numbers in enumerate(of_items):
        numbered[row, : len(numbers)] = numbers
    return numbered
