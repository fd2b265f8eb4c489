"""The table of causes, in the order in which they are named.

What contradicts itself comes first, then what the data say, then the learning rate, the
initial weights and the model, and last what is left if there is nothing else.
"""

from __future__ import annotations

from deepxor.diagnosis.causes import data, model, outputs, rate, start
from deepxor.diagnosis.causes.cause import Cause, CauseRule
from deepxor.diagnosis.evidence import Evidence
from deepxor.verdicts import DEAD, EXPLODING, NOT_LEARNING, SATURATED, VANISHING

# The most causes that are named.
MAX_CAUSES = 3

CAUSES: tuple[CauseRule, ...] = (
    CauseRule(
        "inputs", data.not_finite, "NaN or infinity among inputs or targets",
        "Look at the data: leave out what is NaN or infinite, and see to divisions and "
        "logarithms before the model.",
        "Keras's FAQ", is_static=True,
    ),
    CauseRule(
        "output_activation", outputs.of_any(outputs.softmax_of_one_unit),
        "a softmax over one unit, which is always 1",
        "Use sigmoid as the output activation for two classes, a unit for each of more "
        "classes, or no activation (a linear output) for numbers.",
        "UMLAUT (Schoop et al. 2021)", is_static=True,
    ),
    CauseRule(
        "loss", outputs.of_any(outputs.one_class_of_one),
        "categorical_crossentropy over one unit, which is always 0",
        "Use binary_crossentropy as the loss function with a sigmoid output for two "
        "classes, or one unit a class with softmax.",
        "NeuraLint (Nikanjam et al. 2021)", is_static=True,
    ),
    CauseRule(
        "labels", outputs.of_any(outputs.classes_outside),
        "numbers of classes for which there is no unit",
        "Number the classes from 0 on, and give the output as many units as there are "
        "classes.",
        "Keras's documentation of the loss", is_static=True,
    ),
    CauseRule(
        "labels", outputs.of_any(outputs.signs_as_labels),
        "labels of -1 and 1 under a crossentropy",
        "Encode the labels as 0 and 1, or use hinge as the loss function with a tanh "
        "or linear output.",
        "Keras's documentation of the loss", is_static=True,
    ),
    CauseRule(
        "loss", outputs.of_any(outputs.crossentropy_of_numbers),
        "a crossentropy, and targets that are neither labels nor probabilities",
        "Use mean_squared_error as the loss function and a linear output, if the "
        "targets are numbers; or encode classes as labels from 0 to 1.",
        "NeuraLint (Nikanjam et al. 2021)", is_static=True,
    ),
    CauseRule(
        "output_activation", outputs.of_any(outputs.outside_of_range),
        "targets that the output activation cannot reach",
        "Use a linear output (no activation at the last layer) for numbers, or scale "
        "the targets to what the output activation can reach.",
        "DeepLocalize (Wardat et al. 2021)", is_static=True,
    ),
    CauseRule(
        "output_activation", outputs.of_any(outputs.logits_as_probabilities),
        "an output that is no probability under a crossentropy without from_logits",
        "Use softmax or sigmoid as the output activation, or pass the loss function "
        "with from_logits=True.",
        "UMLAUT (Schoop et al. 2021)", is_static=True,
    ),
    CauseRule(
        "output_activation", outputs.of_any(outputs.probabilities_as_logits),
        "a softmax or sigmoid under a loss with from_logits=True",
        "Take away the output activation, or from_logits=True.",
        "Keras's documentation of the loss", is_static=True,
    ),
    CauseRule(
        "output_activation", outputs.of_any(outputs.sigmoid_for_one_of_many),
        "sigmoid units under a loss that takes them for the shares of one whole",
        "Use softmax as the output activation, or binary_crossentropy as the loss "
        "function if several classes can be right at once.",
        "NeuraLint (Nikanjam et al. 2021)", is_static=True,
    ),
    CauseRule(
        "initialization", start.equal_weights, "hidden weights that start at zero",
        "Initialize the weights at random (glorot or he), and only the biases to zero.",
        "NeuraLint (Nikanjam et al. 2021)",
    ),
    CauseRule(
        "dropout", model.dropped_predictions, "a dropout after the output",
        "Take away the dropout after the output.",
        "Srivastava et al. 2014, section 2", is_static=True,
    ),
    CauseRule(
        "dropout", model.heavy_dropout, "a dropout that drops most units",
        "Lower the dropout to a half or less.",
        "UMLAUT (Schoop et al. 2021)",
    ),
    CauseRule(
        "input_scale", data.unscaled_inputs, "inputs whose scale is far from 1",
        "Scale the inputs to mean zero and variance one, for instance with "
        "keras.layers.Normalization, or divide pictures by 255.",
        "LeCun et al. 1998, section 4.3", is_static=True,
    ),
    CauseRule(
        "learning_rate_high", rate.died_in_training,
        "units that have died or saturated since the first record",
        "Lower the learning rate tenfold; if that does not help, use an activation "
        "with a slope on both sides, such as leaky_relu.",
        "Lu et al. 2020", verdicts=(DEAD, SATURATED, EXPLODING, NOT_LEARNING),
    ),
    CauseRule(
        "learning_rate_high", rate.large_updates,
        "steps that change the weights by a large part of themselves",
        "Lower the learning rate tenfold, or clip the gradients.",
        "TheDeepChecker (Ben Braiek & Khomh 2022)",
    ),
    CauseRule(
        "target_scale", data.unscaled_targets, "numbers as targets, far from 1",
        "Scale the targets to mean zero and variance one, and the predictions back.",
        "LeCun et al. 1998, section 4.5",
    ),
    CauseRule(
        "hidden_activation", model.squashing,
        "hidden activations that have shrunk the gradient",
        "Use an activation whose slope does not shrink the gradient (relu with he "
        "initialization), normalization or residual connections, or fewer layers.",
        "Glorot & Bengio 2010",
    ),
    CauseRule(
        "initialization", start.growing_weights,
        "a gradient that grows at each layer from the first record on",
        "Start from smaller weights (glorot or he initialization), or use "
        "normalization layers.",
        "Glorot & Bengio 2010", verdicts=(EXPLODING,),
    ),
    CauseRule(
        "too_few_units", model.few_units, "a hidden layer of one or two units",
        "Make the narrow layer wider, with more units.",
        "DeepCrime (Humbatova et al. 2021)", verdicts=(DEAD, NOT_LEARNING),
    ),
    CauseRule(
        "initialization", start.bad_start,
        "units that are dead or saturated from the first record on",
        "Start from smaller weights (glorot or he initialization) and biases of zero; "
        "use an activation with a slope on both sides, such as leaky_relu.",
        "Lu et al. 2020",
    ),
    CauseRule(
        "initialization", start.shrinking_weights,
        "a gradient that shrinks at each layer from the first record on",
        "Start from larger weights (he initialization for relu and its relatives, "
        "glorot for tanh), or use normalization or residual connections.",
        "He et al. 2015", verdicts=(VANISHING, NOT_LEARNING, DEAD),
    ),
    CauseRule(
        "learning_rate_low", rate.small_updates,
        "weights that have hardly moved in the whole training",
        "Raise the learning rate tenfold, or use adam as the optimizer.",
        "SageMaker Debugger", verdicts=(NOT_LEARNING,),
    ),
    CauseRule(
        "too_few_steps", rate.too_few_steps, "a loss that was still falling at the end",
        "Train longer, for more epochs; or raise the learning rate.",
        "AutoTrainer (Zhang et al. 2021)", verdicts=(NOT_LEARNING,),
    ),
    CauseRule(
        "loss", outputs.of_any(outputs.numbers_for_classes),
        "a loss of numbers on labels",
        "Use a crossentropy as the loss function.",
        "UMLAUT (Schoop et al. 2021)", verdicts=(NOT_LEARNING,),
    ),
    CauseRule(
        "labels", data.unrelated_labels,
        "nothing else is found, and the predictions stay as good as a constant",
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
