from tests.train.items.tiny_catalogue import make_catalogue
from train.items.text import LONGEST, ItemTexts, item_text


def test_an_item_is_its_title_its_known_facts_and_its_description() -> None:
    catalogue = make_catalogue(
        ["Rose Soap", "Comb"],
        fields={"brand": (("Aster",), ()), "categories": (("Care", "Soap"), ("Hair",))},
        descriptions=["Smells of roses.", None],
    )

    assert item_text(catalogue, 0) == "Rose Soap\nbrand: Aster\ncategories: Care, Soap\nSmells of roses."
    assert item_text(catalogue, 1) == "Comb\ncategories: Hair"


def test_a_description_of_any_length_gives_a_text_of_bounded_length() -> None:
    catalogue = make_catalogue(["Manual"], descriptions=["word " * 100_000])

    text = item_text(catalogue, 0)

    assert text.startswith("Manual\nword")
    assert len(text) <= LONGEST


def test_the_texts_of_a_catalogue_are_those_of_its_items_in_order() -> None:
    texts = ItemTexts(make_catalogue(["One", "Two"]))

    assert [texts[row] for row in range(len(texts))] == ["One", "Two"]
