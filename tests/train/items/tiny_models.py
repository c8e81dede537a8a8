"""Models with random weights as Hugging Face folders, and as a TFLite file."""

from collections.abc import Sequence
from pathlib import Path

import flatbuffers
import numpy as np
import torch
from ai_edge_litert import schema_py_generated as schema

WORDS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "rose", "soap", "mint", "steel", "hammer", "##s")
_TYPES = {"float32": schema.TensorType.FLOAT32, "uint8": schema.TensorType.UINT8, "int8": schema.TensorType.INT8}


def make_bert(folder: Path) -> Path:
    from transformers import BertConfig, BertModel, BertTokenizerFast

    folder.mkdir()
    (folder / "vocab.txt").write_text("\n".join(WORDS), "utf-8")
    BertTokenizerFast(vocab_file=str(folder / "vocab.txt"), model_max_length=16).save_pretrained(folder)
    sizes = {"hidden_size": 8, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 16}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = BertModel(BertConfig(vocab_size=len(WORDS), max_position_embeddings=16, initializer_range=0.5, **sizes))
    model.save_pretrained(folder)
    return folder


def make_vit(folder: Path) -> Path:
    from transformers import ViTConfig, ViTImageProcessor, ViTModel

    sizes = {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = ViTModel(ViTConfig(image_size=8, patch_size=4, initializer_range=0.5, **sizes), add_pooling_layer=False)
    model.save_pretrained(folder)
    ViTImageProcessor(size={"height": 8, "width": 8}).save_pretrained(folder)
    return folder


def make_clip(folder: Path) -> Path:
    from transformers import CLIPConfig, CLIPImageProcessor, CLIPModel

    sizes = {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        config = CLIPConfig(
            text_config=sizes | {"vocab_size": 16}, vision_config=sizes | {"image_size": 8, "patch_size": 4},
            projection_dim=6,
        )  # fmt: skip
        model = CLIPModel(config)
    model.save_pretrained(folder)
    CLIPImageProcessor(size={"shortest_edge": 8}, crop_size={"height": 8, "width": 8}).save_pretrained(folder)
    return folder


def make_tflite(
    path: Path, kind: str, *, shape: Sequence[int] = (1, 4, 4, 3), scale: float = 0.0, zero: int = 0
) -> Path:
    """Write a TFLite file that computes the mean colour of a picture of the ``shape``, with the operator MEAN."""
    out = schema.TensorT()
    out.shape, out.type, out.buffer, out.name = [1, shape[-1]], _TYPES[kind], 0, "colour"
    picture = schema.TensorT()
    picture.shape, picture.type, picture.buffer, picture.name = list(shape), _TYPES[kind], 0, "picture"
    for tensor in (out, picture):
        tensor.quantization = schema.QuantizationParametersT()
        if scale:
            tensor.quantization.scale, tensor.quantization.zeroPoint = [scale], [zero]
    axes = schema.TensorT()
    axes.shape, axes.type, axes.buffer, axes.name = [2], schema.TensorType.INT32, 1, "axes"

    mean, code = schema.OperatorT(), schema.OperatorCodeT()
    code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.MEAN
    code.version = 2
    mean.opcodeIndex, mean.inputs, mean.outputs = 0, [0, 1], [2]
    mean.builtinOptionsType, mean.builtinOptions = schema.BuiltinOptions.ReducerOptions, schema.ReducerOptionsT()

    graph, model = schema.SubGraphT(), schema.ModelT()
    graph.tensors, graph.inputs, graph.outputs, graph.operators = [picture, axes, out], [0], [2], [mean]
    nothing, numbers = schema.BufferT(), schema.BufferT()
    numbers.data = np.frombuffer(np.asarray([1, 2], dtype="<i4").tobytes(), dtype=np.uint8)
    model.version, model.subgraphs, model.operatorCodes, model.buffers = 3, [graph], [code], [nothing, numbers]
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), file_identifier=b"TFL3")
    path.write_bytes(bytes(builder.Output()))
    return path
