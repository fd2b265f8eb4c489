"""The cells of the lesson, step by step."""

from scripts.pages.lesson.cells import Code, Text
from scripts.pages.lesson.steps import (
    cures,
    death,
    failure,
    opening,
    own_model,
    prediction,
    relu,
    tensorboard,
)

CELLS: tuple[Text | Code, ...] = (
    *opening.CELLS,
    *failure.CELLS,
    *prediction.CELLS,
    *tensorboard.CELLS,
    *relu.CELLS,
    *death.CELLS,
    *cures.CELLS,
    *own_model.CELLS,
)
