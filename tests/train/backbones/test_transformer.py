import torch

from tests.train.backbones.tiny_backbones import CONFIG, tiny_events
from train.backbones.attention import MASKED, bidirectional_bias, causal_bias
from train.backbones.sasrec import SASRec
from train.backbones.transformer import Transformer


def test_with_a_causal_mask_it_equals_sasrec() -> None:
    events, sasrec, transformer = tiny_events(), SASRec(CONFIG), Transformer(CONFIG)

    transformer.load_state_dict(sasrec.state_dict())

    bias = causal_bias(events.mask)
    torch.testing.assert_close(transformer.encode(events.embeddings, bias), sasrec(events))
    torch.testing.assert_close(transformer.encode_last(events.embeddings, bias), sasrec.last(events))


def test_a_bidirectional_mask_hides_padding_only() -> None:
    bias = bidirectional_bias(torch.tensor([[0.0, 1.0, 1.0]]))

    assert bias.tolist() == [[[[MASKED, 0.0, 0.0]]]]


def test_without_a_causal_mask_the_first_state_depends_on_the_last_event() -> None:
    events, transformer = tiny_events((4,)), Transformer(CONFIG)
    other = events.embeddings.clone()
    other[:, -1] *= -1.0
    bias = bidirectional_bias(events.mask)

    moved = transformer.encode(other, bias) - transformer.encode(events.embeddings, bias)

    assert moved[:, 0].abs().max() > 1e-6


def test_there_can_be_more_positions_than_events() -> None:
    transformer = Transformer(CONFIG, n_positions=CONFIG.max_length + 1)
    vectors = torch.zeros(1, CONFIG.max_length + 1, CONFIG.dim)

    assert transformer.encode(vectors, torch.zeros(1, 1, 1, 1)).shape == vectors.shape
