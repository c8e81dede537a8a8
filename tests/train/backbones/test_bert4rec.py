import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from tests.train.backbones.tiny_backbones import CONFIG, events_of, tiny_events, tiny_group, tiny_table
from train.backbones.bert4rec import BERT4Rec
from train.backbones.encoder import Supervision
from train.loop.batches import Group


def bert4rec(hidden_share: float = 0.4, last_share: float = 0.0) -> BERT4Rec:
    torch.manual_seed(0)
    return BERT4Rec(CONFIG, hidden_share=hidden_share, last_share=last_share)


def supervision_of(backbone: BERT4Rec, group: Group, table: Tensor, seed: int = 3) -> Supervision:
    torch.manual_seed(seed)
    return backbone.supervise(group, lambda rows: F.embedding(rows, table))


def whole(group: Group) -> tuple[Tensor, Tensor]:
    return torch.cat([group.rows, group.targets[:, -1:]], 1), F.pad(group.mask, (0, 1), value=1.0)


def test_the_cloze_covers_the_whole_sequence_including_the_last_target() -> None:
    rows, real = whole(tiny_group())

    result = supervision_of(bert4rec(), tiny_group(), tiny_table())

    hidden = result.targets >= 0
    assert torch.equal(result.rows, rows)
    assert torch.equal(result.targets[hidden], rows[hidden])
    assert torch.equal(result.visible, real * ~hidden)
    assert not (hidden & (real == 0)).any()


def test_every_sequence_has_a_masked_event() -> None:
    backbone = bert4rec(hidden_share=1e-6)

    for seed in range(20):
        hidden = supervision_of(backbone, tiny_group(), tiny_table(), seed).targets >= 0
        assert torch.equal(hidden.sum(1), torch.ones(3, dtype=torch.long))


def test_a_share_of_one_masks_everything() -> None:
    result = supervision_of(bert4rec(hidden_share=1.0), tiny_group(), tiny_table())

    assert torch.equal(result.targets >= 0, whole(tiny_group())[1] > 0)
    assert result.visible.sum() == 0


def test_some_samples_mask_only_the_newest_event() -> None:
    result = supervision_of(bert4rec(last_share=1.0), tiny_group(), tiny_table())

    assert torch.equal(result.targets[:, -1], tiny_group().targets[:, -1])
    assert (result.targets[:, :-1] == -1).all()


def test_masks_differ_between_steps() -> None:
    backbone = bert4rec()

    drawn = {
        tuple((supervision_of(backbone, tiny_group(), tiny_table(), seed).targets[0] >= 0).tolist())
        for seed in range(9)
    }

    assert len(drawn) > 3


def test_masked_events_do_not_affect_the_states_that_predict_them() -> None:
    backbone, group = bert4rec(), tiny_group()
    before = supervision_of(backbone, group, tiny_table())
    rows, _ = whole(group)

    other = torch.where(before.targets >= 0, (rows + 5) % 24, rows)
    after = supervision_of(backbone, Group(other[:, :-1], group.mask, other[:, 1:]), tiny_table())

    assert not torch.equal(after.targets, before.targets)
    assert torch.equal(after.states, before.states)


def test_visible_events_on_both_sides_affect_a_state() -> None:
    backbone, group = bert4rec(hidden_share=1e-6), tiny_group()
    before = supervision_of(backbone, group, tiny_table(), seed=1)
    rows, _ = whole(group)
    (supervised,) = (before.targets[0] >= 0).nonzero()[0].tolist()
    assert 0 < supervised < 5

    for position in (supervised - 1, supervised + 1):
        other = rows.clone()
        other[0, position] = (other[0, position] + 5) % 24
        after = supervision_of(backbone, Group(other[:, :-1], group.mask, other[:, 1:]), tiny_table(), seed=1)
        assert (after.states - before.states)[0, supervised].abs().max() > 1e-6


def test_training_and_ranking_encode_the_newest_event_the_same() -> None:
    backbone, group = bert4rec(last_share=1.0), tiny_group()

    result = supervision_of(backbone, group, tiny_table())
    ranking = backbone.last(events_of(group.rows, group.mask, tiny_table()))

    torch.testing.assert_close(result.states[:, -1], ranking)


def test_the_state_after_each_event_is_that_of_its_prefix() -> None:
    backbone, events = bert4rec(), tiny_events((4,))

    states = backbone(events)

    for end in range(1, 5):
        prefix = events_of(events.rows[:, :end], events.mask[:, :end], tiny_table())
        torch.testing.assert_close(states[:, end - 1], backbone.last(prefix))


@pytest.mark.parametrize(("hidden_share", "last_share"), [(0.0, 0.1), (1.1, 0.1), (0.2, -0.1), (0.2, 1.1)])
def test_shares_out_of_range_are_refused(hidden_share: float, last_share: float) -> None:
    with pytest.raises(ValueError, match="hidden_share"):
        BERT4Rec(CONFIG, hidden_share=hidden_share, last_share=last_share)
