"""A sweep from its axes to its table, with cells that fail for real."""

import io

import numpy as np
import pytest
from rich.console import Console

import deepxor
from deepxor.console.sweep import print_outcome, sweep_on_console
from deepxor.runs.folder import RunError
from deepxor.sweeps.engines.processes import Processes
from deepxor.sweeps.folder import SweepFolder
from deepxor.sweeps.outputs import cells_csv
from deepxor.sweeps.run import axis_of, run_sweep, to_table
from deepxor.version import __version__
from tests.sweeps.toy import ToyTask, results, toy_rows, toy_sweep

REASON = 'ArithmeticError: no "kernel", no bias, too: \ufffd[31m\ufffd'


@pytest.fixture(scope="module")
def failed(tmp_path_factory):
    """The folder of a sweep in which the cells of one width fail, and its rows."""
    sweep = toy_sweep(ToyTask(width=6))
    path = tmp_path_factory.mktemp("failed") / "logdir" / "sweep"
    return sweep, path, run_sweep(sweep, path, Processes(2))


def test_a_folder_that_is_elsewhere_is_refused():
    with pytest.raises(ValueError, match="`folder` must be a local folder"):
        deepxor.sweep({"depth": [1, 2]}, width=2, folder="gs://bucket/sweep")


def test_a_cell_that_fails_is_rows_with_the_reason_and_the_others_go_on(failed):
    sweep, path, rows = failed
    bad = [row for row in rows if row["error"]]
    assert {row["error"] for row in bad} == {REASON}
    assert {sweep.experiments[row["cell"]].width for row in bad} == {6}
    assert len(bad) == 9 and len(rows) == sweep.count
    plain = toy_sweep()
    others = [row for chunk in plain.chunks for row in toy_rows(plain, chunk)]
    others = [row for row in others if plain.experiments[row["cell"]].width == 5]
    assert results(row for row in rows if not row["error"]) == results(others)
    with SweepFolder(path, sweep) as folder:
        assert {row["error"] for row in folder.rows} == {"", REASON}
    table = sweep.cells(rows).table
    assert table["error"].tolist() == ["", REASON] * 3
    assert table["networks"].tolist() == [3, 0] * 3
    assert f'"{REASON}"'.replace('no "kernel"', 'no ""kernel""') in cells_csv(
        sweep.cells(rows)
    )


def test_the_console_says_so_in_red_and_the_map_draws_it(failed, capfd):
    sweep, path, rows = failed
    # What has failed is not tried again, as it would fail again.
    status = sweep_on_console(
        sweep, Processes(1), str(path.parent), path.name, "", quiet=False
    )
    printed = capfd.readouterr()
    assert status == 0 and printed.err == ""
    line = f"3 cells failed, the first at depth=1, width=6: {REASON}"
    assert line in " ".join(printed.out.split())
    assert "9 networks in 6 cells" in printed.out
    page = (path / "map.html").read_text()
    assert "ArithmeticError" in page
    text = io.StringIO()
    console = Console(
        file=text, force_terminal=True, width=200, color_system="standard"
    )
    print_outcome(console, sweep, sweep.cells(rows), path)
    assert "\x1b[31m3 cells failed" in text.getvalue()


def test_what_is_left_is_trained_and_the_watch_sees_each_chunk(tmp_path):
    log = tmp_path / "log"
    sweep = toy_sweep(ToyTask(log=str(log)))
    with SweepFolder(tmp_path / "sweep", sweep) as folder:
        for chunk in sweep.chunks[:4]:
            folder.append(chunk, toy_rows(toy_sweep(), chunk))
    seen = []
    rows = run_sweep(
        sweep, tmp_path / "sweep", Processes(1), lambda f: seen.append(len(f.rows))
    )
    assert seen == [12, 15, 18]
    plain = toy_sweep()
    assert results(rows) == results(
        row for chunk in plain.chunks for row in toy_rows(plain, chunk)
    )
    assert len(log.read_text().splitlines()) == 6  # 3 networks for each chunk left


def test_axes_from_python_may_be_numpys():
    axis = axis_of("learning_rate", np.geomspace(0.01, 1, 3))
    assert axis.is_log and all(type(value) is float for value in axis.values)
    assert axis_of("depth", range(1, 4)).values == (1, 2, 3)
    assert [type(v) for v in axis_of("depth", np.arange(2)).values] == [int, int]
    with pytest.raises(ValueError, match="at least one value"):
        axis_of("depth", ())


def test_a_table_has_a_row_for_each_cell():
    sweep = toy_sweep()
    rows = [row for chunk in sweep.chunks for row in toy_rows(sweep, chunk)]
    cells = sweep.cells(rows)
    frame = to_table(cells)
    assert frame.shape == (6, len(cells.table.dtype.names))
    assert frame["depth"].tolist() == [1, 1, 2, 2, 3, 3]
    assert frame["score"].tolist() == cells.table["score"].tolist()


@pytest.mark.parametrize("values", ["relu", 5])
def test_an_axis_from_python_is_a_list(values):
    with pytest.raises(ValueError, match=r"must be a list of values\. Received"):
        axis_of("depth", values)


def test_a_sweep_of_another_version_is_not_gone_on_with(tmp_path):
    sweep = toy_sweep()
    with SweepFolder(tmp_path / "sweep", sweep) as folder:
        chunk = sweep.chunks[0]
        folder.append(chunk, toy_rows(sweep, chunk))
    file = tmp_path / "sweep" / "sweep.json"
    file.write_text(file.read_text().replace(__version__, "0.0.1"))
    with pytest.raises(RunError, match=r"begun with deepxor 0\.0\.1, and this is"):
        run_sweep(sweep, tmp_path / "sweep", Processes(1))
