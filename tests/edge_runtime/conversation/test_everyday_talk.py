"""What people say every day in German, French, Spanish and Chinese does what it means, and small talk does nothing."""

import pytest

from benchmarks.sentence_meaning import Screen, Sentence, verdict
from edge_runtime.conversation.parsed import Context
from edge_runtime.conversation.query import Query
from edge_runtime.conversation.words import Language
from tests.golden_conversation import Shop

SHOP = Shop()
SHOWN = [item.item_id for item in SHOP.listed(Query(), ())]

REQUESTS = """
de  noch ein Zelt                          +Tents
de  weder Tee noch Kaffee                  -Tea -Coffee
de  auf Kaffee kann ich verzichten         -Coffee
de  lass den Kaffee weg                    -Coffee
de  das ist ganz schön teuer               price<
de  um die 50 Euro                         price=40..60
de  Kommando zurück                        !undo
de  lieber doch nicht                      !undo
de  alles rückgängig machen                !reset
de  lass dir was einfallen                 !surprise
fr  une tente ou du thé                    +Tents/Tea
fr  encore du thé                          +Tea
fr  c'est cher                             price<
fr  j'en ai marre du café                  -Coffee
fr  un truc dans le genre du troisième     ~3
fr  laisse tomber                          !undo
fr  annule tout                            !reset
fr  tu as autre chose ?                    !more
es  es un poco caro                        price<
es  no quiero gastar tanto                 price<
es  algo así como el tercero               ~3
es  me he equivocado                       !undo
es  deshazlo todo                          !reset
es  elige tú                               !surprise
es  quiero té                              +Tea
zh  帐篷和靴子                             +Tents/Boots
zh  能不能推荐帐篷                         +Tents
zh  好贵啊                                 price<
zh  和第三个差不多的                       ~3
zh  还是算了                               !undo
zh  全部撤销                               !reset
zh  你来选                                 !surprise
"""

SMALL_TALK = """
de  das ist doch nicht wahr
de  na gut, passt schon
de  ich liebe dich
fr  je ne sais pas encore
fr  c'est n'importe quoi
fr  où est mon colis ?
es  te quiero mucho
es  ¿qué te parece?
es  no pasa nada
zh  今天天气不错
zh  没关系
zh  不好意思
"""


@pytest.mark.parametrize("line", REQUESTS.strip().splitlines())
def test_an_everyday_request_does_what_it_means(line: str) -> None:
    language, said = _split(line)
    text, meaning = said.rsplit("  ", 1)
    parsed = SHOP.hearing.parse(text.strip(), language, _context())
    screen = Screen(SHOWN, SHOP.hearing.facts, lambda item_id: SHOP.items.title[SHOP.row_of[item_id]])

    assert verdict(parsed, Sentence("shop", language, None, text.strip(), meaning), screen) == "right", parsed


@pytest.mark.parametrize(
    ("text", "position"), [("不要和第一个类似的", 1), ("不要像第一个那样的", 1), ("不要跟第二个相似的", 2)]
)
def test_a_chinese_refusal_of_what_resembles_an_item_holds_to_its_end(text: str, position: int) -> None:
    assert SHOP.hearing.parse(text, "zh", _context()).query == Query(unlike=(SHOWN[position - 1],))


@pytest.mark.parametrize("line", SMALL_TALK.strip().splitlines())
def test_small_talk_changes_nothing(line: str) -> None:
    language, text = _split(line)

    assert SHOP.hearing.parse(text, language, _context()).query == Query(intent="nothing")


def _split(line: str) -> tuple[Language, str]:
    language, text = line.split(maxsplit=1)
    codes: dict[str, Language] = {"de": "de", "fr": "fr", "es": "es", "zh": "zh"}
    return codes[language], text


def _context() -> Context:
    return Context(SHOWN, None, SHOP.hearing.facts)
