"""What the rules compare with."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Thresholds:
    """What the rules compare with.

    Attributes:
        window: Share of the steps, the latest, over which evidence has to persist,
            so that no single record decides and a warm-up that recovers is healthy.
        first: Records whose median loss is that of the start.
        min_records: With fewer records only NaN and infinity are a fault.
        sudden: NaN came at once, with one batch, and not by growing steps, if the norm
            of the record before was less than this many times the usual one.
        dead: A layer is dead where this share of its units is silent for the whole
            sample. DeepDiagnosis (Wardat et al. 2022) takes 0.7 of the outputs; a model
            with 0.7 of its units dead may well learn with the rest.
        saturated: A layer is saturated where this share of its outputs is on the flat
            part. TheDeepChecker (Ben Braiek & Khomh 2022) takes half of the units.
        vanishing: The first layer's norm is vanishing below this share of the last
            layer's. AutoTrainer (Zhang et al. 2021) takes 1e-3 of the kernels' norms.
            It is lost in time where less than this of it reaches the initial state.
        vanishing_learned: The same where the loss has been learned: the last layers'
            biases alone can do that, if the targets are far from zero.
        blocked: The same where a saturated layer is in between.
        growth: A loss this many times that of the start is an explosion, if the
            weights still move.
        collapse: The same, whether they move or not.
        moving: Weights that change by less than this share a step have settled, and
            their loss is noise.
        update: An explosion, too, is an update of this many times the weights, if the
            loss does not fall. SageMaker Debugger takes 10, TheDeepChecker 0.1.
        huge, steepness: An explosion, too, is a norm above the one, if norm times
            weights over loss is above the other.
        learned: A loss below this share of that of the start has been learned,
        skill: and so has that of a model with at least this skill: it may have been
            good from the start, as one that goes on with its training.
        flat: A loss above this share of that of the start has not moved.
        moved: A model has trained, for its loss to be expected to move, where a
            layer's updates add up to this share of its weights.
        falling: A loss whose median over the window is below this share of that of the
            window before is still being learned.
    """

    window: float = 1 / 3
    first: int = 3
    min_records: int = 3
    sudden: float = 10.0
    dead: float = 0.9
    saturated: float = 0.8
    vanishing: float = 1e-3
    vanishing_learned: float = 1e-4
    blocked: float = 0.05
    growth: float = 3.0
    collapse: float = 10.0
    moving: float = 1e-3
    update: float = 0.5
    huge: float = 1e4
    steepness: float = 100.0
    learned: float = 0.5
    skill: float = 0.5
    flat: float = 0.95
    moved: float = 0.1
    falling: float = 0.8


THRESHOLDS = Thresholds()
