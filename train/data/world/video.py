"""The synthetic video shelf: its topics, creators and words. Data only; all names are invented."""

from edge_runtime.events import CLICK, LIKE, WATCH
from train.data.world.theme import Fields, Kind, Rgb, Theme

_HOME = ("a kitchen at home", "a studio kitchen")
_SHED = ("a shed with one window", "a shared workshop")
_STAGE = ("a living room", "a rehearsal room", "a small stage")
_OPEN = ("the Tarn valley", "the north coast", "the birch woods")
_GARDEN = ("a back garden", "the marshes", "the north coast")
_DESK = ("a school laboratory", "an observatory", "a desk by the window")
_ROOM = ("a studio under the roof", "a desk by the window")
_FIELD = ("a gym", "a city park", "the north coast")

_CATEGORIES: dict[str, tuple[Kind, ...]] = {
    "Kitchen": (
        Kind("bread", "Bread", 14, "baking video", _HOME,
             ("a rye loaf", "flatbread from the pan", "sourdough", "bread rolls", "a loaf without kneading", "bagels"),
             ("The recipe is at the end.", "Nothing is cut, not even the waiting."),
             ("soup", "coffee making"), "loaf"),
        Kind("soup", "Soups", 9, "cooking video", _HOME,
             ("lentil soup", "noodle soup", "cold cucumber soup", "pumpkin soup", "fish soup", "onion soup"),
             ("One pot, one spoon, no music.", "Serves four, or one person all week."),
             ("bread", "gardens"), "cook pot"),
        Kind("coffee making", "Coffee", 7, "coffee video", _HOME,
             ("filter coffee", "espresso", "milk foam", "cold brew", "roasting beans", "a moka pot"),
             ("With a thermometer and without.", "Tasted blind by three neighbours."),
             ("bread", "yoga"), "coffee"),
    ),
    "Workshop": (
        Kind("woodwork", "Woodwork", 22, "workshop video", _SHED,
             ("a stool", "dovetails", "a spoon from green wood", "a bookshelf", "sharpening chisels", "a wooden box"),
             ("Hand tools only.", "All measures are on the screen."),
             ("pottery", "bicycle repair"), "saw"),
        Kind("bicycle repair", "Bicycle Repair", 13, "repair video", _SHED,
             ("a flat tyre", "brakes that squeal", "a worn chain", "wheel truing", "gear cables", "an old frame"),
             ("Five tools are enough.", "Filmed from where your eyes would be."),
             ("running", "woodwork"), "bicycle"),
        Kind("knots", "Knots", 5, "knot video", _SHED,
             ("the bowline", "the clove hitch", "splicing", "the taut-line hitch", "a net", "the figure eight"),
             ("Slow, and from both sides.", "One rope, no words."),
             ("paddling", "camping"), "rope"),
    ),
    "Music": (
        Kind("guitar", "Guitar", 16, "guitar lesson", _STAGE,
             ("open tunings", "fingerpicking", "barre chords", "a twelve-bar blues", "flamenco", "restringing"),
             ("With the chords on screen.", "Played once fast and once slowly."),
             ("drums", "piano")),
        Kind("piano", "Piano", 18, "piano lesson", _STAGE,
             ("a first waltz", "reading two clefs", "jazz voicings", "left-hand patterns", "a prelude", "scales"),
             ("The keys are filmed from above.", "Ends with the whole piece."),
             ("guitar", "drawing")),
        Kind("drums", "Drums", 12, "drum lesson", _STAGE,
             ("ghost notes", "a shuffle", "brushes", "playing quietly", "odd metres", "tuning the heads"),
             ("A click track to download is below.", "Also works on a pillow."),
             ("guitar", "football"), "drum"),
    ),
    "Outdoors": (
        Kind("mountain walks", "Mountain Walks", 26, "walking film", _OPEN,
             ("the ridge at dawn", "the high pass", "a winter summit", "the old shepherd path", "a night walk",
              "the three-lakes round"),
             ("Wind and steps, nothing else.", "The map is in the last minute."),
             ("camping", "photography"), "mountain"),
        Kind("camping", "Camping", 19, "camping film", _OPEN,
             ("one night in the rain", "a hut of branches", "cooking on a fire", "a tarp in the wind", "winter camping",
              "the lightest kit"),
             ("Everything that was used is listed.", "Nobody was cold in the end."),
             ("mountain walks", "knots"), "dome tent"),
        Kind("paddling", "Paddling", 17, "paddling film", _OPEN,
             ("the forward stroke", "a river in flood", "the island crossing", "a roll", "packing a kayak",
              "a lake at night"),
             ("Half of it is under water.", "Filmed on three mornings."),
             ("camping", "fish"), "boat"),
    ),
    "Nature": (
        Kind("birds", "Birds", 11, "nature film", _GARDEN,
             ("the kingfisher", "nest boxes", "birdsong in May", "the winter feeder", "owls at dusk", "the heron"),
             ("Best with headphones.", "No bird was called or fed for it."),
             ("gardens", "photography"), "bird"),
        Kind("gardens", "Gardens", 13, "garden video", _GARDEN,
             ("a vegetable bed", "compost", "pruning roses", "seeds indoors", "a small pond", "the garden in March"),
             ("The same bed, filmed for a year.", "Works on a balcony, too."),
             ("birds", "soup"), "plant"),
        Kind("fish", "Under Water", 15, "nature film", _GARDEN,
             ("rock pools", "the trout stream", "a reef in the north", "seahorses", "the eel", "kelp forests"),
             ("The water is as clear as that.", "Names appear when animals do."),
             ("paddling", "birds")),
    ),
    "Science": (
        Kind("astronomy", "Astronomy", 20, "science video", _DESK,
             ("Saturn's rings", "a lunar eclipse", "the autumn sky", "a home-made telescope", "comets", "nebulae"),
             ("You need no telescope.", "Sky charts for both hemispheres are below."),
             ("chemistry", "weather"), "planet"),
        Kind("chemistry", "Chemistry", 12, "science video", _DESK,
             ("crystals", "indicators from cabbage", "soap", "copper plating", "dyes", "a candle, slowed down"),
             ("Safe to repeat at a kitchen table.", "The equations are explained one by one."),
             ("astronomy", "pottery"), "lab flask"),
        Kind("weather", "Weather", 10, "science video", _DESK,
             ("thunderstorms", "reading clouds", "the jet stream", "a rain gauge", "fog", "hail"),
             ("Includes a time lapse of one whole day.", "Made with data that anybody can get."),
             ("astronomy", "mountain walks"), "cloud"),
    ),
    "Art": (
        Kind("drawing", "Drawing", 15, "drawing lesson", _ROOM,
             ("hands", "trees in ink", "perspective", "portraits in charcoal", "a sketchbook page", "light and shadow"),
             ("Draw along; there are pauses.", "One pencil, three grades of paper."),
             ("pottery", "photography"), "pencil"),
        Kind("pottery", "Pottery", 21, "pottery video", _ROOM,
             ("a bowl on the wheel", "handles", "glazes from ash", "a teapot", "pinch pots", "a raku firing"),
             ("The kiln is opened on camera.", "Two pieces broke, and they are in it."),
             ("drawing", "chemistry"), "vase"),
        Kind("photography", "Photography", 14, "photography lesson", _ROOM,
             ("portraits by a window", "black and white", "night skies", "a pinhole camera", "street scenes",
              "developing film"),
             ("All settings are shown.", "The raw files can be had."),
             ("drawing", "birds"), "camera"),
    ),
    "Sport": (
        Kind("football", "Football", 9, "training video", _FIELD,
             ("the first touch", "free kicks", "passing in threes", "goalkeeping", "a warm-up", "the weak foot"),
             ("Ten minutes a day are enough.", "Needs a ball and a wall."),
             ("running", "drums"), "ball"),
        Kind("running", "Running", 11, "training video", _FIELD,
             ("a first 10 km", "hill repeats", "running form", "a morning run", "recovery", "trail running"),
             ("With a plan for six weeks.", "At the pace of the slowest."),
             ("yoga", "football"), "trail shoe"),
        Kind("yoga", "Yoga", 24, "class", _FIELD,
             ("morning stretches", "a stiff back", "balance", "breathing", "sun salutations", "yoga on a chair"),
             ("No mat is needed.", "Each pose is held for five breaths."),
             ("running", "coffee making"), "sleeping mat"),
    ),
}  # fmt: skip

# Creators and the length of their videos, relative to the usual length.
_CREATORS: dict[str, float] = {
    "Ada Fennimore": 1.0, "Bram & Olive": 0.8, "Chiara Dell": 1.3, "Dov Makes": 0.7, "Elke Sundgren": 1.1,
    "Faro Quiet": 1.5, "Greta on Foot": 1.2, "Hamid Sorel": 0.9, "Ines Vidra": 1.0, "Jonas Plain": 0.75,
    "Kitty Marlowe": 0.85, "Lasse Nord": 1.4, "Mina Okafor": 1.1, "Nils & Nora": 0.9, "Oona Brack": 1.25,
    "Pavel Drum": 0.8, "Quentin Low": 1.0, "Rosa Tidewell": 1.15, "Slow Saturday": 1.6, "Tove Halden": 0.95,
    "Uncle Ferry": 0.7, "Vera Lindt": 1.05, "Wim Achter": 0.85, "Yuki Moss": 1.2,
}  # fmt: skip

_TITLES = (
    "{size}, step by step", "{size} for beginners", "{size} in real time", "{size}: what I got wrong",
    "A quiet hour with {size}", "The short guide to {size}", "{size} without talking", "Another day, {size}",
    "{size}, explained slowly", "Three takes on {size}", "{size} again, but better", "Why I love {size}",
)  # fmt: skip

_COLOURS: dict[str, Rgb] = {
    "tomato": (206, 58, 44), "tangerine": (236, 128, 36), "sunflower": (244, 202, 52), "leaf": (74, 148, 66),
    "sea": (40, 104, 186), "violet": (122, 78, 172), "peony": (232, 124, 170), "chestnut": (124, 78, 48),
    "lagoon": (44, 160, 166), "midnight": (34, 50, 108), "mint": (140, 204, 150), "stone": (132, 134, 138),
}  # fmt: skip

_PAPERS: dict[str, Rgb] = dict(
    zip(
        _CATEGORIES,
        (
            (240, 236, 226), (232, 234, 236), (236, 231, 240), (226, 236, 238),
            (229, 238, 228), (228, 232, 242), (242, 236, 232), (238, 238, 226),
        ),
        strict=True,
    )
)  # fmt: skip

VIDEO = Theme(
    kind="video",
    categories=_CATEGORIES,
    makers=_CREATORS,
    models=_TITLES,
    title="{model}",
    description="{article} {adjective} {noun}, {use}, filmed in {material}.",
    adjectives=("calm", "careful", "cheerful", "dense", "honest", "patient", "playful", "thorough"),
    own_words={},
    colours=_COLOURS,
    accents=((250, 220, 150), (240, 150, 70), (250, 240, 228), (62, 72, 92), (240, 202, 92), (214, 92, 76)),
    papers=_PAPERS,
    uses={
        "beginners": "for those who start", "in depth": "for those who want to know more",
        "relaxing": "for the end of a day", "with children": "for a table with children",
        "quick": "for a short break", "documentary": "told from the beginning",
    },
    fields=Fields(
        category="topics", kind="topics", maker="creator", level="duration", material="setting", use="style"
    ),
    has_prices=False,
    events={CLICK: 0.35, LIKE: 0.2, WATCH: 0.45},
    picture_size=(160, 90),
    video_share=1.0,
    repeated="Music",
    new_share=0.25,
    half_life_days=None,
)  # fmt: skip
