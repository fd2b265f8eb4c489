"""What the README says is true: its commands, code and figures; and it is short."""

import configparser
import datetime
import functools
import itertools
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
from scipy.stats import fisher_exact

import deepxor
from deepxor.xor.config import NETWORKS
from deepxor.xor.network.build import build
from deepxor.xor.train import fit
from scripts.benchmarks import ladder as ladder_program
from scripts.pages import marked

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
KOREAN = (ROOT / "README.ko.md").read_text(encoding="utf-8")


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


def ladder():
    """Returns the README's table: (network, activation) -> rate."""
    header, _, *rows = (
        [text.strip() for text in line.strip("|").split("|")]
        for line in marked.block(README, "ladder").splitlines()
        if line.startswith("|")
    )
    return {
        (row[0], activation): float(text.split()[0])
        for row in rows
        for activation, text in zip(header[1:], row[1:], strict=True)
    }


@functools.cache
def solved(network, activation, replicas, seed):
    experiment = deepxor.Experiment(
        network=network, activation=activation, replicas=replicas, seed=seed,
        log_every=1000,
    )  # fmt: skip
    model = build(experiment)
    fit(model, experiment)
    *_, cost, accuracy = model.snapshot()
    return int((accuracy == 1).sum()), cost, accuracy


def test_it_is_short():
    assert len(README.splitlines()) <= 150


def test_it_begins_with_a_sentence_a_picture_and_two_commands():
    title, korean, sentence, picture, doors, commands, *_ = README.split("\n\n")
    assert title == "# deepxor"
    assert korean == "[한국어](README.ko.md)"
    assert re.fullmatch(r"\*\*[^.]+\.\*\*", sentence)
    assert re.fullmatch(r"!\[[^]]+\]\(docs/[^)]+\.gif\)", picture)
    # One click from here: the playground, and the lesson in both languages.
    assert "`scripts/playground`" in doors
    assert os.access(ROOT / "scripts" / "playground", os.X_OK)
    assert re.findall(r"\]\(docs/([^)]+)\)", doors) == [
        "playground.md", "lesson/vanishing_gradient.ko.md",
        "lesson/vanishing_gradient.en.md",
    ]  # fmt: skip
    first, *lines, last = commands.splitlines()
    assert (first, last) == ("```sh", "```")
    assert [line.split()[0] for line in lines] == ["scripts/demo", "scripts/test"]
    for line in lines:
        assert os.access(ROOT / line.split()[0], os.X_OK)


def test_the_ladder_is_whole():
    expected = itertools.product(NETWORKS, ladder_program.ACTIVATIONS)
    assert set(ladder()) == set(expected)


def test_the_ladder_is_the_same_wherever_it_stands():
    tables = {
        marked.block(path.read_text(encoding="utf-8"), "ladder").split("\n\n")[0]
        for path in ladder_program.CAPTIONS
    }
    assert len(ladder_program.CAPTIONS) == 3 and len(tables) == 1


def test_the_ladders_captions_are_those_of_its_program():
    (day,) = re.findall(r"\d{4}-\d\d-\d\d", marked.block(README, "ladder"))
    for path, caption in ladder_program.CAPTIONS.items():
        text = marked.block(path.read_text(encoding="utf-8"), "ladder")
        expected = caption(500, datetime.date.fromisoformat(day))
        assert text.endswith(f"|\n\n{expected}"), path


def test_a_rate_has_wilsons_interval():
    # By hand: z = 1.96, p = 0.98, n = 100.
    assert ladder_program.rate_text(98, 100) == ".980 (.930-.994)"


@pytest.mark.parametrize(
    ("network", "activation"),
    [
        ("two_layer", "sigmoid"),
        ("two_layer", "relu"),
        ("wide", "relu"),
        ("three_layer", "relu"),
        ("deep", "relu"),
        ("deep", "sigmoid"),
        ("lecture", "relu"),
        ("lecture", "sigmoid"),
        ("lecture", "tanh"),
    ],
)
def test_other_seeds_give_the_rates_of_the_ladder(network, activation):
    rate = ladder()[network, activation]
    count, _, _ = solved(network, activation, replicas=100, seed=1)
    table = [[count, 100 - count], [round(500 * rate), round(500 * (1 - rate))]]
    # Of nine such tests, less than one in a thousand would fail by chance; the seed is
    # fixed, so this one never does.
    assert fisher_exact(table).pvalue > 1e-4


def test_the_perceptron_cannot_in_every_replica():
    count, cost, accuracy = solved("perceptron", "sigmoid", replicas=100, seed=0)
    assert count == 0
    np.testing.assert_allclose(cost, np.log(2), rtol=1e-6)
    np.testing.assert_array_equal(accuracy, 0.5)


def test_deep_is_relu_nearly_always_and_sigmoid_never():
    assert solved("deep", "relu", replicas=100, seed=1)[0] >= 95
    assert solved("deep", "sigmoid", replicas=100, seed=1)[0] <= 1


def test_the_shell_commands_run(tmp_path):
    commands = [
        line.split("#")[0].split()
        for block in blocks("sh")
        for line in block.splitlines()
    ]
    trains = [c for c in commands if c[:3] == ["python", "-m", "deepxor.train"]]
    assert len(trains) == 2
    for command in trains:
        command = [sys.executable, *command[1:], "--num_steps=101", "--quiet"]
        subprocess.run(command, cwd=tmp_path, check=True)
    assert ["tensorboard", "--logdir", "logdir"] in commands
    assert {path.name for path in (tmp_path / "logdir").iterdir()} == {
        "deep-relu", "deep-sigmoid"
    }  # fmt: skip


def test_the_python_example_runs(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    x = np.random.default_rng(0).normal(size=(200, 2))
    names = {"model": model, "x": x, "y": np.ones((200, 1))}
    (block,) = blocks("python")
    exec(compile(block, "README.md", "exec"), names)
    assert "healthy" in capsys.readouterr().out
    assert (tmp_path / "logdir" / "my-run" / "diagnosis.json").exists()


def test_the_demo_trains_both_and_is_quick_the_second_time(tmp_path):
    for name in ("scripts", "deepxor"):
        shutil.copytree(ROOT / name, tmp_path / name)
    for name in ("setup.cfg", "pyproject.toml", "README.md"):
        shutil.copy(ROOT / name, tmp_path)
    # The environment of this test in place of a fresh one, which takes a download.
    (tmp_path / ".venv").mkdir()
    for name in ("bin", "lib", "pyvenv.cfg"):
        (tmp_path / ".venv" / name).symlink_to(Path(sys.prefix) / name)
    (tmp_path / ".venv" / "installed").touch()
    demo = [tmp_path / "scripts" / "demo"]
    first = subprocess.run(demo, capture_output=True, text=True, check=True)
    assert "vanishing" in first.stdout and "healthy" in first.stdout
    assert "tensorboard --logdir logdir" in first.stdout
    assert "Report: report.html" in first.stdout
    assert "deep-sigmoid" in (tmp_path / "report.html").read_text()
    files = {p: p.stat().st_mtime_ns for p in (tmp_path / "logdir").rglob("*")}
    again = subprocess.run(demo, capture_output=True, text=True, check=True)
    assert again.stdout in first.stdout
    assert files == {p: p.stat().st_mtime_ns for p in (tmp_path / "logdir").rglob("*")}
    wrong = subprocess.run(
        [*demo, "--sevre"], capture_output=True, text=True, check=False
    )
    assert wrong.returncode == 2 and "--sevre" in wrong.stderr


def test_the_table_of_the_demo_is_there():
    assert "│ deep-relu " in README and "│ deep-sigmoid " in README


def test_it_names_the_version_and_pythons():
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg", encoding="utf-8")
    oldest = config["options"]["python_requires"].removeprefix(">=")
    assert f"Version {deepxor.__version__}, for Python {oldest} or newer." in README


def sections(text):
    """Returns the parts of a document from heading to heading."""
    return re.split(r"^## .*$", text, flags=re.MULTILINE)


def fences(text):
    """Returns what is in the fenced blocks, without comments, which are translated."""
    found = re.findall(r"```(\w+)\n(.*?)```", text, re.DOTALL)
    return [(language, re.sub(r" +# .*", "", block)) for language, block in found]


def numbers(text):
    return sorted(re.findall(r"\d+(?:[.,]\d+)*", text))


def code(text):
    return sorted(
        re.findall(r"`([^`\n]+)`", re.sub(r"```.*?```", "", text, flags=re.DOTALL))
    )


def targets(text):
    """Returns what is linked and shown, but for the link to the other language."""
    found = re.findall(r"(!?)\[[^]]*\]\(([^)]+)\)", text)
    return sorted(set(found) - {("", "README.md"), ("", "README.ko.md")})


def test_the_korean_readme_has_the_same_numbers_commands_and_links():
    assert KOREAN.split("\n\n")[1] == "[English](README.md)"
    pairs = list(zip(sections(README), sections(KOREAN), strict=True))
    assert len(pairs) == 5
    for english, korean in pairs:
        for part in (fences, numbers, code, targets):
            assert part(korean) == part(english)


@pytest.mark.parametrize("part", [fences, numbers, code, targets])
def test_what_the_comparison_of_the_readmes_would_find(part):
    """Each part of it sees a change that the others may not see."""
    old, new = {
        fences: ("--activation=relu", "--activation=elu"),
        numbers: ("47", "48"),
        code: ("`deep`", "deep"),
        targets: ("pictures/graph.png", "pictures/images.png"),
    }[part]
    assert old in KOREAN and part(KOREAN.replace(old, new)) != part(KOREAN)


def test_the_korean_readme_is_korean():
    """Its sentences are; names, code and the programs' output stay as they are."""
    prose = re.sub(r"```.*?```|`[^`]*`|\]\([^)]*\)", "", KOREAN, flags=re.DOTALL)
    sentences = re.findall(r"^[^|#<\n-].*?(?:\n\n|\Z)", prose, re.DOTALL | re.MULTILINE)
    assert len(sentences) > 12
    for sentence in sentences:
        assert re.search("[가-힣]", sentence) or sentence.startswith("[English"), (
            sentence
        )
