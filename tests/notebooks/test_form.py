"""Every chapter of the book has the form that the book promises."""

from pathlib import Path

import pytest
from form_rules import RULES, Chapter, repeated_labels

ROOT = Path(__file__).resolve().parents[2]
PATHS = sorted(
    path for path in ROOT.glob("chapters/**/*.ipynb") if ".ipynb_checkpoints" not in path.parts
)


def read(path: Path) -> Chapter:
    return Chapter(path.relative_to(ROOT), path.read_text(encoding="utf-8"))


def test_there_are_chapters():
    assert PATHS, "no notebook under chapters/"


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_form(path, rule):
    found = list(rule(read(path)))
    assert not found, "\n".join([str(path.relative_to(ROOT)), *found])


def test_labels_are_unique_in_the_book():
    found = list(repeated_labels(map(read, PATHS)))
    assert not found, "\n".join(found)
