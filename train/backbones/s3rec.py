"""S3-Rec: a causal transformer with four self-supervised objectives that tie items, attributes, segments and sequences.

Source: Zhou et al., "S3-Rec: Self-Supervised Learning for Sequential Recommendation with Mutual Information
Maximization", CIKM 2020, https://arxiv.org/abs/2008.07873.

Where we deviate:

- The objectives are terms of the loss on every batch, beside the next item, instead of a stage of pre-training: one
  run, one stopping rule, and plug-ins need not know of stages. Their weights keep the paper's proportions at a tenth
  of its size: beside the next item's loss the whole of it drowns what ranking needs (0.73 of NDCG@10 in place of 0.93
  on a small log with a rule).
- The paper puts ``f`` through a sigmoid inside the softmax, which keeps the scores within 1 of each other, so that the
  loss cannot fall far; its released code trains binary cross-entropies instead. Here ``f`` is the bilinear form itself.
- What does not belong is drawn: items and attributes uniformly for each batch, segments from the other users of the
  group. What was drawn and belongs after all is left out, except for equal segments of two users.
- An attribute objective asks about the events that the cloze hides, also AAP, which needs no hiding: a random share.
- SASRec's deviations (:mod:`train.backbones.sasrec`).
"""

from dataclasses import asdict, dataclass
from math import sqrt

import torch
from torch import Tensor, nn

from train.backbones.attention import bidirectional_bias, causal_bias
from train.backbones.attributes import Attributes, AttributeVectors, number_attributes
from train.backbones.cloze import hide_at_random, hide_segments
from train.backbones.encoder import EncoderConfig, Events, LookUp, Supervision, next_item_supervision
from train.backbones.mutual_information import info_nce
from train.backbones.transformer import Transformer
from train.items.features import PluginInputs
from train.loop.batches import Group


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectiveWeights:
    """How much each objective counts beside the next item's loss.

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
        config: its sizes.
        inputs: the catalogue, and what occurs in training.
        dropout: as :class:`S3Rec`.
        hidden_share: as :class:`S3Rec`.
        n_negatives: as :class:`S3Rec`.
        objectives: multiplies the weights of all four.
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
    """Item embeddings and a mask in, one state a position out; attributes are used in training only."""

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
        """Make an untrained one.

        Args:
            config: its sizes.
            attributes: the items' field values.
            candidates: rows that may be drawn as negatives, int64 ``[n]``; at least one.
            dropout: of everything, attention weights too.
            weights: of the objectives; a tenth of the paper's where None.
            hidden_share: of the events of a sequence, for the objectives that hide; the paper's.
            n_negatives: items, and attributes, drawn for each group of a batch.
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
        """Return the state after each event, ``[batch, length, dim]``; at a padded position it means nothing."""
        return self.encoder.encode(events.embeddings, causal_bias(events.mask))

    def last(self, events: Events) -> Tensor:
        """Return the state after the newest event, ``[batch, dim]``."""
        return self.encoder.encode_last(events.embeddings, causal_bias(events.mask))

    def supervise(self, group: Group, look_up: LookUp) -> Supervision:
        """Ask every position for the event that followed it, and the four objectives about the whole sequences."""
        rows = torch.cat([group.rows, group.targets[:, -1:]], dim=1)[:, -self.config.max_length :]
        real = torch.cat([group.mask, torch.ones_like(group.mask[:, :1])], dim=1)[:, -self.config.max_length :]
        vectors = look_up(rows)
        terms = self._hidden_event_terms(rows, real, vectors, look_up)
        terms["sp"] = self._weights.sp * self._segment_loss(real, vectors)
        return next_item_supervision(self, group, look_up)._replace(terms=terms)

    def _hidden_event_terms(self, rows: Tensor, real: Tensor, vectors: Tensor, look_up: LookUp) -> dict[str, Tensor]:
        hidden = hide_at_random(real, self._hidden_share)
        contexts = self.encoder.encode(self._without(vectors, hidden), bidirectional_bias(real))[hidden]
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
            contexts: ``F_t``, the bidirectional states of the hidden events, ``[hidden, dim]``.
            rows: which items they are, int64 ``[hidden]``.
            items: ``e_i`` of those, ``[hidden, dim]``.
            look_up: gives ``e`` of what is drawn.
        """
        drawn = self.candidates[torch.randint(len(self.candidates), (self._n_negatives,), device=rows.device)]
        asking = self.mip(contexts)
        positive = (asking * items).sum(1, keepdim=True)
        negative = asking @ (look_up(drawn) * self.config.input_scale).T
        return info_nce(
            positive, negative, torch.ones_like(positive, dtype=torch.bool), drawn[None, :] != rows[:, None]
        )

    def _attribute_loss(self, asking: Tensor, values: Tensor) -> Tensor:
        r"""Associated and masked attribute prediction, with the positive in the denominator.

        .. math::
            L(c, A_i) = \mathbb{E}_{a \in A_i}\Bigl[f(c, a) - \log \sum_{\tilde a \in (A \setminus A_i) \cup \{a\}}
            \exp f(c, \tilde a)\Bigr], \qquad f_{AAP}(i, a) = e_i^\top W_{AAP}\, e_a,
            \quad f_{MAP}(C_t, a) = F_t^\top W_{MAP}\, e_a

        Args:
            asking: ``e_i^T W`` or ``F_t^T W``, ``[hidden, dim]``.
            values: ``A_i``, 0 where there is none, int64 ``[hidden, columns]``.
        """
        asking = asking * self.config.input_scale
        drawn = torch.randint(1, self.attribute.n_values + 1, (self._n_negatives,), device=values.device)
        positive = torch.einsum("hd,hcd->hc", asking, self.attribute.vector[values])
        belongs = (values[:, :, None] == drawn).any(1)
        return info_nce(positive, asking @ self.attribute.vector[drawn].T, values > 0, ~belongs)

    def _segment_loss(self, real: Tensor, vectors: Tensor) -> Tensor:
        r"""Segment prediction, with the positive in the denominator.

        .. math::
            L_{SP}(C, i_{j_1:j_2}) = f(C, i_{j_1:j_2}) - \log \sum_{\tilde i} \exp f(C, \tilde i_{j_1:j_2}),
            \qquad f = s^\top W_{SP}\, \tilde s / \sqrt d

        ``s`` is the last state of the sequence without the segment, the other of the segment alone; the rest of each is
        hidden. Both are normalized, so their product grows with d, unlike that of a state and an item: hence the root.

        Args:
            real: 1 for an event, 0 for padding, ``[batch, length]``.
            vectors: of the whole sequences, ``[batch, length, dim]``.
        """
        segment = hide_segments(real)
        both = torch.cat([self._without(vectors, segment), self._without(vectors, ~segment)])
        contexts, segments = self.encoder.encode_last(both, bidirectional_bias(real.repeat(2, 1))).chunk(2)
        scores = self.sp(contexts) @ segments.T / sqrt(self.config.dim)
        own = torch.eye(len(scores), dtype=torch.bool, device=scores.device)
        return info_nce(scores.diagonal()[:, None], scores, own.any(1, keepdim=True), ~own)

    def _without(self, vectors: Tensor, hidden: Tensor) -> Tensor:
        return torch.where(hidden[:, :, None], self.hidden_event, vectors)
