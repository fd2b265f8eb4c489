"""A quantity and a verdict are a row of a table each, and all else follows."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent

CODE = r"""
import sys
import deepxor.quantities as quantities
import deepxor.verdicts as verdicts

quantities.QUANTITIES = (*quantities.QUANTITIES, quantities.Quantity(
    "sharpness", quantities.WEIGHTS, quantities.LOG10, "sharpness_log10", "Sharpness",
    quantities.U16, "How | sharp.", has_band=True))
verdicts.VERDICTS = (
    *verdicts.VERDICTS, verdicts.Verdict("oscillating", "#123456", "Sit still."))

import json
from pathlib import Path

import numpy as np
from deepxor.events import gradient_flow
from deepxor.events.reader import read_run
from deepxor.events.series import FlowSeries
from deepxor.plugin import payload
from deepxor.plugin.script import tables_js
from deepxor.report.page import report_html
from deepxor.report.run import ReportRun
from deepxor.console.tables import verdict_style

rows = ("sharpness_log10", "sharpness_log10_p10", "sharpness_log10_p90")
place = gradient_flow.QUANTITIES.index(rows[0])
assert gradient_flow.QUANTITIES[place : place + 3] == rows, gradient_flow.QUANTITIES
assert gradient_flow.filled(gradient_flow.table(1, {"norm_log10": [0.0]}),
                   gradient_flow.table(1, {rows[0]: [-3.0]}))[place, 0] == -3

series = FlowSeries()
values = series.record(["a"], {"norm_log10": np.zeros(1), rows[0]: np.full(1, -2.5)}, 0)
values += series.diagnosis(
    {"verdict": "oscillating", "evidence": "So.", "advice": None}, 0)

# An event file as TensorFlow writes it, without TensorFlow.
import struct
from tensorboard.compat.proto import event_pb2, summary_pb2
from tensorboard.compat.tensorflow_stub.pywrap_tensorflow import masked_crc32c
record = event_pb2.Event(summary=summary_pb2.Summary(value=values)).SerializeToString()
head = struct.pack("<Q", len(record))
folder = Path(sys.argv[1])
(folder / "events.out.tfevents.0").write_bytes(
    head + struct.pack("<I", masked_crc32c(head)) + record
    + struct.pack("<I", masked_crc32c(record)))
events = read_run(folder)
assert events.flow.quantities[rows[0]].tolist() == [[-2.5]]
assert events.diagnosis["verdict"] == "oscillating"

class Datum:
    step, wall_time, numpy = 0, 0.0, events.flow.tables[0]

content = values[0].metadata.plugin_data.content
reply = payload.encode(payload.gather([payload.Series(content, [Datum])]), None)
header = json.loads(reply[4 : 4 + int.from_bytes(reply[:4], "little")])
blocks = {block["name"]: block for block in header["blocks"]}
assert blocks[rows[0]] == {"name": rows[0], "type": "constant", "low": -2.5}, blocks
assert rows[2] in blocks

script = tables_js()
assert '"id": "sharpness_log10", "label": "Sharpness", "log": true' in script
assert '"oscillating": "#123456"' in script
assert verdict_style("oscillating") == "white on #123456"

row = {"run": "r", "solved": None, "seconds": None, **events.diagnosis}
html = report_html("title", [ReportRun("r", row, events=events)])
assert 'style="background: #123456; color: #fff">oscillating<' in html
assert '<th class="n">Sharpness</th>' in html and ">3.2e-03<" in html

from scripts.pages import tables as docs_tables
assert "| `sharpness` | [records, layers] | How \\| sharp. |" in (
    docs_tables.quantities_table())
assert "| `sharpness_log10/<layer>` | log10 of `sharpness`;" in docs_tables.tags_table()
assert "| `oscillating` | Sit still. |" in docs_tables.verdicts_table()
assert "tensorflow" not in sys.modules
"""


def test_a_row_is_found_everywhere(tmp_path: Path) -> None:
    path = f"import sys; sys.path.insert(0, {str(ROOT)!r})\n"
    command = [sys.executable, "-c", path + CODE, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
