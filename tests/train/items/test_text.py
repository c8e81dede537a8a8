from tests.train.items.tiny_catalogue import make_catalogue
from train.items.text import MAX_CHARACTERS, ItemTexts, item_text


def test_a_text_has_title_fields_and_description() -> None:
    catalogue = make_catalogue(
        ["Rose Soap", "Comb"],
        fields={"brand": (("Aster",), ()), "categories": (("Care", "Soap"), ("Hair",))},
        descriptions=["Smells of roses.", None],
    )

    assert item_text(catalogue, 0) == "Rose Soap\nbrand: Aster\ncategories: Care, Soap\nSmells of roses."
    assert item_text(catalogue, 1) == "Comb\ncategories: Hair"


def test_the_length_of_a_text_is_limited() -> None:
    catalogue = make_catalogue(["Manual"], descriptions=["word " * 100_000])

    text = item_text(catalogue, 0)

    assert text.startswith("Manual\nword")
    assert len(text) <= MAX_CHARACTERS


def test_the_texts_are_in_the_order_of_the_items() -> None:
    texts = ItemTexts(make_catalogue(["One", "Two"]))

    assert [texts[row] for row in range(len(texts))] == ["One", "Two"]
