"""The picture of the gradient's way back, and its table."""

import numpy as np
import pytest
from matplotlib.patches import Rectangle

from deepxor.backprop.figure import SLOPE, WEIGHT, profile_figure
from deepxor.backprop.profile import BackwardProfile
from deepxor.backprop.table import plain_text, profile_table

LAYERS = ("last", "middle", "first")
NORMS = np.array([2.0, 2.0, 4.0, 1.0, 0.8, 0.2, 0.02])


def profile(norms=NORMS, layers=LAYERS, replicas=1, spread=1.0, **changes):
    with np.errstate(divide="ignore", invalid="ignore"):
        factors = np.where(norms[:-1] > 0, norms[1:] / norms[:-1], np.nan)
    outputs = norms[::2]
    fields = {
        "title": "net",
        "layers": layers,
        "replicas": replicas,
        "norms": np.array([norms / spread, norms, norms * spread]),
        "slope_factor": np.array([factors[::2]] * 3),
        "weight_factor": np.array([factors[1::2]] * 3),
        "zeros": (outputs == 0).astype(int),
        "not_finite": (~np.isfinite(outputs)).astype(int),
        **changes,
    }
    return BackwardProfile(**fields)


def bars(panel):
    """Returns (start, end, colour) of each bar, in decades, from left to right."""
    found = [p for p in panel.patches if isinstance(p, Rectangle) and p.get_width() > 0]
    found = [p for p in found if not p.get_hatch()]
    return [
        (p.get_y(), p.get_y() + p.get_height(), p.get_facecolor()[:3]) for p in found
    ]


def texts(panel):
    return [text.get_text() for text in panel.texts]


def test_each_bar_begins_where_the_last_one_ended_and_ends_at_the_norm():
    figure = profile_figure([profile()])
    (panel,) = figure.axes
    drawn = bars(panel)
    expected = np.log10(NORMS / NORMS[0])
    ends = [end for _, end, _ in drawn]
    np.testing.assert_allclose([start for start, _, _ in drawn], expected[:-1])
    np.testing.assert_allclose(ends, expected[1:], atol=1e-12)
    colours = [colour for *_, colour in drawn]
    assert colours[0] != colours[1] and colours[::2] == colours[:1] * 3
    assert colours[1::2] == colours[1:2] * 3
    assert SLOPE != WEIGHT


def test_names_stand_under_their_bars_and_the_title_says_what_is_lost():
    (panel,) = profile_figure([profile()]).axes
    names = [label.get_text() for label in panel.get_xticklabels()]
    assert names == [*LAYERS, "input"]
    np.testing.assert_allclose(panel.get_xticks()[:3], [0.5, 1.5, 2.5])
    assert panel.get_title(loc="left") == "net: 0.4 decades lost by first"


def test_panels_share_their_decades():
    steep = profile(np.geomspace(1, 1e-9, 7))
    figure = profile_figure([profile(), steep])
    one, other = figure.axes
    assert one.get_ylim() == other.get_ylim()
    assert one.get_ylim()[0] < -9 and one.get_ylim()[1] > 0.3
    assert figure.get_size_inches()[0] * figure.dpi == 1200


@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_there_is_a_panel_each(count, tmp_path):
    figure = profile_figure([profile()] * count)
    assert len(figure.axes) == count
    figure.savefig(tmp_path / "figure.png")
    assert (tmp_path / "figure.png").read_bytes().startswith(b"\x89PNG")


def test_the_typical_factors_of_a_hidden_layer_are_written():
    norms = np.concatenate([[1.0, 1.0], np.cumprod([0.5, 0.25] * 5)])
    layers = tuple(f"layer{i}" for i in range(5, 0, -1))
    (panel,) = profile_figure([profile(norms[:11], layers)]).axes
    (text,) = texts(panel)
    assert "slope: \N{MULTIPLICATION SIGN} 0.25" in text
    assert "weights: \N{MULTIPLICATION SIGN} 0.50" in text


@pytest.mark.parametrize(
    ("norms", "text", "count"),
    [
        ([1, 0.5, 0.4, 0, 0, 0, 0], "exactly zero", 2),
        ([1, 0.5, np.nan, np.nan, np.nan, np.nan, np.nan], "undefined", 1),
        ([0, 0, 0, 0, 0, 0, 0], "undefined", 0),
        ([np.nan] * 7, "undefined", 0),
    ],
)
def test_zeros_and_nan_are_named_and_never_drawn(norms, text, count, tmp_path):
    figure = profile_figure([profile(np.array(norms, float), replicas=3)])
    (panel,) = figure.axes
    assert texts(panel) == [text]
    drawn = bars(panel)
    assert len(drawn) == count and np.isfinite([bar[:2] for bar in drawn]).all()
    assert np.isfinite(panel.get_ylim()).all()
    for line in panel.lines:
        assert np.isfinite(line.get_xydata()).all()
    figure.savefig(tmp_path / "figure.png")


def test_the_band_spans_the_percentiles_of_many():
    (single,) = profile_figure([profile(spread=10.0)]).axes
    assert not single.collections
    (many,) = profile_figure([profile(replicas=9, spread=10.0)]).axes
    (band,) = many.collections
    extent = band.get_paths()[0].get_extents()
    expected = np.log10(NORMS / NORMS[0])
    assert extent.ymin == pytest.approx(expected.min() - 1)
    assert extent.ymax == pytest.approx(expected.max() + 1)


def test_predicted_norms_are_products_of_the_predicted_factors():
    predicted = np.array([[np.nan, 0.3, 0.2], [2.0, 0.5, 0.1]])
    shown = profile(predicted=predicted)
    # The slope that is not predicted is taken as measured, which is 1.
    expected = np.log10(np.cumprod([1, 1, 2.0, 0.3, 0.5, 0.2, 0.1]))
    np.testing.assert_allclose(shown.predicted_decades, expected)
    (panel,) = profile_figure([shown]).axes
    marks = [line.get_ydata() for line in panel.lines if line.get_marker() == "D"]
    np.testing.assert_allclose(marks, [expected[::2]])
    assert "0.300 x 0.500" in plain_text(profile_table(shown))


def test_many_layers_are_named_one_in_some():
    norms = np.geomspace(1, 1e-300, 801)
    layers = tuple(f"layer{i}" for i in range(400, 0, -1))
    figure = profile_figure([profile(norms, layers)])
    (panel,) = figure.axes
    names = [label.get_text() for label in panel.get_xticklabels()]
    assert len(names) == 20 and names[:2] == ["layer400", "layer380"]
    assert panel.get_ylim()[0] > -50  # not three hundred decades


def test_hostile_names_are_drawn_and_printed_as_they_are(tmp_path):
    layers = ("[red]$x_{", "b\\frac$", "$")
    shown = profile(layers=layers, title="[bold]$\\frac")
    figure = profile_figure([shown])
    figure.savefig(tmp_path / "figure.png")
    assert "[red]$x_{" in plain_text(profile_table(shown))
    assert "[bold]$\\frac" in plain_text(profile_table(shown))


def test_the_table_has_the_last_layer_first_and_every_number():
    lines = plain_text(profile_table(profile())).splitlines()
    rows = [
        [cell.strip() for cell in line.strip("│").split("│")]
        for line in lines
        if line.startswith("│")
    ]
    assert rows == [
        ["last", "2.0e+00", "0.00", "1", "2.00"],
        ["middle", "4.0e+00", "-0.30", "0.250", "0.800"],
        ["first", "8.0e-01", "0.40", "0.250", "0.100"],
        ["(input)", "2.0e-02", "2.00", "", ""],
    ]


def test_the_table_of_replicas_has_percentiles_and_counts():
    slopes = np.array([[0.1, 0.2, 0.3], [0.4, 0.5, 0.6], [0.7, 0.8, 0.9]])
    shown = profile(
        replicas=9,
        slope_factor=slopes,
        zeros=np.array([0, 0, 4, 4]),
        not_finite=np.array([0, 0, 0, 1]),
    )
    text = plain_text(profile_table(shown))
    assert "0.600  0.300 to 0.900" in text
    assert text.count("exactly 0 in 4") == 2
    assert text.count("exactly 0 in 4, not finite in 1") == 1
    assert "9 replicas" in text
