"""The families of language models that can be converted: what llama.cpp needs to know of each, one file a family.

Each family is a :class:`~export.shapes.shape.Shape`: what it refuses, the hyperparameters of its own, and how its
tensors differ from those of transformers. Sources: the model's code in transformers, and llama.cpp's own converter
(https://github.com/ggml-org/llama.cpp, `convert_hf_to_gguf.py`).
"""
