"""What the items of a catalogue are, for the words of apps: products, videos or articles."""

from edge_runtime.bundle.manifest import ARTICLES, SHOP, VIDEO
from train.data.dataset import Catalogue

_OF_PRODUCTS = {"brand", "price"}
_OF_VIDEOS = {"channel", "creator", "director", "duration", "runtime"}
_OF_ARTICLES = {"author", "authors", "byline", "section"}


def catalogue_kind(catalogue: Catalogue) -> str:
    """Return what the items are, by their facts and videos; a shop where these do not tell.

    Books with a price are products, and so are products with a video.
    """
    fields = catalogue.fields.keys()
    if fields & _OF_PRODUCTS:
        return SHOP
    if fields & _OF_VIDEOS or 2 * sum(map(bool, catalogue.videos)) > len(catalogue):
        return VIDEO
    return ARTICLES if fields & _OF_ARTICLES else SHOP
