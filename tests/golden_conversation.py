"""The cases of `tests/golden/conversation/`: what sentences do, equal in the Python and browser runtimes.

After a deliberate change of the rules or of the words, regenerate them with ``python -m tests.golden_conversation`` and
review the diff.
"""

from collections.abc import Sequence
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np

from edge_runtime.bundle.items import Items
from edge_runtime.conversation.apply import Application
from edge_runtime.conversation.hearing import Hearing
from edge_runtime.conversation.query import Query, Wish
from edge_runtime.conversation.rules import Context
from edge_runtime.conversation.talk import Conversation
from edge_runtime.conversation.tokens import Token, tokens_of
from edge_runtime.conversation.words import Language
from edge_runtime.filters.live import LiveFacts, with_live
from edge_runtime.filters.table import FactTable
from edge_runtime.ranking import best_rows
from edge_runtime.recommendation import Recommendation
from edge_runtime.search.finder import Finder
from edge_runtime.similar import Cosines
from tests.chatty_sentences import CHATTY
from tests.golden_dislikes import codes_of, dump, make_codes
from tests.tiny_items import make_items

FOLDER: Final = Path(__file__).parent / "golden" / "conversation"
K: Final = 6

Json = dict[str, Any]

BRANDS = ("Aster", "Birch & Co", "Café Noir", "L'Étoile")
COLOURS = ("red", "night blue", "lake blue", "teal")
KINDS = (
    ("Dome Tent", "Tents", "hiking"), ("Ground Coffee", "Coffee", "travel"), ("Green Tea", "Tea", "travel"),
    ("Wool Socks", "Socks", "hiking"), ("Leather Boots", "Boots", "alpine"), ("Rose Soap, SPF 50", "Soaps", "travel"),
)  # fmt: skip
MATERIALS = ("merino wool", "goose down", "stainless steel")
PEOPLE = ("Ada Stone", "Ben Reed", "Cleo Marsh")

TEXTS: Final[Sequence[str]] = (
    "I don't want L'Étoile, 19.90 or SPF50!", "the 2nd; 1,50 € … 1.234", "200元以下的帐篷。", "überrasch mich", "ﬁne ½",
    "90s 1990's", "", "  \n ", "1,000 1.000,50 1'000 1\u2019000.5 1 500 1\u202f000\u00a0000 0.125 10,000 BC",
    "-5 \u22125 -$5 20-40 20 -40 SPF-50 1e9 1E+400 5k 4K 30% 30 % 80s 1,00,000 1,0000 1,000,50 1.2.3",
)  # fmt: skip

LONG_TEXTS: Final[Sequence[tuple[str, int]]] = (("a", 400), ("9", 290), ("ﷺ", 300), ("ß", 300), ("😀a", 200))
"""A text, and how often it is repeated."""

_SENTENCES: Final[Sequence[tuple[Language, int | None, str]]] = (
    (
        "en",
        None,
        """under 10,000
start over
at least 1,500 euros
between 1.000 and 2.000
under -5
below minus 5
under 1e309
under 30%
under 5k
under 99999999999999999999""",
    ),
    ("de", None, "unter 1.000 Euro\nunter 1.000,50 €\nunter minus 5"),
    ("zh", None, "低于负5元\n低于1,500元"),
    ("fr", None, "moins de 1 500 euros\nau moins 20 euros"),
    (
        "en",
        None,
        """something without coffee
cheaper
more expensive
not that brand
anything but coffee
more like the second, but for winter
surprise me
why this one?
undo
start over
tents
why the third
why number 4?
more like 9
show me something else
what do you recommend
hello
tents under 150
nothing over 20 euros
between 10 and 30
from 10 to 30 euros
about 50 euros
at least 12.50
30 or less
twenty at most
tents from the 90s
after 2001
newer
red or teal
red and teal
boots and socks
tents, boots or tea
no tea, coffee or soap
tea instead of coffee
rather red than teal
only Aster
Birch and Co
cafe noir
letoile
colour red
made by Ada
same brand as the third
the brand of the second
not the first one's colour
another brand please
other brands than Aster
like Aster Drift Dome Tent
I loved Drift Dome Tent
nothing like the first
hide number 2
not this one
blue things
leather boots
woll socks
cofee
Astr
bots
rose scent
coffee free
soap spf 50
quizzical tents
a quizzical thing
boots, no
no that was wrong
the third is nice, show me similar ones
a bit more variety
Ada Stone and Ben Reed
starring Ben Reed
anything with Stone
mother wants tea
sort by price
not cheaper
the tenth
tents for more than 2 people
at least one tent
after two days
lighter than wool
I have no tent
not too expensive
something by author Austen
we want rose water
leather sofa
a quizzical drift
rose water or a leather sofa
more like leather
nothing that smells
no coffee, tea is fine
who has boots
<b>tents</b>
no no no
and or but
not
like
tea tea tea""",
    ),
    (
        "en",
        None,
        """same brand as number 2
the brand of number three
any colour but teal
all tents but Aster
every tent is fine but Aster is nice
show me more expensive ones
show me more like the second
show me more tents
boots that cost less than 40
under 60 but not under 10
instead of boots, socks
the fourth, but in red
Aster Drift Dome Tent type of thing
not a Birch Drift Ground Coffee kind of thing
Aster Drift Dome Tent, but newer
Aster Drift Dome Tent was great, more like that
Reed or Marsh
Zoe Reed
tents, this summer
does the second come in teal
is Aster any good
is that one teal
how old is Ada Stone
why so much tea
why not tea
not just tea, mix it up
that tent fell apart
that tent fell apart in two windy nights
my brother has a tent
my brother has a tent, tea please
the second smells of tea
Stone hates wool, so none of that
rose soap gives me a rash, so none of that
boots? no way
I saw that one in the cinema
something similar that isn't teal
the third is nice, something similar that isn't teal
no Aster, show me other brands
nightblue socks
lake blue
leather boots or wool boots
quizzical or teal
tents with leather
leather free tents
the third one
have seen the third one
twenty euros
red tents, what have you got
I've had enough of the rain, no boots
shorter ones
not too long
under 10 minutes
I have an hour
under an hour
half an hour at most
an hour and a half
half an hour to an hour
an hour ago
between 10 and 20 minutes
at most one hour
20 minutes
how long is the second
number 3 is too long
longer than 5 min""",
    ),
    (
        "en",
        None,
        """more like Aster Drift Dome Tent, red
more like Birch & Co Drift Rose Soap, SPF 50, red
more like "Birch & Co Drift Rose Soap, SPF 50, red", please
nothing like birch & co drift rose soap, spf 50, red
Birch & Co Drift Rose Soap, SPF 50, red but cheaper
I loved Aster Drift Dome Tent, red and Café Noir Drift Leather Boots, teal
more like Aster Drift Dome Tent, teal
coffee, no sorry, I mean tea
tents, red... no wait, make it teal
coffee, uh no, tea
red or teal, sorry, night blue
under 20, sorry, under 30
over 10 and under 20, no wait, 30 euros
not the second, I mean the third
like the second, sorry, the third
no coffee, I mean tea
no coffee, sorry, no tea
no coffee, I mean I want tea
tents, no coffee, I mean tea
boots from Quizzical, sorry, Aster
no, not coffee, I meant tea
wait, no tea
red tents, sorry, socks under 20
tents, sorry
sorry, no boots
boots, no
red, no teal
tea, if you know what I mean
that brand gave me a rash, so please leave it out
Aster zips broke twice, leave them out
rose soap gives me a rash, skip it
tea? god no, get rid of it
the second one is ugly, leave it out
like the second and the third, leave it out
skip it
skip that brand
tents and coffee, but without it""",
    ),
    (
        "en",
        2,
        "that brand gave me a rash, so please leave it out\nskip it\nskip that brand\ntea gives me a rash, drop it",
    ),
    (
        "de",
        2,
        "Kaffee, äh nein, Tee\nunter 20, Entschuldigung, unter 30\nKaffee vertrage ich nicht, lass ihn bitte weg",
    ),
    ("fr", 2, "du café, non pardon, du thé\nle café me rend nerveux, enlève-le\nenlève le café"),
    ("es", 2, "café, perdón, té\nel café me pone nervioso, quítalo"),
    ("zh", None, "不要和第一个类似的\n不要像第一个那样的\n不要跟第二个相似的\n和第一个类似的\n全部撤销"),
    ("zh", 2, "咖啡，不对，茶\n咖啡让我睡不着，去掉它"),  # noqa: RUF001
    (
        "en",
        2,
        """not that brand
this brand
another colour
why this one?
not this one
something similar
the brand of this one
cheaper than this
this maker, but in red""",
    ),
    (
        "de",
        2,
        """nichts mit Kaffee
günstiger
nicht diese Marke
so wie das zweite, aber zum Wandern
überrasch mich
warum das hier?
diese Marke nicht
nicht zu teuer
nicht zu billig
unter 12,50
hallo, danke
rückgängig
Zelte unter 200 Euro
alles außer Stiefeln
Tee statt Kaffee
statt Kaffee, Tee
nicht nur Tee
kürzer
höchstens 10 Minuten
ich habe eine Stunde
unter einer halben Stunde
lieber Tee als Kaffee
zwischen 20 und 40
zeig mir was anderes
danke
von vorne""",
    ),
    (
        "fr",
        2,
        """rien avec du café
moins cher
pas cette marque
pas trop cher
ça ne doit pas être trop cher
pas trop bon marché
plutôt comme le deuxième
surprends-moi
pourquoi celui-ci ?
annuler
une tente à moins de 200 euros
plus de 100 euros
du thé au lieu du café
au lieu du café, du thé
plus court
moins de 10 minutes
j'ai une heure
moins d'une heure
plus d'une heure
une demi-heure au maximum
montre-moi autre chose
merci
on recommence""",
    ),
    (
        "es",
        2,
        """nada con café
más barato
esa marca no
esta marca, no
que no sea muy caro
no muy barato
más como el segundo
sorpréndeme
¿por qué este?
deshacer
botas por menos de 200 euros
té en vez de café
en vez de café, té
más corto
menos de 10 minutos
tengo una hora
media hora como máximo
enséñame otra cosa
gracias""",
    ),
    (
        "zh",
        2,
        """不要咖啡
便宜一点
不要这个牌子
不要太便宜
不能太贵
像第二个，但是要徒步用的
给我一个惊喜
为什么推荐这个？
撤销
200元以下的帐篷
除了靴子都可以
要茶不要咖啡
换一批
谢谢
短一点
10分钟以内
我有一个小时
半小时以内
重新开始
20到40之间""",  # noqa: RUF001 - marks of Chinese
    ),
)
SENTENCES: Final[Sequence[tuple[Language, int | None, str]]] = [
    *((language, about, text) for language, about, texts in _SENTENCES for text in texts.splitlines()),
    *(("en", about, text) for about, text, _ in CHATTY),
]

TALKS: Final[Sequence[tuple[Language, Sequence[str]]]] = (
    ("en", ["no coffee", "cheaper", "cheaper", "undo", "undo", "undo", "undo"]),
    ("en", ["not that brand", "the second one", "why the second?", "not that brand", "reset", "undo"]),
    ("en", ["tents", "preferably red", "no Aster", "why this one?", "why the second?", "start over", "why this one?"]),
    ("de", ["Kaffee oder Tee", "warum der zweite?"]),
    ("en", ["only Aster", "Birch & Co", "both", "undo", "Café Noir", "Café Noir instead"]),
    ("en", ["no coffee", "coffee please", "no", "coffee please", "yes", "tea instead"]),
    ("en", ["no coffee", "coffee please", "hmm", "thanks", "2", "coffee please", "number 1", "1"]),
    ("en", ["no coffee", "coffee please", "undo", "undo", "no tea", "tea", "never mind", "undo everything", "undo"]),
    ("fr", ["sans café", "du café", "Annuler", "annuler tout"]),
    ("en", ["between 5 and 6", "I don't like that", "cheaper than 12.50"]),
    ("en", ["tents", "coffee", "coffee"]),
    ("en", ["cheaper", "even cheaper", "much cheaper", "cheaper still"]),
    ("en", ["teal", "over 60", "no tea", "tea", "the first"]),
    ("en", ["under 30", "at least 40", "keep under 30", "over 50", "first"]),
    ("en", ["surprise me", "surprise me", "show me something else", "show me something else", "something else"]),
    ("en", ["more like the second", "not this one", "rather red", "quizzical tents", "hello", "teal tents under 1"]),
    ("en", ["we want rose water", "yes", "rather a leather sofa", "no", "rose water or a leather sofa", "the second"]),
    ("en", ["leather sofa", "blue things", "leather sofa", "leather", "another author", "more like 9", "other cast"]),
    ("en", ["socks, but the creases and lumps in mine", "the creases and lumps in my old", "not too pricey, Stone"]),
    ("de", ["ohne Kaffee", "nicht diese Marke", "das zweite", "lieber rot", "Tee statt Kaffee", "rückgängig"]),
    ("fr", ["sans café", "moins cher", "du café", "oui", "annuler"]),
    ("es", ["sin café", "más barato", "café", "no", "sorpréndeme", "esa marca no", "la segunda"]),
    ("zh", ["不要咖啡", "便宜一点", "咖啡", "是", "撤销", "换一批", "不要这个牌子", "第二个"]),
)

QUERIES: Final[Sequence[Query]] = (
    Query(),
    Query(similar_to=("item-3",)),
    Query(similar_to=("item-3", "item-40"), unlike=("item-9",)),
    Query(prefer=(Wish("kind", ("a",)),)),
    Query(must_not=(Wish("kind", ("b",)),), prefer=(Wish("kind", ("a", "c")), Wish(None, ("twelve",)))),
    Query(must=(Wish("kind", ("c",)),), must_not=(Wish(None, ("twelve",)),)),
    Query(must=(Wish(None, ("paraben",)),), must_not=(Wish(None, ("parabens",)),)),
    Query(unlike=("item-1", "unknown")),
    Query(similar_to=("item-3",), must=(Wish("kind", ("c",)),)),
)


def shop() -> Items:
    """Return a shop of 24 items."""
    rows = range(24)
    return make_items(
        [f"{BRANDS[row % 4]} Drift {KINDS[row % 6][0]}, {COLOURS[row // 6]}" for row in rows],
        brand=[[BRANDS[row % 4]] for row in rows],
        categories=[["Outdoor", KINDS[row % 6][1]] for row in rows],
        price=[[f"{5 + 7 * row % 90}.90"] if row != 5 else [] for row in rows],
        colour=[[COLOURS[row // 6]] for row in rows],
        material=[[MATERIALS[row % 3]] for row in rows],
        use=[[KINDS[row % 6][2]] for row in rows],
        year=[[str(1985 + row)] for row in rows],
        cast=[[PEOPLE[row % 3], PEOPLE[(row + 1) % 3]] for row in rows],
        director=[[PEOPLE[row % 3]] for row in rows],
        duration=[[str(4 + 3 * row)] for row in rows],
    )


class Shop:
    """What a conversation needs of a release, over the shop."""

    def __init__(self) -> None:
        self.items = shop()
        self.row_of = {item_id: row for row, item_id in enumerate(self.items.item_id)}
        live = LiveFacts()
        finder = Finder(self.items, np.zeros(len(self.items.title), dtype=np.uint8))
        table = FactTable(self.items, self.row_of, live)
        self.application = Application(len(self.items.title), self.row_of.get, table, finder, [])
        self.hearing = Hearing(self, finder, self.application, lambda: live.names)

    def facts(self, row: int) -> dict[str, list[str]]:
        """Return the facts of an item."""
        return with_live(self.items.facts(row), {})

    def listed(self, query: Query, hidden: Sequence[str]) -> list[Recommendation]:
        """Return the first items that a query leaves, with those that are preferred first."""
        mask = self.application.allowed(query)
        mask[[self.row_of[item_id] for item_id in hidden]] = False
        scores = np.arange(len(mask), 0, -1, dtype=np.float32)
        best = partial(best_rows, among=np.flatnonzero(mask))
        rows = best(self.application.shifted(scores, query, best), K)
        return [
            Recommendation(rank, self.items.item_id[row], self.items.title[row], float(scores[row]), row)
            for rank, row in enumerate(rows.tolist(), start=1)
        ]


def parsed(shop: Shop, language: Language, about: int | None, text: str) -> Json:
    """Return what the rules make of a sentence; ``about`` is the number of an item of the list."""
    shown = [item.item_id for item in shop.listed(Query(), ())]
    context = Context(shown, None if about is None else shown[about - 1], shop.hearing.facts)
    result = shop.hearing.parse(text, language, context)
    return {
        "query": msgspec.to_builtins(result.query),
        "not_understood": list(result.not_understood),
        "problem": [result.problem, result.of_problem, result.excludes] if result.problem else None,
        "is_sentence": result.is_sentence,
        **({"readings": msgspec.to_builtins(result.readings)} if result.readings else {}),
        **({"lacks": list(result.lacks)} if result.lacks else {}),
    }


def talk(shop: Shop, language: Language, texts: Sequence[str]) -> list[Json]:
    """Return the answers to some sentences, one after the other."""
    conversation = Conversation()
    answers = []
    for text in texts:
        answer = conversation.say(text, language, shop.hearing, shop.listed, lambda item_id: f"because of {item_id}")
        answers.append(
            {
                "said": text,
                "text": answer.text,
                "chips": [[chip.id, chip.kind, chip.text, chip.details] for chip in answer.chips],
                "question": None if answer.question is None else list(answer.question.options),
                "items": [item.item_id for item in answer.items],
            }
        )
    return answers


def make_shift() -> Json:
    """Return scores before and after queries, over the codes of `dislikes.json`."""
    sizes, arrays = make_codes()
    codes = codes_of(sizes, arrays)
    n_items = sizes.n_items
    items = make_items(
        [
            {
                12: "twelve",
                22: "Twelve-free, 22",
                32: "No twelve or ten",
                42: "Free of the twelve - no 42",
                51: "paraben",
                61: "Paraben and Alcohol Free",
                71: "Soap. Paraben - Petrolatum - Phthalate Free!",
                81: "Free of Chemicals, Parabens, Sulphates",
                91: "Paraben Gluten Free Vegan",
                101: "Paraben - free soap",
                111: "Paraben, shea and sulfate free",
            }.get(row, f"number {row}")
            for row in range(n_items)
        ],
        kind=[["abcde"[row % 5]] for row in range(n_items)],
    )
    row_of = {item_id: row for row, item_id in enumerate(items.item_id)}
    finder = Finder(items, np.zeros(n_items, dtype=np.uint8))
    application = Application(n_items, row_of.get, FactTable(items, row_of, LiveFacts()), finder, [Cosines(codes)])
    random = np.random.default_rng(3)
    scores = (np.round(random.gumbel(size=n_items) * 256) / 256).astype(np.float32)
    cases = []
    for query in QUERIES:
        best = partial(best_rows, among=np.flatnonzero(application.allowed(query)))
        after = application.shifted(scores, query, best)
        cases.append(
            {
                "query": msgspec.to_builtins(query),
                "expected": [round(float(one), 4) for one in after],
                "best": best(after, 10).tolist(),
            }
        )
    return {
        "about": "Scores before and after queries; the codes are those of dislikes.json. Compare to 0.001.",
        "title": items.title,
        "fields": {name: msgspec.to_builtins(field) for name, field in items.fields.items()},
        "scores": [float(one) for one in scores],
        "cases": cases,
    }


def summary_of(tokens: Sequence[Token]) -> Json:
    """Return what `tokens.json` has of the tokens of a long text."""
    lines = "\n".join(f"{one.text}\t{one.stem}\t{one.shown}\t{one.gap}" for one in tokens)
    first, last = ([one.text, one.stem, one.number, one.gap] for one in (tokens[0], tokens[-1]))
    return {"n": len(tokens), "first": first, "last": last, "sha256": sha256(lines.encode()).hexdigest()}


def make_all() -> dict[str, Json]:
    """Return the contents of the files by name."""
    made = Shop()
    tokens = [
        [text, [[one.text, one.stem, one.shown, one.number, one.gap] for one in tokens_of(text)]] for text in TEXTS
    ]
    long = [[text, times, summary_of(tokens_of(text * times))] for text, times in LONG_TEXTS]
    return {
        "tokens.json": {
            "about": (
                "Sentences and their tokens: text, stem, as written, number, gap. A long one is a text and how often "
                "it is repeated, with the number of tokens, the first and last of them except for how they are "
                "written, and the SHA-256 of all: text, stem, as written and gap, joined by tabs, one token a line."
            ),
            "texts": tokens,
            "long": long,
        },
        "parse.json": {
            "about": (
                "Sentences about a shop with its first six items on the screen: language, number of the item that was "
                "talked about last, sentence, and what the rules make of it. Fields with their default are left out."
            ),
            "item_id": made.items.item_id,
            "title": made.items.title,
            "fields": {name: msgspec.to_builtins(field) for name, field in made.items.fields.items()},
            "sentences": [
                [language, about, text, parsed(made, language, about, text)] for language, about, text in SENTENCES
            ],
        },
        "talks.json": {
            "about": (
                "Conversations about the shop of parse.json: what is said, the answer, the chips, the options of a "
                "question and the list. Scores are 24 to 1 by row, there are no vectors, a reason is 'because of ID'."
            ),
            "talks": [[language, talk(made, language, texts)] for language, texts in TALKS],
        },
        "shift.json": make_shift(),
    }


def main() -> None:
    """Write all files."""
    FOLDER.mkdir(exist_ok=True)
    for name, content in make_all().items():
        (FOLDER / name).write_text(dump(content), encoding="utf-8")


if __name__ == "__main__":
    main()
