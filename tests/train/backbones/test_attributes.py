import numpy as np
import pytest
import torch

from train.backbones import attributes as module
from train.backbones.attributes import AttributeVectors, number_attributes

FIELDS = {
    "brand": (("Ax",), (), ("Bo",), ("Ax",), ("Bo",), ("Ax",)),
    "kind": (("all", "red"), ("all",), ("all", "red", "blue"), ("all", "blue", "blue"), ("all", "odd"), ("all",)),
}


def test_values_are_numbered_by_field_and_frequency() -> None:
    result = number_attributes(FIELDS, 6)

    # Ax 1, Bo 2, blue 3, red 4: ties are in alphabetical order.
    assert result.fields == {"brand": slice(0, 1), "kind": slice(1, 3)}
    assert result.n_values == 4
    assert result.values.tolist() == [[1, 4, 0], [0, 0, 0], [2, 4, 3], [1, 3, 0], [2, 0, 0], [1, 0, 0]]


def test_values_of_one_item_or_of_all_items_are_left_out() -> None:
    result = number_attributes({"kind": FIELDS["kind"]}, 6)

    assert result.n_values == 2


def test_a_field_without_kept_values_is_left_out() -> None:
    result = number_attributes({"year": (("1",), ("2",), ("3",)), "empty": ((), (), ())}, 3)

    assert result.fields == {}
    assert result.values.shape == (3, 0)
    assert result.n_values == 0


def test_equal_values_of_two_fields_are_distinct() -> None:
    words = (("red",), ("red",), ())

    assert number_attributes({"brand": words, "colour": words}, 3).n_values == 2


def test_a_field_with_many_values_keeps_the_most_frequent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_VALUES_PER_FIELD", 1)

    result = number_attributes({"brand": FIELDS["brand"]}, 6)

    assert result.values[:, 0].tolist() == [1, 0, 0, 1, 0, 1]


def test_an_item_with_many_values_keeps_the_first() -> None:
    many = tuple(f"{value:02}" for value in range(30))

    result = number_attributes({"cast": (many, many, ())}, 3)

    assert result.values.tolist() == [list(range(1, 9)), list(range(1, 9)), [0] * 8]


def test_a_field_is_the_mean_of_its_values_and_absent_without_any() -> None:
    vectors = AttributeVectors(number_attributes(FIELDS, 6), dim=4)
    rows = torch.tensor([[0, 1, 2], [3, 4, 5]])

    means, present = vectors.field_means(rows)

    value = vectors.vector
    torch.testing.assert_close(means[0, 2], torch.stack([value[2], (value[4] + value[3]) / 2]))
    torch.testing.assert_close(means[1, 1], torch.stack([value[2], torch.zeros(4)]))
    assert present.tolist() == [
        [[True, True], [False, False], [True, True]],
        [[True, True], [True, False], [True, False]],
    ]


def test_a_catalogue_without_fields_has_no_field_vectors() -> None:
    vectors = AttributeVectors(number_attributes({}, 6), dim=4)

    means, present = vectors.field_means(torch.tensor([[0, 1, 2]]))

    assert means.shape == (1, 3, 0, 4)
    assert present.shape == (1, 3, 0)


def test_attributes_are_not_saved_with_the_weights() -> None:
    vectors = AttributeVectors(number_attributes(FIELDS, 6), dim=4)

    assert set(vectors.state_dict()) == {"vector"}
    assert vectors.values.numpy().dtype == np.int32
