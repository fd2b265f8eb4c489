"""What several test files of the report share."""

import shutil

import pytest

from tests.support.foreign import HEALTHY, OLD


@pytest.fixture
def logdir(tmp_path):
    """A logdir with one run, to which tests add a second folder."""
    shutil.copytree(OLD / "three_layer-relu", tmp_path / HEALTHY)
    return tmp_path
