"""The cases of `tests/golden/search.json`: search results that the Python and browser runtimes must both return.

After a deliberate change, regenerate them with ``python -m tests.golden_search`` and review the diff.
"""

# ruff: noqa: RUF001 - this file tests ambiguous characters

import json
from pathlib import Path
from typing import Any

import numpy as np

from edge_runtime.bundle.items import Field, Items
from edge_runtime.search.finder import Finder
from edge_runtime.search.words import stem, words_of

PATH = Path(__file__).parent / "golden" / "search.json"

Json = dict[str, Any]

ABOUT = (
    "What the Python and the browser runtime find alike. words: a text and its words; stems: a word and what it has in "
    "common with its plural; catalogues: columns of items, then as many items titled '-' as `padding` says; cases: a "
    "query in a catalogue and the item ids that it finds, the best first."
)
LIMIT = 8
TEXTS = (
    "Crème BRÛLÉE, it's N°5",
    "L’Oréal men‘s `set`",
    "SPF50+ 100ml 0.75 l",
    "Half-Zip / T-shirt_x",
    "Nivea™ Q10® 2½ cm²",
    "Straße GROẞ Æble smørrebrød łódź Iğdır İzmir",
    "ﬁne Ｗｉｄｅ ｶﾞﾗｽ",
    "ёлка Зимой, ΟΔΟΣ οδός",
    "日焼け止め SPF50 クリーム",
    "登山帐篷双人",
    "핸드 크림",
    "เต็นท์สองคน",
    "हिन्दी किताब",
    "قَلَم كتـاب أحمد",
    "soft\u00adhyphen mid\u200cword",
    "–…!? 💡",
    "a",
    "本",
)
WORDS = (
    "tents", "mugs", "boxes", "box", "glasses", "glass", "beanies", "beanie", "bodies", "body", "lenses", "lens",
    "roses", "rose", "shoes", "potatoes", "canvases", "canvas", "trees", "coffee", "tie", "ties", "gas", "gases",
    "candles", "jabones", "huile", "gafas", "glas", "2000s", "подарки", "日焼", "s", "",
)  # fmt: skip

_SHOP = (
    ("t1", "Bramble Lumen 2 Dome Tent, night blue", "Bramble", ("Tents & Shelter", "Tents"), "ripstop nylon", 90),
    ("t2", "Nordlume Otter 3 Tunnel Tent, rose", "Nordlume", ("Tents & Shelter", "Tents"), "cotton canvas", 120),
    ("t3", "Tent pegs, set of 8", "Dunmoor", ("Tents & Shelter", "Accessories"), "titanium", 200),
    ("m1", "Wrenlow Anvil 300 ml Mug, moss", "Wrenlow", ("Camp Kitchen", "Mugs"), "enamelled steel", 150),
    ("m2", "Fjordane Teasel 400ml Mug, rose", "Fjordane", ("Camp Kitchen", "Mugs"), "beech wood", 60),
    ("k1", "Fjordane Aspen Kettle", "Fjordane", ("Camp Kitchen", "Kettles"), "stainless steel", 80),
    ("s1", "Bramble Vesper +8 Sleeping Bag, heather", "Bramble", ("Sleeping", "Sleeping Bags"), "goose down", 110),
    ("s2", "Birkland Rowan -7 Sleeping Bag", "Birkland", ("Sleeping", "Sleeping Bags"), "merino wool", 110),
    ("s3", "Sleeping Mat", "Birkland", ("Sleeping", "Mats"), "closed-cell foam", 255),
    ("b1", "Roll bag", "Nordlume", ("Packs & Bags", "Dry Bags"), "coated polyester", 20),
    ("h1", "Galehut Bobble Beanie, rose", "Galehut", ("Clothing", "Hats"), "merino wool", 70),
    ("h2", "Headlamp 350", "Tarnside", ("Light & Power", "Headlamps"), "recycled plastic", 100),
    ("w1", "Wool Socks", "Galehut", ("Footwear", "Socks"), "merino wool", 130),
    ("w2", "Brush for boots & pots", None, ("Footwear", "Care"), "beech wood", 5),
    ("x1", "Hair dryer, foldable", None, (), "recycled plastic", 30),
)  # fmt: skip
_SHOP_QUERIES = (
    "tents", "tent", "TENT p", "mugs", "sleeping bags", "sleepin bag", "bag sleeping rose", "rose mug", "kettels",
    "hikng", "kettle fjordane", "fjordan", "jordane", "camp kitchen", "accessories", "beanies", "brushes", "boxes",
    "merino", "wool socks", "300 ml", "400 ml", "400ml", "head lamp", "hairdryer", "tetn", "mgu", "stael", "dunmor",
    "titanuim kettle", "r", "spaceship", "rose spaceship", "9999", "  ,;  ", "",
    # Only the first 200 characters (code points) and 16 words are used.
    " " * 196 + "mug tents", "💡" * 196 + "mug tents", " " * 200 + "mug", "mug " * 16 + "tents",
)  # fmt: skip

_SCRIPTS = (
    ("ja", "日焼け止めクリーム SPF50", ("日焼け止め",), 50),
    ("ja2", "ハンドクリーム 無香料", ("ハンドケア",), 40),
    ("zh", "登山帐篷双人防雨", ("帐篷",), 60),
    ("ko", "촉촉한 핸드크림 100ml", ("핸드 케어",), 30),
    ("th", "เต็นท์สองคน กันฝน", ("เต็นท์",), 20),
    ("de", "Große Kerze für draußen", ("Kerzen",), 70),
    ("de2", "Taschenlampe mit Kurbel", ("Lampen",), 10),
    ("fr", "Bougie à l’huile d’amande", ("Bougies",), 70),
    ("es", "Jabón de almendra", ("Jabones",), 80),
    ("ru", "Тёплая шапка из шерсти", ("Шапки",), 90),
    ("el", "Σακίδιο ΠΛΑΤΗΣ", ("Σακίδια",), 15),
    ("hi", "हिन्दी की किताब", ("किताबें",), 25),
    ("ar", "كتاب القِصَص", ("كتب",), 35),
    ("da", "Rødgrød med fløde", ("Smørrebrød",), 45),
)
_SCRIPTS_QUERIES = (
    "日焼け", "クリーム", "焼", "帐篷", "双人帐篷", "크림", "핸드", "เต็นท์", "kerzen", "kerze", "grosse",
    "taschenlampen", "bougies", "huile", "jabones", "jabon", "теплая", "шапка", "шапку", "ΣΑΚΙΔΙΟ", "πλατης", "किताब",
    "القصص", "rodgrod", "smorrebrod", "spf 50", "spf50",
)  # fmt: skip

_SPELLINGS = (
    ("a", "Moisturiser", (), 1),
    ("b", "Moisturizer with oil", (), 200),
    ("c", "Moist wipes", (), 250),
)  # fmt: skip


def make_catalogues() -> dict[str, Json]:
    """Return the catalogues by name."""
    return {
        "shop": _catalogue(
            [(item_id, title, level) for item_id, title, _, _, _, level in _SHOP],
            brand=[() if brand is None else (brand,) for _, _, brand, _, _, _ in _SHOP],
            categories=[categories for _, _, _, categories, _, _ in _SHOP],
            material=[(material,) for _, _, _, _, material, _ in _SHOP],
        ),
        "scripts": _plain(_SCRIPTS),
        "spellings": _plain(_SPELLINGS) | {"padding": 1200},
        "few": _plain(_SPELLINGS),
    }


def _plain(items: tuple[tuple[str, str, tuple[str, ...], int], ...]) -> Json:
    return _catalogue([(one[0], one[1], one[3]) for one in items], categories=[one[2] for one in items])


def _catalogue(items: list[tuple[str, str, int]], **values_of: list[tuple[str, ...]]) -> Json:
    fields = {}
    for name, values in values_of.items():
        distinct = list(dict.fromkeys(value for of_item in values for value in of_item))
        fields[name] = {"values": distinct, "rows": [[distinct.index(value) for value in one] for one in values]}
    columns = {"item_id": [one[0] for one in items], "title": [one[1] for one in items]}
    return columns | {"fields": fields, "popularity": [one[2] for one in items], "padding": 0}


def finder_of(catalogue: Json) -> Finder:
    """Return the search index of a catalogue."""
    n = catalogue["padding"]
    items = Items(
        item_id=catalogue["item_id"] + [f"padding-{number}" for number in range(n)],
        title=catalogue["title"] + ["-"] * n,
        fields={
            name: Field(field["values"], field["rows"] + [[] for _ in range(n)])
            for name, field in catalogue["fields"].items()
        },
    )
    return Finder(items, np.array(catalogue["popularity"] + [0] * n, dtype=np.uint8))


def make_all() -> Json:
    """Return the contents of the file."""
    catalogues = make_catalogues()
    queries = [("shop", query) for query in _SHOP_QUERIES] + [("scripts", query) for query in _SCRIPTS_QUERIES]
    queries += [("spellings", "moisturiser"), ("few", "moisturiser"), ("few", "moist"), ("spellings", "moisturizers")]
    finders = {name: finder_of(catalogue) for name, catalogue in catalogues.items()}
    cases = [
        {"catalogue": name, "query": query, "expected": [catalogues[name]["item_id"][row] for row in rows]}
        for name, query in queries
        for rows in [finders[name].find(query, LIMIT)]
    ]
    return {
        "about": ABOUT,
        "limit": LIMIT,
        "words": [[text, words_of(text)] for text in TEXTS],
        "stems": [[word, stem(word)] for word in WORDS],
        "catalogues": catalogues,
        "cases": cases,
    }


def dump(content: Json) -> str:
    """Return the text of the file, with one line per entry of a list or catalogue."""
    lines = []
    for name, value in content.items():
        entries = [json.dumps(one, ensure_ascii=False) for one in value] if isinstance(value, list) else []
        if isinstance(value, dict):
            entries = [f"{json.dumps(key)}: {json.dumps(one, ensure_ascii=False)}" for key, one in value.items()]
        opened, closed = ("[", "]") if isinstance(value, list) else ("{", "}")
        body = ",\n".join(entries)
        lines.append(f'"{name}": ' + (f"{opened}\n{body}\n{closed}" if entries else json.dumps(value)))
    return "{\n" + ",\n".join(lines) + "\n}\n"


def main() -> None:
    """Write all cases."""
    PATH.write_text(dump(make_all()), encoding="utf-8")


if __name__ == "__main__":
    main()
