"""Explanations are always true, and use the language model if it is available."""

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_runtime.bundle.manifest import LanguageModel, Manifest
from edge_runtime.explainer import Explainer
from edge_runtime.language_model.writer import WriterError
from edge_runtime.reasons.facts import Fact, FactFinder, is_true
from edge_runtime.reasons.prompt import INSTRUCTION, LAYOUT
from edge_runtime.reasons.sentences import sentences
from edge_runtime.reasons.template import template
from edge_runtime.reasons.words import Style, phrases
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


def test_without_a_language_model_the_template_is_used_without_a_note() -> None:
    reason = Explainer(ITEMS, POPULARITY).explain(1, [2, 0])

    assert reason.source == "template"
    assert reason.note is None
    assert "Aster" in reason.text
    assert reason.facts == (Fact("shared", "brand", "Aster", 0),)


def test_the_writer_chooses_the_sentence_and_its_facts_are_returned() -> None:
    writer = LastChoice()

    reason = Explainer(ITEMS, POPULARITY, writer=writer).explain(1, [2, 0])

    assert reason.source == "language model"
    assert reason.facts == (Fact("shared", "categories", "Bath", 2),)
    assert writer.prompts == [
        f"{INSTRUCTION}item: “Rose Soap”\n- comes from “Aster”, like “Rose Cream”\n"
        "- is filed under “Bath”, like “Mint Soap”\nstyle: short\nreason:\n"
    ]


def test_a_sentence_that_the_facts_do_not_allow_is_not_used() -> None:
    reason = Explainer(ITEMS, POPULARITY, writer=Liar()).explain(1, [0])

    assert reason.source == "template"
    assert "baldness" not in reason.text
    assert reason.note == "the language model wrote a sentence that the facts do not allow"


def test_the_writer_is_offered_sentences_with_one_of_the_two_best_facts() -> None:
    items = make_items(
        ["A", "B", "C", "D"],
        brand=[["x"], ["x"], [], []],
        colour=[["red"], [], ["red"], []],
        scent=[["mint"], [], [], ["mint"]],
    )

    reason = Explainer(items, POPULARITY, writer=LastChoice()).explain(0, [1, 2, 3])

    assert reason.facts == (Fact("shared", "colour", "red", 2),)


def test_if_the_writer_fails_the_template_is_used_and_the_note_has_the_reason() -> None:
    reason = Explainer(ITEMS, POPULARITY, writer=Broken()).explain(1, [0])

    assert reason.source == "template"
    assert reason.note == "the language model did not answer within 5 s"


def test_a_model_with_an_unknown_prompt_layout_is_not_used() -> None:
    never_called = lambda: pytest.fail("the model was loaded")  # noqa: E731

    explainer = Explainer(ITEMS, POPULARITY, never_called, manifest_with("facts-v9"))

    assert explainer.explain(1, [0]).note == (
        "the language model needs the prompt layout 'facts-v9', this runtime has 'facts-v2'; export the bundle again"
    )


def test_closing_the_explainer_closes_its_writer() -> None:
    writer = LastChoice()
    explainer = Explainer(ITEMS, POPULARITY, writer=writer)

    explainer.close()

    assert writer.closed


def test_the_prompt_layout_matches_the_phrases() -> None:
    assert phrases().layout == LAYOUT


def test_an_item_without_facts_still_gets_an_explanation() -> None:
    reason = Explainer(ITEMS, POPULARITY).explain(3, [0, 1])

    assert reason.text in phrases().skeletons.nothing
    assert reason.facts == ()


nasty = st.text(min_size=1, max_size=80) | st.sampled_from(["\u200b", "{past}", '"\\', "root ::=", "a." * 60])


@given(
    titles=st.lists(nasty, min_size=3, max_size=5),
    brands=st.lists(nasty, min_size=5, max_size=5),
    style=st.sampled_from(["short", "detailed"]),
)
def test_every_sentence_of_any_catalogue_is_one_line_and_cites_true_facts(
    titles: list[str], brands: list[str], style: Style
) -> None:
    n = len(titles)
    items = make_items(titles, brand=[[brands[row % 2]] for row in range(n)], note=[[brands[row]] for row in range(n)])
    popularity = np.arange(n, dtype=np.uint8)
    history = list(range(1, n))

    facts = FactFinder(items, popularity).facts(0, history)
    allowed = sentences(items, 0, facts, style)

    assert allowed
    assert template(items, 0, facts, style)[0] in allowed
    for text, cited in allowed.items():
        assert text == " ".join(text.split())
        assert all(is_true(fact, items, popularity, 0, history) for fact in cited)
