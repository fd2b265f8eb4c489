"""The server's side of the Gradient flow tab."""

from __future__ import annotations

import hashlib
import json
import logging
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from tensorboard import errors, plugin_util
from tensorboard.backend import http_util
from tensorboard.data import provider
from tensorboard.plugins import base_plugin
from werkzeug import wrappers

from deepxor.events import gradient_flow
from deepxor.plugin import csv_table, payload, static_files
from deepxor.plugin.curves import read_curves
from deepxor.plugin.script import docs_js, tables_js
from deepxor.text import printable

logger = logging.getLogger(__name__)

# The number of replies that are kept, about those of the runs on one screen. Each has
# at most `payload.MAX_BYTES`.
_KEPT_REPLIES = 16

# The status of the answer where a run's files hold something unforeseen.
_UNPROCESSABLE = 422

# The series of a run by tag, as the data provider lists them.
Series = Mapping[str, Any]


class GradientFlowPlugin(base_plugin.TBPlugin):
    """Serves the tab: its files, the runs that have records, and the records of a run.

    Args:
        context: The context that TensorBoard passes to plugins, with a data provider.

    Raises:
        ValueError: If there is no data provider.
    """

    plugin_name = gradient_flow.PLUGIN_NAME

    def __init__(self, context: base_plugin.TBContext) -> None:
        if context.data_provider is None:
            raise ValueError(
                "`context` must have a data provider. Received: data_provider=None"
            )
        self._provider = context.data_provider
        self._replies: OrderedDict[tuple[str, str], tuple[str, bytes]] = OrderedDict()
        self._lock = threading.Lock()

    def get_plugin_apps(self) -> dict[str, Callable[..., Any]]:
        """Returns the WSGI applications by route."""
        files = {f"/{name}": _file_app(name) for name in static_files.NAMES}
        return files | {
            f"/{static_files.TABLES}": _script_app(tables_js),
            f"/{static_files.DOCS}": _script_app(docs_js),
            "/runs": _guarded(self._serve_runs),
            "/flow": _guarded(self._serve_flow),
            "/csv": _guarded(self._serve_csv),
            "/curves": _guarded(self._serve_curves),
        }

    def is_active(self) -> bool:
        """Returns False, as TensorBoard itself finds out which runs have data."""
        return False

    def frontend_metadata(self) -> base_plugin.FrontendMetadata:
        """Returns the name of the tab and the path of its script."""
        return base_plugin.FrontendMetadata(
            es_module_path="/index.js", tab_name="Gradient flow"
        )

    def _serve_runs(self, request: wrappers.Request) -> wrappers.Response:
        """Serves {"runs": [{name, version, step, layers}]}, sorted by name.

        The version changes with every record, so that the page, which asks every two
        seconds, fetches only the runs that have changed.
        """
        runs = [
            {
                "name": name,
                "version": _version(series),
                "step": _last_step(series),
                "layers": _layer_count(series),
            }
            for name, series in sorted(self._list(request, None).items())
        ]
        return http_util.Respond(request, {"runs": runs}, "application/json")

    def _serve_flow(self, request: wrappers.Request) -> wrappers.Response:
        """Serves the records of the run `run` in the layout of `payload`."""
        run, series = self._asked(request)
        version = _version(series)
        headers = [("ETag", f'"{version}"')]
        if version in request.if_none_match:
            return http_util.Respond(
                request, b"", "application/octet-stream", code=304, headers=headers
            )
        reply = self._reply(request, run, series, version)
        return http_util.Respond(
            request, reply, "application/octet-stream", headers=headers
        )

    def _serve_csv(self, request: wrappers.Request) -> wrappers.Response:
        """Serves the records of the run `run` as CSV, with all digits of the events."""
        run, series = self._asked(request)
        records, _ = self._records(request, run, series)
        return http_util.Respond(request, csv_table.csv_bytes(run, records), "text/csv")

    def _serve_curves(self, request: wrappers.Request) -> wrappers.Response:
        """Serves the curves of the run `run`, as `read_curves` returns them."""
        run, _ = self._asked(request)
        found = read_curves(
            self._provider,
            plugin_util.context(request.environ),
            plugin_util.experiment_id(request.environ),
            run,
        )
        return http_util.Respond(request, found, "application/json")

    def _asked(self, request: wrappers.Request) -> tuple[str, Series]:
        """Returns the run that a request names, and its series."""
        run = request.args.get("run")
        if run is None:
            raise errors.InvalidArgumentError("Which run? ?run=...")
        series = self._list(request, [run]).get(run)
        if series is None:
            raise errors.NotFoundError("no gradient flow of such a run")
        return run, series

    def _reply(
        self, request: wrappers.Request, run: str, series: Series, version: str
    ) -> bytes:
        key = (plugin_util.experiment_id(request.environ), run)
        with self._lock:
            kept = self._replies.get(key)
            if kept is not None and kept[0] == version:
                self._replies.move_to_end(key)
                return kept[1]
        reply = self._read(request, run, series)
        with self._lock:
            self._replies[key] = (version, reply)
            self._replies.move_to_end(key)
            while len(self._replies) > _KEPT_REPLIES:
                self._replies.popitem(last=False)
        return reply

    def _read(self, request: wrappers.Request, run: str, series: Series) -> bytes:
        """Returns a run's reply, which has the message of any error for the run's card.

        All errors are caught, as a foreign run may have anything under these tags.
        """
        try:
            records, diagnosis = self._records(request, run, series)
            return payload.encode(records, diagnosis)
        except Exception as error:
            return payload.encode_error(_reason(error))

    def _records(
        self, request: wrappers.Request, run: str, series: Series
    ) -> tuple[payload.Records, object]:
        """Returns a run's records and its diagnosis."""
        suffixes = _suffixes(series)
        if not suffixes:
            raise payload.UnreadableRunError(f"It has no tag {gradient_flow.TAG}.")
        data = self._provider.read_tensors(
            plugin_util.context(request.environ),
            experiment_id=plugin_util.experiment_id(request.environ),
            plugin_name=gradient_flow.PLUGIN_NAME,
            downsample=gradient_flow.MAX_VALUES,
            run_tag_filter=provider.RunTagFilter([run], _tags(series)),
        ).get(run, {})
        records = payload.gather(
            [
                payload.Series(
                    series[gradient_flow.TAG + suffix].plugin_content,
                    data.get(gradient_flow.TAG + suffix, []),
                    data.get(gradient_flow.OVERVIEW_TAG + suffix, []),
                )
                for suffix in suffixes
            ]
        )
        diagnosis = _diagnosis(
            data.get(gradient_flow.DIAGNOSIS_TAG, []), records.steps[-1]
        )
        return records, diagnosis

    def _list(
        self, request: wrappers.Request, runs: Iterable[str] | None
    ) -> Mapping[str, Series]:
        """Returns the series of some runs, or of all if `runs` is None, by run."""
        return self._provider.list_tensors(
            plugin_util.context(request.environ),
            experiment_id=plugin_util.experiment_id(request.environ),
            plugin_name=gradient_flow.PLUGIN_NAME,
            run_tag_filter=provider.RunTagFilter(runs, None),
        )


def _guarded(
    serve: Callable[[wrappers.Request], wrappers.Response],
) -> Callable[..., Any]:
    """Returns the application of a route, which answers whatever a run's files hold."""

    @wrappers.Request.application
    def answer(request: wrappers.Request) -> wrappers.Response:
        try:
            return serve(request)
        except errors.PublicError:  # which TensorBoard answers with its message
            raise
        except payload.UnreadableRunError as error:
            raise errors.NotFoundError(_reason(error)) from None
        except Exception as error:
            return http_util.Respond(
                request, _reason(error), "text/plain", code=_UNPROCESSABLE
            )

    return answer


def _reason(error: Exception) -> str:
    """Returns why a run cannot be shown, in one line; logs what is not expected."""
    if isinstance(error, payload.UnreadableRunError):
        return printable(str(error))
    logger.warning("Gradient flow cannot read a run", exc_info=True)
    if isinstance(error, MemoryError):
        return "It has tensors that are too large to be read."
    return printable(" ".join(f"{type(error).__name__}: {error}".split()))


def _file_app(name: str) -> Callable[..., Any]:
    @wrappers.Request.application
    def serve(request: wrappers.Request) -> wrappers.Response:
        content = (static_files.FOLDER / name).read_bytes()
        return http_util.Respond(request, content, static_files.content_type(name))

    return serve


def _script_app(script: Callable[[], str]) -> Callable[..., Any]:
    @wrappers.Request.application
    def serve(request: wrappers.Request) -> wrappers.Response:
        return http_util.Respond(request, script(), "text/javascript")

    return serve


def _suffixes(series: Series) -> list[str]:
    """Returns the sorted suffixes of the tags of a run's series of records."""
    found = (gradient_flow.tag_suffix(tag) for tag in series)
    return sorted(suffix for suffix in found if suffix is not None)


def _tags(series: Series) -> list[str]:
    """Returns the tags of a run that the tab reads."""
    suffixes = _suffixes(series)
    wanted = [gradient_flow.TAG + suffix for suffix in suffixes]
    wanted += [gradient_flow.OVERVIEW_TAG + suffix for suffix in suffixes]
    return [tag for tag in (*wanted, gradient_flow.DIAGNOSIS_TAG) if tag in series]


def _version(series: Series) -> str:
    """Returns a text that changes with every record and diagnosis.

    It is short enough for a header, however many series there are.
    """
    parts = (
        f"{series[tag].max_step}-{series[tag].max_wall_time}" for tag in _tags(series)
    )
    return hashlib.sha256("_".join(parts).encode()).hexdigest()[:32]


def _last_step(series: Series) -> int | None:
    steps = [
        series[gradient_flow.TAG + suffix].max_step for suffix in _suffixes(series)
    ]
    return max(steps, default=None)


def _layer_count(series: Series) -> int | None:
    contents = (
        series[gradient_flow.TAG + suffix].plugin_content
        for suffix in _suffixes(series)
    )
    found = [names for content in contents if (names := gradient_flow.names(content))]
    return len({layer for _, layers in found for layer in layers}) or None


def _diagnosis(data: list[Any], last_step: float) -> object:
    """Returns the latest diagnosis, or None if it is unreadable or out of date.

    One that was made while the training went on is never out of date.
    """
    if not data:
        return None
    datum = data[-1]  # They are in the order of the file, whatever the clock says.
    try:
        content = datum.numpy.item()
        if len(content) > gradient_flow.MAX_DIAGNOSIS_BYTES:
            return None
        found = json.loads(content)
    except (ValueError, TypeError, RecursionError):
        return None
    is_running = isinstance(found, dict) and found.get("is_running") is True
    return found if is_running or datum.step >= last_step else None
