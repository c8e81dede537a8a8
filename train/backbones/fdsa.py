"""FDSA: two streams of self-attention, over items and over their features.

Source: Zhang et al., "Feature-level Deeper Self-Attention Network for Sequential Recommendation", IJCAI 2019,
https://www.ijcai.org/proceedings/2019/600.

Vanilla attention combines an item's features ``A_i = {a_1, ..., a_m}`` into one vector::

    alpha = softmax(W a_j + b_j over j),    f_i = sum_j alpha_j a_j

Each sequence, of item vectors and of ``f_i``, is encoded by its own Transformer, and the state is
``[state of items; state of features] W + b``.

Deviations: a feature is the mean over a field's values, or a linear projection of the frozen text vector, and missing
features are left out of the softmax; ``b_j`` is a bias for each feature, because a common one would cancel; and those
of SASRec (:mod:`train.backbones.sasrec`).
"""

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from train.backbones.attention import causal_bias, masked_softmax
from train.backbones.attributes import Attributes, AttributeVectors, number_attributes
from train.backbones.encoder import EncoderConfig, Events, LookUp, Supervision, next_item_supervision
from train.backbones.transformer import Transformer
from train.items.features import Features, PluginInputs
from train.loop.batches import Group


def fdsa(config: EncoderConfig, inputs: PluginInputs, dropout: float) -> "FDSA":
    """Return an untrained FDSA over the catalogue's fields and texts."""
    attributes = number_attributes(inputs.catalogue.fields, inputs.n_items)
    return FDSA(config, attributes, mean_vectors(inputs.text()), dropout=dropout)


def mean_vectors(features: Features) -> Tensor:
    """Return the mean over each item's tokens at unit length, or zeros without tokens, ``[n_items, width]``."""
    total = np.where(features.present[:, :, None], features.vectors, 0.0).sum(axis=1, dtype=np.float32)
    return F.normalize(torch.from_numpy(total), dim=-1)


class FDSA(nn.Module):
    """Maps item embeddings, a mask and catalogue rows to a state for each position."""

    def __init__(self, config: EncoderConfig, attributes: Attributes, texts: Tensor, *, dropout: float = 0.0) -> None:
        """Build the untrained encoder.

        Args:
            config: sizes; each stream has ``n_blocks``.
            attributes: the items' field values.
            texts: text vectors of the items, of unit length or zeros, ``[n_items, width]``.
            dropout: dropout rate, also of attention weights.
        """
        super().__init__()
        self.config = config
        self.features = FeatureVectors(attributes, texts, config.dim)
        self.item_stream = Transformer(config, dropout=dropout)
        self.feature_stream = Transformer(config, dropout=dropout)
        self.output = nn.Linear(2 * config.dim, config.dim)
        nn.init.xavier_uniform_(self.output.weight)
        nn.init.zeros_(self.output.bias)

    def forward(self, events: Events) -> Tensor:
        """Return the state after each event, ``[batch, length, dim]``; arbitrary at padded positions."""
        bias = causal_bias(events.mask)
        of_items = self.item_stream.encode(events.embeddings, bias)
        of_features = self.feature_stream.encode(self.features(events.rows), bias)
        return self._join(of_items, of_features)

    def last(self, events: Events) -> Tensor:
        """Return the state after the newest event, ``[batch, dim]``."""
        bias = causal_bias(events.mask)
        of_items = self.item_stream.encode_last(events.embeddings, bias)
        of_features = self.feature_stream.encode_last(self.features(events.rows), bias)
        return self._join(of_items, of_features)

    def supervise(self, group: Group, look_up: LookUp) -> Supervision:
        """Predict the next item at every position."""
        return next_item_supervision(self, group, look_up)

    def _join(self, of_items: Tensor, of_features: Tensor) -> Tensor:
        joined: Tensor = self.output(torch.cat([of_items, of_features], dim=-1))
        return joined


class FeatureVectors(nn.Module):
    """Vanilla attention over the features of an item: each field's values, and its text."""

    texts: Tensor

    def __init__(self, attributes: Attributes, texts: Tensor, dim: int) -> None:
        super().__init__()
        self.attribute = AttributeVectors(attributes, dim)
        # Computed from the catalogue when the model is built, so it is not saved with the weights.
        self.register_buffer("texts", texts, persistent=False)
        self.text = nn.Linear(texts.shape[1], dim, bias=False)
        # A unit text vector is projected to the scale of an initial item vector.
        nn.init.normal_(self.text.weight, std=0.02)
        self.attention = nn.Linear(dim, 1, bias=False)
        nn.init.xavier_uniform_(self.attention.weight)
        self.attention_bias = nn.Parameter(torch.zeros(len(attributes.fields) + 1))

    def forward(self, rows: Tensor) -> Tensor:
        """Return the feature vector of each event's item: rows int64 ``[batch, length]`` to ``[batch, length, dim]``.

        Items without features get zeros.
        """
        of_fields, has_field = self.attribute.field_means(rows)
        texts = self.texts[rows]
        vectors = torch.cat([of_fields, self.text(texts)[:, :, None]], dim=2)
        present = torch.cat([has_field, texts.any(dim=-1, keepdim=True)], dim=2)
        scores = self.attention(vectors).squeeze(-1) + self.attention_bias
        return (masked_softmax(scores, present)[..., None] * vectors).sum(dim=2)
