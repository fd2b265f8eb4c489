"""The heat maps of the report: their axis, cells, shares and colours."""

import re
from xml.etree import ElementTree

import matplotlib
import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from deepxor.events import gradient_flow
from deepxor.events.reader import GradientFlow, RunEvents
from deepxor.palette import NORM_COLOURS, NOT_FINITE, ZERO_FACE
from deepxor.plugin import static_files
from deepxor.report.curves import curves_svg
from deepxor.report.heat_map import (
    Cells,
    draw_heat_map,
    heat_svg,
    norm_range,
    record_edges,
    scale_svg,
)
from deepxor.report.page import report_html
from deepxor.report.run import ReportRun
from deepxor.report.step_axis import StepAxis
from tests.support.browser import chromium

SHARES = ("zero_replicas", "non_finite_replicas")
DRAW_JS = static_files.FOLDER / "drawing" / "draw.js"


def flow(norms, steps=None, **rows):
    """Returns records of norms, [records, layers], with other rows of one value."""
    norms = np.array(norms, float)
    found = {name: np.full(norms.shape, np.nan) for name in gradient_flow.QUANTITIES}
    found |= {"norm_log10": norms, "non_finite": np.zeros(norms.shape)}
    found |= {name: np.full(norms.shape, value, float) for name, value in rows.items()}
    layers = tuple(f"layer{i}" for i in range(norms.shape[1]))
    steps = np.arange(len(norms)) if steps is None else np.array(steps)
    return GradientFlow(steps, layers, found)


def run(found, name="run", **row):
    events = RunEvents({"cost": {int(step): 0.5 for step in found.steps}}, found)
    row = {"run": name, "solved": None, "replicas": 100, **row}
    return ReportRun(name, row, events=events)


def ticks(svg):
    """Returns the labels of the first horizontal axis and where its ticks are."""
    found = {}
    for group in ElementTree.fromstring(svg).iter():
        if group.get("id", "").startswith("xtick_"):
            text = "".join(group.itertext()).strip()
            uses = [e for e in group.iter() if e.tag.endswith("use")]
            if text in found:
                break
            found[text] = float(uses[-1].get("x"))
    return found


@pytest.mark.parametrize("chart", ["map", "curves"])
def test_steps_are_on_a_logarithmic_axis(chart):
    steps = [*range(31), *range(40, 1001, 10)]
    shown = run(flow(np.full((len(steps), 3), -1.0), steps))
    svg = curves_svg([shown]) if chart == "curves" else heat_svg(shown, (-2, 0))
    found = ticks(svg)
    assert list(found)[:4] == ["0", "1", "10", "100"]
    places = np.array([found[text] for text in ("0", "1", "10", "100")])
    expected = np.log10([1, 2, 11, 101])
    np.testing.assert_allclose(
        (places - places[0]) / (places[-1] - places[0]), expected / expected[-1], 1e-3
    )


def test_the_axis_is_that_of_the_tab():
    source = re.search(r"class Axis \{.*?\n\}\n", DRAW_JS.read_text(), re.DOTALL)
    script = (
        f"const [low, high, steps] = arguments; {source[0]}"
        "const axis = new Axis(low, high, true);"
        "return [axis.ticks(9), steps.map((step) => axis.warp(step))];"
    )
    with chromium() as driver:
        for low, high in ((0, 10_001), (0, 1), (7, 2000), (100, 101), (150, 3000)):
            axis, steps = StepAxis(low, high), [low, low + 1, low + 60, high]
            shown, places = driver.execute_script(script, low, high, steps)
            assert axis.ticks() == shown
            np.testing.assert_allclose(axis.positions(np.array(steps)), places)


def test_labels_that_would_touch_are_left_out():
    panel = Figure().add_subplot()
    StepAxis(99, 10**6).draw(panel, 5.0)
    labels = [label.get_text() for label in panel.get_xticklabels()]
    assert labels == ["99", "1,000", "10,000", "100,000"]


@pytest.mark.parametrize(
    ("rows", "norm", "look"),
    [
        # Where the numbers of replicas are known, the median decides.
        ({"zero_replicas": 0.6, "non_finite_replicas": 0}, -12, "zero"),
        ({"zero_replicas": 0.4, "non_finite_replicas": 0}, -3, ""),
        ({"zero_replicas": 0.4, "non_finite_replicas": 0.3}, -12, "zero"),
        ({"zero_replicas": 0.3, "non_finite_replicas": 0.3}, -3, ""),
        ({"zero_replicas": 0.4, "non_finite_replicas": 0.6}, -12, "bad"),
        ({"zero_replicas": 0, "non_finite_replicas": 0.4, "non_finite": 7}, -3, ""),
        ({"zero_replicas": 0.4, "zero_fraction": 1}, -3, ""),
        # Older runs have only their shares of elements.
        ({"zero_fraction": 1}, -12, "zero"),
        ({"zero_fraction": 0.99}, -12, ""),
        ({"non_finite": 1}, -3, "bad"),
        ({}, np.inf, "bad"),
        ({"non_finite_replicas": 0.1}, np.nan, "bad"),
        ({"non_finite": np.nan}, np.nan, "missing"),
    ],
)
def test_a_cell_looks_as_most_replicas_are(rows, norm, look):
    cells = Cells.of(flow([[norm]], **rows))
    found = {name: getattr(cells, f"is_{name}").item() for name in ("zero", "bad")}
    found["missing"] = cells.is_missing.item()
    assert [name for name, value in found.items() if value] == [look] * bool(look)


def column_of_colours(cells):
    """Returns the colours of one cell that fills a picture, from the top down."""
    figure = Figure(figsize=(1, 1), dpi=100)
    canvas = FigureCanvasAgg(figure)
    panel = figure.add_axes((0, 0, 1, 1))
    draw_heat_map(panel, np.array([0, 1]), cells, (-4, 0))
    panel.legend_ = None
    panel.set_axis_off()
    panel.patch.set_visible(True)
    panel.set(xlim=(0, 1), ylim=(-0.5, 0.5))
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[:, :, :3].astype(float) / 255


def test_shares_of_the_replicas_are_parts_of_a_cells_height():
    cells = Cells.of(flow([[-2.0]], zero_replicas=0.3, non_finite_replicas=0.2))
    picture = column_of_colours(cells)
    median = matplotlib.colormaps[NORM_COLOURS](0.5)[:3]
    bad, middle, zero = picture[2:18], picture[22:68], picture[72:98]
    np.testing.assert_allclose(
        bad, np.broadcast_to(to_rgb(NOT_FINITE), bad.shape), 0.02
    )
    np.testing.assert_allclose(middle, np.broadcast_to(median, middle.shape), atol=0.02)
    # The stripes are of two greys, and most of the area is the lighter one.
    np.testing.assert_allclose(np.median(zero, (0, 1)), to_rgb(ZERO_FACE), atol=0.02)
    assert zero.std() > 0.01 and np.ptp(zero, axis=2).max() < 0.12


def test_a_single_replica_can_be_seen():
    cells = Cells.of(flow([[-2.0]], zero_replicas=0.001, non_finite_replicas=0.001))
    picture = column_of_colours(cells)
    median = matplotlib.colormaps[NORM_COLOURS](0.5)[:3]
    np.testing.assert_allclose(picture[2, 50], to_rgb(NOT_FINITE), atol=0.02)
    np.testing.assert_allclose(picture[50, 50], median, atol=0.02)
    # Not green, but one of the greys of the stripes.
    assert np.ptp(picture[96, 50]) < 0.12


def test_there_are_no_parts_where_no_replica_failed():
    plain = column_of_colours(Cells.of(flow([[-2.0]])))
    none = Cells.of(flow([[-2.0]], zero_replicas=0, non_finite_replicas=0))
    np.testing.assert_array_equal(column_of_colours(none), plain)
    assert np.ptp(plain, axis=(0, 1)).max() == 0


@pytest.mark.parametrize("layers", [1, 3, 60])
def test_the_legend_is_off_the_cells(layers, monkeypatch):
    found = []
    monkeypatch.setattr(
        "deepxor.report.heat_map.as_svg", lambda draw: found.append(draw())
    )
    norms = np.full((3, layers), -1.0)
    norms[1], norms[2] = np.nan, -12
    shown = flow(norms)
    shown.quantities["zero_fraction"][2] = 1
    heat_svg(run(shown), (-2, 0))
    (panel,) = found[0].axes
    renderer = FigureCanvasAgg(found[0]).get_renderer()
    legend = panel.get_legend().get_window_extent(renderer)
    texts = [text.get_text() for text in panel.get_legend().get_texts()]
    assert texts == ["exactly zero", "not finite"]
    cells, whole = panel.get_window_extent(renderer), found[0].bbox
    assert legend.y0 >= cells.y1 - 0.5
    assert legend.x0 >= whole.x0 and legend.y1 <= whole.y1 and legend.x1 <= whole.x1


NORMAL = [-6.0, -4.0, -2.0, -1.0]
EXPLODING = [-1.0, 4.0, 9.0, 12.0]


def test_a_run_that_explodes_does_not_flatten_the_others():
    normal = [run(flow([NORMAL]))] * 2
    wild = run(flow([EXPLODING]))
    assert norm_range(normal) == (-6, -1)
    assert norm_range([*normal, wild]) == (-6, 2)
    assert norm_range([normal[0], wild]) == (-6, 2)
    # If most runs explode, their norms are what there is to see.
    assert norm_range([normal[0], wild, wild]) == (-6, 12)
    assert norm_range([wild]) == (-1, 12)


def test_a_few_cells_do_not_stretch_the_range():
    norms = np.full((100, 4), -3.5)
    norms[7, 2], norms[8, 2] = 9.0, -11.0
    assert norm_range([run(flow(norms))]) == (-4, -3)


def test_what_takes_little_room_is_not_cut_off():
    norms = np.linspace(-7.99, -1.01, 1000).reshape(100, 10)
    norms[3, 3], norms[4, 4] = -8.4, -0.7
    assert norm_range([run(flow(norms))]) == (-9, 0)
    # All of it, up to where norms are taken for infinite.
    assert norm_range([run(flow([[-1.0, 30.0]]))]) == (-1, 12)


@pytest.mark.parametrize(
    ("norms", "arrows"),
    [([-2.0, -1.0], 0), ([-2.0, 5.0], 1), ([-9.0, -1.0], 1), ([-9.0, 5.0], 2)],
)
def test_an_end_of_the_scale_that_is_exceeded_is_an_arrow(norms, arrows):
    def shapes(svg):
        return len(re.findall('<g id="patch_', svg))

    found = [run(flow([shown])) for shown in ([-2.0, -1.0], norms)]
    plain = shapes(scale_svg(found[:1], (-3, 0)))
    assert shapes(scale_svg(found, (-3, 0))) - plain == arrows


@pytest.mark.parametrize(
    ("counts", "text"),
    [
        ({"diverged": 9, "dead": 1}, "diverged: 9 of 100, dead: 1 of 100"),
        ({"diverged": 9, "dead": None}, "diverged: 9 of 100"),
        ({"diverged": 0, "dead": 3}, "diverged: 0 of 100, dead: 3 of 100"),
        ({"diverged": 0, "dead": 0}, None),
        ({}, None),
    ],
)
def test_the_card_counts_failed_replicas(counts, text):
    page = report_html("runs", [run(flow([NORMAL]), **counts)])
    found = re.findall('<p class="failed">(.*?)</p>', page)
    assert found == ([text] if text else [])


def test_a_narrow_record_that_is_not_finite_is_drawn():
    # Ten records for each pixel of the map's last part.
    steps = np.arange(20_000)
    norms = np.full((len(steps), 1), -1.0)
    norms[19_000] = np.nan
    svg = heat_svg(run(flow(norms, steps)), (-2, 0))
    assert "not finite" in svg
    assert record_edges(steps)[-1] == 20_000
