"""The thresholds of the rules."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Thresholds:
    """Holds the thresholds of the rules.

    Attributes:
        window: The share of the steps, the latest ones, over which evidence must last,
            so that no single record decides and a warm-up that recovers is healthy.
        first: The number of records whose median loss is that of the start.
        min_records: The number of records below which only NaN and infinity are faults.
        sudden: NaN came at once, with one batch and without growth, if the norm of the
            record before was less than this many times the median norm.
        dead: A layer is dead if this share of its units is zero for every sample looked
            at. DeepDiagnosis (Wardat et al. 2022) takes 0.7 of the outputs, but a model
            with 0.7 of its units dead may well learn with the others.
        saturated: A layer is saturated if this share of its outputs is on the flat
            part. TheDeepChecker (Ben Braiek & Khomh 2022) takes half of the units.
        vanishing: The gradient vanishes if the norm at the first layer is below this
            share of the largest at the others. AutoTrainer (Zhang et al. 2021) takes
            1e-3 of the kernels' norms. It vanishes in time if less than this share of
            it reaches the initial state.
        vanishing_learned: The threshold `vanishing` of a model whose loss has been
            learned, as the biases of the last layers alone can learn it if the targets
            are far from zero.
        blocked: The share of the norm at the last layer below which that at the first
            is blocked by a saturated layer in between.
        growth: A loss of this many times that of the start is an explosion if the
            weights still move.
        collapse: A loss of this many times that of the start is an explosion even if
            the weights do not move.
        moving: Weights that change by less than this share a step have settled, so that
            changes of their loss are noise.
        update: An update of this many times the weights is an explosion if the loss
            does not fall. SageMaker Debugger takes 10, TheDeepChecker 0.1.
        huge: A norm above this is an explosion if the loss is also steep.
        steepness: The loss is steep if norm times weights over loss is above this.
        learned: A loss below this share of that of the start has been learned.
        skill: The loss of a model with at least this skill has been learned, too, as it
            may have been low from the start, if a training is continued.
        no_skill: A model with less skill than this is no better than a constant.
        min_samples: The number of samples below which neither skill nor dead units are
            known.
        significant: The loss falls if its slope is below 0 by this many standard
            errors.
        beyond: A target is out of the output activation's reach if it lies beyond it
            by more than this share of the targets' range.
        classes: The most different whole numbers that are taken for classes.
        small_inputs: Inputs of a smaller root mean square are not scaled.
        large_inputs: Inputs of a larger root mean square are not scaled.
        small_targets: Numbers as targets of a smaller root mean square are not scaled.
        large_targets: Targets of a larger root mean square are not scaled.
        constant: Predictions are as good as a constant if their skill is not further
            below 0 than this.
        large_update: Steps are large if they change the weights by more than this share
            of themselves in the median. TheDeepChecker takes 0.1.
        hardly_moved: The weights have hardly moved if all updates together come to less
            than this share of them.
        moved_little: The same of weights whose loss still falls.
        few_steps: A training of no more steps than this may be too short.
        heavy_dropout: A dropout of at least this rate leaves next to nothing.
        shrunk: Activations have shrunk the gradient if less than this share of it
            arrives at the first layer.
        few_units: A layer of no more units than this is narrow.
        min_running: The number of records below which a training that goes on is not
            said not to learn.
        flat: A loss above this share of that of the start has not moved.
        moved: The loss can be expected to move if a layer's updates add up to this
            share of its weights.
        falling: The loss is still falling if its median over the window is below this
            share of that over the window before.
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
    no_skill: float = 0.07
    min_samples: int = 20
    min_running: int = 10
    significant: float = 3.0
    beyond: float = 0.02
    classes: int = 100
    small_inputs: float = 0.01
    large_inputs: float = 10.0
    small_targets: float = 0.01
    large_targets: float = 10.0
    constant: float = 0.2
    large_update: float = 0.1
    hardly_moved: float = 0.1
    moved_little: float = 0.3
    few_steps: int = 50
    heavy_dropout: float = 0.7
    shrunk: float = 0.05
    few_units: int = 2
    flat: float = 0.95
    moved: float = 0.1
    falling: float = 0.8


THRESHOLDS = Thresholds()
