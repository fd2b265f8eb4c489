import pytest

from deepxor.vision.perceptrons.chunk import networks_in_chunk, work
from deepxor.vision.perceptrons.config import PerceptronExperiment


@pytest.mark.parametrize("depth", [1, 10, 100, 1000])
@pytest.mark.parametrize("width", [1, 5, 64, 300, 2000])
@pytest.mark.parametrize("batch_size", [1, 128, 1442])
def test_a_chunk_fits_into_memory(depth, width, batch_size):
    experiment = PerceptronExperiment(depth=depth, width=width, batch_size=batch_size)
    count = networks_in_chunk(experiment)
    # The outputs of the activations of all layers and the moments of Adam alone.
    numbers = depth * (batch_size * width + 2 * width**2)
    assert 1 <= count <= 256
    assert count == 1 or 4 * count * numbers < 2e9


def test_narrow_networks_are_trained_in_greater_number():
    narrow, wide = (PerceptronExperiment(width=width) for width in (5, 64))
    assert networks_in_chunk(narrow) > networks_in_chunk(wide) > 1


@pytest.mark.parametrize("name", ["depth", "width", "batch_size", "num_steps"])
def test_more_of_anything_is_more_work(name):
    more = PerceptronExperiment(**{name: getattr(PerceptronExperiment(), name) + 1})
    assert work(more) > work(PerceptronExperiment())
