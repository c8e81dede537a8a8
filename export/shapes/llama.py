"""Llama (SmolLM2 among them), Qwen2 and Qwen3."""

from typing import Final

from export.shapes.shape import Shape, common_objection

LLAMA: Final = Shape(name="llama", interleaved=True, objection=common_objection)
QWEN2: Final = Shape(name="qwen2", objection=common_objection)
QWEN3: Final = Shape(name="qwen3", objection=common_objection)
