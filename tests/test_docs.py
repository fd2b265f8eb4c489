"""What the pages in docs/ say is true, as far as a test can tell, and links lead on."""

import ast
import functools
import inspect
import os
import re
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import keras
import numpy as np
import pytest

import deepxor
from deepxor.__main__ import COMMANDS
from deepxor.diagnosis import rules
from deepxor.events import gradient_flow
from deepxor.events.reader import read_run
from deepxor.verdicts import UNDECIDED, VERDICTS
from deepxor.xor.run import Run
from scripts.pages import flags, marked, pictures, tables

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
PAGES = {
    str(path.relative_to(ROOT)): path.read_text(encoding="utf-8")
    for path in (*sorted(ROOT.glob("README*.md")), *sorted(DOCS.glob("*.md")))
}
# The page on the monitor, of which most of these tests are.
PAGE = PAGES["docs/monitor.md"]
# A training that shows each has a picture; one that was not seen has none.
NAMES = tuple(v.name for v in VERDICTS if v.name != UNDECIDED)

# Command -> flags that make it quick.
QUICK = {
    "train": ["--num_steps=101", "--quiet"],
    "compare": [],
    "explain": [],
    "images": [
        "--network=cnn",
        "--activations=relu",
        "--initializers=he",
        "--seeds=1",
        "--epochs=1",
    ],
    "sweep": ["--num_steps=11", "--replicas=1"],
    "playground": ["--export=playground"],
}


def blocks(page, language):
    """Returns the fenced blocks of a page that are in a language."""
    return re.findall(rf"```{language}\n(.*?)```", PAGES[page], re.DOTALL)


def links(page):
    """Returns what a page links and shows of this repository."""
    found = re.findall(r"\]\(([^)\s]+)\)", PAGES[page])
    return [target for target in found if not target.startswith("https://")]


def anchors(page):
    """Returns the fragments of a page's headings, as GitHub makes them."""
    text = re.sub(r"```.*?```", "", PAGES[page], flags=re.DOTALL)
    headings = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    kept = (re.sub(r"[^\w\- ]", "", heading.lower()) for heading in headings)
    return {heading.replace(" ", "-") for heading in kept}


@functools.cache
def help_of(module):
    """Returns the flags that a program names in its help."""
    done = subprocess.run(
        [sys.executable, "-m", module, "--help"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    return set(re.findall(r"^  --(?:\[no\])?(\w+)", done.stdout, re.MULTILINE))


def section(heading):
    """Returns what stands below a heading, up to the next one."""
    (text,) = re.findall(
        rf"^#+ {heading}\n(.*?)(?=^#+ |\Z)", PAGE, re.DOTALL | re.MULTILINE
    )
    return text


def table(heading):
    """Returns the first two cells of the rows of the table below a heading."""
    rows = re.findall(r"^\| (`.*?) \| (.*?) \|", section(heading), re.MULTILINE)
    return {first: second for first, second in rows}


def fit(**arguments):
    x = np.random.default_rng(0).normal(size=(64, 3, 1)).astype(np.float32)
    dense = keras.layers.Dense
    recurrent = keras.layers.SimpleRNN(4, "relu", name="first")
    model = keras.Sequential([keras.Input((3, 1)), recurrent, dense(1, name="output")])
    model.compile("sgd", "mse")
    monitor = deepxor.GradientMonitor(**arguments)
    model.fit(x, x[:, 0], batch_size=8, verbose=0, callbacks=[monitor])
    return monitor


def test_every_argument_is_explained_with_its_default():
    signature = inspect.signature(deepxor.GradientMonitor)
    defaults = {f"`{p.name}`": p.default for p in signature.parameters.values()}
    found = table("Arguments")
    assert {k: ast.literal_eval(v.strip("`")) for k, v in found.items()} == defaults


def test_every_number_is_explained_with_its_shape():
    history = fit(every=2).history
    sizes = {"records": len(history["step"]), "layers": len(history["layer"])}
    sizes |= {"outputs": len(history["output"]), "inputs": len(history["input"])}
    found = table("The numbers")
    assert set(found) == {f"`{name}`" for name in history}
    for name, shape in found.items():
        if shape.startswith("["):
            expected = tuple(sizes[size] for size in shape.strip("[]").split(", "))
            assert history[name.strip("`")].shape == expected


def test_every_tag_is_explained(tmp_path):
    fit(log_dir=tmp_path, every=2, histograms=1)
    found = set(re.findall(r"`([^`]+)`", " ".join(table("In TensorBoard"))))
    written = {re.sub("/.*", "/<layer>", tag) for tag in read_run(tmp_path).scalars}
    others = {"gradient_log10_histogram/<layer>", "diagnosis"}
    others |= {
        gradient_flow.TAG,
        gradient_flow.OVERVIEW_TAG,
        gradient_flow.DIAGNOSIS_TAG,
    }
    assert found == written | others


def test_the_tables_are_those_of_the_package():
    assert tables.updated(PAGE) == PAGE


def test_the_thresholds_are_those_of_the_rules():
    found = table("How a verdict is found")
    thresholds = vars(rules.THRESHOLDS)
    assert set(found) == {f"`{name}`" for name in thresholds}
    for name, value in thresholds.items():
        assert float(Fraction(found[f"`{name}`"])) == pytest.approx(value)


def test_the_code_runs(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    names = {"model": model, "x": np.ones((96, 2)), "y": np.ones((96, 1))}
    code = blocks("docs/monitor.md", "python")
    assert len(code) == 3
    code += blocks("docs/why-not-learning.md", "python")
    for block in code:
        exec(compile(block, "monitor.md", "exec"), names)
    assert "healthy" in capsys.readouterr().out
    assert (tmp_path / "history.png").read_bytes().startswith(b"\x89PNG")
    names["act"](names["monitor"].diagnosis)


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page):
    for target in links(page):
        name, _, fragment = target.partition("#")
        path = (ROOT / page).parent / name if name else ROOT / page
        assert path.exists(), target
        if fragment:
            other = str(path.resolve().relative_to(ROOT))
            assert fragment in anchors(other), target


@pytest.mark.parametrize("index", ["README.md", "README.ko.md", "docs/README.md"])
def test_every_page_is_in_the_index(index):
    folder = (ROOT / index).parent
    linked = {(folder / target.split("#")[0]).resolve() for target in links(index)}
    assert set(DOCS.glob("*.md")) - {DOCS / "README.md"} <= linked


def test_every_picture_is_small_and_shown():
    shown = {
        ((ROOT / page).parent / target).resolve()
        for page in PAGES
        for target in links(page)
        if target.endswith((".png", ".gif"))
    }
    assert shown == set((DOCS / "pictures").iterdir())
    for picture in shown:
        most = 1_000_000 if picture.suffix == ".gif" else 300_000
        assert picture.stat().st_size < most


@pytest.mark.parametrize("page", PAGES)
def test_files_that_are_named_are_there(page):
    """Of the repository: in code, with a folder in front."""
    found = re.findall(
        r"`((?:deepxor|docs|examples|scripts|tests)/[^`\s]*)", PAGES[page]
    )
    for name in found:
        assert (ROOT / name).exists(), name


def test_the_flags_of_every_command_are_those_of_the_programs():
    page = PAGES["docs/flags.md"]
    assert flags.updated(page) == page
    assert tuple(QUICK) == COMMANDS
    for command in COMMANDS:
        rows = marked.block(page, f"flags-{command}")
        named = re.findall(r"^\| `--(\w+)` \|", rows, re.MULTILINE)
        assert set(named) == help_of(f"deepxor.{command}") and named
        assert len(named) == len(set(named))


def test_a_document_without_a_marker_is_refused():
    with pytest.raises(ValueError, match=r"'<!-- x: end -->' once. Received: 0 times"):
        marked.replaced("<!-- x: begin -->\n", "x", "")


@pytest.mark.parametrize("page", PAGES)
def test_flags_that_are_named_exist(page):
    modules = [f"deepxor.{command}" for command in COMMANDS]
    modules += [
        f"scripts.benchmarks.{name}"
        for name in ("ladder", "speed", "diagnosis", "torture")
    ]
    modules.append("scripts.pages.sweeps")
    known = set().union(*map(help_of, modules))
    # absl's own of every command, and that of scripts/demo, which is no Python program.
    known |= {"help", "serve"}
    named = set(re.findall(r"(?<![\w-])--([a-z]\w*)", PAGES[page]))
    assert named <= known


# The READMEs and the page on explain have tests of their own.
OWN = {"README.md", "README.ko.md", "docs/explain.md"}


@pytest.mark.parametrize("page", sorted({*PAGES} - OWN))
def test_the_shell_commands_run(page, tmp_path):
    lines = [line for block in blocks(page, "sh") for line in block.splitlines()]
    for line in lines:
        name, *arguments = line.split("#")[0].split()
        if name == "python":
            module = arguments[1].removeprefix("deepxor.")
            command = [sys.executable, *arguments, *QUICK[module]]
            subprocess.run(command, cwd=tmp_path, check=True)
        elif name == "tensorboard":
            assert arguments == ["--logdir", "logdir"]
        else:
            assert os.access(ROOT / name, os.X_OK), line


def test_the_commands_that_explain_print_what_the_page_says(tmp_path):
    lines = [line.split() for line in blocks("docs/explain.md", "sh")[0].splitlines()]
    first, wide = (
        subprocess.run(
            [sys.executable, *line[1:]],
            capture_output=True, text=True, check=True, cwd=tmp_path,
        ).stdout
        for line in lines
    )  # fmt: skip
    assert "5.7 decades" in PAGES["docs/explain.md"] and " 5.73 " in first
    assert "4.5e-05" in PAGES["docs/explain.md"] and "4.5e-05" in first
    assert "Schoenholz" in wide and (tmp_path / "explain.png").exists()


def test_the_code_of_the_other_pages_runs(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    x = np.random.default_rng(0).normal(size=(200, 2))
    names = {"model": model, "x": x, "y": np.ones((200, 1))}
    for page in ("docs/explain.md", "docs/images.md", "docs/ladder.md"):
        (block,) = blocks(page, "python")
        exec(compile(block, page, "exec"), names)
    assert "dead" in capsys.readouterr().out
    assert (tmp_path / "explain.png").exists()
    assert Run.load(tmp_path / "logdir" / "lecture-relu").status == "finished"


def test_the_sweep_from_python_runs_as_a_program(tmp_path):
    (block,) = blocks("docs/sweeps.md", "python")
    # Its processes import the program's file.
    (tmp_path / "program.py").write_text(block)
    done = subprocess.run(
        [sys.executable, "program.py"],
        cwd=tmp_path, check=True, capture_output=True, text=True,
    )  # fmt: skip
    lines = done.stdout.splitlines()
    assert lines[0].split() == ["learning_rate", "activation", "score"]
    assert len(lines) == 7 and not list(tmp_path.glob("*/*.csv"))


def test_the_pages_with_code_are_those_that_are_run():
    run = {"README.md", "README.ko.md", "docs/monitor.md"}
    run |= {"docs/explain.md", "docs/images.md", "docs/ladder.md"}
    run |= {"docs/why-not-learning.md", "docs/sweeps.md"}
    assert {page for page in PAGES if blocks(page, "python")} == run


def test_the_scenes_of_the_playground_are_those_of_its_texts():
    path = ROOT / "deepxor" / "web" / "static" / "text" / "en.js"
    (scenes,) = re.findall(r"scenes: \{(.*?)\n  \}", path.read_text("utf-8"), re.DOTALL)
    names = re.findall(r"^    (\w+): '(.*)',$", scenes, re.MULTILINE)
    (section,) = re.findall(
        r"^## The scenes\n(.*?)^## ",
        PAGES["docs/playground.md"],
        re.MULTILINE | re.DOTALL,
    )
    found = re.findall(r"^\| ([^|`*]+?) \| ", section, re.MULTILINE)
    listed = found[found.index("scene") + 1 :]
    assert len(names) > 1
    own, *others = [name.replace("\\u2019", "\u2019") for _, name in names]
    assert own == "your own" and listed == others


def test_measured_tables_are_there():
    for row in ("| C loop", "| deepxor, 256 networks |"):
        assert row in PAGES["docs/speed.md"]


def test_the_bench_runs():
    done = subprocess.run(
        [ROOT / "scripts" / "bench", "--quick", "--markdown"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    for row in ("C loop", "deepxor, 1 network", "deepxor, 64 networks"):
        assert row in done.stdout


@pytest.mark.parametrize("verdict", NAMES)
def test_each_verdict_has_a_section_and_a_small_picture(verdict):
    (picture,) = re.findall(r"\(([^)]+\.png)\)", section(verdict))
    assert (ROOT / "docs" / picture).stat().st_size < 100_000


@pytest.mark.parametrize("verdict", NAMES)
def test_each_picture_is_of_its_verdict(verdict):
    assert tuple(pictures.RUNS) == NAMES
    found = pictures.train(pictures.RUNS[verdict]).diagnosis
    assert found.verdict == verdict
    expected = {"vanishing": "hidden1", "dead": "hidden4", "saturated": "hidden1"}
    assert found.layer == expected.get(verdict, found.layer)
