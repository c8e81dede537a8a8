"""Explanations are always true, and use the language model if it is available."""

from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_runtime.bundle.manifest import LanguageModel, Manifest
from edge_runtime.explainer import Explainer, Listed, Manner
from edge_runtime.language_model.writer import WriterError
from edge_runtime.reasons.evidence import without_engine
from edge_runtime.reasons.facts import Fact, is_true
from edge_runtime.reasons.phrasebook import phrases_of
from edge_runtime.reasons.prompt import INSTRUCTION, LAYOUT
from edge_runtime.reasons.words import Style, rules
from tests.tiny_bundle import Shape, tiny_contents
from tests.tiny_items import make_items

ITEMS = make_items(
    ["Rose Cream", "Rose Soap", "Mint Soap", "Plain Box"],
    brand=[["Aster"], ["Aster"], ["Birch"], []],
    categories=[["Hands"], ["Bath"], ["Bath"], []],
)
POPULARITY = np.array([200, 100, 50, 0], dtype=np.uint8)


class LastChoice:
    """A writer that chooses the last sentence and stores its arguments."""

    def __init__(self) -> None:
        self.prompts: list[str] = []
        self.closed = False

    def write(self, prompt: str, choices: tuple[str, ...], seed: int) -> str:
        self.prompts.append(prompt)
        return choices[-1]

    def close(self) -> None:
        self.closed = True


class Liar(LastChoice):
    """A writer that returns a sentence that is not among the choices."""

    def write(self, prompt: str, choices: tuple[str, ...], seed: int) -> str:
        return "It cures baldness."


class Broken(LastChoice):
    """A writer that always fails."""

    def write(self, prompt: str, choices: tuple[str, ...], seed: int) -> str:
        raise WriterError("the language model did not answer within 5 s")


def manifest_with(prompt: str) -> Manifest:
    manifest, _ = tiny_contents(n_items=4, seed=0, target="laptop-x86_64", shape=Shape(), release=1, name="tiny")
    return msgspec.structs.replace(manifest, language_model=LanguageModel("writer.gguf", 512, prompt))


def listed(row: int, history: list[int]) -> Listed:
    return Listed([row], without_engine(history, [row]))


def test_without_a_language_model_the_template_is_used_without_a_note() -> None:
    reason = Explainer(ITEMS, POPULARITY).explain(listed(1, [2, 0]))

    assert reason.source == "template"
    assert reason.note is None
    assert reason.language == "en"
    assert reason.facts == (Fact("shared", "brand", "Aster", 0),)


def test_the_writer_chooses_the_wording_of_a_fact() -> None:
    writer = LastChoice()

    reason = Explainer(ITEMS, POPULARITY, writer=writer).explain(listed(1, [2, 0]))

    assert reason.source == "language model"
    assert reason.text == "Same maker as “Rose Cream”"
    assert writer.prompts == [
        f"{INSTRUCTION}item: “Rose Soap”\n- same “brand” as “Rose Cream”: “Aster”\nstyle: short, casual\nreason:\n"
    ]


def test_a_sentence_that_the_facts_do_not_allow_is_not_used() -> None:
    reason = Explainer(ITEMS, POPULARITY, writer=Liar()).explain(listed(1, [0]))

    assert reason.source == "template"
    assert "baldness" not in reason.text
    assert reason.note == "the language model wrote a sentence that the facts do not allow"


def test_the_writer_is_not_offered_what_another_reason_of_the_list_says() -> None:
    rows = [1, 3, 2]
    both = Listed(rows, without_engine([0], rows))

    reasons = Explainer(ITEMS, POPULARITY, writer=LastChoice()).explain_list(both)

    assert len({reason.text for reason in reasons if reason}) == 3


def test_if_the_writer_fails_the_template_is_used_and_the_note_has_the_reason() -> None:
    reason = Explainer(ITEMS, POPULARITY, writer=Broken()).explain(listed(1, [0]))

    assert reason.source == "template"
    assert reason.note == "the language model did not answer within 5 s"


def test_a_model_with_an_unknown_prompt_layout_is_not_used() -> None:
    never_called = lambda: pytest.fail("the model was loaded")  # noqa: E731

    explainer = Explainer(ITEMS, POPULARITY, None, never_called, manifest_with("facts-v9"))

    assert explainer.explain(listed(1, [0])).note == (
        "the language model needs the prompt layout 'facts-v9', this runtime has 'facts-v3'; export the bundle again"
    )


def test_closing_the_explainer_closes_its_writer() -> None:
    writer = LastChoice()
    explainer = Explainer(ITEMS, POPULARITY, writer=writer)

    explainer.close()

    assert writer.closed


def test_the_prompt_layout_matches_the_rules() -> None:
    assert rules().layout == LAYOUT


def test_an_item_of_which_nothing_can_be_said_has_no_reason_in_a_list_and_an_honest_one_alone() -> None:
    explainer, nothing = Explainer(ITEMS, POPULARITY), listed(3, [])

    assert explainer.explain_list(nothing) == [None]
    assert explainer.explain(nothing).text in phrases_of("en").nothing["casual"]
    assert explainer.explain(nothing).facts == ()


@pytest.mark.parametrize(
    ("manner", "message"),
    [
        ({"style": "loud"}, "style must be one of 'short', 'detailed', got 'loud'"),
        ({"tone": "rude"}, "tone must be one of 'casual', 'formal', got 'rude'"),
        ({"language": "xx"}, "language must be one of 'en'"),
    ],
)
def test_an_unknown_manner_is_refused(manner: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Manner(**manner)


nasty = st.text(min_size=1, max_size=80) | st.sampled_from(["\u200b", "{past}", '"\\', "root ::=", "a." * 60])


@given(
    titles=st.lists(nasty, min_size=3, max_size=5),
    brands=st.lists(nasty, min_size=5, max_size=5),
    style=st.sampled_from(["short", "detailed"]),
)
def test_every_wording_for_any_catalogue_is_one_line_and_cites_true_facts(
    titles: list[str], brands: list[str], style: Style
) -> None:
    n = len(titles)
    items = make_items(titles, brand=[[brands[row % 2]] for row in range(n)], note=[[brands[row]] for row in range(n)])
    popularity = np.arange(n, dtype=np.uint8)
    history = list(range(1, n))
    explainer, one = Explainer(items, popularity), listed(0, history)

    speaker = explainer.speaker(one, Manner(style))
    wordings = [wording for claim in explainer.claims(one)[0] for wording in speaker.wordings(claim)]

    assert explainer.explain(one, Manner(style)).text
    for wording in wordings:
        assert wording.text == " ".join(wording.text.split())
        assert all(is_true(fact, items, popularity, 0, history) for fact in wording.facts)
