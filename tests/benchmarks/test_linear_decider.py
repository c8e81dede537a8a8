"""The linear model in the place of the language model that parses."""

from pathlib import Path

from benchmarks.linear_decider import LinearDecider
from benchmarks.talk_of_nothing import hearing_of
from edge_runtime import Recommender
from edge_runtime.conversation.parsed import Context
from edge_runtime.conversation.query import Wish
from tests.tiny_bundle import make_tiny_bundle


def test_a_linear_model_learns_from_made_sentences_what_is_not_wanted(tmp_path: Path) -> None:
    make_tiny_bundle(tmp_path)
    with Recommender.open(tmp_path) as recommender:
        hearing = hearing_of(recommender, "rules", linear=True)
        hearing.parser, hearing.decide = "model", LinearDecider(recommender, 600)
        heard = [
            hearing.parse(text, "en", Context((), None, hearing.facts)) for text in ("avoid Aster", "give me Aster")
        ]

    aster = (Wish("brand", ("Aster",)),)
    assert [(parsed.query.must, parsed.query.must_not) for parsed in heard] == [((), aster), (aster, ())]
