"""The synthetic outdoor shop: its products, brands and words. Data only; all names are invented."""

from edge_runtime.events import CLICK, LIKE, PURCHASE
from train.data.world.theme import Fields, Kind, Rgb, Theme

_CLOTH = ("ripstop nylon", "recycled polyester", "cotton canvas")
_METAL = ("titanium", "anodised aluminium", "stainless steel")

_CATEGORIES: dict[str, tuple[Kind, ...]] = {
    "Tents & Shelter": (
        Kind("dome tent", "Tents", 219, "tent", ("ripstop nylon", "recycled polyester"), ("2", "3", "4"),
             ("Two doors, two porches, up in five minutes.", "The poles are colour-coded, so it pitches in the dark."),
             ("sleeping mat", "sleeping bag")),
        Kind("tunnel tent", "Tents", 329, "tent", ("ripstop nylon", "cotton canvas"), ("3", "4", "5"),
             ("Room to stand and a porch for four chairs.", "The inner hangs in the outer, so it stays dry inside."),
             ("camp chair", "lantern")),
        Kind("tarp", "Tarps", 69, "tarp", _CLOTH, ("3x3", "3x4", "4x4"),
             ("Reinforced loops on every side.", "Guy lines and a stuff sack are included."),
             ("rope", "hammock")),
        Kind("hammock", "Hammocks", 59, "hammock", ("ripstop nylon", "organic cotton"), ("Solo", "Double", ""),
             ("Hangs in two minutes and packs to the size of a fist.", "The straps are kind to the bark."),
             ("blanket", "tarp")),
        Kind("camp chair", "Furniture", 49, "chair", ("recycled polyester", "cotton canvas"), ("Low", "High", ""),
             ("Folds flat and carries 120 kilos.", "There is a pocket for a book and one for a mug."),
             ("cool box", "mug")),
    ),
    "Sleeping": (
        Kind("sleeping bag", "Sleeping Bags", 139, "sleeping bag", ("goose down", "recycled fibre", "merino wool"),
             ("+8", "0", "-7"),
             ("A warm collar and a zip that does not catch.", "Comes with one bag for the road and one for the shelf."),
             ("sleeping mat", "pillow")),
        Kind("sleeping mat", "Mats", 79, "mat", ("recycled polyester", "closed-cell foam"), ("S", "M", "L"),
             ("Thick enough for side sleepers.", "Inflates with its own sack in a dozen breaths."),
             ("pillow", "sleeping bag")),
        Kind("pillow", "Pillows", 25, "pillow", ("organic cotton", "recycled fibre"), ("", "Mini", "Wide"),
             ("Rolls into its own corner.", "The cover comes off for the wash."),
             ("blanket", "sleeping bag")),
        Kind("blanket", "Blankets", 55, "blanket", ("merino wool", "recycled fibre", "organic cotton"), ("", "XL"),
             ("For cold evenings by the fire and for the sofa.", "Woven with a border that does not fray."),
             ("lantern", "tea")),
    ),
    "Camp Kitchen": (
        Kind("stove", "Stoves", 59, "stove", _METAL, ("1", "2", "Pro"),
             ("Boils a litre in three and a half minutes.", "A wind shield keeps the flame steady."),
             ("cook pot", "kettle")),
        Kind("cook pot", "Pots", 39, "pot", _METAL, ("0.9 l", "1.4 l", "2.1 l"),
             ("The lid drains pasta and the handle folds away.", "Marks inside show every quarter litre."),
             ("spork", "trail meal")),
        Kind("mug", "Mugs", 15, "mug", ("enamelled steel", "titanium", "beech wood"), ("300 ml", "400 ml"),
             ("Keeps its cool at the rim.", "Hangs from a pack by its handle."),
             ("coffee", "tea")),
        Kind("kettle", "Kettles", 35, "kettle", ("anodised aluminium", "stainless steel"), ("0.8 l", "1.2 l"),
             ("Pours without a drop beside the cup.", "The handle locks upright and stays cool."),
             ("tea", "coffee")),
        Kind("spork", "Cutlery", 9, "spork", ("titanium", "beech wood", "recycled plastic"), ("", "Long", "Duo"),
             ("Reaches the bottom of every pouch.", "Spoon, fork and a bit of a knife."),
             ("trail meal", "mug")),
        Kind("cool box", "Cooling", 89, "cool box", ("recycled plastic", "stainless steel"), ("15 l", "24 l", "36 l"),
             ("Keeps ice for two days in the shade.", "The lid is a table, the drain a blessing."),
             ("water canister", "camp chair")),
    ),
    "Packs & Bags": (
        Kind("backpack", "Backpacks", 179, "pack", _CLOTH, ("45", "55", "65"),
             ("The back length adjusts to the person.", "A rain cover hides in the base."),
             ("dry bag", "rain jacket")),
        Kind("daypack", "Daypacks", 79, "pack", _CLOTH, ("18", "22", "28"),
             ("One big room, one small pocket, nothing to fuss with.", "Holds a bladder, a jacket and lunch."),
             ("bottle", "energy bar")),
        Kind("duffel", "Duffels", 99, "duffel", ("waxed canvas", "recycled polyester"), ("40", "60", "90"),
             ("Straps turn it into a rucksack.", "The bottom is coated against wet car parks."),
             ("dry bag", "power bank")),
        Kind("dry bag", "Dry Bags", 29, "dry bag", ("ripstop nylon", "coated polyester"), ("8 l", "13 l", "20 l"),
             ("Roll it three times and it floats.", "Taped seams, and a window to find the socks."),
             ("sandal", "rope")),
    ),
    "Footwear": (
        Kind("hiking boot", "Boots", 189, "boot", ("nubuck leather", "suede and mesh"), ("Mid", "High", ""),
             ("A stiff sole for scree and a soft collar for the ankle.", "It can be resoled, twice at least."),
             ("wool socks", "backpack")),
        Kind("trail shoe", "Shoes", 129, "shoe", ("knitted mesh", "suede and mesh"), ("", "GT", "Fast"),
             ("Light, grippy, dry by the next morning.", "A rock plate takes the sting out of the path."),
             ("wool socks", "headlamp")),
        Kind("sandal", "Sandals", 75, "sandal", ("recycled webbing", "nubuck leather"), ("", "Trek"),
             ("Three straps, and it fits after the first hour.", "Made for rivers, ferries and gardens."),
             ("bottle", "dry bag")),
        Kind("wool socks", "Socks", 19, "pair of socks", ("merino wool", "alpaca wool"), ("Light", "Mid", "Heavy"),
             ("No seam at the toes.", "Can be worn for days, and we have tried."),
             ("hiking boot", "beanie")),
    ),
    "Clothing": (
        Kind("rain jacket", "Jackets", 169, "jacket", ("three-layer laminate", "recycled polyester"), ("", "Light"),
             ("The hood turns with the head.", "Vents under the arms, pockets above the hip belt."),
             ("fleece", "gloves")),
        Kind("fleece", "Fleece", 85, "fleece", ("recycled fibre", "merino wool"), ("Half-Zip", "", "Crew"),
             ("Warm when damp and quiet when worn.", "A chest pocket for the map."),
             ("down vest", "beanie")),
        Kind("down vest", "Vests", 119, "vest", ("goose down", "recycled fibre"), ("", "Ultra"),
             ("Packs into its own pocket.", "The arms stay free for work."),
             ("gloves", "fleece")),
        Kind("beanie", "Hats", 29, "hat", ("merino wool", "alpaca wool", "recycled fibre"), ("", "Bobble"),
             ("Covers the ears and survives the washing machine.", "Knitted in one piece."),
             ("gloves", "wool socks")),
        Kind("gloves", "Gloves", 39, "pair of gloves", ("merino wool", "recycled fibre", "nubuck leather"), ("", "Pro"),
             ("Works on touch screens.", "The palms grip poles and pans."),
             ("beanie", "flask")),
    ),
    "Hydration": (
        Kind("bottle", "Bottles", 25, "bottle", ("stainless steel", "recycled plastic"), ("0.5 l", "0.75 l", "1 l"),
             ("The lid opens with one hand.", "Fits every side pocket and most car doors."),
             ("water filter", "energy bar")),
        Kind("flask", "Flasks", 35, "flask", ("stainless steel", "titanium"), ("0.5 l", "0.7 l", "1 l"),
             ("Still hot after twelve hours.", "The cup is a real cup."),
             ("coffee", "tea")),
        Kind("water filter", "Filters", 49, "filter", ("hollow fibre", "ceramic"), ("", "Mini", "Group"),
             ("Clears a litre of stream in a minute.", "Cleans itself with a shake."),
             ("water canister", "bottle")),
        Kind("water canister", "Canisters", 22, "canister", ("recycled plastic", "coated polyester"), ("8 l", "15 l"),
             ("The tap does not drip.", "Folds flat when it is empty."),
             ("water filter", "cook pot")),
    ),
    "Light & Power": (
        Kind("headlamp", "Headlamps", 45, "headlamp", ("recycled plastic", "anodised aluminium"), ("200", "350", "500"),
             ("A red light for reading without waking the tent.", "Charges by cable, runs for forty hours."),
             ("power bank", "trail shoe")),
        Kind("lantern", "Lanterns", 39, "lantern", ("anodised aluminium", "recycled plastic"), ("", "Mini", "Warm"),
             ("Warm light, no buzz, a hook on top.", "Dims down to a glow that moths ignore."),
             ("power bank", "blanket")),
        Kind("torch", "Torches", 29, "torch", ("anodised aluminium", "stainless steel"), ("", "Long", "Key"),
             ("Throws two hundred metres.", "The switch can be found with gloves on."),
             ("pocket knife", "headlamp")),
        Kind("power bank", "Power", 55, "power bank", ("recycled plastic", "anodised aluminium"), ("5k", "10k", "20k"),
             ("Shrugs off dust and a short swim.", "Fills a phone three times."),
             ("headlamp", "torch")),
    ),
    "Tools & Navigation": (
        Kind("compass", "Compasses", 35, "compass", ("brass", "anodised aluminium", "recycled plastic"), ("", "Mirror"),
             ("The needle settles in a second.", "Scales for the two common maps."),
             ("binoculars", "headlamp")),
        Kind("pocket knife", "Knives", 45, "knife", ("walnut wood", "stainless steel", "anodised aluminium"),
             ("3", "5", "9"),
             ("Opens cans, letters and cheese.", "The blade locks and is easy to sharpen."),
             ("rope", "spork")),
        Kind("binoculars", "Optics", 129, "pair of binoculars", ("anodised aluminium", "natural rubber"),
             ("8x25", "8x42", "10x42"),
             ("Bright at dusk, when things happen.", "Focuses down to the butterfly at your feet."),
             ("compass", "daypack")),
        Kind("rope", "Ropes & Cord", 32, "rope", ("braided nylon", "hemp"), ("10 m", "20 m", "30 m"),
             ("Does not kink, does not squeak.", "Reflective threads, so nobody trips."),
             ("tarp", "pocket knife")),
    ),
    "Trail Food": (
        Kind("coffee", "Coffee", 11, "coffee", ("arabica beans", "arabica and robusta"), ("250 g", "500 g"),
             ("Ground for a filter over a mug.", "Tastes of cocoa and of a slow morning."),
             ("mug", "energy bar")),
        Kind("energy bar", "Bars", 3, "bar", ("oats and honey", "dates and nuts", "cocoa and salt"), ("", "x6", "x12"),
             ("No melting, no crumbs, no palm oil.", "Four bites to the next ridge."),
             ("trail meal", "coffee")),
        Kind("trail meal", "Meals", 9, "meal", ("lentils and rice", "pasta and tomato", "potato and leek"), ("1", "2"),
             ("Add hot water, wait eight minutes.", "Eaten from the pouch, which burns clean."),
             ("energy bar", "stove")),
        Kind("tea", "Tea", 8, "tea", ("mountain herbs", "black tea", "mint and fennel"), ("20", "50"),
             ("Packed by hand in a tin that lasts.", "For the tent, the hut and the flu."),
             ("flask", "coffee")),
    ),
}  # fmt: skip

# Brands and their price level, relative to the usual price.
_BRANDS: dict[str, float] = {
    "Alderway": 1.0, "Bramblepeak": 0.8, "Cairnfold": 1.4, "Dunmoor": 0.7, "Emberline": 1.1, "Fennick": 0.9,
    "Galehut": 1.2, "Hollowreed": 0.8, "Ibexine": 1.5, "Juniper & Rye": 1.1, "Kestrelwork": 1.3, "Larkmoss": 0.75,
    "Mossbank": 0.9, "Nordlume": 1.35, "Oakhollow": 1.0, "Pinemarrow": 0.85, "Quillfeather": 1.25, "Ridgewren": 1.0,
    "Saltmarsh": 0.95, "Tarnside": 1.15, "Umberfield": 0.7, "Valewood": 1.05, "Wrenlow": 0.8, "Yarrow & Sons": 1.4,
    "Zephyrine": 1.2, "Thistledown": 0.9, "Stonelark": 1.3, "Fjordane": 1.45, "Petrel & Co": 1.0, "Birkland": 0.85,
}  # fmt: skip

_MODELS = (
    "Drift", "Larch", "Cirrus", "Fox", "Marten", "Heron", "Skua", "Tern", "Rowan", "Sedge", "Gorse", "Plover", "Otter",
    "Hazel", "Brook", "Col", "Scree", "Moraine", "Fell", "Loch", "Meadow", "Alba", "Boreal", "Vesper", "Lumen", "Anvil",
    "Harbour", "Pebble", "Sorrel", "Teasel", "Willow", "Curlew", "Dipper", "Finch", "Swift", "Aspen", "Cedar", "Maple",
)  # fmt: skip

_COLOURS: dict[str, Rgb] = {
    "rust": (196, 90, 61), "moss": (88, 122, 78), "lake blue": (62, 112, 152), "amber": (222, 168, 70),
    "heather": (130, 98, 148), "slate": (84, 94, 112), "berry": (164, 64, 80), "sage": (142, 162, 118),
    "rose": (208, 128, 142), "teal": (66, 142, 142), "sand": (204, 176, 134), "night blue": (52, 66, 112),
}  # fmt: skip

_ACCENTS = ((250, 220, 150), (240, 150, 70), (250, 240, 228), (62, 72, 92), (240, 202, 92), (214, 92, 76))

# Uses, and their wording in descriptions.
_USES: dict[str, str] = {
    "hiking": "long days on foot", "family camping": "weekends with children", "alpine": "cold nights above the trees",
    "bikepacking": "trips by bicycle", "paddling": "days on the water", "travel": "trains, ferries and hostels",
}  # fmt: skip

_PAPERS: dict[str, Rgb] = dict(
    zip(
        _CATEGORIES,
        (
            (238, 234, 222), (228, 232, 243), (244, 233, 226), (228, 238, 230), (240, 236, 224),
            (238, 231, 241), (224, 237, 242), (245, 240, 222), (232, 235, 238), (240, 238, 220),
        ),
        strict=True,
    )
)  # fmt: skip

_FOOD = "Trail Food"

SHOP = Theme(
    kind="shop",
    categories=_CATEGORIES,
    makers=_BRANDS,
    models=_MODELS,
    title="{maker} {model} {size} {kind}, {colour}",
    description="{article} {adjective} {noun} in {material}, for {use}.",
    adjectives=("light", "sturdy", "plain", "well-made", "compact", "hard-wearing", "quiet", "trusty"),
    own_words={
        _FOOD: (
            ("mild", "hearty", "strong", "honest", "simple"),
            "{article} {adjective} {noun} of {material}, for {use}.",
        )
    },
    colours=_COLOURS,
    accents=_ACCENTS,
    papers=_PAPERS,
    uses=_USES,
    fields=Fields(
        category="categories",
        kind="categories",
        maker="brand",
        level="price",
        material="material",
        use="use",
        colour="colour",
    ),
    has_prices=True,
    events={CLICK: 0.35, LIKE: 0.2, PURCHASE: 0.45},
    picture_size=(128, 128),
    video_share=0.2,
    repeated=_FOOD,
    new_share=0.1,
    half_life_days=None,
)
