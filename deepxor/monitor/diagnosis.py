"""Rules from recorded numbers to a verdict with evidence and advice; NumPy only.

A fault is something that keeps a model from learning, so every rule asks two things:
does the model fail to learn, and do the gradients or the activations, over the latest
records, say why? Small gradients alone are no fault: a model that has converged has
them, and so has one whose targets are small.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

HEALTHY = "healthy"
VANISHING = "vanishing"
EXPLODING = "exploding"
DEAD = "dead"
SATURATED = "saturated"

ADVICE = {
    HEALTHY: "Nothing to mend in the gradient: it reaches every layer.",
    VANISHING: (
        "Use an activation whose slope does not shrink the gradient (relu with he "
        "initialization, or tanh with glorot), normalization or residual connections, "
        "or fewer layers."
    ),
    EXPLODING: (
        "Lower the learning rate tenfold, scale the inputs and the initial weights (he "
        "or glorot), or clip the gradients."
    ),
    DEAD: (
        "Use an activation with a slope on both sides (leaky_relu, elu), he "
        "initialization with biases of zero, and inputs of mean zero; a lower learning "
        "rate keeps units from dying later."
    ),
    SATURATED: (
        "Scale the inputs to mean zero and variance one, start from smaller weights "
        "(glorot) and biases of zero, or lower the learning rate; relu has no upper "
        "flat part."
    ),
}

ADVICE_IN_TIME = (
    "Use an LSTM or GRU, or tanh or relu with a recurrent kernel that starts as the "
    "identity; shorter sequences; or attention or pooling over all steps in place of "
    "the last output."
)


@dataclass(frozen=True)
class Thresholds:
    """What the rules compare with.

    Attributes:
        window: Share of the records, the latest, over which evidence has to persist,
            so that no single record decides and a warm-up that recovers is healthy.
        min_records: With fewer records only NaN and infinity are a fault.
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
    min_records: int = 3
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


@dataclass(frozen=True)
class Diagnosis:
    """A verdict on a training.

    Attributes:
        verdict: healthy, vanishing, exploding, dead or saturated.
        layer: The layer where it shows; None if healthy.
        evidence: One sentence with the numbers that led to the verdict.
        advice: One sentence on what to change.
    """

    verdict: str
    layer: str | None
    evidence: str
    advice: str

    def __str__(self) -> str:
        where = f" at {self.layer}" if self.layer else ""
        return f"{self.verdict}{where}\n  {self.evidence}\n  {self.advice}"

    def markdown(self) -> str:
        """Returns the same for TensorBoard's Text tab."""
        where = f" at `{self.layer}`" if self.layer else ""
        return f"**{self.verdict}**{where}\n\n{self.evidence}\n\n{self.advice}"


def diagnose(history: Mapping[str, Any]) -> Diagnosis:
    """Returns the verdict on a history.

    Args:
        history: `GradientMonitor.history`.

    Returns:
        The first of these that holds: not finite, dead, saturated, exploding,
        vanishing, vanishing in time, healthy. What stands before may cause what stands
        behind.
    """
    if len(history["step"]) == 0:
        return Diagnosis(HEALTHY, None, "No step was recorded.", ADVICE[HEALTHY])
    evidence = Evidence(history)
    rules: tuple[tuple[Rule, str, str], ...] = (
        (find_not_finite, EXPLODING, ADVICE[EXPLODING]),
        (find_dead, DEAD, ADVICE[DEAD]),
        (find_saturated, SATURATED, ADVICE[SATURATED]),
        (find_exploding, EXPLODING, ADVICE[EXPLODING]),
        (find_vanishing, VANISHING, ADVICE[VANISHING]),
        (find_forgetting, VANISHING, ADVICE_IN_TIME),
    )
    for find, verdict, advice in rules:
        found = find(evidence)
        if found is not None:
            layer, sentence = found
            return Diagnosis(verdict, layer, sentence, advice)
    return Diagnosis(HEALTHY, None, evidence.summary(), ADVICE[HEALTHY])


class Evidence:
    """What the rules ask of a history.

    Args:
        history: `GradientMonitor.history`, of at least one record.

    Attributes:
        layers: Names in forward order.
        is_enough: Whether there are enough records to judge what persists.
        first_loss: The loss of the first record.
        loss: The median over the window.
        is_learned: Whether the loss has fallen far below its first value, or the model
            has skill.
        is_falling: Whether it is still falling.
        is_flat: Whether it has not moved since the first record.
    """

    def __init__(self, history: Mapping[str, Any]) -> None:
        self.history = history
        self.layers: list[str] = list(history["layer"])
        count = len(history["step"])
        size = max(1, round(count * THRESHOLDS.window))
        self.is_enough = count >= THRESHOLDS.min_records
        self._window = slice(count - size, count)
        loss = history["loss"]
        self.first_loss = float(loss[0])
        self.loss = _median(loss[self._window])
        before = _median(loss[max(0, count - 2 * size) : count - size])
        skill = _median(history["skill"][self._window])
        self.is_learned = bool(
            self._has_fallen(self.first_loss, THRESHOLDS.learned)
            or skill >= THRESHOLDS.skill
        )
        self.is_falling = self._has_fallen(before, THRESHOLDS.falling)
        self.is_flat = not self._has_fallen(self.first_loss, THRESHOLDS.flat)

    def _has_fallen(self, before: float, share: float) -> bool:
        return bool(self.loss < (share * before if before > 0 else before / share))

    def has_grown(self, times: float) -> bool:
        """Whether the loss is this many times its first value."""
        return self.first_loss > 0 and self.loss > times * self.first_loss

    def recent(self, quantity: str) -> np.ndarray:
        """Returns a quantity's median over the window, [layers]; NaN if not known."""
        return _median(self.history[quantity][self._window], axis=0)

    @property
    def step(self) -> int:
        """The first step of the window."""
        return int(self.history["step"][self._window][0])

    @property
    def distance(self) -> float:
        """How far the updates have gone in all, as a share of the weights at most."""
        steps = self.history["step"][-1] - self.history["step"][0]
        return float(steps * np.nanmax(self.recent("update_ratio"), initial=0))

    def summary(self) -> str:
        """Says what the first and the last layer get."""
        norm = self.recent("norm")
        if not len(norm):
            return "No layer was recorded."
        ends = f"{self.layers[0]} gets {norm[0]:.1e}"
        if len(norm) > 1:
            ends += f", {self.layers[-1]} {norm[-1]:.1e}"
        return f"{ends}; {self.loss_says()}."

    def loss_says(self) -> str:
        """Says what became of the loss."""
        return f"the loss went from {self.first_loss:.3g} to {self.loss:.3g}"


Rule = Callable[[Evidence], tuple[str | None, str] | None]


def find_not_finite(evidence: Evidence) -> tuple[str | None, str] | None:
    """Finds NaN and infinity: once in the weights, they stay.

    A single batch may overflow and be skipped, as under a LossScaleOptimizer; so the
    latest record has to have it, unless training ended before another one.
    """
    history = evidence.history
    bad = np.flatnonzero(history["non_finite"][-1])
    step, layer = history["step"][-1], None
    is_later = history["first_bad"] is not None and history["first_bad"][0] > step
    if not len(bad) and not is_later and np.isfinite(history["loss"][-1]):
        return None
    if len(bad):
        layer = evidence.layers[bad[-1]]
    if history["first_bad"] is not None:
        step, first = history["first_bad"]
        layer = first or layer
    before = history["global_norm"][history["step"] < step]
    grown = f" after {np.nanmax(before):.1e} at most before" if len(before) else ""
    what = "loss" if layer is None else "gradient"
    return layer, f"The {what} is NaN or infinite since step {step}{grown}."


def find_dead(evidence: Evidence) -> tuple[str | None, str] | None:
    """Finds a layer whose units are silent for every sample, and pass nothing back.

    Lu et al. 2020, "Dying ReLU and initialization". The layers up to it get exactly
    zero, or next to nothing, and the model learns no more than its last biases can.
    """
    if not evidence.is_enough:
        return None
    silent = np.flatnonzero(evidence.recent("dead_fraction") >= THRESHOLDS.dead)
    if not len(silent):
        return None
    share = evidence.recent("dead_fraction")
    # Layers that get a little through stand before the one that stops it all.
    whole = silent[share[silent] == 1]
    layer = whole[0] if len(whole) else silent[0]
    norm = evidence.recent("norm")
    is_cut_off = norm[layer] < THRESHOLDS.vanishing * norm.max()
    # A few samples outside of the looked at may still get through.
    is_starved = layer > 0 and evidence.recent("zero_fraction")[0] > 0.5
    if not len(whole) and not is_starved:
        return None  # tiny weights leave much of a layer at zero, too
    is_learning = evidence.is_falling or evidence.loss < 0.9 * evidence.first_loss
    if is_learning and not is_cut_off and not is_starved:
        return None  # with the units left, or another branch
    if evidence.has_grown(THRESHOLDS.collapse):
        return None  # an explosion has killed it
    return evidence.layers[layer], (
        f"{share[layer]:.0%} of the units of {evidence.layers[layer]} are zero for "
        f"every sample since step {evidence.step} or before; {evidence.layers[0]} gets "
        f"{norm[0]:.1e}, {evidence.layers[-1]} {norm[-1]:.1e}, and "
        f"{evidence.loss_says()}."
    )


def find_saturated(evidence: Evidence) -> tuple[str | None, str] | None:
    """Finds a layer whose activations are on their flat part, yet not zero.

    Glorot & Bengio 2010, section 3: a saturated layer passes no gradient to those
    before it.
    """
    if not evidence.is_enough:
        return None
    flat, dead = evidence.recent("saturated_fraction"), evidence.recent("dead_fraction")
    # A ReLU is flat where it is silent, too.
    layers = np.flatnonzero(flat - dead >= THRESHOLDS.saturated)
    if not len(layers) or evidence.is_falling:
        return None
    layer = layers[np.argmax(flat[layers])]
    norm = evidence.recent("norm")
    is_blocked = norm[0] < THRESHOLDS.blocked * norm[-1]
    if evidence.is_learned and not is_blocked:
        return None
    return evidence.layers[layer], (
        f"{flat[layer]:.0%} of the outputs of {evidence.layers[layer]} are where the "
        f"activation is flat, since step {evidence.step} or before; "
        f"{evidence.layers[0]} gets {norm[0]:.1e}, {evidence.layers[-1]} "
        f"{norm[-1]:.1e}, and {evidence.loss_says()}."
    )


def find_exploding(evidence: Evidence) -> tuple[str | None, str] | None:
    """Finds a loss that has grown, or updates too large for the loss to settle."""
    if not evidence.is_enough:
        return None
    steep = _find_steep(evidence)
    if steep is not None or evidence.is_learned:
        return steep
    update = evidence.recent("update_ratio")
    largest = np.nanmax(update, initial=0)
    is_growing = largest > THRESHOLDS.moving and evidence.has_grown(THRESHOLDS.growth)
    is_thrown = largest > THRESHOLDS.update
    if not is_growing and not is_thrown and not evidence.has_grown(THRESHOLDS.collapse):
        return None
    layer = int(np.nanargmax(np.where(np.isnan(update), -1, update)))
    return evidence.layers[layer], (
        f"A step changes {evidence.layers[layer]} by {update[layer]:.1e} of its "
        f"weights, and {evidence.loss_says()}."
    )


def _find_steep(evidence: Evidence) -> tuple[str | None, str] | None:
    """Finds a loss so steep that a hundredth of the weights more than doubles it.

    So it is where weights multiply by far more than 1 on many layers or time steps,
    even if the loss has come down from a start that was larger still. Targets of a
    large scale make large gradients, but no such steepness: norm times weights over
    loss is the logarithmic derivative of the loss.
    """
    norm, weight = evidence.recent("norm"), evidence.recent("weight_norm")
    steepness = norm * weight / max(abs(evidence.loss), np.finfo(float).tiny)
    is_steep = (norm > THRESHOLDS.huge) & (steepness > THRESHOLDS.steepness)
    if not is_steep.any():
        return None
    layer = int(np.argmax(np.where(is_steep, norm, 0)))
    return evidence.layers[layer], (
        f"{evidence.layers[layer]} gets {norm[layer]:.1e}: a hundredth more of its "
        f"weights changes the loss {steepness[layer] / 100:.1f} times, and "
        f"{evidence.loss_says()}."
    )


def find_vanishing(evidence: Evidence) -> tuple[str | None, str] | None:
    """Finds a gradient that is lost on its way to the first layer.

    Hochreiter 1991; Bengio et al. 1994. Of a model that is still learning, or one that
    has converged, small first gradients say nothing.
    """
    if not evidence.is_enough or len(evidence.layers) < 2 or evidence.is_falling:
        return None
    norm = evidence.recent("norm")
    largest = norm[1:].max()
    share = THRESHOLDS.vanishing
    if evidence.is_learned:  # perhaps by the last bias alone
        share = THRESHOLDS.vanishing_learned
    if not norm[0] < share * largest:
        return None
    decades = np.log10(largest / max(norm[0], np.finfo(np.float32).tiny))
    return evidence.layers[0], (
        f"{evidence.layers[0]} gets {norm[0]:.1e}, {evidence.layers[-1]} "
        f"{norm[-1]:.1e}: {decades:.1f} decades are lost on the way since step "
        f"{evidence.step} or before, and {evidence.loss_says()}."
    )


def find_forgetting(evidence: Evidence) -> tuple[str | None, str] | None:
    """Finds a gradient that is lost in time, within all the recurrent layers.

    Hochreiter 1991; Pascanu et al. 2013, section 2.1. Their weights get that of the
    last steps, so it does not show in the norms. Of a model that learns it says
    nothing, as not every task needs a long memory: the loss must not have moved at all,
    though the weights have.
    """
    is_stuck = evidence.is_flat and not evidence.is_falling and not evidence.is_learned
    if not evidence.is_enough or not is_stuck:
        return None
    ratio = evidence.recent("time_ratio")
    recurrent = np.flatnonzero(~np.isnan(ratio))
    if not len(recurrent) or (ratio[recurrent] >= THRESHOLDS.vanishing).any():
        return None
    if evidence.distance < THRESHOLDS.moved:
        return None
    layer = recurrent[0]
    decades = -np.log10(max(ratio[layer], np.finfo(np.float32).tiny))
    return evidence.layers[layer], (
        f"In {evidence.layers[layer]} {decades:.1f} decades of the gradient are lost "
        f"from the last step of a sequence to its start, since step {evidence.step} or "
        f"before, and {evidence.loss_says()}."
    )


def _median(values: np.ndarray, axis: int | None = None) -> Any:
    """Returns the median of what is not NaN; NaN where all is."""
    if values.size == 0:
        return np.full(values.shape[1:], np.nan) if axis == 0 else float("nan")
    known = ~np.isnan(values)
    if known.all():
        return np.median(values, axis=axis)
    with np.errstate(invalid="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # all NaN
        return np.nanmedian(values, axis=axis)
