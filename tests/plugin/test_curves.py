"""The curves and pictures that the tab fetches, served by a real TensorBoard."""

import io
import json
import urllib.error
import urllib.request

import numpy as np
import pytest
from PIL import Image

from deepxor.events.writer import SummaryWriter
from tests.support.browser import TensorBoard

LAYERS = ["a", "b"]


@pytest.fixture(scope="module")
def url(tmp_path_factory):
    logdir = tmp_path_factory.mktemp("curves")
    for run in ("both", "neither"):
        writer = SummaryWriter(logdir / run)
        for step in range(3):
            writer.flow(LAYERS, {"norm_log10": np.zeros(2)}, step)
            if run == "both":
                writer.scalar("cost", [0.5, np.nan, np.inf][step], step)
                writer.scalar("solved", step / 2, step)
                writer.scalar("other", 1.0, step)
                writer.add(lambda to: to.image("decision_surface", PICTURE), step)
        writer.text("outcome", "done", 2)
        writer.close()
    with TensorBoard(logdir) as tensorboard:
        tensorboard.wait_for_runs("outcome")
        yield tensorboard.url


PICTURE = np.arange(48, dtype=np.uint8).reshape(4, 4, 3)


def get(url, run):
    path = f"{url}data/plugin/gradient_flow/curves?run={run}"
    with urllib.request.urlopen(path, timeout=10) as response:
        return json.load(response)


def test_curves_are_those_of_the_run_and_what_is_not_finite_is_null(url):
    found = get(url, "both")
    assert found["curves"] == {
        "cost": {"step": [0, 1, 2], "value": [0.5, None, None]},
        "solved": {"step": [0, 1, 2], "value": [0.0, 0.5, 1.0]},
    }


def test_pictures_are_where_the_images_tab_has_them(url):
    surfaces = get(url, "both")["surfaces"]
    assert [surface["step"] for surface in surfaces] == [0, 1, 2]
    path = f"{url}data/plugin/images/individualImage?blob_key={surfaces[1]['blob']}"
    with urllib.request.urlopen(path, timeout=10) as response:
        pixels = np.asarray(Image.open(io.BytesIO(response.read())))
    np.testing.assert_array_equal(pixels, PICTURE)


def test_a_run_without_any_has_none(url):
    assert get(url, "neither") == {"curves": {}, "surfaces": []}


def test_an_unknown_run_is_not_found(url):
    with pytest.raises(urllib.error.HTTPError) as error:
        get(url, "no%20such")
    assert error.value.code == 404
    error.value.close()
