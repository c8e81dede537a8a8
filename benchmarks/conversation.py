"""Measures the conversation: whether sentences are understood, and what one sentence of feedback is worth.

python -m benchmarks.conversation sentences --world BUNDLE --beauty BUNDLE --films BUNDLE [--held-out] [--parser model]
python -m benchmarks.conversation feedback --bundle BUNDLE --data build/world
python -m benchmarks.conversation prose --world BUNDLE --beauty BUNDLE --films BUNDLE

`sentences` parses the sentences written by hand and as many made ones (`benchmarks/sentences/README.md`) against the
lists of real bundles. `feedback` lets the last item of each user be the one that is wanted: the user says one thing
that this item has or has not, compared with the ten that are shown, and never its name; NDCG at 10 before and after.
`prose` counts how many sentences of Python's docstrings, which ask for nothing, are taken for a request. With --parser,
the language model of the bundles parses, or contradicts the rules; English sentences only. With --linear, a linear
model that is trained now is in its place, so that no bundle needs one.
"""

import argparse
import json
import random
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import get_args

from benchmarks.picture_colours import wilson
from benchmarks.sentence_maker import made_sentences
from benchmarks.sentence_meaning import Screen, Sentence, Verdict, verdict
from benchmarks.spoken_feedback import measure_feedback
from benchmarks.talk_of_nothing import hearing_of, measure_talk
from edge_runtime import Recommender
from edge_runtime.conversation.hearing import Hearing, ParserName
from edge_runtime.conversation.rules import Context
from edge_runtime.conversation.words import checked_language
from edge_runtime.recommender import PARSERS

FOLDER = Path(__file__).parent / "sentences"
N_MADE = {"world": 120, "beauty": 80, "films": 80}
N_HISTORY = 5
SEED_OF_A_SET = 1000


def main() -> None:
    """Print the figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    sentences = commands.add_parser("sentences", help="whether sentences are understood")
    prose = commands.add_parser("prose", help="how often prose is taken for a request")
    for name in N_MADE:
        for command in (sentences, prose):
            command.add_argument(f"--{name}", type=Path, metavar="BUNDLE")
    for command in (sentences, prose):
        command.add_argument("--parser", choices=PARSERS, default="rules")
        command.add_argument("--linear", action="store_true", help="A linear model in place of the language model.")
    prose.add_argument("--sentences", type=int, default=400)
    prose.add_argument("--seed", type=int, default=1)
    sentences.add_argument("--held-out", action="store_true", help="The half of the sentences that was held out.")
    sentences.add_argument(
        "--set",
        type=int,
        choices=(1, 2, 3, 4, 5, 6, 7, 8),
        default=1,
        help="Which set by hand, with other made sentences for each.",
    )
    sentences.add_argument("--all", action="store_true", help="Both halves.")
    sentences.add_argument("--seed", type=int, default=0, help="Of the made sentences.")
    sentences.add_argument("--show", action="store_true", help="Print the sentences that are not right.")
    feedback = commands.add_parser("feedback", help="what one sentence is worth")
    feedback.add_argument("--bundle", type=Path, required=True)
    feedback.add_argument("--data", type=Path, required=True, help="The data folder that the bundle is of.")
    feedback.add_argument("--users", type=int, default=1000)
    feedback.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    if options.command == "feedback":
        print(json.dumps(measure_feedback(options.bundle, options.data, options.users, options.seed), indent=1))
        return
    bundles = {name: bundle for name in N_MADE if (bundle := getattr(options, name)) is not None}
    if not bundles:
        parser.error("expected at least one of --world, --beauty and --films")
    if options.command == "prose":
        print(
            json.dumps(
                measure_talk(bundles, options.sentences, options.seed, options.parser, linear=options.linear), indent=1
            )
        )
        return
    both = ("tuned", "held out")
    halves = both if options.all or options.set > 1 else ("held out",) if options.held_out else ("tuned",)
    written = by_hand(options.set)
    seed = options.seed + SEED_OF_A_SET * (options.set - 1)
    found = measure_sentences(
        bundles, written, halves, seed, show=options.show, parser=options.parser, linear=options.linear
    )
    print(json.dumps(found, indent=1))


def by_hand(number: int) -> list[Sentence]:
    """Return a set of sentences written by hand."""
    text = (FOLDER / f"by_hand_{number}.tsv").read_text("utf-8")
    lines = [line.split("\t") for line in text.splitlines()]
    return [
        Sentence(catalogue, language, None if about == "-" else int(about), text, meaning)
        for catalogue, language, about, text, meaning in lines
    ]


def half_of(sentences: Sequence[Sentence], halves: Sequence[str]) -> list[Sentence]:
    """Return every other sentence of each catalogue and language, or all."""
    seen: Counter[tuple[str, str]] = Counter()
    chosen = []
    for sentence in sentences:
        key = (sentence.catalogue, sentence.language)
        seen[key] += 1
        if ("tuned" if seen[key] % 2 else "held out") in halves:
            chosen.append(sentence)
    return chosen


def measure_sentences(
    bundles: dict[str, Path],
    written: Sequence[Sentence],
    halves: Sequence[str],
    seed: int,
    *,
    show: bool = False,
    parser: ParserName = "rules",
    linear: bool = False,
) -> dict[str, object]:
    """Return counts of verdicts by source and language, and times of parsing."""
    counts: dict[str, Counter[Verdict]] = {}
    times: list[float] = []
    for name, bundle in bundles.items():
        index = list(N_MADE).index(name)
        with Recommender.open(bundle, language_model=parser != "rules", parser=parser) as recommender:
            hearing = hearing_of(recommender, parser, linear=linear)
            made = made_sentences(name, recommender.items, N_MADE[name], seed + index)
            chosen = [(f"by hand, {one.language}", one) for one in half_of(written, halves) if one.catalogue == name]
            chosen += [("made, en", one) for one in half_of(made, halves)]
            for source, sentence in chosen:
                result = _judge(recommender, hearing, sentence, times)
                counts.setdefault(source, Counter())[result] += 1
                if show and result != "right":
                    print(f"{result:7} {name:7} {sentence.text!r}: {sentence.meaning}")
                    print(f"        {_parsed(recommender, hearing, sentence)}")
    total = sum(counts.values(), Counter[Verdict]())
    table = {source: _shares(count) for source, count in sorted(counts.items())}
    return {
        "parser": parser,
        "halves": list(halves),
        "all": _shares(total),
        **table,
        "parse_ms_median": round(sorted(times)[len(times) // 2], 2),
        "parse_ms_95": round(sorted(times)[len(times) * 95 // 100], 2),
    }


def _judge(recommender: Recommender, hearing: Hearing, sentence: Sentence, times: list[float]) -> Verdict:
    context, screen = _context(recommender, sentence)
    language = checked_language(sentence.language)
    hearing.parse(sentence.text, language, context)  # builds the words of the language at the first call
    started = time.perf_counter()
    parsed = hearing.parse(sentence.text, language, context)
    times.append((time.perf_counter() - started) * 1000)
    return verdict(parsed, sentence, screen)


def _parsed(recommender: Recommender, hearing: Hearing, sentence: Sentence) -> object:
    context, _ = _context(recommender, sentence)
    return recommender._hearing(recommender._in_use()).parse(
        sentence.text, checked_language(sentence.language), context
    )


def _context(recommender: Recommender, sentence: Sentence) -> tuple[Context, Screen]:
    """Return the list of a person with a few items in the history, the same for all sentences of a catalogue."""
    hearing = recommender._in_use().hearing()
    chance = random.Random(0)  # noqa: S311 - a sample
    history = chance.sample(list(recommender.items.item_id), N_HISTORY)
    shown = [item.item_id for item in recommender.recommend(10, history)]
    about = None if sentence.about is None else shown[sentence.about - 1]
    return Context(shown, about, hearing.facts), Screen(shown, hearing.facts, hearing.title)


def _shares(count: Counter[Verdict]) -> dict[str, object]:
    n = count.total()
    names: tuple[Verdict, ...] = get_args(Verdict)
    return {"n": n, **{name: round(count[name] / n, 4) for name in names}, **_intervals(count, names)}


def _intervals(count: Counter[Verdict], names: Sequence[Verdict]) -> dict[str, object]:
    return {f"{name}_95": [round(max(0.0, end), 4) for end in wilson(count[name], count.total())] for name in names}


if __name__ == "__main__":
    main()
