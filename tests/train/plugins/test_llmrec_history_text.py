"""With history="text", the alignment losses use histories that a language model has read."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from tests.train.plugins.tiny_llmrec import N_ITEMS, PLAIN, SILENT, circle, inputs, module_of, step
from train.data.sequences import Sequences
from train.errors import RunError
from train.items.features import PluginInputs
from train.plugins.llmrec import LlmRecConfig, llmrec
from train.plugins.llmrec_history_text import HistoryTexts, drawn_prefixes, prefix_keys, read_histories
from train.plugins.plugin import Plugin

BY_TEXT = replace(PLAIN, history="text", decay=1.0)
MONDAY_NOON = 1_700_481_600
DESCRIBED = np.arange(N_ITEMS) != SILENT


class Reader:
    """Reads each text as the same known vector, and remembers the texts."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def __call__(self, texts: Sequence[str]) -> NDArray[np.float32]:
        self.texts += texts
        return np.tile(np.eye(1, 6, dtype=np.float32), (len(texts), 1))


def sequences(*histories: list[int], start: int = MONDAY_NOON) -> Sequences:
    lengths = [len(rows) for rows in histories]
    times = np.concatenate([start + 3600 * np.arange(n) for n in lengths]).astype(np.int64)
    names = tuple(f"user-{number}" for number in range(len(histories)))
    rows = np.concatenate([np.asarray(rows, dtype=np.int32) for rows in histories])
    return Sequences(names, np.concatenate([[0], np.cumsum(lengths)]), rows, times)


def with_reader(reader: Reader, train: Sequences) -> PluginInputs:
    return replace(inputs(train=train), read=reader)


def plugin_of(config: LlmRecConfig, reader: Reader, train: Sequences) -> Plugin:
    plugin = llmrec(config, with_reader(reader, train))
    if plugin.before_epoch is not None:
        plugin.before_epoch(0, torch.zeros(1))
    return plugin


def test_each_prefix_has_an_event_with_a_text_and_a_next_item() -> None:
    train = sequences([1, 2, 3], [SILENT, 4, 5], [6], [SILENT, 7])

    every = drawn_prefixes(train, DESCRIBED, 10, seed=0)

    assert every == [(0, 1), (0, 2), (1, 2)]
    assert len(drawn_prefixes(train, DESCRIBED, 1, seed=0)) == 2


def test_a_prefix_is_known_by_its_newest_events_and_the_next_item() -> None:
    rows = torch.tensor([[0, 1, 2], [9, 1, 2], [0, 1, 2], [0, 2, 1]])
    counts = torch.tensor([[0.0, 1.0, 1.0]] * 4)

    keys = prefix_keys(rows, counts, torch.tensor([3, 3, 4, 3]))
    longer = prefix_keys(torch.tensor([[1, 2, 8, 8]]), torch.tensor([[1.0, 1.0, 0.0, 0.0]]), torch.tensor([3]))

    assert keys[0] == keys[1] == longer[0]
    assert len(set(keys.tolist())) == 3


def test_events_older_than_those_in_the_text_do_not_matter() -> None:
    rows = torch.arange(10).repeat(2, 1)
    rows[1, 0] = 20

    keys = prefix_keys(rows, torch.ones(2, 10), torch.tensor([12, 12]))

    assert keys[0] == keys[1]


def test_a_text_has_the_situation_and_the_events_before_the_next_item_newest_first() -> None:
    reader = Reader()

    read_histories(with_reader(reader, sequences([1, SILENT, 2, 3])), DESCRIBED, 10, reader)

    titles = inputs().catalogue.titles
    assert len(reader.texts) == 3
    newest = reader.texts[-1].split("\n")
    assert newest[0] == "Monday afternoon, 15:00, last here within the hour"
    assert [line.split(";")[0] for line in newest[1:]] == [titles[2], titles[1]]


def test_without_timestamps_a_text_has_no_situation() -> None:
    reader = Reader()

    read_histories(with_reader(reader, sequences([1, 2], start=0)), DESCRIBED, 1, reader)

    assert reader.texts[0].split(";")[0] == inputs().catalogue.titles[1]


def test_histories_that_were_read_replace_their_means_and_others_keep_them() -> None:
    reader = Reader()
    # Of the histories of the step, one prefix is in the training events: 4, 5, 6 before 7.
    plugin = plugin_of(replace(BY_TEXT, prefixes=9), reader, sequences([4, 5, 6, 7], [20, 21]))
    module, by_mean = module_of(plugin), module_of(llmrec(replace(PLAIN, decay=1.0), inputs()))

    read, means = ((one.pairs(step()), one) for one in (module, by_mean))

    known = torch.tensor([step().targets[index] for index in range(6)])
    assert known.tolist() == [2, 3, 5, 7, 9, 10]
    expected = module.space.histories(torch.eye(1, 6), torch.ones(1))[0]
    is_read = [bool(torch.allclose(one, expected)) for one in read[0].histories]
    assert sum(is_read) == 2  # 4 before 5, and 4, 5, 6 before 7
    assert {int(user) for user, one in zip(read[0].users, is_read, strict=True) if one} == {1}
    assert len(means[0].histories) == len(read[0].histories)


def test_the_texts_are_read_once_before_the_first_epoch_and_not_when_a_model_is_only_used() -> None:
    reader = Reader()
    plugin = llmrec(BY_TEXT, with_reader(reader, sequences([1, 2, 3])))
    assert reader.texts == []

    assert plugin.before_epoch is not None
    plugin.before_epoch(0, torch.zeros(1))
    plugin.before_epoch(1, torch.zeros(1))

    assert len(reader.texts) == 2
    assert llmrec(PLAIN, inputs()).before_epoch is None


def test_the_vectors_are_not_part_of_the_model() -> None:
    plugin = plugin_of(BY_TEXT, Reader(), sequences([1, 2, 3]))

    assert module_of(plugin).state_dict().keys() == module_of(llmrec(PLAIN, inputs())).state_dict().keys()


def test_no_prefixes_at_all_leave_the_means() -> None:
    texts = read_histories(inputs(train=sequences([1], [2])), DESCRIBED, 2, Reader())
    means = torch.from_numpy(circle().vectors[:2, 0])

    kept = texts.in_place_of(means, torch.tensor([[1], [2]]), torch.ones(2, 1), torch.tensor([3, 4]))

    assert isinstance(texts, HistoryTexts)
    assert torch.equal(kept, means)


def test_it_needs_a_language_model_and_the_alignment() -> None:
    plugin = llmrec(BY_TEXT, inputs())

    assert plugin.before_epoch is not None
    with pytest.raises(RunError, match="history='mean'"):
        plugin.before_epoch(0, torch.zeros(1))
    with pytest.raises(ValueError, match="leave align on"):
        replace(BY_TEXT, align=False)
    with pytest.raises(ValueError, match="prefixes at least 1"):
        replace(BY_TEXT, prefixes=0)
