"""Makes an HTML file that compares runs, to be read offline or printed."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jinja2

from deepxor import verdicts
from deepxor.palette import run_colour, run_dashes
from deepxor.report.curves import curves_svg
from deepxor.report.heat_map import heat_svg, norm_range, scale_svg
from deepxor.report.last_record import last_record
from deepxor.report.profiles import profiles_svg
from deepxor.report.run import ReportRun, first_record
from deepxor.report.significance import LEVEL, Comparison, p_text
from deepxor.text import decades_lost, number_text, printable
from deepxor.version import __version__

TEMPLATE = "report.html.j2"


def report_html(
    title: str,
    runs: Sequence[ReportRun],
    comparisons: Sequence[Comparison] = (),
    skipped: Sequence[str] = (),
) -> str:
    """Returns the report as an HTML page without scripts or other files.

    Args:
        title: The title, such as the name of the logdir.
        runs: The runs, at least one; their names and texts need not be trusted.
        comparisons: The comparisons of solved rates.
        skipped: A line for each folder that could not be read.

    Returns:
        The page as HTML.
    """
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("deepxor.report", "."),
        autoescape=True,  # as names are not trusted
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["number"] = number_text
    environment.filters["picture"] = _picture
    decades = norm_range(runs)
    return environment.get_template(TEMPLATE).render(
        title=printable(title),
        version=__version__,
        runs=[_shown(i, run, decades) for i, run in enumerate(runs)],
        curves=_drawn(curves_svg, runs),
        profiles=_drawn(profiles_svg, runs),
        scale=_drawn(scale_svg, runs, decades),
        start=first_record(run.row for run in runs),
        failures=_failures(runs),
        comparisons=comparisons,
        level=LEVEL,
        p_text=p_text,
        differing=differing_settings(runs),
        common=common_settings(runs),
        skipped=skipped,
        verdicts=verdicts.by_name(),
    )


def differing_settings(runs: Sequence[ReportRun]) -> list[str]:
    """Returns the names of the settings in which runs differ, in their order.

    Args:
        runs: The runs; those whose settings are not known do not count.
    """
    known = [run.settings for run in runs if run.settings]
    return [
        name
        for name in _setting_names(runs)
        if len({repr(settings.get(name)) for settings in known}) > 1
    ]


def common_settings(runs: Sequence[ReportRun]) -> list[tuple[str, Any]]:
    """Returns the names and values of the settings in which no runs differ.

    Args:
        runs: The runs; those whose settings are not known do not count.
    """
    known = [run.settings for run in runs if run.settings]
    differing = differing_settings(runs)
    return [
        (name, known[0][name]) for name in _setting_names(runs) if name not in differing
    ]


def _setting_names(runs: Sequence[ReportRun]) -> list[str]:
    """Returns the names of the settings of all runs, in the order of the runs."""
    return list(dict.fromkeys(name for run in runs for name in run.settings))


def _failures(runs: Sequence[ReportRun]) -> list[str]:
    """Returns which counts of failed replicas any run has."""
    names = ("diverged", "dead")
    return [name for name in names if any(run.row.get(name) for run in runs)]


def _shown(index: int, run: ReportRun, decades: tuple[int, int]) -> dict[str, Any]:
    row: Mapping[str, Any] = run.row
    return {
        "name": run.name,
        "row": row,
        "settings": run.settings,
        "remark": run.remark,
        "notes": run.notes,
        "colour": run_colour(index),
        "dash": " ".join(map(str, run_dashes(index))) or "none",
        "lost": decades_lost(row.get("first_gradient"), row.get("last_gradient")),
        "failed": _failed(row),
        "heat": _drawn(heat_svg, run, decades),
        "last": last_record(run.events.flow) if run.events.flow else None,
    }


def _failed(row: Mapping[str, Any]) -> str:
    """Returns the counts of failed replicas, as in "diverged: 9 of 100".

    Returns:
        The text; empty if no replica is known to have failed.
    """
    counts = {name: row.get(name) for name in ("diverged", "dead")}
    if not any(counts.values()):
        return ""
    known = {name: count for name, count in counts.items() if count is not None}
    return ", ".join(
        f"{name}: {count} of {row['replicas']}" for name, count in known.items()
    )


@dataclass(frozen=True)
class _Picture:
    """Holds a picture as SVG; if it cannot be drawn, why."""

    svg: str = ""
    reason: str = ""


def _drawn(draw: Callable[..., str | None], *arguments: Any) -> _Picture | None:
    """Returns what a function draws, or why it fails; None if there is nothing to draw.

    What a file holds may be beyond what matplotlib can draw. It costs this picture, and
    not the page.
    """
    try:
        svg = draw(*arguments)
    except MemoryError:
        return _Picture(reason="too large to be drawn")
    except Exception as error:
        text = " ".join(f"{type(error).__name__}: {error}".split())
        return _Picture(reason=f"cannot be drawn ({printable(text, 300)})")
    return None if svg is None else _Picture(svg)


def _picture(svg: str) -> str:
    """Returns the data address of a picture.

    As the picture is an image of its own, no name in it can become part of the page.
    """
    return "data:image/svg+xml;base64," + base64.b64encode(svg.encode()).decode()
