"""The picture of a history."""

import numpy as np
import pytest
from matplotlib.collections import QuadMesh
from matplotlib.colors import to_rgba

from deepxor.palette import NOT_FINITE, NOT_RECORDED
from deepxor.report.history import history_figure


def texts(panel):
    return [text.get_text() for text in panel.texts]


def history(norms, losses=None, steps=None, layers=("a", "b", "c")):
    norms = np.array(norms, np.float32)
    dead = np.linspace(0, 1, len(layers), dtype=np.float32)
    dead[-1] = np.nan
    return {
        "step": np.arange(0, 10 * len(norms), 10) if steps is None else np.array(steps),
        "layer": list(layers),
        "norm": norms,
        "non_finite": (~np.isfinite(norms)).astype(np.float32),
        "loss": np.ones(len(norms)) if losses is None else np.array(losses, float),
        "dead_fraction": np.tile(dead, (len(norms), 1)),
    }


def colours(figure):
    """Returns the colours of the norms, [layers, records, 4]."""
    (mesh,) = (c for c in figure.axes[0].collections if isinstance(c, QuadMesh))
    mesh.update_scalarmappable()
    shape = mesh.get_array().shape
    return mesh.get_facecolor().reshape(*shape, 4)


def legend(figure):
    found = figure.axes[0].get_legend()
    return [text.get_text() for text in found.get_texts()] if found else []


def test_a_larger_norm_is_lighter_and_the_output_is_on_top():
    figure = history_figure(history([[1e-6, 1e-3, 1.0], [1e-5, 1e-2, 10.0]]), "text")
    shades = colours(figure)
    # Of viridis the green rises from one end to the other.
    greens = shades[:, :, 1]
    assert (np.diff(greens, axis=0) > 0).all() and (np.diff(greens, axis=1) > 0).all()
    (panel, *_) = figure.axes
    assert [label.get_text() for label in panel.get_yticklabels()] == ["a", "b", "c"]
    bottom, top = panel.get_ylim()
    assert bottom < top
    assert legend(figure) == []


def test_equal_norms_have_equal_colours_in_two_pictures():
    one = colours(history_figure(history([[1e-3, 1.0, 1.0]]), ""))
    other = colours(history_figure(history([[1e-9, 1e-3, 1e3]]), ""))
    np.testing.assert_array_equal(one[0, 0], other[1, 0])


def test_zero_and_not_finite_look_like_no_norm():
    norms = [[0, np.nan, 1e-30], [1, np.inf, 1e30]]
    figure = history_figure(history(norms), "")
    shades = colours(figure)
    assert shades[0, 0, 3] == 0  # see-through, to the hatches
    np.testing.assert_allclose(shades[1], [to_rgba(NOT_FINITE)] * 2)
    assert (shades[2, :, 3] == 1).all() and shades[0, 1, 3] == 1
    assert figure.axes[0].patch.get_hatch()
    assert legend(figure) == ["exactly zero", "not finite"]


def test_what_a_record_has_nothing_of_is_grey():
    shown = history([[np.nan, np.nan, 1.0]])
    shown["non_finite"][0, 0] = np.nan
    figure = history_figure(shown, "", "dead_fraction")
    shades = colours(figure)
    np.testing.assert_allclose(
        shades[:2, 0], [to_rgba(NOT_RECORDED), to_rgba(NOT_FINITE)]
    )
    assert legend(figure) == ["not finite", "not recorded"]
    shown["dead_fraction"][:] = np.nan
    bars = history_figure(shown, "", "dead_fraction").axes[1]
    assert texts(bars) == ["not recorded", "not measured", "not measured"]


def test_columns_stand_where_their_records_are():
    figure = history_figure(history(np.ones((4, 3)), steps=[0, 20, 30, 40]), "")
    (mesh,) = (c for c in figure.axes[0].collections if isinstance(c, QuadMesh))
    assert mesh.get_coordinates()[0, :, 0].tolist() == [0, 20, 30, 40, 50]


def test_the_loss_is_drawn_as_far_as_it_is_finite():
    losses = [2.0, 1.0, np.nan, np.nan]
    panel = history_figure(history(np.ones((4, 3)), losses), "").axes[1]
    (line,) = panel.lines
    assert line.get_xydata().tolist() == [[0, 2], [10, 1]]
    spans = [(p.get_x(), p.get_x() + p.get_width()) for p in panel.patches]
    assert spans == [(20, 30), (30, 40)]
    assert panel.get_ylim()[0] == 0 and panel.get_yscale() == "linear"


@pytest.mark.parametrize(
    ("losses", "scale"), [([1e3, 1], "log"), ([1e3, -1], "linear"), ([0, 0], "linear")]
)
def test_a_loss_of_many_decades_has_a_log_axis(losses, scale):
    panel = history_figure(history(np.ones((2, 3)), losses), "").axes[1]
    assert panel.get_yscale() == scale


def test_bars_are_of_the_last_record_and_only_where_there_is_an_activation():
    figure = history_figure(history(np.ones((2, 3))), "", "dead_fraction")
    panel = figure.axes[1]
    widths = [(p.get_y() + p.get_height() / 2, p.get_width()) for p in panel.patches]
    np.testing.assert_allclose(widths, [(0, 0), (1, 0.5)], atol=1e-9)
    assert texts(panel) == ["no activation"]


def test_bars_are_of_the_last_record_that_looked_at_activations():
    shown = history(np.ones((4, 3)), steps=np.array([0, 5, 10, 15]))
    shown["dead_fraction"][[0, 2, 3]] = np.nan
    shown["dead_fraction"][1] = [0.25, 0.5, np.nan]
    panel = history_figure(shown, "", "dead_fraction").axes[1]
    assert [p.get_width() for p in panel.patches] == [0.25, 0.5]
    assert texts(panel) == ["no activation"]
    assert panel.get_xlabel() == "at step 5"


@pytest.mark.parametrize("norms", [[[1, 1, 1]], [[0, 0, 0]], [[np.nan] * 3]])
def test_a_single_record_is_drawn(norms, tmp_path):
    figure = history_figure(history(norms, [np.nan]), "$\\frac [x]\ny")
    figure.savefig(tmp_path / "figure.png")
    assert figure.get_size_inches()[0] * figure.dpi == 1200


def test_a_history_of_nothing_is_quoted():
    with pytest.raises(ValueError, match="at least 1 record"):
        history_figure(history(np.ones((0, 3))), "")


def test_many_layers_are_one_in_some_beside_the_picture():
    layers = tuple(f"layer{i}" for i in range(45))
    figure = history_figure(history(np.ones((2, 45)), layers=layers), "")
    names = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert names == list(layers[::3])
