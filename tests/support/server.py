"""The tab's server as TensorBoard runs it, and its replies as the page reads them."""

import json

import numpy as np
from tensorboard.backend import application
from tensorboard.backend.event_processing.data_provider import MultiplexerDataProvider
from tensorboard.backend.event_processing.plugin_event_multiplexer import (
    EventMultiplexer,
)
from tensorboard.plugins import base_plugin
from werkzeug.test import Client

from deepxor.events import gradient_flow
from deepxor.plugin.loader import GradientFlowLoader

ROUTE = "/data/plugin/gradient_flow"


def serve(logdir):
    multiplexer = EventMultiplexer(
        tensor_size_guidance={gradient_flow.PLUGIN_NAME: gradient_flow.MAX_VALUES}
    )
    multiplexer.AddRunsFromDirectory(str(logdir))
    multiplexer.Reload()
    provider = MultiplexerDataProvider(multiplexer, str(logdir))
    context = base_plugin.TBContext(data_provider=provider)
    plugin = GradientFlowLoader().load(context)
    return Client(application.TensorBoardWSGI([plugin], data_provider=provider))


def decode(data):
    """Returns header and name -> [columns, layers]."""
    size = int.from_bytes(data[:4], "little")
    header = json.loads(data[4 : 4 + size])
    if header["error"]:
        return header, {}
    shape = (header["columns"], len(header["layers"]))
    offset, tables = 4 + size, {}
    for block in header["blocks"]:
        kind = block["type"]
        if kind == "constant":
            value = np.nan if block["low"] is None else block["low"]
            tables[block["name"]] = np.full(shape, value)
            continue
        dtype = {"f64": "<f8", "u16": "<u2"}.get(kind, "u1")
        count = shape[0] if kind == "f64" else shape[0] * shape[1]
        codes = np.frombuffer(data, dtype, count, offset)
        offset += codes.nbytes + -codes.nbytes % 8
        if kind == "f64":
            tables["step"] = codes
            continue
        values = codes.reshape(shape).astype(float)
        missing = values == (65535 if kind == "u16" else 255)
        if kind == "u16":
            scale = (block["high"] - block["low"]) / 65533
            values = np.where(values == 65534, np.inf, block["low"] + values * scale)
        elif kind == "fraction":
            values /= 254
        tables[block["name"]] = np.where(missing, np.nan, values)
    assert offset == len(data)
    return header, tables


def get_flow(client, run):
    response = client.get(f"{ROUTE}/flow", query_string={"run": run})
    assert response.status_code == 200
    assert len(response.data) <= 200_000
    return decode(response.data)
