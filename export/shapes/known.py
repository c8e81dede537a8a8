"""All shapes, by the name of the class of transformers in ``config.json``."""

from collections.abc import Mapping
from typing import Final

from export.shapes.gemma import GEMMA3
from export.shapes.granite import GRANITE
from export.shapes.lfm import LFM2
from export.shapes.llama import LLAMA, QWEN2, QWEN3
from export.shapes.shape import Shape

SHAPES: Final[Mapping[str, Shape]] = {
    "LlamaForCausalLM": LLAMA,
    "Qwen2ForCausalLM": QWEN2,
    "Qwen3ForCausalLM": QWEN3,
    "GraniteForCausalLM": GRANITE,
    "GraniteMoeHybridForCausalLM": GRANITE,
    "Gemma3ForCausalLM": GEMMA3,
    "Lfm2ForCausalLM": LFM2,
}
