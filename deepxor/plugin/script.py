"""The scripts that give the tab's page the tables, their docs and the palette."""

from __future__ import annotations

import json

from deepxor.palette import RUN_COLOURS, RUN_DASHES, RUN_MARKERS, SLOPE, WEIGHT
from deepxor.quantities import FRACTION, LOG10, in_tab
from deepxor.verdicts import VERDICTS


def tables_js() -> str:
    """Returns a module with the quantities and the looks of verdicts and runs."""
    menu = [
        {
            "id": quantity.shown_name,
            "label": quantity.label,
            "log": quantity.display == LOG10,
            "fraction": quantity.display == FRACTION,
            "band": quantity.has_band,
        }
        for quantity in in_tab()
        if quantity.label is not None
    ]
    colours = {verdict.name: verdict.colour for verdict in VERDICTS}
    factors = {"slope": SLOPE, "weight": WEIGHT}
    return (
        f"export const QUANTITIES = {json.dumps(menu)};\n"
        f"export const VERDICTS = {json.dumps(colours)};\n"
        f"export const RUN_COLOURS = {json.dumps(RUN_COLOURS)};\n"
        f"export const RUN_DASHES = {json.dumps(RUN_DASHES)};\n"
        f"export const RUN_MARKERS = {json.dumps(RUN_MARKERS)};\n"
        f"export const FACTORS = {json.dumps(factors)};\n"
    )


def docs_js() -> str:
    """Returns a module with what each quantity of the menu is, by its id."""
    docs = {row.shown_name: row.doc for row in in_tab() if row.label is not None}
    return f"export const DOCS = {json.dumps(docs)};\n"
