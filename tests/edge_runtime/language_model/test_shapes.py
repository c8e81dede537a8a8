"""Models of every shape answer one prompt after the other, and what is cached of earlier ones changes nothing."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from edge_runtime.language_model.model import Model, library
from export.gguf import make_language_model as make_gguf
from tests.tiny_language_model import Shape, make_language_model

PROMPTS = ["the same beginning " * 5 + end for end in ("here", "there", "", "her")]


class Inspected(Model):
    """A model whose scores of the next token can be read."""

    def logits(self, prompt: str) -> NDArray[np.float32]:
        self._decode(self.tokenize(prompt))
        width = self._api.llama_vocab_n_tokens(self._vocabulary)
        return np.ctypeslib.as_array(self._api.llama_get_logits_ith(self._context, -1), shape=(width,)).copy()


@pytest.mark.parametrize("shape", ["llama", "granite", "granite4", "gemma3", "lfm2"])
def test_the_cache_of_earlier_prompts_does_not_change_the_scores(shape: Shape, tmp_path: Path) -> None:
    path = tmp_path / "reasons.gguf"
    make_gguf(make_language_model(tmp_path / "model", shape), path, "F16")
    model = Inspected(library(), path, 512)

    for prompt in PROMPTS * 2:
        fresh = Inspected(library(), path, 512).logits(prompt)

        # Rounding differs with the number of tokens that are decoded together; a wrong cache gives other scores.
        assert np.abs(model.logits(prompt) - fresh).max() < 0.02 * fresh.std()
