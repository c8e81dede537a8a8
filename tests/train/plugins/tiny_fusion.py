"""A catalogue of twelve items, some with a picture or a video, whose modalities depend on one latent vector."""

from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from tests.train.plugins.tiny_steps import make_step
from tests.train.tiny_data import tiny_dataset
from train.data.split import leave_one_out
from train.items.features import Features, PluginInputs
from train.plugins.fusion import Fusion
from train.plugins.plugin import Plugin, TrainingStep
from train.plugins.recfusion import RecFusionConfig, recfusion

N_ITEMS, DIM = 12, 16
# Small and deterministic.
PLAIN = RecFusionConfig(width=16, dropout=0.0, modality_dropout=0.0, private=0.5)


def features(width: int, present: NDArray[np.bool_], seed: int) -> Features:
    """Return noisy linear projections of the items' latent vectors; ``present`` is ``[n_items, tokens]``."""
    hidden = np.random.default_rng(99).normal(size=(len(present), 5))
    random = np.random.default_rng(seed)
    view = hidden @ random.normal(size=(5, width))
    vectors = view[:, None] + 0.01 * random.normal(size=(*present.shape, width)) + 3.0
    return Features("made", (vectors * present[:, :, None]).astype(np.float32), present)


def tiny_inputs(n_items: int = N_ITEMS) -> PluginInputs:
    """Return texts for all but the last item, pictures for two in three, videos of up to three frames for one in two.

    The last item has nothing at all.
    """
    dataset = tiny_dataset(n_users=20, n_items=n_items)
    rows = np.arange(n_items)
    text = (rows < n_items - 1)[:, None]
    image = text & (rows % 3 < 2)[:, None]
    video = text & (rows % 2 == 0)[:, None] & (np.arange(3) <= rows[:, None] % 3)
    return PluginInputs(
        dataset.catalogue,
        leave_one_out(dataset.sequences).train,
        DIM,
        0,
        lambda: features(6, text, 1),
        lambda: features(7, image, 2),
        lambda: features(4, video, 3),
    )


def text_only(inputs: PluginInputs) -> PluginInputs:
    """Return the same without any picture or video."""
    nothing = Features("made", np.zeros((inputs.n_items, 1, 4), np.float32), np.zeros((inputs.n_items, 1), np.bool_))
    return replace(inputs, image=lambda: nothing, video=lambda: nothing)


def fusion_of(plugin: Plugin) -> Fusion:
    """Return the plug-in's module."""
    assert isinstance(plugin.module, Fusion)
    return plugin.module


def random_plugin(config: RecFusionConfig = PLAIN, inputs: PluginInputs | None = None) -> tuple[Plugin, Fusion]:
    """Return a plug-in in evaluation mode with random weights, so that no part is zero."""
    torch.manual_seed(0)
    plugin = recfusion(config, inputs or tiny_inputs())
    fusion = fusion_of(plugin)
    with torch.no_grad():
        for name, weight in fusion.named_parameters():
            if "norm" not in name:
                nn.init.normal_(weight, std=0.5)
    fusion.eval()
    return plugin, fusion


def tiny_step(histories: Tensor, table: Tensor) -> TrainingStep:
    """Return a training step in which only the histories matter."""
    states = torch.zeros(len(histories), table.shape[1])
    return make_step(states, table, histories)
