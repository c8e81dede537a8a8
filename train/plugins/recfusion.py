"""RecFusion: text, image and video of an item in one space, weighted by item and user.

Implements the description of RecFusion; there is no published code. A shared Transformer encodes the frozen tokens of
each item's modalities (:mod:`train.plugins.fusion_encoder`), two gates weight them (:mod:`train.plugins.fusion_gate`),
and the sum is added to the item's vector, so that an item without events is ranked by its content. In training,
modalities of random items are masked, and the modalities of an item are aligned by a symmetric InfoNCE.

Content depends on frozen features and trained weights only, not on the table that it is added to. The model can
therefore be evaluated without a modality, and a device needs only the fused vectors.
"""

from dataclasses import asdict, dataclass
from functools import partial

from torch import Tensor

from train.errors import DataError
from train.items.features import PluginInputs
from train.plugins.fusion import Fusion
from train.plugins.fusion_contrast import Contrast, held_out
from train.plugins.fusion_encoder import FusionEncoder, standardize
from train.plugins.fusion_metrics import recfusion_metrics
from train.plugins.plugin import Plugin, TrainingStep

MODALITIES = ("text", "image", "video")


@dataclass(frozen=True, slots=True, kw_only=True)
class RecFusionConfig:
    """Settings of RecFusion.

    Attributes:
        width: width of the space that the modalities share.
        n_blocks: layers of the shared Transformer.
        n_heads: attention heads of each layer.
        dropout: dropout rate of the Transformer.
        modality_dropout: probability that a modality of an item is masked in a training step; one is always kept.
        unified: whether there is a shared Transformer; otherwise each modality has only a linear projection.
        gate: whether items and users weight the modalities; otherwise all weigh the same.
        private: share of the coordinates that belong to single modalities, for the user gate to weight.
        contrast: weight of the contrast between the modalities of an item; 0 turns it off.
        temperature: temperature of the contrast.
        refresh_items: for a larger catalogue, the approximate number of items encoded again in a training step.
        drop: modalities that are not used.
    """

    width: int = 64
    n_blocks: int = 1
    n_heads: int = 2
    dropout: float = 0.2
    modality_dropout: float = 0.1
    unified: bool = True
    gate: bool = True
    private: float = 0.25
    contrast: float = 0.1
    temperature: float = 0.1
    refresh_items: int = 20_000
    drop: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if min(self.width, self.n_blocks, self.n_heads, self.refresh_items) < 1 or self.width % self.n_heads:
            raise ValueError(f"sizes must be at least 1, and width a multiple of n_heads, got {asdict(self)}")
        if not (0.0 <= self.dropout < 1.0 and 0.0 <= self.modality_dropout < 1.0 and 0.0 <= self.private <= 1.0):
            raise ValueError(f"dropouts must be in [0, 1) and private in [0, 1], got {asdict(self)}")
        if not (self.contrast >= 0.0 and self.temperature > 0.0):
            raise ValueError(f"contrast must be at least 0 and temperature more than 0, got {asdict(self)}")
        if not set(self.drop) < set(MODALITIES):
            raise ValueError(f"drop must be a proper subset of {MODALITIES}, got {self.drop}")


def recfusion(config: RecFusionConfig, inputs: PluginInputs) -> Plugin:
    """Build the plug-in; a modality that no item has is left out.

    Raises:
        DataError: no item has any of the modalities that are not dropped.
    """
    read = {"text": inputs.text, "image": inputs.image, "video": inputs.video}
    loaded = [(name, read[name]()) for name in MODALITIES if name not in config.drop]
    tokens = [standardize(name, features) for name, features in loaded if features.present.any()]
    if not tokens:
        raise DataError(
            f"recfusion: none of {inputs.n_items} items has any of {[name for name, _ in loaded]}; expected at least "
            "one modality. Add texts, pictures or videos, or train without this plug-in."
        )
    encoder = FusionEncoder(
        tokens,
        width=config.width,
        n_blocks=config.n_blocks,
        n_heads=config.n_heads,
        dropout=config.dropout,
        unified=config.unified,
    )
    fusion = Fusion(
        encoder,
        inputs.dim,
        gate=config.gate,
        private=config.private,
        modality_dropout=config.modality_dropout,
        refresh_items=config.refresh_items,
    )
    unpaired = held_out(encoder.has.numpy(), inputs.seed)
    contrast = Contrast(encoder, unpaired, temperature=config.temperature)

    def losses(step: TrainingStep) -> dict[str, Tensor]:
        return {"contrast": config.contrast * contrast(step)}

    return Plugin(
        name="recfusion",
        module=fusion,
        items=fusion.items,
        state=None if fusion.user_gate is None else fusion.weight_states,
        losses=losses if config.contrast > 0.0 and contrast.n_items > 1 else None,
        before_epoch=fusion.fill_cache if fusion.rotates else None,
        metrics=partial(recfusion_metrics, fusion, unpaired),
    )
