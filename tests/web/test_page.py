"""The playground in a real browser: what it says, shows and keeps."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from selenium.webdriver.common.keys import Keys

from deepxor.backprop.explanation import explain
from deepxor.nn.activations import ACTIVATIONS
from deepxor.web.page import export
from deepxor.xor.config import Experiment
from deepxor.xor.data import xor
from deepxor.xor.network.build import build
from tests.support.playground import SIDES, Playground, emulate, playground
from tests.support.static_site import static_site

LECTURE = (
    "left.width=5&left.initializer=uniform&right.width=5&right.initializer=uniform"
)


@pytest.fixture(scope="module")
def page() -> Iterator[Playground]:
    with playground() as page:
        yield page
        assert page.errors() == []


# The pixels of the left decision surface.
_SURFACE = """
const canvas = document.querySelector('[data-side=left] .surface');
return [...canvas.getContext('2d').getImageData(0, 0, 260, 260).data].join();
"""

# Makes the experiment of each command on standard input.
_PARSE = """
import sys
from absl import flags
from deepxor import train
for line in sys.stdin:
    flags.FLAGS.unparse_flags()
    flags.FLAGS(line.split()[2:])
    print(train.experiment_from_flags())
"""


def number(text: str) -> float:
    return float(text.replace(",", ""))


def medians(experiment: Experiment) -> np.ndarray:
    """Returns the median norm of each layer's first gradient, in float64."""
    gradients, *_ = build(experiment, "float64").optimizer_step()
    rows = [np.square(gradient).sum(axis=(0, 1)) for gradient in gradients[::2]]
    rows = [
        row + np.square(bias).sum(axis=0)
        for row, bias in zip(rows, gradients[1::2], strict=True)
    ]
    return np.median(np.sqrt(rows), axis=1)


def test_the_sentence_has_the_laboratorys_numbers(page: Playground) -> None:
    page.visit(fragment=LECTURE)
    said = page.sentence("left")
    found = re.fullmatch(
        r"At the first step layer1 gets (\S+), the output (\S+): "
        r"1 part in (\S+) arrives\.",
        said,
    )
    assert found, said
    first, last, parts = map(number, found.groups())
    norms = medians(Experiment(network="lecture", activation="sigmoid"))
    # Two digits are shown.
    assert first == pytest.approx(norms[0], rel=0.05)
    assert last == pytest.approx(norms[-1], rel=0.05)
    assert parts == pytest.approx(norms[-1] / norms[0], rel=1e-6)


def test_both_go_on_step_by_step(page: Playground) -> None:
    page.visit(fragment=LECTURE)
    assert page.step() == 0
    for step in (1, 2):
        page.press("step")
        page.until(lambda step=step: page.step() == step, f"step {step}")
    assert page.find("left", ".now").text.startswith("At step 2 layer1 gets")
    page.press("again")
    page.until(lambda: page.step() == 0, "the start")


def test_it_runs_pauses_and_counts_what_is_solved(page: Playground) -> None:
    page.visit(fragment=LECTURE)
    page.driver.find_element("css selector", "body").send_keys(Keys.SPACE)
    page.until(lambda: page.step() > 1000, "a thousand steps")
    page.driver.find_element("css selector", "body").send_keys(Keys.SPACE)
    page.until(lambda: page.texts(".start") == ["Start"], "the pause")
    page.until(lambda: "solved" in page.find("right", ".count").text, "the count")
    assert page.find("left", ".count").text == "solved: 0 of 100"
    solved, dead = (
        int(re.search(pattern, page.find("right", ".count").text)[1])  # type: ignore[index]
        for pattern in (r"solved: (\d+)", r"dead: (\d+)")
    )
    # Of the lecture's ReLU networks about two in five learn, and most others die.
    assert 20 < solved < 60
    assert dead > 20
    page.until(page.is_still, "the end of the last frame")
    stopped = page.step()
    # A side that was behind has come up with the other.
    for side in SIDES:
        assert page.find(side, ".now").text.startswith(f"At step {stopped:,} ")
    page.press("step")
    page.until(lambda: page.step() == stopped + 1, "one step more")


def test_every_setting_shows_at_once(page: Playground) -> None:
    page.visit()
    said = {page.sentence("left")}
    for activation in ACTIVATIONS:
        if activation == "sigmoid":
            continue
        page.choose("left", "activation", activation)
        page.until(lambda: page.sentence("left") not in said, activation)
        said.add(page.sentence("left"))
    assert page.fragment() == "left.activation=linear"
    for name, value in (("depth", 3), ("width", 16)):
        page.set_slider("left", name, value)
        page.until(lambda: page.sentence("left") not in said, name)
        said.add(page.sentence("left"))
    page.find("left", "input[name=residual]").click()
    page.until(lambda: page.sentence("left") not in said, "the shortcuts")
    assert page.fragment() == (
        "left.activation=linear&left.depth=3&left.width=16&left.residual=true"
    )


def test_an_address_opens_its_scene(page: Playground) -> None:
    fragment = (
        "left.activation=tanh&left.depth=4&left.width=3&left.initializer=he&"
        "left.learningRate=0.5&left.residual=true&right.activation=gelu&bits=3&"
        "replicas=7&seed=12"
    )
    page.visit(fragment=fragment)
    assert page.fragment() == fragment
    assert page.find("left", ".count").text == "solved: 0 of 7"
    assert page.find("left", ".of").text.startswith("median of 7 networks")
    assert page.find("left", "input[name=learningRate]").get_property("value") == "0.5"


def test_an_address_may_be_anything(page: Playground) -> None:
    page.visit(
        fragment="left.activation=<img src=x onerror=alert(1)>&left.depth=1e9&"
        "right.width=-1&bits=9&replicas=NaN&seed=-3&left.learningRate=x&"
        "__proto__.depth=3&right.__proto__=1&%E0%A4%A=1&right.initializer=toString&"
        "right.activation=constructor"
    )
    assert page.fragment() == ""
    assert page.find("right", "select[name=activation]").get_property("value") == "relu"
    assert "1 part in 4,362,483 arrives" in page.sentence("left")


def test_an_unsound_number_is_put_back(page: Playground) -> None:
    page.visit(fragment="replicas=10&left.learningRate=0.5")
    box = page.driver.find_element("css selector", "input[name=replicas]")
    box.send_keys(Keys.CONTROL, "a")
    box.send_keys("500", Keys.ENTER)
    page.until(lambda: box.get_property("value") == "10", "the number before")
    assert page.fragment() == "left.learningRate=0.5&replicas=10"


_PAIR = """
const done = arguments[0];
(async () => {
  const [{Pair}, {sound}] = await Promise.all(
    ['/pair.js', '/scene.js'].map((name) => import(name)));
  const pair = new Pair();
  const scene = (depth) => sound({
    left: {depth}, right: {depth: depth + 1}, replicas: 3 + depth,
  });
  const told = () => pair.each(({records, layers, weights, settings, replica}) => ({
    steps: records.map(({step}) => step), layers: layers.length,
    weights: weights.length, depth: settings.depth, replica,
  }));
  const steps = [];
%s
})().then(done, (error) => done(String(error.stack)));
"""


@pytest.mark.parametrize(
    ("body", "kept", "steps"),
    [
        # A slider asks for scene after scene.
        (
            "const all = await Promise.all([2, 9, 4].map((n) => pair.build(scene(n))));"
            "return [all, told()];",
            [False, False, True],
            [0],
        ),
        # Steps that were asked for in an earlier scene are not taken in the next.
        (
            "await pair.build(scene(9));"
            "const all = await Promise.all([pair.advance(1), pair.advance(1),"
            " pair.show(8), pair.build(scene(4)), pair.advance(1)]);"
            "return [all, told()];",
            [False, False, False, True, True],
            [0, 1],
        ),
    ],
)
def test_what_was_asked_of_an_earlier_scene_is_dropped(
    page: Playground, body: str, kept: list[bool], steps: list[int]
) -> None:
    page.visit()
    answer = page.driver.execute_async_script(_PAIR % body)
    assert not isinstance(answer, str), answer
    found, sides = answer
    assert found == kept
    for depth, side in zip((4, 5), sides, strict=True):
        assert side == {
            "steps": steps,
            "layers": depth + 1,
            "weights": depth + 1,
            "depth": depth,
            "replica": 0,
        }


def test_it_pauses_where_the_laboratory_ends(page: Playground) -> None:
    page.visit(
        fragment="left.depth=1&left.width=1&right.depth=1&right.width=1&replicas=1"
    )
    page.press("start")
    page.until(lambda: page.texts("#status"), "the pause")
    assert page.texts("#status") == [
        "Paused at step 10,000, where the laboratory ends. Start goes on."
    ]
    assert page.step() == 10_000
    page.press("start")
    page.until(lambda: page.step() > 10_100, "more steps")


def test_keys_work_after_a_click(page: Playground) -> None:
    page.visit(fragment="replicas=5")
    page.press("step")
    page.until(lambda: page.step() == 1, "a step")
    button = page.driver.find_element("css selector", "[data-do=step]")
    button.send_keys(Keys.ARROW_RIGHT)
    page.until(lambda: page.step() == 2, "a step more")
    button.send_keys(Keys.HOME)
    page.until(lambda: page.step() == 0, "the start")


def test_a_language_is_that_of_the_address_or_of_the_browser(page: Playground) -> None:
    page.visit("?lang=ko")
    assert page.driver.execute_script("return document.documentElement.lang") == "ko"
    assert page.sentence("left").startswith("첫 스텝에서 layer1의 기울기는")
    page.visit("?lang=xx")
    assert page.driver.execute_script("return document.documentElement.lang") == "en"
    chosen = page.driver.execute_async_script(
        "import('/text/language.js').then(({languageOf}) => arguments[0]("
        "[languageOf('', ['ko-KR', 'en']), languageOf('', ['de', 'en-US']),"
        " languageOf('?lang=EN', ['ko']), languageOf('?lang=toString', [])]))"
    )
    assert chosen == ["ko", "en", "en", "en"]


def test_the_languages_have_the_same_texts(page: Playground) -> None:
    page.visit()
    keys = page.driver.execute_async_script(
        """
        const keys = (texts, prefix = '') => Object.entries(texts).flatMap(
          ([key, value]) => value !== null && typeof value === 'object'
            ? keys(value, `${prefix}${key}.`)
            : [`${prefix}${key} ${typeof value} ${value.length * (typeof value !== 'string')}`]);
        Promise.all(['en', 'ko'].map((code) => import(`/text/${code}.js`))).then(
          (found) => arguments[0](found.map((module) => keys(module.default))));
        """  # noqa: E501, as JavaScript reads better so
    )
    assert keys[0] == keys[1]


def test_a_layer_says_why(page: Playground) -> None:
    page.visit()
    actions = page.point("left", ".layers", 0, 40)
    width = page.find("left", ".layers").size["width"]
    # The third of twelve columns: layer2.
    actions = page.point("left", ".layers", 2.5 * width / 12, 200)
    actions.click().perform()
    page.until(lambda: page.find("left", ".because").text, "the reason")
    said = page.find("left", ".because").text
    profile = explain(build(Experiment(), "float64"), *xor()).profile()
    assert profile.layers[-2:] == ("layer2", "layer1")
    # From the output of hypothesis to that of layer2.
    slopes, weights = (
        np.log10(factors[1, :-2]).sum()
        for factors in (profile.slope_factor, profile.weight_factor)
    )
    found = re.search(r"the slopes make (\S+) decades, the weights (\S+) decades", said)
    assert found, said
    shown = [number(text.replace("\N{MINUS SIGN}", "-")) for text in found.groups()]
    # One digit is shown, of the median over the replicas.
    assert shown == pytest.approx([slopes, weights], abs=0.2)
    assert "gets 1 part in 122,892 of the gradient at hypothesis" in said
    page.find("left", ".why .close").click()
    page.until(lambda: not page.elements("[data-side=left] .why"), "no reason")


def test_reasons_are_whole_sentences_in_both_languages(page: Playground) -> None:
    page.visit()
    said = page.driver.execute_async_script(
        """
        Promise.all(['en', 'ko'].map((code) => import(`/text/${code}.js`))).then(
          (found) => arguments[0](found.flatMap(({default: text}) => [
            [text.parts('630'), text.decades('-2.8'), text.decades('0.0'), false],
            [text.percent('96'), text.decades('0.0'), text.decades('+0.1'), true],
            [text.times('2.5'), text.decades('0.0'), text.decades('+0.4'), false],
          ].map((parts) => text.whySentence('layer1', 'hypothesis', ...parts)))));
        """
    )
    assert said == [
        "The output of layer1 gets 1 part in 630 of the gradient at hypothesis: the "
        "slopes make -2.8 decades, the weights 0.0 decades.",
        "The output of layer1 gets 96 % of the gradient at hypothesis: the slopes make "
        "0.0 decades, the weights and shortcuts +0.1 decades.",
        "The output of layer1 gets 2.5 times as much of the gradient at hypothesis: "
        "the slopes make 0.0 decades, the weights +0.4 decades.",
        "layer1의 출력은 hypothesis 기울기의 630분의 1을 받습니다: 활성화 함수의 "
        "미분값이 -2.8 자릿수, 가중치가 0.0 자릿수를 바꿉니다.",
        "layer1의 출력은 hypothesis 기울기의 96%를 받습니다: 활성화 함수의 미분값이 "
        "0.0 자릿수, 가중치와 잔차 연결이 +0.1 자릿수를 바꿉니다.",
        "layer1의 출력은 hypothesis 기울기의 2.5배를 받습니다: 활성화 함수의 미분값이 "
        "0.0 자릿수, 가중치가 +0.4 자릿수를 바꿉니다.",
    ]


def test_a_unit_shows_what_it_answers(page: Playground) -> None:
    page.visit()
    (side,) = page.driver.find_elements("css selector", "[data-side=left] .layers")
    page.driver.execute_script("arguments[0].focus()", side)
    side.send_keys(Keys.ARROW_RIGHT, Keys.ARROW_DOWN, Keys.ARROW_DOWN)
    page.until(lambda: page.texts(".unit span"), "the unit")
    (said,) = page.texts(".unit span")
    found = re.fullmatch(r"layer2, unit 2 answers (\S+) to (\S+)", said)
    assert found, said
    network = build(Experiment(activation="sigmoid", replicas=1), "float64")
    square = np.stack(np.meshgrid(*2 * [np.linspace(0, 1, 17)]), axis=-1).reshape(-1, 2)
    answers = np.asarray(network.forward(square)[1])[:, 1, 0]
    low, high = map(number, found.groups())
    # One step with a vanishing gradient has moved them by less than is shown.
    assert low == pytest.approx(answers.min(), abs=2e-3)
    assert high == pytest.approx(answers.max(), abs=2e-3)
    side.send_keys(Keys.ESCAPE)
    page.until(lambda: not page.elements(".unit"), "no unit")


def test_a_chosen_unit_that_is_no_more_is_forgotten(page: Playground) -> None:
    page.visit()
    layers = page.find("left", ".layers")
    page.driver.execute_script("arguments[0].focus()", layers)
    layers.send_keys(*9 * [Keys.ARROW_RIGHT], Keys.ARROW_DOWN, Keys.ENTER)
    page.until(lambda: page.texts(".unit span"), "the unit")
    page.press("start")
    page.set_slider("left", "depth", 2)
    page.until(lambda: page.step() > 5, "some steps")
    assert not page.elements("[data-side=left] .unit, [data-side=left] .why")
    assert page.texts("#status") in ([], [""])
    page.press("start")


def test_exact_zeros_are_stripes(page: Playground) -> None:
    # Ten ReLU layers of one unit: nearly every network is dead from the start.
    page.visit(fragment="right.width=1&right.initializer=normal&replicas=20")
    assert "exactly 0" in page.sentence("right")
    colours = page.driver.execute_script(
        """
        const map = document.querySelector('[data-side=right] .map');
        const {data} = map.getContext('2d').getImageData(82, 12, 30, 100);
        const found = new Set();
        for (let i = 0; i < data.length; i += 4) found.add(data.slice(i, i + 3).join());
        return [...found];
        """
    )
    assert {"255,255,255", "120,120,120"} <= set(colours)


def test_an_earlier_step_can_be_looked_at(page: Playground) -> None:
    page.visit(fragment=LECTURE)
    page.press("start")
    page.until(lambda: page.step() > 40, "forty steps")
    page.press("start")
    slider = page.driver.find_element("css selector", ".lookback input")
    slider.send_keys(Keys.HOME)
    for _ in range(5):
        slider.send_keys(Keys.ARROW_RIGHT)
    page.until(
        lambda: page.find("left", ".now").text.startswith("At step 5 "), "step 5"
    )
    assert page.texts("h2")[-1] == "Gradient norm by layer, at step 5"
    slider.send_keys(Keys.END)
    page.until(
        lambda: f"At step {page.step()} " in page.find("left", ".now").text, "the last"
    )


def test_the_command_trains_the_same_networks(page: Playground, tmp_path: Path) -> None:
    page.visit(fragment="left.depth=3&left.width=6&left.initializer=normal&seed=5")
    page.driver.find_element("css selector", "#tensorboard summary").click()
    (commands,) = page.texts("pre")
    assert commands.endswith("tensorboard --logdir logdir")
    flags = re.findall(r"--\S+", commands.partition("python -m deepxor.train")[2])
    left = [*flags[: flags.index("--num_steps=10001")], "--num_steps=1"]
    subprocess.run(
        [sys.executable, "-m", "deepxor.train", *left, f"--logdir={tmp_path}"],
        check=True,
        capture_output=True,
        timeout=120,
    )
    from deepxor.events.reader import read_run

    (run,) = (path for path in tmp_path.iterdir() if path.is_dir())
    flow = read_run(run).flow
    assert flow is not None
    first = 10 ** flow.quantities["norm_log10"][0, 0]
    found = re.search(r"layer1 gets (\S+),", page.sentence("left"))
    assert found
    assert number(found[1]) == pytest.approx(first, rel=0.05)


def test_every_command_has_settings_of_an_experiment(page: Playground) -> None:
    page.visit()
    made = page.driver.execute_async_script(
        """
        import('/scene.js').then(({SCENES, commandOf, sound}) => arguments[0]([
          ...Object.values(SCENES),
          {left: {depth: 1, residual: true}, right: {activation: 'maxout', depth: 20}},
          {left: {learningRate: 1e-7}, right: {width: 16}, bits: 3, seed: 2 ** 52},
        ].flatMap((scene) =>
          ['left', 'right'].map((side) => commandOf(sound(scene), side)))));
        """
    )
    done = subprocess.run(
        [sys.executable, "-c", _PARSE],
        input="\n".join(made),
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert len(done.stdout.splitlines()) == len(made)


@pytest.mark.parametrize("language", ["en", "ko"])
@pytest.mark.parametrize("width", [390, 800, 1280])
def test_nothing_is_cut_off(page: Playground, language: str, width: int) -> None:
    try:
        emulate(page.driver, width, 800)
        page.visit(f"?lang={language}")
        cut = page.driver.execute_script(
            "return [document.documentElement.scrollWidth - innerWidth,"
            " ...[...document.querySelectorAll('button, select, p, h2, label')]"
            ".filter((one) => one.checkVisibility() && !one.matches('.said') &&"
            " one.getBoundingClientRect().right > innerWidth + 1)"
            ".map((one) => one.outerHTML)]"
        )
        assert cut[0] <= 0
        assert cut[1:] == []
    finally:
        page.driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_dark_is_kept_in_the_address(page: Playground) -> None:
    page.visit("?lang=en&theme=light")
    is_dark = "return document.documentElement.classList.contains('dark')"
    assert not page.driver.execute_script(is_dark)
    page.press("theme")
    assert page.driver.execute_script(is_dark)
    page.driver.refresh()
    page.wait_for_sentences()
    page.until(lambda: page.driver.execute_script(is_dark), "the dark page")


def test_everything_has_a_spoken_label(page: Playground) -> None:
    page.visit()
    page.until(lambda: all(page.attributes("canvas[role=img]", "aria-label")), "labels")
    unnamed = page.driver.execute_script(
        "return [...document.querySelectorAll('button, input, select')].filter((one) =>"
        " !one.textContent.trim() && !one.ariaLabel && !one.labels?.length)"
        ".map((one) => one.outerHTML)"
    )
    assert unnamed == []
    (said,) = page.driver.find_elements("css selector", ".said")
    text = said.get_property("textContent")
    assert all(page.sentence(side) in text for side in SIDES)


def test_an_exported_page_works_below_a_path(page: Playground, tmp_path: Path) -> None:
    export(tmp_path / "below" / "here")
    with static_site(tmp_path) as url:
        other = Playground(page.driver, f"{url}below/here/")
        other.visit()
        assert "1 part in 4,362,483 arrives" in other.sentence("left")


def test_a_scene_that_looks_alike_is_drawn_anew(page: Playground) -> None:
    # Another seed: the same step, the same network of as many, and only other weights.
    fragment = "right.width=1&right.depth=20&right.initializer=normal&replicas=1"
    page.visit(fragment=f"{fragment}&seed=0")
    first = page.driver.execute_script(_SURFACE)
    page.driver.find_element("css selector", "[title='Another seed']").click()
    page.until(lambda: page.driver.execute_script(_SURFACE) != first, "its surface")
    assert page.fragment().endswith("seed=1")
