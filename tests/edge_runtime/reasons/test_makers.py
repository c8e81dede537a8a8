"""Names of makers."""

import pytest

from edge_runtime.reasons.makers import without_legal_form, without_maker


@pytest.mark.parametrize(
    ("maker", "name"),
    [
        ("Giovanni Cosmetics, Inc.", "Giovanni Cosmetics"),
        ("Birch Co., Ltd", "Birch Co."),
        ("Aster GmbH", "Aster"),
        ("Incense", "Incense"),
        ("Inc.", "Inc."),
        ("", ""),
    ],
)
def test_a_legal_form_is_not_said(maker: str, name: str) -> None:
    assert without_legal_form(maker) == name


@pytest.mark.parametrize(
    ("title", "maker", "rest"),
    [
        ("Too Faced Cosmetics, Smoky Eye Kit", "Too Faced", "Smoky Eye Kit"),
        ("Desert Essence - Gentle Cleansing Gel", "Desert Essence", "Gentle Cleansing Gel"),
        ("Giovanni: Smooth Shampoo", "Giovanni Cosmetics", "Smooth Shampoo"),
        ("Dove, 4 oz", "Dove", "Dove, 4 oz"),
        ("Dove Shampoo, for all hair", "Dove", "Dove Shampoo, for all hair"),
        ("Smoky Eye Kit, Too Faced", "Too Faced", "Smoky Eye Kit, Too Faced"),
        ("Beauty, inside and out", "Dove", "Beauty, inside and out"),
    ],
)
def test_the_first_part_of_a_title_is_left_out_if_it_is_the_maker(title: str, maker: str, rest: str) -> None:
    assert without_maker(title, [maker]) == rest


def test_a_maker_whose_name_has_only_words_for_a_company_is_still_one() -> None:
    assert without_maker("Beauty Lab, Green Tea Serum", ["Beauty Lab"]) == "Green Tea Serum"
