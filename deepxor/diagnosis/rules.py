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
from typing import Any, NamedTuple

import numpy as np

from deepxor import verdicts
from deepxor.verdicts import DEAD, EXPLODING, HEALTHY, SATURATED, UNDECIDED, VANISHING

ADVICE_IN_TIME = (
    "Use an LSTM or GRU, or tanh or relu with a recurrent kernel that starts as the "
    "identity; shorter sequences; or attention or pooling over all steps in place of "
    "the last output."
)

ADVICE_DATA = (
    "Look at the data: at the inputs and the targets of that batch for NaN, infinity "
    "and numbers far larger than the others, and at divisions and logarithms in the "
    "loss."
)

ADVICE_NOTHING_ARRIVES = (
    "See that the loss depends on the weights: no stop_gradient, rounding or argmax in "
    "between, no activation that is dead for all inputs, and a loss weight above 0."
)


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


@dataclass(frozen=True)
class Diagnosis:
    """A verdict on a training.

    Attributes:
        verdict: One of `deepxor.verdicts`.
        layer: The layer where it shows; None if there is none.
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


class Finding(NamedTuple):
    """What a rule has found.

    Attributes:
        layer: Where it shows; None for nowhere in particular.
        evidence: One sentence with the numbers.
        advice: What to change, if it is not what the rule says.
    """

    layer: str | None
    evidence: str
    advice: str | None = None


@dataclass(frozen=True)
class Rule:
    """From evidence to a verdict.

    Attributes:
        name: What it is about.
        verdict: What it gives, one of `deepxor.verdicts`.
        find: Returns what it has found, or None.
        advice: What to change.
        needs: The keys of the history without which it says nothing.
        min_records: As few records as it can judge.
    """

    name: str
    verdict: str
    find: Callable[[Evidence], Finding | None]
    advice: str
    needs: tuple[str, ...] = ()
    min_records: int = THRESHOLDS.min_records


def diagnose(history: Mapping[str, Any]) -> Diagnosis:
    """Returns the verdict on a history.

    Args:
        history: `GradientMonitor.history`.

    Returns:
        That of the first of `RULES` that finds something. What stands before may cause
        what stands behind. Otherwise healthy, if there is what that takes to say.
    """
    if len(history["step"]) == 0:
        return _undecided("No step was recorded.", history)
    evidence = Evidence(history)
    for rule in RULES:
        if len(history["step"]) < rule.min_records:
            continue
        found = rule.find(evidence)
        if found is None:
            continue
        missing = [name for name in rule.needs if not evidence.knows(name)]
        if missing:
            text = (
                f"Perhaps {rule.verdict}: {found.evidence} But {', '.join(missing)} is "
                "not known, and so not whether the model learns."
            )
            return _undecided(text, history)
        advice = found.advice or rule.advice
        return Diagnosis(rule.verdict, found.layer, found.evidence, advice)
    missing_text = evidence.missing()
    if missing_text is not None:
        return _undecided(missing_text, history)
    return Diagnosis(HEALTHY, None, evidence.summary(), verdicts.advice(HEALTHY))


def _undecided(text: str, history: Mapping[str, Any]) -> Diagnosis:
    notes = "; ".join(
        f"{name}: {why}" for name, why in history.get("notes", {}).items()
    )
    if notes:
        text = f"{text} Not known: {notes}."
    return Diagnosis(UNDECIDED, None, text, verdicts.advice(UNDECIDED))


class Evidence:
    """What the rules ask of a history.

    Args:
        history: `GradientMonitor.history`, of at least one record.

    Attributes:
        layers: Names in forward order.
        first_loss: The median loss of the first records.
        loss: The median over the window.
        is_learned: Whether the loss has fallen far below its first value, or the model
            has skill.
        is_falling: Whether it is still falling.
        is_flat: Whether it has not moved since the first record.
    """

    def __init__(self, history: Mapping[str, Any]) -> None:
        self.history = history
        self.layers: list[str] = list(history["layer"])
        self._window, before = _windows(np.asarray(history["step"]))
        loss = history["loss"]
        self.first_loss = _median(loss[: self._first_records()])
        self.loss = _median(loss[self._window])
        skill = _median(history["skill"][self._window])
        self.is_learned = bool(
            self._has_fallen(self.first_loss, THRESHOLDS.learned)
            or skill >= THRESHOLDS.skill
        )
        self.is_falling = self._has_fallen(_median(loss[before]), THRESHOLDS.falling)
        self.is_flat = not self._has_fallen(self.first_loss, THRESHOLDS.flat)

    def _first_records(self) -> int:
        """Returns how many records are the start: none after a step that is thrown.

        Where a step changes the weights by more than themselves at once, what comes
        after it is no start any more.
        """
        ratios = self.history["update_ratio"][: THRESHOLDS.first]
        sizes = [_largest(row[np.isfinite(row)]) for row in ratios]
        thrown = [i for i, size in enumerate(sizes) if size > THRESHOLDS.update]
        return thrown[0] + 1 if thrown else THRESHOLDS.first

    def _has_fallen(self, before: float, share: float) -> bool:
        return bool(self.loss < (share * before if before > 0 else before / share))

    def has_grown(self, times: float) -> bool:
        """Whether the loss is this many times its first value."""
        return self.first_loss > 0 and self.loss > times * self.first_loss

    def knows(self, quantity: str) -> bool:
        """Whether a quantity is known anywhere in the window."""
        if quantity == "loss":
            return bool(self.loss_seen[self._window].any())
        return bool((~np.isnan(self.history[quantity][self._window])).any())

    @property
    def loss_seen(self) -> np.ndarray:
        """Which records' loss is known, bool [records]; of a NaN it says that it is."""
        loss = self.history["loss"]
        return np.asarray(self.history.get("loss_seen", np.ones(len(loss), bool)))

    def recent(self, quantity: str) -> np.ndarray:
        """Returns a quantity's median over the window, [layers]; NaN if not known."""
        return _median(self.history[quantity][self._window], axis=0)

    def window(self, quantity: str) -> np.ndarray:
        """Returns a quantity over the window, [records, ...]."""
        return np.asarray(self.history[quantity])[self._window]

    @property
    def step(self) -> int:
        """The first step of the window."""
        return int(self.history["step"][self._window][0])

    @property
    def distance(self) -> float:
        """How far the updates have gone in all, as a share of the weights at most."""
        steps = self.history["step"][-1] - self.history["step"][0]
        return float(steps * _largest(self.recent("update_ratio")))

    def seen(self) -> np.ndarray:
        """Returns which layers' gradients were seen in the window, [their numbers]."""
        return np.flatnonzero(~np.isnan(self.recent("norm")))

    def missing(self) -> str | None:
        """Says what it would take to call a model healthy, None for nothing."""
        count = len(self.history["step"])
        if not self.layers:
            return "No layer was recorded."
        if not len(self.seen()):
            return "No gradient was seen."
        if count < THRESHOLDS.min_records:
            there = "There is 1 record" if count == 1 else f"There are {count} records"
            return f"{there}, and it takes {THRESHOLDS.min_records}."
        if not self.window("norm")[:, self.seen()].any():
            return f"Every gradient is exactly zero since step {self.step} or before."
        return None

    def summary(self) -> str:
        """Says what the first and the last layer get."""
        norm, seen = self.recent("norm"), self.seen()
        ends = f"{self.layers[seen[0]]} gets {norm[seen[0]]:.1e}"
        if len(seen) > 1:
            ends += f", {self.layers[seen[-1]]} {norm[seen[-1]]:.1e}"
        return f"{ends}; {self.loss_says()}."

    def ends_say(self) -> str:
        """Says what the first and the last layer get that were seen."""
        norm, seen = self.recent("norm"), self.seen()
        if not len(seen):
            return "no gradient was seen"
        first, last = seen[0], seen[-1]
        return (
            f"{self.layers[first]} gets {norm[first]:.1e}, {self.layers[last]} "
            f"{norm[last]:.1e}"
        )

    def loss_says(self) -> str:
        """Says what became of the loss."""
        if np.isnan(self.first_loss) or np.isnan(self.loss):
            return "the loss is not known"
        return f"the loss went from {self.first_loss:.3g} to {self.loss:.3g}"


def _windows(steps: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns which records are in the window, and which in the one before.

    By steps: of a long history the older records are fewer, of the same steps.

    Args:
        steps: [records], rising.

    Returns:
        bool [records] each.
    """
    # A record stands for the steps up to the next one.
    pace = np.median(np.diff(steps)) if len(steps) > 1 else 1
    end = steps[-1] + pace
    size = max(pace, round((end - steps[0]) / pace * THRESHOLDS.window) * pace)
    window = steps >= end - size
    return window, (steps >= end - 2 * size) & ~window


def find_not_finite(evidence: Evidence) -> Finding | None:
    """Finds NaN and infinity: once in the weights, they stay.

    A single batch may overflow and be skipped, as under a LossScaleOptimizer; so the
    latest record has to have it, unless training ended before another one.
    """
    history = evidence.history
    bad = np.flatnonzero(history["non_finite"][-1] > 0)
    step, layer = int(history["step"][-1]), None
    is_later = history["first_bad"] is not None and history["first_bad"][0] > step
    is_loss_bad = evidence.loss_seen[-1] and not np.isfinite(history["loss"][-1])
    broken = _broken_weights(evidence)
    if not len(bad) and not is_later and not is_loss_bad and not len(broken):
        return None
    if len(bad) or len(broken):
        layer = evidence.layers[[*broken, *bad][-1]]
    if history["first_bad"] is not None:
        step, first = history["first_bad"]
        layer = first or layer
    before = np.asarray(history["global_norm"])[np.asarray(history["step"]) < step]
    before = before[np.isfinite(before)]
    grown = f" after {before.max():.1e} at most before" if len(before) else ""
    what = "loss" if layer is None else "gradient"
    text = f"The {what} is NaN or infinite since step {step}{grown}"
    if _came_at_once(evidence, step):
        text = f"{text}; it came at once, with the batch of one step, and not by growth"
        return Finding(layer, f"{text}.", ADVICE_DATA)
    return Finding(layer, f"{text}.")


def _broken_weights(evidence: Evidence) -> np.ndarray:
    """Returns the layers whose weights are NaN at the latest record that has weights.

    XLA's relu makes 0 of NaN, so that neither the loss nor a gradient need show it. Of
    a record that does not have weights, all are NaN.
    """
    weights, norms = evidence.window("weight_norm"), evidence.window("norm")
    measured = np.flatnonzero(np.isfinite(weights).any(axis=1))
    if not len(measured):
        return measured
    latest = measured[-1]
    return np.flatnonzero(np.isnan(weights[latest]) & ~np.isnan(norms[latest]))


def _came_at_once(evidence: Evidence, step: int) -> bool:
    """Whether what is not finite came with one batch: nothing had grown before."""
    history = evidence.history
    is_before = np.asarray(history["step"]) < step
    norm = np.asarray(history["global_norm"])[is_before]
    loss = np.asarray(history["loss"])[is_before]
    update = np.asarray(history["update_ratio"])[is_before]
    if not len(norm) or not np.isfinite(norm).all():
        return False
    usual = np.median(norm)
    is_steady = norm[-1] < THRESHOLDS.sudden * usual or norm[-1] == 0
    known = loss[~np.isnan(loss)]
    if len(known) and known[0] > 0:
        is_steady = is_steady and known[-1] < THRESHOLDS.growth * known[0]
    # Steps as large as the weights may take them anywhere at the next one.
    sizes = [_largest(row) for row in update if not np.isnan(row).all()]
    return bool(is_steady and sizes and sizes[-1] < THRESHOLDS.update)


def find_nothing_arrives(evidence: Evidence) -> Finding | None:
    """Finds a model of which no layer gets any gradient, though it has not learned."""
    seen = evidence.seen()
    if not len(seen) or evidence.is_learned or evidence.is_falling:
        return None
    if evidence.window("norm")[:, seen].any():
        return None
    return Finding(
        None,
        f"Every gradient is exactly zero since step {evidence.step} or before, and "
        f"{evidence.loss_says()}.",
    )


def find_dead(evidence: Evidence) -> Finding | None:
    """Finds a layer whose units are silent for every sample, and pass nothing back.

    Lu et al. 2020, "Dying ReLU and initialization". The layers up to it get exactly
    zero, or next to nothing, and the model learns no more than its last biases can.
    """
    silent = np.flatnonzero(evidence.recent("dead_fraction") >= THRESHOLDS.dead)
    if not len(silent):
        return None
    share = evidence.recent("dead_fraction")
    # Layers that get a little through stand before the one that stops it all.
    whole = silent[share[silent] == 1]
    layer = whole[0] if len(whole) else silent[0]
    norm = evidence.recent("norm")
    is_cut_off = norm[layer] < THRESHOLDS.vanishing * _largest(norm)
    # A few samples outside of the looked at may still get through.
    is_starved = layer > 0 and evidence.recent("zero_fraction")[0] > 0.5
    if not len(whole) and not is_starved:
        return None  # tiny weights leave much of a layer at zero, too
    is_learning = evidence.is_falling or evidence.loss < 0.9 * evidence.first_loss
    if is_learning and not is_cut_off and not is_starved:
        return None  # with the units left, or another branch
    if evidence.has_grown(THRESHOLDS.collapse):
        return None  # an explosion has killed it
    return Finding(
        evidence.layers[layer],
        f"{share[layer]:.0%} of the units of {evidence.layers[layer]} are zero for "
        f"every sample since step {evidence.step} or before; {evidence.ends_say()}, "
        f"and {evidence.loss_says()}.",
    )


def find_saturated(evidence: Evidence) -> Finding | None:
    """Finds a layer whose activations are on their flat part, yet not zero.

    Glorot & Bengio 2010, section 3: a saturated layer passes no gradient to those
    before it.
    """
    flat, dead = evidence.recent("saturated_fraction"), evidence.recent("dead_fraction")
    # A ReLU is flat where it is silent, too.
    layers = np.flatnonzero(flat - dead >= THRESHOLDS.saturated)
    seen = evidence.seen()
    if not len(layers) or not len(seen) or evidence.is_falling:
        return None
    layer = layers[np.argmax(flat[layers])]
    norm = evidence.recent("norm")
    is_blocked = norm[seen[0]] < THRESHOLDS.blocked * norm[seen[-1]]
    if evidence.is_learned and not is_blocked:
        return None
    return Finding(
        evidence.layers[layer],
        f"{flat[layer]:.0%} of the outputs of {evidence.layers[layer]} are where the "
        f"activation is flat, since step {evidence.step} or before; "
        f"{evidence.ends_say()}, and {evidence.loss_says()}.",
    )


def find_exploding(evidence: Evidence) -> Finding | None:
    """Finds a loss that has grown, or updates too large for the loss to settle."""
    steep = _find_steep(evidence)
    if steep is not None or evidence.is_learned:
        return steep
    update = evidence.recent("update_ratio")
    largest = _largest(update)
    is_growing = largest > THRESHOLDS.moving and evidence.has_grown(THRESHOLDS.growth)
    is_thrown = largest > THRESHOLDS.update
    if not is_growing and not is_thrown and not evidence.has_grown(THRESHOLDS.collapse):
        return None
    if np.isnan(update).all():
        return Finding(None, f"{evidence.loss_says().capitalize()}.")
    layer = int(np.nanargmax(update))
    name = evidence.layers[layer]
    if np.isinf(update[layer]):
        return Finding(
            name,
            f"A step changes {name}, whose weights were all zero, and "
            f"{evidence.loss_says()}.",
        )
    return Finding(
        name,
        f"A step changes {name} by {update[layer]:.1e} of its weights, and "
        f"{evidence.loss_says()}.",
    )


def _find_steep(evidence: Evidence) -> Finding | None:
    """Finds a loss so steep that a hundredth of the weights more than doubles it.

    So it is where weights multiply by far more than 1 on many layers or time steps,
    even if the loss has come down from a start that was larger still. Targets of a
    large scale make large gradients, but no such steepness: norm times weights over
    loss is the logarithmic derivative of the loss.
    """
    norm, weight = evidence.recent("norm"), evidence.recent("weight_norm")
    loss = max(abs(evidence.loss), np.finfo(float).tiny)
    with np.errstate(over="ignore", invalid="ignore"):
        steepness = norm * weight / loss
        is_steep = (norm > THRESHOLDS.huge) & (steepness > THRESHOLDS.steepness)
    if not is_steep.any():
        return None
    layer = int(np.argmax(np.where(is_steep, norm, 0)))
    times = steepness[layer] / 100
    much = f"{times:.1f} times" if np.isfinite(times) else "beyond all measure"
    return Finding(
        evidence.layers[layer],
        f"{evidence.layers[layer]} gets {norm[layer]:.1e}: a hundredth more of its "
        f"weights changes the loss {much}, and {evidence.loss_says()}.",
    )


def find_vanishing(evidence: Evidence) -> Finding | None:
    """Finds a gradient that is lost on its way to the first layer.

    Hochreiter 1991; Bengio et al. 1994. Of a model that is still learning, or one that
    has converged, small first gradients say nothing.
    """
    seen = evidence.seen()
    if len(seen) < 2 or evidence.is_falling:
        return None
    norm = evidence.recent("norm")[seen]
    largest = norm[1:].max()
    share = THRESHOLDS.vanishing
    if evidence.is_learned:  # perhaps by the last bias alone
        share = THRESHOLDS.vanishing_learned
    if not norm[0] < share * largest:
        return None
    lost = "all of it is lost"
    if norm[0] > 0 and np.isfinite(largest):
        lost = f"{np.log10(largest / norm[0]):.1f} decades are lost"
    return Finding(
        evidence.layers[seen[0]],
        f"{evidence.ends_say()}: {lost} on the way since step {evidence.step} or "
        f"before, and {evidence.loss_says()}.",
    )


def find_forgetting(evidence: Evidence) -> Finding | None:
    """Finds a gradient that is lost in time, within all the recurrent layers.

    Hochreiter 1991; Pascanu et al. 2013, section 2.1. Their weights get that of the
    last steps, so it does not show in the norms. Of a model that learns it says
    nothing, as not every task needs a long memory: the loss must not have moved at all,
    though the weights have.
    """
    is_stuck = evidence.is_flat and not evidence.is_falling and not evidence.is_learned
    if not is_stuck:
        return None
    ratio = evidence.recent("time_ratio")
    recurrent = np.flatnonzero(~np.isnan(ratio))
    if not len(recurrent) or (ratio[recurrent] >= THRESHOLDS.vanishing).any():
        return None
    if evidence.distance < THRESHOLDS.moved:
        return None
    layer = recurrent[0]
    lost = "All of the gradient is lost"
    if ratio[layer] > 0:
        lost = f"{-np.log10(ratio[layer]):.1f} decades of the gradient are lost"
    return Finding(
        evidence.layers[layer],
        f"In {evidence.layers[layer]} {lost[0].lower()}{lost[1:]} from the last step "
        f"of a sequence to its start, since step {evidence.step} or before, and "
        f"{evidence.loss_says()}.",
    )


RULES: tuple[Rule, ...] = (
    Rule(
        "not finite", EXPLODING, find_not_finite, verdicts.advice(EXPLODING),
        min_records=1,
    ),
    Rule(
        "dead", DEAD, find_dead, verdicts.advice(DEAD), needs=("dead_fraction", "loss")
    ),
    Rule(
        "saturated", SATURATED, find_saturated, verdicts.advice(SATURATED),
        needs=("saturated_fraction", "loss"),
    ),
    Rule(
        "exploding", EXPLODING, find_exploding, verdicts.advice(EXPLODING),
        needs=("loss",),
    ),
    Rule(
        "vanishing", VANISHING, find_vanishing, verdicts.advice(VANISHING),
        needs=("loss",),
    ),
    Rule(
        "vanishing in time", VANISHING, find_forgetting, ADVICE_IN_TIME,
        needs=("time_ratio", "loss"),
    ),
    Rule(
        "nothing arrives", DEAD, find_nothing_arrives, ADVICE_NOTHING_ARRIVES,
        needs=("norm",),
    ),
)  # fmt: skip


def _largest(values: np.ndarray) -> float:
    """Returns the largest of what is not NaN; 0 where all is."""
    known = values[~np.isnan(values)]
    return float(known.max()) if len(known) else 0.0


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
