"""What the repository says of itself: how to cite it, what an issue asks, its site."""

import configparser
import datetime
import re
from pathlib import Path

import pytest
import yaml

import deepxor

ROOT = Path(__file__).parent.parent
TEMPLATES = ROOT / ".github" / "ISSUE_TEMPLATE"
CITATION = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))


def changelog():
    """Returns the versions of the changelog with their dates, the newest first."""
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    return re.findall(
        r"^## (\d+\.\d+\.\d+)(?:, (\d{4}-\d\d-\d\d))?$", text, re.MULTILINE
    )


def forms():
    return sorted(set(TEMPLATES.glob("*.yml")) - {TEMPLATES / "config.yml"})


def test_the_citation_is_of_this_version():
    required = {"cff-version", "message", "title", "authors"}
    optional = {"type", "abstract", "version", "date-released", "license", "keywords"}
    assert required <= set(CITATION) <= required | optional
    assert CITATION["cff-version"] == "1.2.0" and CITATION["type"] == "software"
    assert CITATION["version"] == deepxor.__version__
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg", encoding="utf-8")
    for name, key in (("title", "name"), ("license", "license")):
        assert CITATION[name] == config["metadata"][key]
    assert all(set(author) == {"name"} for author in CITATION["authors"])
    assert all(isinstance(word, str) for word in CITATION["keywords"])


def test_the_changelog_begins_with_this_version_and_its_date():
    version, day = changelog()[0]
    assert version == deepxor.__version__
    assert datetime.date.fromisoformat(day) == CITATION["date-released"]
    versions = [tuple(map(int, each.split("."))) for each, _ in changelog()]
    assert versions == sorted(versions, reverse=True)


def test_the_changelog_is_grouped():
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    newest = text.split("\n## ")[1]
    groups = re.findall(r"^### (.*)$", newest, re.MULTILINE)
    assert groups == ["Added", "Changed", "Fixed"]


def test_there_is_a_form_for_each_kind_of_issue():
    assert {path.stem for path in forms()} == {"bug", "idea", "wrong-verdict"}
    config = yaml.safe_load((TEMPLATES / "config.yml").read_text(encoding="utf-8"))
    assert set(config) <= {"blank_issues_enabled", "contact_links"}


@pytest.mark.parametrize("path", forms(), ids=lambda path: path.stem)
def test_a_form_is_one_that_github_takes(path):
    form = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert {"name", "description", "body"} <= set(form) <= {
        "name", "description", "body", "labels", "title"
    }  # fmt: skip
    ids = [field["id"] for field in form["body"]]
    assert len(ids) == len(set(ids))
    for field in form["body"]:
        assert field["type"] in ("textarea", "input")
        assert set(field) <= {"type", "id", "attributes", "validations"}
        assert {"label"} <= set(field["attributes"])
        known = {"label", "description", "placeholder", "value", "render"}
        assert set(field["attributes"]) <= known
        assert all(isinstance(text, str) for text in field["attributes"].values())
    assert any(field.get("validations", {}).get("required") for field in form["body"])


def test_what_the_forms_ask_for_exists():
    """Files and attributes by the names that they have."""
    text = "".join(path.read_text(encoding="utf-8") for path in forms())
    from deepxor.xor import run

    assert run.FILE in text and "diagnosis.json" in text
    assert hasattr(deepxor.GradientMonitor, "diagnosis")
    assert "notes" in deepxor.GradientMonitor().history


def test_the_site_is_published_from_main_alone_with_the_least_permissions():
    path = ROOT / ".github" / "workflows" / "pages.yml"
    workflow = yaml.safe_load(path.read_text(encoding="utf-8"))
    # YAML 1.1 takes the key `on` for a truth value.
    assert workflow[True]["push"]["branches"] == ["main"]
    assert workflow["permissions"] == {"contents": "read"}
    build, deploy = workflow["jobs"]["build"], workflow["jobs"]["deploy"]
    assert build["if"] == "github.ref == 'refs/heads/main'"
    assert deploy["needs"] == "build"
    assert build["permissions"] == {"contents": "read", "pages": "read"}
    assert deploy["permissions"] == {"pages": "write", "id-token": "write"}
    steps = [step.get("run") or step["uses"] for step in build["steps"]]
    assert "scripts/docs" in steps
    assert any(step.startswith("actions/upload-pages-artifact@") for step in steps)
