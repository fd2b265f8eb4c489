"""The table of causes, in the order in which they are named."""

from __future__ import annotations

from deepxor.diagnosis.causes import data, model, outputs, rate, start
from deepxor.diagnosis.causes.cause import Cause, CauseRule
from deepxor.diagnosis.evidence import Evidence
from deepxor.verdicts import DEAD, EXPLODING, NOT_LEARNING, SATURATED, VANISHING

# The most causes that are named.
MAX_CAUSES = 3

CAUSES: tuple[CauseRule, ...] = (
    CauseRule(
        "inputs", data.not_finite,
        "Look at the data: leave out what is NaN or infinite, and see to divisions and "
        "logarithms before the model.",
        "Keras's FAQ", is_static=True,
    ),
    CauseRule(
        "output_activation", outputs.of_any(outputs.softmax_of_one_unit), "",
        "UMLAUT (Schoop et al. 2021)", is_static=True,
    ),
    CauseRule(
        "loss", outputs.of_any(outputs.one_class_of_one), "",
        "NeuraLint (Nikanjam et al. 2021)", is_static=True,
    ),
    CauseRule(
        "labels", outputs.of_any(outputs.classes_outside), "",
        "Keras's documentation of the loss", is_static=True,
    ),
    CauseRule(
        "loss", outputs.of_any(outputs.crossentropy_of_numbers), "",
        "NeuraLint (Nikanjam et al. 2021)", is_static=True,
    ),
    CauseRule(
        "output_activation", outputs.of_any(outputs.outside_of_range),
        "Use a linear output (no activation at the last layer) for numbers, or scale "
        "the targets to what the output activation can reach.",
        "DeepLocalize (Wardat et al. 2021)", is_static=True,
    ),
    CauseRule(
        "output_activation", outputs.of_any(outputs.logits_as_probabilities), "",
        "UMLAUT (Schoop et al. 2021)", is_static=True,
    ),
    CauseRule(
        "output_activation", outputs.of_any(outputs.probabilities_as_logits), "",
        "Keras's documentation of the loss", is_static=True,
    ),
    CauseRule(
        "output_activation", outputs.of_any(outputs.sigmoid_for_one_of_many), "",
        "NeuraLint (Nikanjam et al. 2021)", is_static=True,
    ),
    CauseRule(
        "initialization", start.equal_weights,
        "Initialize the weights at random (glorot or he), and only the biases to zero.",
        "NeuraLint (Nikanjam et al. 2021)",
    ),
    CauseRule(
        "dropout", model.heavy_dropout,
        "Lower the dropout to a half or less, and have none at the output.",
        "UMLAUT (Schoop et al. 2021)",
    ),
    CauseRule(
        "input_scale", data.unscaled_inputs,
        "Scale the inputs to mean zero and variance one, for instance with "
        "keras.layers.Normalization, or divide pictures by 255.",
        "LeCun et al. 1998, section 4.3", is_static=True,
    ),
    CauseRule(
        "learning_rate_high", rate.died_in_training,
        "Lower the learning rate tenfold; if that does not help, use an activation "
        "with a slope on both sides, such as leaky_relu.",
        "Lu et al. 2020", verdicts=(DEAD, SATURATED, EXPLODING, NOT_LEARNING),
    ),
    CauseRule(
        "learning_rate_high", rate.large_updates,
        "Lower the learning rate tenfold, or clip the gradients.",
        "TheDeepChecker (Ben Braiek & Khomh 2022)",
    ),
    CauseRule(
        "target_scale", data.unscaled_targets,
        "Scale the targets to mean zero and variance one, and the predictions back.",
        "LeCun et al. 1998, section 4.5",
    ),
    CauseRule(
        "hidden_activation", model.squashing,
        "Use an activation whose slope does not shrink the gradient (relu with he "
        "initialization), normalization or residual connections, or fewer layers.",
        "Glorot & Bengio 2010",
    ),
    CauseRule(
        "initialization", start.growing_weights,
        "Start from smaller weights (glorot or he initialization), or use "
        "normalization layers.",
        "Glorot & Bengio 2010", verdicts=(EXPLODING,),
    ),
    CauseRule(
        "initialization", start.bad_start,
        "Start from smaller weights (glorot or he initialization) and biases of zero; "
        "use an activation with a slope on both sides, such as leaky_relu.",
        "Lu et al. 2020",
    ),
    CauseRule(
        "initialization", start.shrinking_weights,
        "Start from larger weights (he initialization for relu and its relatives, "
        "glorot for tanh), or use normalization or residual connections.",
        "He et al. 2015", verdicts=(VANISHING, NOT_LEARNING, DEAD),
    ),
    CauseRule(
        "learning_rate_low", rate.small_updates,
        "Raise the learning rate tenfold, or use adam as the optimizer.",
        "SageMaker Debugger", verdicts=(NOT_LEARNING,),
    ),
    CauseRule(
        "too_few_steps", rate.too_few_steps,
        "Train longer, for more epochs; or raise the learning rate.",
        "AutoTrainer (Zhang et al. 2021)", verdicts=(NOT_LEARNING,),
    ),
    CauseRule(
        "too_few_units", model.few_units,
        "Make the narrow layer wider, with more units.",
        "DeepCrime (Humbatova et al. 2021)", verdicts=(NOT_LEARNING,),
    ),
    CauseRule(
        "loss", outputs.of_any(outputs.numbers_for_classes), "",
        "UMLAUT (Schoop et al. 2021)", verdicts=(NOT_LEARNING,),
    ),
    CauseRule(
        "labels", data.unrelated_labels,
        "Look at some inputs beside their labels: were they shuffled apart, or is "
        "there nothing in the inputs that tells the label?",
        "DeepCrime (Humbatova et al. 2021)", is_last_resort=True,
        verdicts=(NOT_LEARNING,),
    ),
)  # fmt: skip


def find_causes(evidence: Evidence, is_static: bool = False) -> tuple[Cause, ...]:
    """Returns the likely causes of a fault, the likeliest first.

    Args:
        evidence: The evidence.
        is_static: Whether to look only for causes that the first record tells.

    Returns:
        At most `MAX_CAUSES` causes, each with evidence of its own.
    """
    found: dict[str, Cause] = {}
    for rule in CAUSES:
        if rule.name in found or (is_static and not rule.is_static):
            continue
        if rule.verdicts and evidence.verdict not in rule.verdicts:
            continue
        if rule.is_last_resort and found:
            continue
        one = rule.find(evidence)
        if one is not None:
            found[rule.name] = Cause(rule.name, one.evidence, one.remedy or rule.remedy)
    return tuple(found.values())[:MAX_CAUSES]
