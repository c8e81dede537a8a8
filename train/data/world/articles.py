"""The synthetic article list: its sections, authors and words. Data only; all names are invented."""

from edge_runtime.events import CLICK, LIKE, READ
from train.data.world.theme import Fields, Kind, Rgb, Theme

_PLACES = ("Averness", "Port Callow", "Lindholm", "Saint-Orvin", "Brescova", "Tamsin Bay")

_CATEGORIES: dict[str, tuple[Kind, ...]] = {
    "World": (
        Kind("elections", "Elections", 7, "text", _PLACES,
             ("the late count", "postal votes", "the second round", "a village ballot", "young voters", "the recount"),
             ("With a map of all districts.", "The numbers are those of the office, as of the evening."),
             ("cities", "prices"), "ballot box"),
        Kind("cities", "Cities", 8, "text", _PLACES,
             ("empty offices", "the night tram", "rents", "the new square", "roof gardens", "the old harbour"),
             ("Photographs from one week.", "Twelve residents speak."),
             ("trains", "elections"), "buildings"),
        Kind("trade", "Trade", 6, "text", _PLACES,
             ("the container port", "tariffs on steel", "the grain route", "small exporters", "customs", "the canal"),
             ("Two charts, one table.", "The ship was followed for nine days."),
             ("prices", "islands"), "boat"),
    ),
    "Economy": (
        Kind("prices", "Prices", 5, "text", _PLACES,
             ("the price of bread", "interest rates", "rents and wages", "insurance", "the weekly shop", "fuel"),
             ("The data can be downloaded.", "Compared with ten years ago."),
             ("work", "bread"), "chart"),
        Kind("work", "Work", 7, "text", _PLACES,
             ("the four-day week", "night shifts", "apprentices", "remote villages", "the last typist", "short notice"),
             ("Names were changed.", "Five people kept a diary."),
             ("prices", "robots"), "duffel"),
        Kind("energy", "Energy", 9, "text", _PLACES,
             ("wind at sea", "heat pumps", "the grid", "old dams", "batteries", "solar roofs"),
             ("With the sums, so that they can be checked.", "Visited on a day without wind."),
             ("climate", "chips"), "turbine"),
    ),
    "Science": (
        Kind("space", "Space", 8, "text", _PLACES,
             ("a lost probe", "the far side of the Moon", "exoplanets", "orbit debris", "dark skies", "a telescope"),
             ("The pictures took eight hours each.", "Sources are linked below."),
             ("chips", "climate"), "planet"),
        Kind("medicine", "Medicine", 10, "text", _PLACES,
             ("old vaccines", "sleep", "the village doctor", "antibiotics", "a rare disease", "pain"),
             ("Read by two doctors before it appeared.", "It does not replace advice."),
             ("climate", "bread"), "lab flask"),
        Kind("climate", "Climate", 9, "text", _PLACES,
             ("the dry summer", "glaciers", "sea walls", "a warmer lake", "peat bogs", "storms"),
             ("One graph says most of it.", "Measured at the same place since 1931."),
             ("energy", "mountaineering"), "cloud"),
    ),
    "Culture": (
        Kind("books", "Books", 6, "text", _PLACES,
             ("a debut novel", "translators", "the second-hand shop", "poems by post", "a forgotten author", "diaries"),
             ("With the first page.", "Nothing about the ending."),
             ("films", "music"), "book"),
        Kind("films", "Films", 5, "text", _PLACES,
             ("a quiet western", "the last projectionist", "subtitles", "a film without cuts", "silence", "extras"),
             ("Seen twice, once alone.", "Still running in three cinemas."),
             ("books", "music"), "camera"),
        Kind("music", "Music", 5, "text", _PLACES,
             ("a choir of bakers", "the lost tape", "organ pipes", "a festival in the rain", "old pianos", "encores"),
             ("With a list to listen to.", "The recording is from 1974."),
             ("films", "books"), "guitar"),
    ),
    "Technology": (
        Kind("chips", "Chips", 9, "text", _PLACES,
             ("a chip factory", "the two-nanometre race", "open designs", "sand", "old processors", "repair"),
             ("Explained from the beginning.", "Nobody was allowed to touch anything."),
             ("privacy", "robots"), "chip"),
        Kind("privacy", "Privacy", 7, "text", _PLACES,
             ("location data", "data brokers", "models on the phone", "passwords", "cameras in shops", "forgetting"),
             ("The request and the reply are printed in full.", "It took four months."),
             ("chips", "elections"), "padlock"),
        Kind("robots", "Robots", 8, "text", _PLACES,
             ("a strawberry picker", "warehouse arms", "robots in care", "a machine that folds", "drones", "old toys"),
             ("The robot lost.", "With a video of the second attempt."),
             ("work", "chips"), "robot"),
    ),
    "Sport": (
        Kind("football", "Football", 4, "text", _PLACES,
             ("a late goal", "the third league", "referees", "grass", "the away end", "a long contract"),
             ("With the line-ups.", "Written before the final whistle, and after."),
             ("cycling", "work"), "ball"),
        Kind("cycling", "Cycling", 6, "text", _PLACES,
             ("the queen stage", "a breakaway", "cobbles", "a hundred-year-old race", "the domestique", "time trials"),
             ("The profile of the stage is above.", "Watched from a bakery."),
             ("football", "hiking"), "bicycle"),
        Kind("mountaineering", "Mountaineering", 10, "text", _PLACES,
             ("a north face", "the rescue hut", "rope teams", "a first ascent", "turning back", "thin air"),
             ("Told by those who came down.", "Heights are in metres."),
             ("hiking", "climate"), "mountain"),
    ),
    "Food": (
        Kind("bread", "Bread", 5, "text", _PLACES,
             ("rye", "the village oven", "a baker at three", "flour", "sourdough", "stale bread"),
             ("With a recipe for two loaves.", "The baker does not give the temperature."),
             ("coffee", "gardens"), "loaf"),
        Kind("coffee", "Coffee", 5, "text", _PLACES,
             ("a harvest", "the corner bar", "decaf", "roasters", "the price of a cup", "instant coffee"),
             ("Fourteen cups were drunk for it.", "With a map of the bars."),
             ("bread", "trade"), "mug"),
        Kind("gardens", "Gardens", 6, "text", _PLACES,
             ("a school garden", "seed banks", "slugs", "allotments", "wild hedges", "the last apple"),
             ("What to do in this month is at the end.", "The gardener is ninety-one."),
             ("bread", "climate"), "plant"),
    ),
    "Travel": (
        Kind("trains", "Trains", 8, "text", _PLACES,
             ("the night train", "a branch line", "the mountain railway", "waiting rooms", "the sleeper", "delays"),
             ("With timetable and fares.", "Written on board."),
             ("islands", "cities"), "train"),
        Kind("hiking", "Hiking", 7, "text", _PLACES,
             ("the coast path", "seven huts", "a border walk", "slow valleys", "the pilgrims' way", "a stony week"),
             ("The track can be downloaded.", "Two stages, one bus."),
             ("trains", "mountaineering"), "hiking boot"),
        Kind("islands", "Islands", 7, "text", _PLACES,
             ("the last ferry", "a lighthouse", "an island of sheep", "winter guests", "a school of four", "tides"),
             ("How to get there, and why not in August.", "With a drawing of the harbour."),
             ("trains", "trade"), "island"),
    ),
}  # fmt: skip

# Authors and the length of their articles, relative to the usual length.
_AUTHORS: dict[str, float] = {
    "Agnes Marlot": 1.2, "Bertil Quay": 0.8, "Carys Holm": 1.0, "Davide Runz": 0.7, "Edda Farrow": 1.4,
    "Felix Orban": 0.9, "Gwen Tallis": 1.1, "Henrik Voss": 0.75, "Ilse Brandt": 1.3, "Jamal Rydel": 1.0,
    "Katya Lorne": 0.85, "Ludo Ferrant": 1.5, "Maeve Corrin": 1.1, "Noor Haddix": 0.9, "Otis Vane": 0.8,
    "Petra Solm": 1.25, "Rafe Illing": 0.95, "Signe Aubert": 1.15, "Tomas Wray": 0.7, "Una Delgard": 1.0,
    "Viktor Slade": 1.05, "Willa Teague": 1.35, "Yara Menn": 0.9, "Zeno Pratt": 0.8,
}  # fmt: skip

_TITLES = (
    "What we know about {size}", "{size}, explained", "A letter on {size}", "The people behind {size}",
    "Five questions about {size}", "The cost of {size}", "In defence of {size}", "{size}: a visit",
    "The numbers behind {size}", "What {size} taught us", "How {size} began", "After {size}",
)  # fmt: skip

_COLOURS: dict[str, Rgb] = {
    "brick": (186, 66, 52), "apricot": (240, 142, 62), "straw": (236, 206, 78), "fern": (82, 140, 72),
    "ink blue": (46, 86, 158), "plum": (112, 64, 136), "blossom": (226, 136, 168), "bark": (112, 76, 52),
    "sea green": (48, 148, 150), "dusk": (40, 52, 104), "meadow": (142, 190, 112), "ash": (128, 130, 134),
}  # fmt: skip

_PAPERS: dict[str, Rgb] = dict(
    zip(
        _CATEGORIES,
        (
            (234, 236, 240), (238, 236, 228), (228, 236, 240), (240, 234, 236),
            (232, 234, 238), (234, 240, 230), (243, 238, 228), (230, 238, 238),
        ),
        strict=True,
    )
)  # fmt: skip

ARTICLES = Theme(
    kind="articles",
    categories=_CATEGORIES,
    makers=_AUTHORS,
    models=_TITLES,
    title="{model}",
    description="{article} {adjective} {noun} {use}, from {material}.",
    adjectives=("brisk", "clear", "dry", "generous", "long-planned", "sharp", "thoughtful", "vivid"),
    own_words={},
    colours=_COLOURS,
    accents=((250, 220, 150), (240, 150, 70), (250, 240, 228), (62, 72, 92), (240, 202, 92), (214, 92, 76)),
    papers=_PAPERS,
    uses={
        "report": "with what was seen and heard", "interview": "in questions and answers", "essay": "with an opinion",
        "guide": "with advice at the end", "portrait": "about one person", "analysis": "with data",
    },
    fields=Fields(
        category="section", kind="topics", maker="author", level="reading_minutes", material="place", use="form",
        date="date",
    ),
    has_prices=False,
    events={CLICK: 0.35, LIKE: 0.2, READ: 0.45},
    picture_size=(150, 100),
    video_share=0.0,
    repeated=None,
    new_share=0.8,
    half_life_days=60,
)  # fmt: skip
