from math import exp

import numpy as np
import torch
from torch import Tensor

from tests.train.backbones.tiny_backbones import CONFIG, events_of, tiny_events, tiny_inputs, tiny_table
from train.backbones.attributes import number_attributes
from train.backbones.fdsa import FDSA, FeatureVectors, fdsa, mean_vectors
from train.items.features import Features

FIELDS = {
    "brand": (("Ax",), (), ("Bo",), ("Ax",), ("Bo",), ()),
    "kind": (("red",), (), ("red", "blue"), ("blue",), (), ("odd",)),
}


def texts() -> Tensor:
    vectors = torch.nn.functional.normalize(torch.arange(30.0).view(6, 5) - 11, dim=1)
    vectors[[1, 4]] = 0.0
    return vectors


def feature_vectors() -> FeatureVectors:
    torch.manual_seed(0)
    module = FeatureVectors(number_attributes(FIELDS, 6), texts(), 4)
    with torch.no_grad():
        module.attribute.vector.copy_(torch.randn(5, 4))
        module.text.weight.copy_(torch.randn(4, 5))
        module.attention_bias.copy_(torch.randn(3))
    return module


def reference(module: FeatureVectors, features: dict[int, Tensor]) -> Tensor:
    """Compute vanilla attention over the features that an item has, by their index."""
    weight = {
        position: exp(float((module.attention.weight[0] @ vector + module.attention_bias[position]).detach()))
        for position, vector in features.items()
    }
    total = sum(weight.values())
    return sum((weight[position] / total * vector for position, vector in features.items()), torch.zeros(4))


def test_the_feature_vector_is_vanilla_attention_over_the_features() -> None:
    module = feature_vectors()
    value, text = module.attribute.vector, module.text(texts())

    result = module(torch.tensor([[0, 2, 3, 4]]))[0]

    # Ax 1, Bo 2, blue 3, red 4.
    torch.testing.assert_close(result[0], reference(module, {0: value[1], 1: value[4], 2: text[0]}))
    torch.testing.assert_close(result[1], reference(module, {0: value[2], 1: (value[3] + value[4]) / 2, 2: text[2]}))
    torch.testing.assert_close(result[2], reference(module, {0: value[1], 1: value[3], 2: text[3]}))
    torch.testing.assert_close(result[3], value[2])


def test_an_item_without_features_has_a_zero_vector() -> None:
    assert not feature_vectors()(torch.tensor([[1]])).any()


def test_states_depend_on_attributes_and_texts() -> None:
    inputs = tiny_inputs()
    attributes = number_attributes(inputs.catalogue.fields, inputs.n_items)
    vectors = mean_vectors(inputs.text())
    events = events_of(torch.tensor([[1, 5]]), torch.ones(1, 2), tiny_table())
    assert attributes.values[1, 0] > 0

    def state(values: Tensor, vectors: Tensor) -> Tensor:
        torch.manual_seed(0)
        module = FDSA(CONFIG, attributes, vectors)
        module.features.attribute.values.copy_(values)
        return module.last(events)

    values = torch.from_numpy(attributes.values.copy())
    other_brand, other_text = values.clone(), vectors.clone()
    other_brand[1, 0] = attributes.values[5, 0]
    other_text[1] = vectors[7]
    as_it_is = state(values, vectors)

    assert (state(other_brand, vectors) - as_it_is).abs().max() > 1e-6
    assert (state(values, other_text) - as_it_is).abs().max() > 1e-6


def test_a_catalogue_without_fields_and_texts_has_finite_states() -> None:
    backbone = FDSA(CONFIG, number_attributes({}, 24), torch.zeros(24, 3))

    assert backbone(tiny_events()).isfinite().all()


def test_several_tokens_are_averaged_and_normalized() -> None:
    vectors = np.array([[[3.0, 0.0], [0.0, 3.0]], [[5.0, 0.0], [9.0, 9.0]], [[1.0, 1.0], [1.0, 1.0]]], dtype=np.float32)
    present = np.array([[True, True], [True, False], [False, False]])

    result = mean_vectors(Features("made", vectors, present))

    torch.testing.assert_close(result, torch.tensor([[0.5**0.5, 0.5**0.5], [1.0, 0.0], [0.0, 0.0]]))


def test_features_are_not_saved_with_the_weights() -> None:
    names = set(fdsa(CONFIG, tiny_inputs(), 0.0).state_dict())

    assert {"features.text.weight", "features.attribute.vector"} <= names
    assert not {"features.texts", "features.attribute.values"} & names
