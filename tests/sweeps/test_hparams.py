"""A sweep as TensorBoard's own reader and HParams backend see it."""

import math

import pytest
from tensorboard.backend.event_processing import (
    data_provider,
    plugin_event_multiplexer,
)
from tensorboard.context import RequestContext
from tensorboard.plugins import base_plugin
from tensorboard.plugins.hparams import (
    api_pb2,
    backend_context,
    get_experiment,
    list_session_groups,
)

from deepxor.sweeps.axis import Axis
from deepxor.sweeps.cells import SOLVED, summarise
from deepxor.sweeps.hparams import METRICS, write_hparams

# A score is called what it is.
NAMES = [SOLVED if name == "score" else name for name in METRICS]

AXES = (
    (Axis("depth", (1, 2, 3)), Axis("learning_rate", (0.01, 1.0))),
    (Axis("activation", ("relu", "tanh")), Axis("residual", (False, True))),
    (Axis("seed", (0, 1)),),
)


def cells_of(axes, without=()):
    count = math.prod(len(axis.values) for axis in axes)
    rows = [
        {
            "cell": cell, "replica": replica, SOLVED: replica % 2,
            "cost": math.nan if cell == 1 else 0.1 * cell, "first_gradient": 1e-4,
            "last_gradient": 1e-2, "verdict": "healthy", "seconds": 0.1, "error": "",
        }
        for cell in range(count) if cell not in without
        for replica in range(2)
    ]  # fmt: skip
    failed = [{"cell": c, "replica": 0, "seconds": 0.0, "error": "no"} for c in without]
    return summarise(axes, SOLVED, rows + failed)


class Backend:
    """TensorBoard's own HParams backend on a logdir."""

    def __init__(self, logdir):
        multiplexer = plugin_event_multiplexer.EventMultiplexer()
        multiplexer.AddRunsFromDirectory(str(logdir)).Reload()
        provider = data_provider.MultiplexerDataProvider(multiplexer, str(logdir))
        self.runs = multiplexer.Runs()
        self._context = backend_context.Context(
            base_plugin.TBContext(data_provider=provider)
        )

    def experiment(self):
        request, context = api_pb2.GetExperimentRequest(), RequestContext()
        return get_experiment.Handler(context, self._context, "id", request).run()

    def groups(self):
        names = [api_pb2.MetricName(tag=metric) for metric in NAMES]
        request = api_pb2.ListSessionGroupsRequest(
            start_index=0, slice_size=1000,
            allowed_statuses=[api_pb2.STATUS_SUCCESS],
            col_params=[api_pb2.ColParams(metric=name) for name in names],
        )  # fmt: skip
        context = RequestContext()
        handler = list_session_groups.Handler(context, self._context, "id", request)
        return handler.run()


def plain(value):
    return getattr(value, value.WhichOneof("kind"))


@pytest.mark.parametrize("axes", AXES, ids=lambda axes: axes[0].name)
def test_each_cell_is_a_session_group_with_its_settings_and_metrics(tmp_path, axes):
    cells = cells_of(axes)
    assert write_hparams(cells, tmp_path) == len(cells.table)
    backend = Backend(tmp_path)
    experiment = backend.experiment()
    assert {info.name for info in experiment.hparam_infos} == {a.name for a in axes}
    assert {info.name.tag for info in experiment.metric_infos} == set(NAMES)
    response = backend.groups()
    assert response.total_size == len(response.session_groups) == len(cells.table)
    found = {
        tuple(plain(group.hparams[axis.name]) for axis in axes): group
        for group in response.session_groups
    }
    for row in cells.table:
        group = found[tuple(row[axis.name].item() for axis in axes)]
        metrics = {each.name.tag: each.value for each in group.metric_values}
        assert metrics[SOLVED] == row["score"] == 0.5
        assert metrics["healthy"] == 1 and metrics["decades"] == pytest.approx(2)
        cost = pytest.approx(row["cost"], rel=1e-6, nan_ok=True)
        assert metrics["cost"] == cost


@pytest.mark.parametrize("axes", AXES, ids=lambda axes: axes[0].name)
def test_the_domains_are_the_axes_values(tmp_path, axes):
    write_hparams(cells_of(axes), tmp_path)
    for info in Backend(tmp_path).experiment().hparam_infos:
        (axis,) = (axis for axis in axes if axis.name == info.name)
        domain = [plain(value) for value in info.domain_discrete.values]
        assert sorted(domain) == sorted(axis.values)
        kinds = {type(value) for value in domain} | {type(v) for v in axis.values}
        assert (bool in kinds) == (kinds == {bool})


def test_cells_without_a_network_are_no_rows_and_a_second_call_replaces(tmp_path):
    cells = cells_of(AXES[0], without=(2, 3))
    for _ in range(2):
        assert write_hparams(cells, tmp_path) == 4
    backend = Backend(tmp_path)
    assert len(backend.runs) == 4 and backend.groups().total_size == 4
    assert len(list(tmp_path.glob("*/*.tfevents.*"))) == 4
