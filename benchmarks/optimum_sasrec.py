"""A float32 SASRec that scores the whole catalogue in its ONNX graph, exported by Optimum.

This is the way of the Hugging Face documentation for a model that Optimum does not know: a ``PreTrainedModel``, an
``OnnxConfig`` with inputs and outputs, and ``optimum.exporters.onnx.export``. Optimum 2.1 uses the old exporter of
PyTorch, and its graph has the item table twice: for the look-up, and transposed for the scores.
"""

import os
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from edge_runtime.engines.onnxruntime import library
from train.backbones.sasrec import SASRec

OUTPUT, IDS, MASK = "logits", "input_ids", "attention_mask"
_WEIGHT = 4  # bytes


class ScoringSasrec(nn.Module):
    """A SASRec with its item table; maps rows to the scores of all items."""

    def __init__(self, table: Tensor, backbone: SASRec) -> None:
        super().__init__()
        self.item = nn.Parameter(table)
        self.backbone = backbone

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """Return the scores ``[batch, n_items]`` of rows ``[batch, length]``, padding in front."""
        events = F.embedding(input_ids, self.item)
        return self.backbone.user_state(events, attention_mask.to(events.dtype)) @ self.item.T


def export_by_optimum(model: ScoringSasrec, path: Path, opset: int) -> None:
    """Write the graph of a model in evaluation mode; ``path`` ends in ``.onnx``."""
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    with warnings.catch_warnings():
        # The old exporter is deprecated, and warns about shapes that it takes as constants.
        warnings.simplefilter("ignore")
        from optimum.exporters.onnx import export

        wrapped = _as_pretrained(model)
        traced = {"sequence_length": model.backbone.config.max_length}
        export(wrapped, _onnx_config(wrapped.config), path, opset=opset, input_shapes=traced)


def table_bytes(model: ScoringSasrec) -> int:
    """Return the bytes of the item table in float32."""
    return model.item.numel() * _WEIGHT


class Scorer:
    """The exported graph on ONNX Runtime with one thread."""

    def __init__(self, path: Path) -> None:
        onnxruntime = library()
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])

    def scores(self, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return the scores of all items after rows ``[length]``, oldest first, at most the model's length."""
        inputs = {IDS: rows[None], MASK: np.ones((1, len(rows)), dtype=np.int64)}
        found: NDArray[np.float32] = self._session.run([OUTPUT], inputs)[0][0]
        return found


def _as_pretrained(model: ScoringSasrec) -> Any:  # noqa: ANN401 - transformers is imported here only
    """Return the model as a ``PreTrainedModel``, which Optimum expects."""
    from transformers import PretrainedConfig, PreTrainedModel

    class Config(PretrainedConfig):  # type: ignore[misc]
        model_type = "sasrec"

    class Sasrec(PreTrainedModel):  # type: ignore[misc]
        config_class = Config

        def __init__(self, config: Config) -> None:
            super().__init__(config)
            self.model = model

        def forward(self, input_ids: Tensor, attention_mask: Tensor) -> dict[str, Tensor]:
            return {OUTPUT: self.model(input_ids, attention_mask)}

    sizes = model.backbone.config
    config = Config(
        vocab_size=len(model.item),
        hidden_size=sizes.dim,
        num_attention_heads=sizes.n_heads,
        num_hidden_layers=sizes.n_blocks,
    )
    return Sasrec(config).eval()


def _onnx_config(config: Any) -> Any:  # noqa: ANN401 - Optimum is imported here only
    """Return the inputs and outputs for Optimum: batch and number of events vary."""
    from optimum.exporters.onnx.config import TextEncoderOnnxConfig
    from optimum.utils import NormalizedTextConfig

    class SasrecOnnxConfig(TextEncoderOnnxConfig):  # type: ignore[misc]
        NORMALIZED_CONFIG_CLASS = NormalizedTextConfig

        @property
        def inputs(self) -> dict[str, dict[int, str]]:
            return {name: {0: "batch", 1: "events"} for name in (IDS, MASK)}

        @property
        def outputs(self) -> dict[str, dict[int, str]]:
            return {OUTPUT: {0: "batch"}}

    return SasrecOnnxConfig(config, task="feature-extraction")
