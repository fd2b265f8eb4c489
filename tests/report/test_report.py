"""The report: what is read from events, what is drawn, and what a page may hold."""

import base64
import json
import re
import struct
from html.parser import HTMLParser
from xml.etree import ElementTree

import numpy as np
import pytest
from scipy.stats import binomtest

from deepxor.events import gradient_flow
from deepxor.events.reader import (
    GradientFlow,
    RunEvents,
    event_files,
    event_folders,
    read_run,
)
from deepxor.events.writer import SummaryWriter
from deepxor.quantities import OUTPUTS, in_tab
from deepxor.report.curves import curves_svg
from deepxor.report.export import COLUMNS, csv_text, json_text
from deepxor.report.heat_map import heat_svg, norm_range
from deepxor.report.last_record import last_record
from deepxor.report.page import common_settings, differing_settings, report_html
from deepxor.report.profiles import profiles_svg
from deepxor.report.run import ReportRun
from deepxor.report.significance import compare_rates, fisher, p_text
from deepxor.verdicts import by_name

HOSTILE = "<script>alert(1)</script><b>$x_1^{2$ &amp;\"' onload=x \\frac"
LAYERS = ("first", HOSTILE, "output")
DIAGNOSIS = {
    "verdict": "vanishing", "layer": "first", "evidence": "<i>small</i>",
    "advice": "Use & <u>relu</u>.",
}  # fmt: skip


class Page(HTMLParser):
    """What a browser would make of a page: its elements, and its text."""

    def __init__(self, html):
        super().__init__()
        self.elements, self.text = [], ""
        self.feed(html)

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))

    def handle_data(self, data):
        self.text += data

    def count(self, name):
        return sum(tag == name for tag, _ in self.elements)

    def pictures(self):
        start = "data:image/svg+xml;base64,"
        sources = [attrs["src"] for tag, attrs in self.elements if tag == "img"]
        assert all(source.startswith(start) for source in sources)
        return [base64.b64decode(s.removeprefix(start)).decode() for s in sources]


def norms(record):
    return np.array([-7.0 + record, -3.0, -1.0])


def write(folder, records=4, layers=LAYERS):
    writer = SummaryWriter(folder)
    for record in range(records):
        step = 10 * record
        for end in ("", "/p10", "/p90"):
            writer.scalar(f"cost{end}", 0.5 / (record + 1), step)
        writer.scalar("accuracy", 0.25 * record, step)
        zero = np.array([record == 1, False, False], float)
        quantities = {"norm_log10": norms(record), "zero_fraction": zero}
        quantities |= {f"norm_log10_{p}": norms(record) for p in ("p10", "p90")}
        writer.flow(layers, quantities, step)
    writer.flow_diagnosis(DIAGNOSIS, step)
    writer.close()


@pytest.fixture(scope="module")
def events(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    write(folder)
    return read_run(folder)


def run(name, events=RunEvents(), **settings):  # noqa: B008, it is never changed
    row = {"run": name, "status": "finished", "solved": 1, "replicas": 2,
           "solved_low": 0.1, "solved_high": 0.9, "cost": 0.5, **DIAGNOSIS}  # fmt: skip
    return ReportRun(name, row, settings, "", events)


def test_one_pass_reads_scalars_flow_and_diagnosis(events):
    assert events.scalars["cost"] == {
        0: 0.5,
        10: 0.25,
        20: pytest.approx(1 / 6),
        30: 0.125,
    }
    assert events.flow.layers == LAYERS
    assert events.flow.steps.tolist() == [0, 10, 20, 30]
    expected = np.stack([norms(record) for record in range(4)])
    np.testing.assert_allclose(events.flow.quantities["norm_log10"], expected)
    assert np.isnan(events.flow.quantities["dead_fraction"]).all()
    assert events.diagnosis == {**DIAGNOSIS, "causes": None}


def test_only_the_tags_asked_for_are_read(tmp_path):
    write(tmp_path)
    assert set(read_run(tmp_path, ("accuracy",)).scalars) == {"accuracy"}


def test_a_step_written_twice_counts_once_and_the_later_wins(tmp_path):
    write(tmp_path, records=3)
    with_other_layers = SummaryWriter(tmp_path)
    with_other_layers.flow(LAYERS, {"norm_log10": np.zeros(3)}, 10)
    with_other_layers.scalar("accuracy", 0.75, 10)
    odd = gradient_flow.flow_value(
        gradient_flow.table(1, {"norm_log10": np.zeros(1)}), ("one",)
    )
    with_other_layers.add(lambda to: to.message.value.append(odd), 40)
    with_other_layers.close()
    found = read_run(tmp_path)
    assert found.flow.steps.tolist() == [0, 10, 20]
    np.testing.assert_array_equal(found.flow.quantities["norm_log10"][1], 0)
    assert list(found.scalars["accuracy"].items()) == [(0, 0), (10, 0.75), (20, 0.5)]


def test_a_truncated_file_is_read_as_far_as_it_goes(tmp_path):
    write(tmp_path)
    (path,) = event_files(tmp_path)
    content = path.read_bytes()
    for size in (0, 5, len(content) // 2, len(content) - 1):
        path.write_bytes(content[:size])
        found = read_run(tmp_path)
        assert found.flow is None or len(found.flow.steps) <= 4
    assert not found.diagnosis and len(found.flow.steps) == 3
    path.write_bytes(content + struct.pack("<Q", 2**60) + b"garbage beyond")
    assert read_run(tmp_path).diagnosis == {**DIAGNOSIS, "causes": None}


@pytest.mark.parametrize("content", [b"", b"[]", b'{"layers": 3}', b"\xff"])
def test_a_flow_of_another_kind_is_none(tmp_path, content):
    value = gradient_flow.flow_value(
        gradient_flow.table(1, {"norm_log10": np.zeros(1)}), ["one"]
    )
    value.metadata.plugin_data.content = content
    broken = gradient_flow.diagnosis_value(DIAGNOSIS)
    broken.tensor.string_val[0] = content
    writer = SummaryWriter(tmp_path)
    writer.add(lambda to: to.message.value.extend([value, broken]), 0)
    writer.close()
    found = read_run(tmp_path)
    assert found.flow is None and found.diagnosis == {}
    assert event_folders(tmp_path) == [tmp_path]


def test_hostile_names_stay_text(events):
    html = report_html(HOSTILE, [run(HOSTILE, events, seed=HOSTILE)], (), [HOSTILE])
    page = Page(html)
    assert page.count("script") == page.count("i") - 1 == page.count("u") == 0
    # The title twice, a row, a card, a layer's row, a setting, and the skipped one.
    assert page.text.count(HOSTILE) == 7
    for tag, attributes in page.elements:
        assert not any(name.startswith("on") for name in attributes), tag
    for svg in page.pictures():
        names = {
            element.tag.split("}")[1] for element in ElementTree.fromstring(svg).iter()
        }
        assert "script" not in names and "b" not in names


def test_dollars_are_not_taken_for_mathematics(tmp_path):
    name, layer = "$x_{1$ $y^2$", "$\\frac$ $z_3$"
    write(tmp_path, layers=("first", layer, "last"))
    one = run(name, read_run(tmp_path))
    curves, profiles = curves_svg([one]), profiles_svg([one])
    heat = heat_svg(one, norm_range([one]))
    for svg, expected in ((curves, name), (profiles, layer), (heat, layer)):
        assert expected in "".join(ElementTree.fromstring(svg).itertext())


def test_nothing_is_asked_of_a_network(events):
    html = report_html("runs", [run("one", events), run("two", events)])
    page = Page(html)
    for _, attributes in page.elements:
        for name in ("src", "href", "xlink:href", "action", "data"):
            assert (attributes.get(name) or "data:").startswith("data:")
    assert page.count("script") == page.count("link") == 0
    assert "url(" not in html and "@import" not in html
    for text in (html, *page.pictures()):
        for address in re.finditer("https?://", text):
            before = text[: address.start()].rsplit(maxsplit=1)[-1]
            assert before.startswith("xmlns")
    for svg in page.pictures():
        for name in re.findall(r'(?:href|src)="([^"]{5})', svg):
            assert name == "data:" or name.startswith("#")


def test_the_same_runs_give_the_same_bytes(events):
    runs = [run("one", events), run("two", events)]
    assert report_html("runs", runs) == report_html("runs", runs)


def test_evidence_advice_and_solved_rates_are_said(events):
    comparisons = compare_rates({"one": (10, 10), "two": (0, 10)}, "two")
    page = Page(report_html("runs", [run("one", events)], comparisons))
    assert page.text.count(DIAGNOSIS["evidence"]) == 1
    assert page.text.count(DIAGNOSIS["advice"]) == 1
    assert "10 of 10" in page.text and p_text(fisher((10, 10), (0, 10))) in page.text
    assert len(page.pictures()) == 4  # curves, profiles, colours, a heat map


def test_a_run_without_events_or_settings_has_its_place():
    page = Page(report_html("runs", [run("bare"), run("other", seed=1)]))
    assert "bare" in page.text and page.text.count("No gradients recorded.") == 2
    assert page.pictures() == []


def test_only_settings_that_differ_are_in_the_table():
    runs = [run("a", seed=0, bits=2, rate=0.1), run("b", seed=1, bits=2, rate=0.1)]
    assert differing_settings(runs) == ["seed"]
    assert common_settings(runs) == [("bits", 2), ("rate", 0.1)]
    page = report_html("runs", [*runs, run("mine")])
    (table,) = re.findall('<table class="settings">.*?</table>', page, re.DOTALL)
    assert Page(table).text.split() == ["run", "seed", "a", "0", "b", "1"]
    assert "The same in all runs: bits 2; rate 0.1." in " ".join(
        Page(page).text.split()
    )
    alone = report_html("runs", runs[:1])
    assert '<table class="settings">' not in alone
    assert "Of all runs: seed 0; bits 2; rate 0.1." in " ".join(
        Page(alone).text.split()
    )


@pytest.mark.parametrize("value", [np.nan, np.inf, -12.0])
def test_odd_norms_are_drawn(tmp_path, value):
    writer = SummaryWriter(tmp_path)
    norms = np.full(200, value)
    writer.flow(
        [f"layer{i}" for i in range(200)],
        {
            "norm_log10": norms,
            "zero_fraction": np.ones(200),
            "non_finite": np.zeros(200),
        },
        0,
    )
    writer.close()
    odd = run("odd", read_run(tmp_path))
    svg = heat_svg(odd, norm_range([odd]))
    legend = "exactly zero" if value == -12 else "not finite"
    assert legend in svg and profiles_svg([odd])


def test_a_layer_that_is_not_recorded_is_no_fault(tmp_path):
    writer = SummaryWriter(tmp_path)
    for step, layers in enumerate([("last",), ("first", "last"), ("last",)]):
        count = len(layers)
        quantities = {"norm_log10": np.full(count, -1.0), "non_finite": np.zeros(count)}
        writer.flow(layers, quantities, step)
    writer.close()
    partly = run("partly", read_run(tmp_path))
    decades = norm_range([partly])
    assert decades == (-1, 0)
    svg = heat_svg(partly, decades)
    assert "not recorded" in svg and "not finite" not in svg
    assert profiles_svg([partly])


def cells_at_the_end(quantities, steps=1):
    """Returns the cells of the report's last record, the name of the layer first."""
    tables = [
        gradient_flow.table(1, quantities),
        *[gradient_flow.table(1, {})] * (steps - 1),
    ]
    columns = np.stack(tables).astype(float)
    # Nothing but the sparse quantities is missing at a record.
    end = gradient_flow.QUANTITIES.index("non_finite") + 1
    columns[1:, :end] = columns[0, :end]
    rows = {name: columns[:, i] for i, name in enumerate(gradient_flow.QUANTITIES)}
    found = GradientFlow(np.arange(steps), ("a",), rows)
    shown = last_record(found)
    ((layer, cells),) = shown.rows
    assert (shown.step, layer) == (steps - 1, "a")
    return dict(zip(shown.headings, cells, strict=True))


@pytest.mark.parametrize(
    ("quantities", "norm", "dead"),
    [
        ({"norm_log10": -6.85, "non_finite": 0}, "1.4e-07", "-"),
        ({"norm_log10": -12, "zero_fraction": 1, "dead_fraction": 1}, "0", "100 %"),
        ({"norm_log10": np.nan, "non_finite": 3}, "not finite", "-"),
        ({"norm_log10": np.inf, "dead_fraction": 0.999}, "not finite", "99 %"),
        ({"norm_log10": 3e38, "dead_fraction": 1e-6}, "1.0e+300", "1 %"),
        ({"dead_fraction": 0.5}, "-", "-"),
    ],
)
@pytest.mark.parametrize("steps", [1, 3])
def test_the_last_record_is_said_in_numbers(quantities, norm, dead, steps):
    cells = cells_at_the_end(quantities, steps)
    assert list(cells) == [q.label for q in in_tab() if q.label and q.source != OUTPUTS]
    assert (cells["Gradient norm"], cells["Dead units"]) == (norm, dead)


def test_the_last_record_is_in_the_report_folded(events):
    page = Page(report_html("runs", [run("one", events), run("bare")]))
    assert page.count("details") == 1
    assert "At the last record, step 30" in page.text
    assert "1.0e-04" in page.text and "Saturated units" in page.text


def test_only_verdicts_that_there_are_have_a_colour(events):
    known = ReportRun("a", {**run("a").row, "verdict": "dead"})
    odd = ReportRun("b", {**run("b").row, "verdict": 'x" style="y'})
    for shown, style in (
        (known, f"background: {by_name()['dead'].colour}; color: #fff"),
        (odd, None),
    ):
        badges = [
            attributes
            for tag, attributes in Page(report_html("r", [shown])).elements
            if tag == "span" and attributes.get("class") == "badge"
        ]
        assert [badge.get("style") for badge in badges] == [style] * 2


def test_colours_of_the_heat_maps_span_all_runs(events):
    # The one at -6 is exactly zero, which is on no scale.
    assert norm_range([run("one", events), run("two")]) == (-7, -1)


def test_rows_are_the_same_in_csv_and_json():
    low, high = binomtest(1, 2).proportion_ci(method="wilson")
    row = {"run": "=1+1", "status": "finished", "cost": 0.1 + 0.2, "solved": 1,
           "replicas": 2, "solved_low": low, "solved_high": high,
           "first_gradient": float("nan")}  # fmt: skip
    heading, cells = csv_text([row]).splitlines()
    assert heading == ",".join(COLUMNS)
    cells = dict(zip(COLUMNS, cells.split(","), strict=True))
    assert cells["run"] == "'=1+1" and cells["first_gradient"] == ""
    assert float(cells["cost"]) == 0.1 + 0.2
    run = ReportRun("=1+1", row, {"seed": 3}, notes=("damaged",))
    (found,) = json.loads(json_text([run], [], []))["runs"]
    assert found["notes"] == ["damaged"]
    assert found["run"] == "=1+1" and found["first_gradient"] is None
    assert found["cost"] == 0.1 + 0.2 and found["settings"] == {"seed": 3}
