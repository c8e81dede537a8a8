"""Texts, inputs, models and a training step of LLMRec on a tiny catalogue."""

import numpy as np
import torch
from torch import Tensor

from tests.train.plugins.tiny_steps import make_step
from tests.train.tiny_data import tiny_dataset
from train.backbones.encoder import EncoderConfig
from train.backbones.sasrec import SASRec
from train.data.sequences import Sequences
from train.data.split import leave_one_out
from train.full_model.model import Model
from train.items.features import Features, PluginInputs
from train.loop.batches import Batch, training_batch
from train.plugins.llmrec import LlmRec, LlmRecConfig, llmrec
from train.plugins.plugin import Plugin, TrainingStep

N_ITEMS, DIM = 24, 8
SILENT = N_ITEMS - 1  # an item without a text
PLAIN = LlmRecConfig(dropout=0.0)


def circle() -> Features:
    """Return texts of items on a circle, so that the next item of every user's walk is the nearest one."""
    angle = 2 * np.pi * np.arange(N_ITEMS) / N_ITEMS
    vectors = np.stack([f(k * angle) for k in (1, 2, 3) for f in (np.sin, np.cos)], axis=1).astype(np.float32)
    present = (np.arange(N_ITEMS) != SILENT)[:, None]
    return Features("circle", vectors[:, None] * present[:, :, None], present)


def inputs(seed: int = 0, train: Sequences | None = None) -> PluginInputs:
    dataset = tiny_dataset(n_items=N_ITEMS)
    train = train or leave_one_out(dataset.sequences).train
    return PluginInputs(dataset.catalogue, train, DIM, seed, circle, circle, circle)


def module_of(plugin: Plugin) -> LlmRec:
    assert isinstance(plugin.module, LlmRec)
    return plugin.module


def open_gate(plugin: Plugin) -> Plugin:
    """Set the gate of the states to non-zero values, as training would."""
    gate = module_of(plugin).gate
    assert gate is not None
    torch.nn.init.normal_(gate.weight)
    torch.nn.init.ones_(gate.bias)
    return plugin


def model_of(config: LlmRecConfig = PLAIN, seed: int = 0, seen: Tensor | None = None) -> Model:
    torch.manual_seed(seed)
    backbone = SASRec(EncoderConfig(dim=DIM, max_length=8, n_blocks=1))
    seen = torch.ones(N_ITEMS, dtype=torch.bool) if seen is None else seen
    return Model(seen, backbone, [llmrec(config, inputs())], id_dropout=0.1)


def batch() -> Batch:
    return training_batch([rows[-9:] for rows in inputs().train if len(rows) > 1])


def trained(config: LlmRecConfig, n_steps: int = 30) -> Model:
    model = model_of(config)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    for _ in range(n_steps):
        loss = torch.stack(list(model(batch()).values())).sum()
        trainable = [parameter for parameter in model.parameters() if parameter.requires_grad]
        for parameter, gradient in zip(trainable, torch.autograd.grad(loss, trainable), strict=True):
            parameter.grad = gradient
        optimizer.step()
    return model.eval()


def step(n: int = 6, seed: int = 0) -> TrainingStep:
    generator = torch.Generator().manual_seed(seed)
    histories = torch.tensor([[0, 1, 2, 3], [4, 5, 6, 7], [0, SILENT, 9, 10]])
    mask = torch.tensor([[0.0, 1.0, 1.0, 1.0], [1.0, 1.0, 1.0, 1.0], [0.0, 1.0, 1.0, 1.0]])
    table, plain, states = (torch.randn(size, DIM, generator=generator) for size in (N_ITEMS, 6, 6))
    return make_step(
        states[:n],
        table,
        histories,
        plain=plain[:n],
        targets=torch.tensor([2, 3, 5, 7, 9, 10])[:n],
        users=torch.tensor([0, 0, 1, 1, 2, 2])[:n],
        mask=mask,
    )
