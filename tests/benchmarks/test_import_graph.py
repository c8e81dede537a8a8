"""The page of imports shows the imports as they are."""

from benchmarks.import_graph import FOLDERS, PAGE, arrows_of, drawn, layers_of, n_in_circles, page, upward

ARROWS = {
    "top": frozenset({"middle", "bottom"}),
    "middle": frozenset({"bottom", "beside"}),
    "beside": frozenset({"bottom"}),
    "bottom": frozenset[str](),
}


def test_an_arrow_to_the_same_layer_or_a_higher_one_runs_up() -> None:
    layers = [["top"], ["middle", "beside"], ["bottom"]]

    assert upward(layers, ARROWS) == [("middle", "beside")]
    assert upward(layers, {**ARROWS, "bottom": frozenset({"top"})})[1:] == [("bottom", "top")]


def test_every_arrow_of_a_circle_is_counted() -> None:
    assert n_in_circles(ARROWS) == 0
    assert n_in_circles({**ARROWS, "beside": frozenset({"middle"})}) == 2


def test_an_arrow_that_follows_from_others_is_not_drawn() -> None:
    assert drawn(ARROWS) == {
        "top": {"middle"},
        "middle": {"beside"},
        "beside": {"bottom"},
        "bottom": frozenset(),
    }


def test_no_arrow_of_a_folder_runs_up() -> None:
    for folder in FOLDERS:
        assert upward(layers_of(folder), arrows_of(folder)) == []


def test_the_page_in_the_repository_is_up_to_date() -> None:
    assert PAGE.read_text("utf-8") == page(), "run `python -m benchmarks.import_graph`"
