"""RecFusion: text, image and video of an item in one space, weighted by item and user.

After the description of RecFusion; no published code is followed. A shared Transformer reads the frozen tokens of each
item's modalities (:mod:`train.plugins.fusion_encoder`), two gates weigh them (:mod:`train.plugins.fusion_gate`), and
the sum is added to the item's vector, so an item that nobody has touched is ranked by its content alone. While
training, whole modalities of random items are hidden, and the modalities of one item are drawn together by a symmetric
InfoNCE.

Content depends on frozen features and trained weights, never on the table that it is added to: a model can be asked
what it would know without a modality, and nothing of this is left on a device but the fused vector.
"""

from dataclasses import asdict, dataclass
from functools import partial

from torch import Tensor

from edge_runtime.errors import DataError
from train.items.features import PluginInputs
from train.plugins.fusion import Fusion
from train.plugins.fusion_contrast import Contrast, held_out
from train.plugins.fusion_encoder import FusionEncoder, standardized
from train.plugins.fusion_figures import figures
from train.plugins.plugin import Plugin, Step

MODALITIES = ("text", "image", "video")


@dataclass(frozen=True, slots=True, kw_only=True)
class RecFusionConfig:
    """How modalities are fused.

    Attributes:
        width: of the space that the modalities share.
        n_blocks: layers of the shared Transformer.
        n_heads: attention heads of each.
        dropout: of the Transformer.
        modality_dropout: chance that a modality of an item is hidden for a training step; one always stays.
        unified: whether there is a shared Transformer; without it each modality has a linear map of its own.
        gate: whether items and users weigh the modalities; without it they count the same.
        private: share of the coordinates that are owned by single modalities, for the user's gate to weigh.
        contrast: weight of the contrast between the modalities of an item; 0 leaves it out.
        temperature: of the contrast.
        refresh_items: of a larger catalogue, about so many items are encoded anew in a training step, in turn.
        drop: modalities that are left out altogether.
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
            raise ValueError(f"drop may name some of {MODALITIES}, not all and no others, got {self.drop}")


def recfusion(config: RecFusionConfig, inputs: PluginInputs) -> Plugin:
    """Return the plug-in; a modality that no item has is left out.

    Raises:
        DataError: no item has anything in the modalities that are not dropped.
    """
    read = {"text": inputs.text, "image": inputs.image, "video": inputs.video}
    found = [(name, read[name]()) for name in MODALITIES if name not in config.drop]
    tokens = [standardized(name, features) for name, features in found if features.present.any()]
    if not tokens:
        raise DataError(
            f"recfusion found nothing in {[name for name, _ in found]} for any of {inputs.n_items} items; expected a "
            "modality that some item has. Add texts, pictures or videos, or train without this plug-in."
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

    def losses(step: Step) -> dict[str, Tensor]:
        return {"contrast": config.contrast * contrast(step)}

    return Plugin(
        name="recfusion",
        module=fusion,
        items=fusion.items,
        state=None if fusion.user_gate is None else fusion.weigh,
        losses=losses if config.contrast > 0.0 and contrast.n_items > 1 else None,
        before_epoch=fusion.start_turns if fusion.takes_turns else None,
        figures=partial(figures, fusion, unpaired),
    )
