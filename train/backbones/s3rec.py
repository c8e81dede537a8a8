"""S3-Rec: a causal Transformer with four self-supervised objectives over items, attributes, segments and sequences.

Source: Zhou et al., "S3-Rec: Self-Supervised Learning for Sequential Recommendation with Mutual Information
Maximization", CIKM 2020, https://arxiv.org/abs/2008.07873.

Deviations:

- The objectives are terms of the loss of every batch, beside next-item prediction, instead of a pre-training stage:
  one run, one early stopping, and plug-ins need not handle stages. Their weights have the paper's proportions at a
  tenth of its size: with the full weights next-item prediction suffers (NDCG@10 of 0.73 instead of 0.93 on a small log
  with a deterministic rule).
- The paper applies a sigmoid to ``f`` inside the softmax, which bounds the differences of scores by 1, so that the loss
  cannot fall far; its released code trains binary cross-entropies instead. Here ``f`` is the bilinear form itself.
- Negatives are sampled: items and attributes uniformly for each batch, segments from the other users of the group.
  Sampled positives are left out, except for equal segments of two users.
- The attribute objectives use the masked events, also AAP, which needs no masking: a random share.
- Those of SASRec (:mod:`train.backbones.sasrec`).
"""

from dataclasses import asdict, dataclass
from math import sqrt

import torch
from torch import Tensor, nn

from train.backbones.attention import bidirectional_bias, causal_bias
from train.backbones.attributes import Attributes, AttributeVectors, number_attributes
from train.backbones.cloze import mask_randomly, mask_segments
from train.backbones.encoder import EncoderConfig, Events, LookUp, Supervision, next_item_supervision
from train.backbones.mutual_information import sampled_info_nce
from train.backbones.transformer import Transformer
from train.items.features import PluginInputs
from train.loop.batches import Group


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectiveWeights:
    """Weights of the objectives relative to the next-item loss.

    Attributes:
        aap: associated attribute prediction.
        mip: masked item prediction.
        map: masked attribute prediction.
        sp: segment prediction.
    """

    aap: float = 0.02
    mip: float = 0.1
    map: float = 0.1
    sp: float = 0.05

    def __post_init__(self) -> None:
        if min(self.aap, self.mip, self.map, self.sp) < 0.0:
            raise ValueError(f"weights must not be negative, got {asdict(self)}")


def s3rec(
    config: EncoderConfig,
    inputs: PluginInputs,
    dropout: float,
    *,
    hidden_share: float = 0.2,
    n_negatives: int = 128,
    objectives: float = 1.0,
) -> "S3Rec":
    """Return an untrained S3-Rec over the catalogue's fields.

    Args:
        config: sizes.
        inputs: the catalogue and the training events.
        dropout: as :class:`S3Rec`.
        hidden_share: as :class:`S3Rec`.
        n_negatives: as :class:`S3Rec`.
        objectives: common factor of the four weights.
    """
    attributes = number_attributes(inputs.catalogue.fields, inputs.n_items)
    seen = torch.from_numpy(inputs.counts() > 0).nonzero()[:, 0]
    weights = ObjectiveWeights(**{name: objectives * weight for name, weight in asdict(ObjectiveWeights()).items()})
    return S3Rec(
        config,
        attributes,
        seen,
        dropout=dropout,
        weights=weights,
        hidden_share=hidden_share,
        n_negatives=n_negatives,
    )


class S3Rec(nn.Module):
    """Maps item embeddings and a mask to a state for each position; attributes are used in training only."""

    candidates: Tensor

    def __init__(
        self,
        config: EncoderConfig,
        attributes: Attributes,
        candidates: Tensor,
        *,
        dropout: float = 0.0,
        weights: ObjectiveWeights | None = None,
        hidden_share: float = 0.2,
        n_negatives: int = 128,
    ) -> None:
        """Build the untrained encoder.

        Args:
            config: sizes.
            attributes: the items' field values.
            candidates: rows that may be sampled as negatives, int64 ``[n]``; at least one.
            dropout: dropout rate, also of attention weights.
            weights: weights of the objectives; a tenth of the paper's if None.
            hidden_share: probability of masking an event, for the objectives with masking; the paper's.
            n_negatives: number of items, and of attributes, sampled for each group of a batch.
        """
        super().__init__()
        if not 0.0 < hidden_share <= 1.0 or n_negatives < 1 or len(candidates) == 0:
            raise ValueError(
                f"expected hidden_share in (0, 1], and at least one negative and one candidate, "
                f"got {hidden_share}, {n_negatives} and {len(candidates)}"
            )
        self.config = config
        self._weights = weights or ObjectiveWeights()
        self._hidden_share = hidden_share
        self._n_negatives = n_negatives
        self.encoder = Transformer(config, dropout=dropout)
        self.attribute = AttributeVectors(attributes, config.dim)
        self.hidden_event = nn.Parameter(torch.empty(config.dim))
        nn.init.normal_(self.hidden_event, std=0.02)
        self.aap, self.mip, self.map, self.sp = (nn.Linear(config.dim, config.dim, bias=False) for _ in range(4))
        for bilinear in (self.aap, self.mip, self.map, self.sp):
            nn.init.xavier_uniform_(bilinear.weight)
        self.register_buffer("candidates", candidates, persistent=False)

    def forward(self, events: Events) -> Tensor:
        """Return the state after each event, ``[batch, length, dim]``; arbitrary at padded positions."""
        return self.encoder.encode(events.embeddings, causal_bias(events.mask))

    def last(self, events: Events) -> Tensor:
        """Return the state after the newest event, ``[batch, dim]``."""
        return self.encoder.encode_last(events.embeddings, causal_bias(events.mask))

    def supervise(self, group: Group, look_up: LookUp) -> Supervision:
        """Predict the next item at every position, and add the four objectives on the whole sequences."""
        rows = torch.cat([group.rows, group.targets[:, -1:]], dim=1)[:, -self.config.max_length :]
        real = torch.cat([group.mask, torch.ones_like(group.mask[:, :1])], dim=1)[:, -self.config.max_length :]
        vectors = look_up(rows)
        terms = self._hidden_event_terms(rows, real, vectors, look_up)
        terms["sp"] = self._weights.sp * self._segment_loss(real, vectors)
        return next_item_supervision(self, group, look_up)._replace(terms=terms)

    def _hidden_event_terms(self, rows: Tensor, real: Tensor, vectors: Tensor, look_up: LookUp) -> dict[str, Tensor]:
        hidden = mask_randomly(real, self._hidden_share)
        contexts = self.encoder.encode(self._masked(vectors, hidden), bidirectional_bias(real))[hidden]
        rows, items = rows[hidden], vectors[hidden] * self.config.input_scale
        terms = {"mip": self._weights.mip * self._item_loss(contexts, rows, items, look_up)}
        if self.attribute.n_values:
            values = self.attribute.values_of(rows)
            terms["aap"] = self._weights.aap * self._attribute_loss(self.aap(items), values)
            terms["map"] = self._weights.map * self._attribute_loss(self.map(contexts), values)
        return terms

    def _item_loss(self, contexts: Tensor, rows: Tensor, items: Tensor, look_up: LookUp) -> Tensor:
        r"""Masked item prediction, with the positive in the denominator.

        .. math::
            L_{MIP}(C_t, i_t) = f(C_t, i_t) - \log \sum_{\tilde i} \exp f(C_t, \tilde i),
            \qquad f(C_t, i) = F_t^\top W_{MIP}\, e_i

        Args:
            contexts: ``F_t``, the bidirectional states of the masked events, ``[hidden, dim]``.
            rows: rows of their items, int64 ``[hidden]``.
            items: ``e_i`` of those, ``[hidden, dim]``.
            look_up: returns ``e`` of the sampled negatives.
        """
        drawn = self.candidates[torch.randint(len(self.candidates), (self._n_negatives,), device=rows.device)]
        queries = self.mip(contexts)
        positive = (queries * items).sum(1, keepdim=True)
        negative = queries @ (look_up(drawn) * self.config.input_scale).T
        return sampled_info_nce(
            positive, negative, torch.ones_like(positive, dtype=torch.bool), drawn[None, :] != rows[:, None]
        )

    def _attribute_loss(self, queries: Tensor, values: Tensor) -> Tensor:
        r"""Associated and masked attribute prediction, with the positive in the denominator.

        .. math::
            L(c, A_i) = \mathbb{E}_{a \in A_i}\Bigl[f(c, a) - \log \sum_{\tilde a \in (A \setminus A_i) \cup \{a\}}
            \exp f(c, \tilde a)\Bigr], \qquad f_{AAP}(i, a) = e_i^\top W_{AAP}\, e_a,
            \quad f_{MAP}(C_t, a) = F_t^\top W_{MAP}\, e_a

        Args:
            queries: ``e_i^T W`` or ``F_t^T W``, ``[hidden, dim]``.
            values: ``A_i``, 0 for padding, int64 ``[hidden, columns]``.
        """
        queries = queries * self.config.input_scale
        drawn = torch.randint(1, self.attribute.n_values + 1, (self._n_negatives,), device=values.device)
        positive = torch.einsum("hd,hcd->hc", queries, self.attribute.vector[values])
        belongs = (values[:, :, None] == drawn).any(1)
        return sampled_info_nce(positive, queries @ self.attribute.vector[drawn].T, values > 0, ~belongs)

    def _segment_loss(self, real: Tensor, vectors: Tensor) -> Tensor:
        r"""Segment prediction, with the positive in the denominator.

        .. math::
            L_{SP}(C, i_{j_1:j_2}) = f(C, i_{j_1:j_2}) - \log \sum_{\tilde i} \exp f(C, \tilde i_{j_1:j_2}),
            \qquad f = s^\top W_{SP}\, \tilde s / \sqrt d

        ``s`` is the last state of the sequence without the segment, ``\tilde s`` that of the segment alone; other
        events are masked. Both are normalized, so their product grows with d, unlike that of a state and an item: hence
        the root.

        Args:
            real: 1 for an event, 0 for padding, ``[batch, length]``.
            vectors: vectors of the whole sequences, ``[batch, length, dim]``.
        """
        segment = mask_segments(real)
        both = torch.cat([self._masked(vectors, segment), self._masked(vectors, ~segment)])
        contexts, segments = self.encoder.encode_last(both, bidirectional_bias(real.repeat(2, 1))).chunk(2)
        scores = self.sp(contexts) @ segments.T / sqrt(self.config.dim)
        self_pairs = torch.eye(len(scores), dtype=torch.bool, device=scores.device)
        return sampled_info_nce(scores.diagonal()[:, None], scores, self_pairs.any(1, keepdim=True), ~self_pairs)

    def _masked(self, vectors: Tensor, hidden: Tensor) -> Tensor:
        return torch.where(hidden[:, :, None], self.hidden_event, vectors)
