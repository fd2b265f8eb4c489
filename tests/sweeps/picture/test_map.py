"""The map as matplotlib holds it and as it is saved."""

import io
import xml.etree.ElementTree as ET

import matplotlib
import numpy as np
import pytest
from matplotlib.colors import to_rgb
from matplotlib.image import imread
from matplotlib.patches import PathPatch

from deepxor.palette import NOT_RECORDED
from deepxor.sweeps.axis import Axis, parse_axis
from deepxor.sweeps.picture.export import png_bytes, svg_bytes
from deepxor.sweeps.picture.looks import HATCHES
from deepxor.sweeps.picture.map import draw
from deepxor.sweeps.picture.style import SCORE_COLOURS
from deepxor.verdicts import VERDICTS
from tests.sweeps.picture.maps import cells_of

DEPTH = parse_axis("depth=2:10:2")
WEIGHT = parse_axis("weight_variance=1:4:1")
NAMES = Axis("activation", ("$\\frac{", "_relu", "한국어\n", "<b>&" * 20, "\x00"))


def texts(figure):
    figure.draw_without_rendering()
    return [text.get_text() for text in figure.findobj(matplotlib.text.Text)]


def legend(figure):
    return [text.get_text() for each in figure.legends for text in each.get_texts()]


def pixel(figure, x, y):
    """Returns the colour of the saved figure at a place of its map."""
    image = imread(io.BytesIO(png_bytes(figure)), format="png")
    column, row = figure.axes[0].transData.transform((x, y))
    return image[image.shape[0] - 1 - round(row), round(column), :3]


@pytest.mark.parametrize("axes", [(DEPTH, WEIGHT), (WEIGHT, DEPTH)])
def test_the_colour_of_each_cell_is_its_score(axes):
    def solved(first, second):
        depth, weight = (first, second) if axes[0] is DEPTH else (second, first)
        return np.nan if depth == 10 else (depth * 4 + weight * 8) / 80

    figure = draw(cells_of(*axes, solved=solved))
    colours = matplotlib.colormaps[SCORE_COLOURS]
    for depth, weight in ((2, 1), (2, 4), (8, 1)):
        shown = pixel(figure, weight + 0.3, depth - 0.7)
        expected = colours((depth * 4 + weight * 8) / 80)[:3]
        np.testing.assert_allclose(shown, expected, atol=0.03)
    shown = pixel(figure, 2, 10)
    np.testing.assert_allclose(shown, to_rgb(NOT_RECORDED), atol=0.01)
    assert "not trained" in legend(figure)


def test_cells_are_hatched_by_their_verdict():
    figure = draw(
        cells_of(
            DEPTH,
            WEIGHT,
            solved=lambda depth, weight: 0.0 if weight == 1 else 1.0,
            verdict=lambda depth, weight: (
                "vanishing" if weight == 1 else "dead" if depth == 4 else "healthy"
            ),
        )
    )
    patches = [p for p in figure.axes[0].patches if isinstance(p, PathPatch)]
    by_hatch = {patch.get_hatch(): patch for patch in patches}
    assert set(by_hatch) == {HATCHES["vanishing"], HATCHES["dead"]}
    vanishing, dead = by_hatch[HATCHES["vanishing"]], by_hatch[HATCHES["dead"]]
    assert vanishing.get_path().get_extents().extents.tolist() == [0.5, 1, 1.5, 11]
    assert dead.get_path().get_extents().extents.tolist() == [1.5, 3, 4.5, 5]
    # White lines on the dark cells, dark lines on the light ones.
    assert sum(dead.get_edgecolor()[:3]) == 3
    assert sum(vanishing.get_edgecolor()[:3]) < 1
    assert {"vanishing", "dead"} <= set(legend(figure))
    assert "healthy" not in legend(figure)


def test_every_verdict_has_a_hatch_of_its_own():
    assert list(HATCHES) == [verdict.name for verdict in VERDICTS]
    assert len(set(HATCHES.values())) == len(VERDICTS)


def test_cells_with_errors_are_marked():
    figure = draw(
        cells_of(
            DEPTH,
            WEIGHT,
            solved=lambda depth, weight: np.nan if depth == 6 else 1.0,
            error=lambda depth, weight: "no" if depth in (4, 6) and weight == 3 else "",
        )
    )
    crosses = [line for line in figure.axes[0].lines if line.get_marker() == "x"]
    (places,) = (line.get_xydata().tolist() for line in crosses)
    assert sorted(places) == [[3, 4], [3, 6]]
    assert "error" in legend(figure)


def test_the_contours_of_the_score_and_its_interval():
    figure = draw(
        cells_of(DEPTH, WEIGHT, solved=lambda depth, weight: (12 - depth) / 10)
    )
    interval, score = figure.axes[0].collections[1:]
    (line,) = score.get_segments()
    np.testing.assert_allclose(line[:, 1], 7)
    below, above = sorted(each[0, 1] for each in interval.get_segments())
    assert 2 < below < 7 < above < 10
    assert {"score 1/2", "its 95 % interval"} <= set(legend(figure))


def test_a_single_axis_is_a_line_with_intervals():
    cells = cells_of(DEPTH, solved=lambda depth: np.nan if depth == 8 else 0.5)
    panel, strip = draw(cells).axes
    (line, *_), (bars,) = panel.lines[:1], panel.collections
    assert line.get_xdata().tolist() == [2, 4, 6, 8, 10]
    low, high = bars.get_segments()[0][:, 1]
    assert low == pytest.approx(cells.table["score_low"][0])
    assert high == pytest.approx(cells.table["score_high"][0])
    assert strip.get_xlim() == (1, 11)


@pytest.mark.parametrize(
    "axes",
    [
        (NAMES,),
        (NAMES, DEPTH),
        (WEIGHT, NAMES),
        (NAMES, Axis("initializer", ("he", "x_{"))),
        (Axis("depth", (3,)), Axis("residual", (True, False))),
        (Axis("depth", (3,)),),
    ],
)
def test_names_that_nobody_should_give_are_shown_as_they_are(axes):
    cells = cells_of(*axes, verdict=lambda *values: "saturated")
    figure = draw(cells, title="$x^ \x01 " * 40)
    png, svg = png_bytes(figure), svg_bytes(figure)
    assert imread(io.BytesIO(png), format="png").shape[1] == 1000
    shown = "".join(ET.fromstring(svg).itertext())
    if NAMES in axes:
        assert "$\\frac{" in shown and "_relu" in shown and "<b>&<b>&" in shown
    assert "$x^ \ufffd" in shown and "\x01" not in shown


def test_nothing_trained_is_drawn_too():
    cells = cells_of(DEPTH, WEIGHT, solved=lambda *values: np.nan)
    assert legend(draw(cells)) == ["not trained"]


def test_equal_cells_give_equal_files_whichever_is_saved_first():
    def figure():
        return draw(cells_of(DEPTH, WEIGHT, verdict=lambda *values: "dead"))

    first, second = figure(), figure()
    png, svg = png_bytes(first), svg_bytes(first)
    assert svg_bytes(second) == svg and png_bytes(second) == png
    assert b"date" not in svg and b"Matplotlib" not in svg


def test_axes_are_labelled_with_the_values_of_their_cells():
    rates = parse_axis("learning_rate=0.01:1:log5")
    shown = texts(draw(cells_of(rates, Axis("activation", ("relu", "elu")))))
    assert {"0.01", "0.0316", "0.1", "0.316", "1", "relu", "elu"} <= set(shown)
    assert {"learning rate", "activation", "share of networks trained"} <= set(shown)


def test_a_map_of_3600_cells_is_a_small_file():
    cells = cells_of(
        parse_axis("depth=1:60:1"),
        parse_axis("weight_variance=1:60:1"),
        verdict=lambda depth, weight: VERDICTS[(depth + weight) % 7].name,
        networks=1,
    )
    assert len(svg_bytes(draw(cells))) < 2_000_000
