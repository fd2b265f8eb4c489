"""Logdirs with a foreign or damaged folder, and checks of all that is made of them."""

import base64
import csv
import io
import json
import shutil
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from rich.console import Console
from tensorboard.compat.proto import event_pb2, summary_pb2

from deepxor.console.tables import print_runs
from deepxor.events import gradient_flow
from deepxor.events.reader import RunEvents
from deepxor.events.record_file import frame
from deepxor.events.writer import SummaryWriter
from deepxor.report.export import csv_text, json_text
from deepxor.report.logdir import read_logdir, solved_comparisons
from deepxor.report.page import report_html
from deepxor.text import LONGEST_TEXT

OLD = Path(__file__).with_name("logdir-0.1.0")


HEALTHY, BAD = "healthy", "bad"


VALID = json.loads((OLD / "three_layer-relu" / "experiment.json").read_text())


NAME = "events.out.tfevents.1.x"


fuzzed = settings(
    max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


odd_texts = st.text(max_size=60) | st.sampled_from(
    ["\ud800", "=1+1", "a\r=1+1", "\x1b[2J\x1b]0;x\x07", "\u202eabc", "x" * 1_000_000,
     "<script>", "\u200b" * 9, "a\nb", "\x9b31m", "'", "", "\uff1d1+1", " =1"]
)  # fmt: skip


NESTED = "[" * 200_000 + "]" * 200_000


def bad_folder(logdir, name=BAD):
    folder = logdir / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    return folder


class Page(HTMLParser):
    """The elements of a page, its text, and its pictures."""

    def __init__(self, html):
        super().__init__()
        self.tags, self.text, self.pictures = [], "", []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        if tag == "img":
            content = dict(attrs)["src"].partition("base64,")[2]
            self.pictures.append(base64.b64decode(content).decode())

    def handle_data(self, data):
        self.text += data


def check_line(line):
    assert line.isprintable() and len(line) <= LONGEST_TEXT, line
    line.encode()


def refuse(constant):
    raise AssertionError(f"{constant} in JSON")


def check_outputs(runs, lines):
    """Checks that every output is one that other programs can read."""
    rows = [run.row for run in runs]
    comparisons = solved_comparisons(runs)
    table = csv_text(rows)
    cells = list(csv.reader(io.StringIO(table, newline="")))
    assert len(cells) == 1 + len(runs) == len(table.splitlines())
    for cell in (cell for row in cells for cell in row):
        check_line(cell)
        if cell.lstrip().startswith(("=", "+", "-", "@")):
            float(cell)
    text = json_text(runs, comparisons, lines)
    data = json.loads(text, parse_constant=refuse)
    assert len(data["runs"]) == len(runs) and data["skipped"] == lines
    console = Console(file=io.StringIO(), width=120, force_terminal=False)
    print_runs(console, [(run.name, run.row, run.remark) for run in runs])
    for line in (*console.file.getvalue().splitlines(), *map(str, comparisons)):
        check_line(line)
    # The pictures of the healthy run are those of other tests.
    drawn = [replace(r, events=RunEvents()) if r.name == HEALTHY else r for r in runs]
    html = report_html("title", drawn, comparisons, lines)
    html.encode()
    page = Page(html)
    assert page.tags.count("section") == len(runs)
    notes = [note for run in runs for note in run.notes]
    assert page.tags.count("li") == len(lines) + len(notes)
    assert "cannot be drawn" not in page.text, page.text
    assert len(html) < 3_000_000 * (1 + len(runs))


def check(logdir, name=BAD, is_read=None):
    """Checks that the healthy run is shown as ever, and the other one or why not."""
    runs, skipped = read_logdir(logdir)
    lines = [*skipped, *notes_of(runs)]
    for line in lines:
        check_line(line)
        assert "Error" not in line, line  # so no check of ours has let it through
    (healthy,) = (run for run in runs if run.name == HEALTHY)
    expected = {**VALID["results"], "run": HEALTHY, "replicas": 3}
    for key in set(expected) & set(healthy.row):
        assert healthy.row[key] == expected[key]
    others = [run for run in runs if run.name != HEALTHY]
    named = [line for line in lines if repr(name)[1:-1] in line or name in line]
    assert len(others) == 1 or named
    assert len(others) <= 1
    if is_read is not None:
        assert bool(others) == is_read, lines
    check_outputs(runs, skipped)
    return (others or [None])[0], named


def notes_of(runs):
    return [f"{run.name!r}: {note}" for run in runs for note in run.notes]


def check_reading(logdir):
    runs, lines = read_logdir(logdir)
    assert HEALTHY in [run.name for run in runs]
    return runs, [*lines, *notes_of(runs)]


def write_flow(folder, layers=("first", "last"), steps=(0, 10), **values):
    writer = SummaryWriter(folder)
    for step in steps:
        count = len(layers)
        norms = {
            "norm_log10": np.linspace(-5, -1, count),
            "non_finite": np.zeros(count),
        }
        writer.flow(layers, norms | values, step)
        writer.scalar("loss", 0.5, step)
    writer.flow_diagnosis({"verdict": "vanishing", "evidence": "So."}, steps[-1])
    writer.close()
    (path,) = folder.glob("events*")
    return path


def write_events(folder, *summaries):
    """Writes a file of events, each a step and its values."""
    events = [event_pb2.Event(file_version="brain.Event:2")]
    for step, values in summaries:
        summary = summary_pb2.Summary(value=values)
        events.append(event_pb2.Event(step=step, summary=summary))
    content = b"".join(frame(event.SerializeToString()) for event in events)
    (folder / NAME).write_bytes(content)


def flow(layers, **values):
    table = gradient_flow.table(len(layers), values)
    return gradient_flow.flow_value(table, layers)
