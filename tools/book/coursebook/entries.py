"""The entries of the book, read from its notebooks: questions, myths, exhibits, topics.

An entry is a labelled heading with what follows it:

    (c19)=
    ### C19. Cross-entropy is a special case of KL divergence

    *Source 003, questions 7 and 21. **False**, serious.* ...

    <!-- topics: T021, T024 -->

The comment, which no reader sees, names the topics of the sources that the section treats.

The notebooks are the only source. The flashcards (`deck`), the tables of questions and of
myths and the page of coverage (`ledger`) are made from what is read here.
"""

import functools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import nbformat
import yaml
from myst_parser.mdit_to_docutils.base import default_slugify

ROOT = Path(__file__).resolve().parents[3]
SECTION = re.compile(r"(?m)^((?:\([\w-]+\)=\n)*)(#{1,6}) +(.+?) *$")
LABEL = re.compile(r"\(([\w-]+)\)=")
TOPICS_TREATED = re.compile(r"\s*<!-- topics: (.*?) -->")


@dataclass(frozen=True)
class Entry:
    """A heading, its labels, and the markdown below it up to the next heading."""

    page: str  # without suffix, from the root: chapters/interview/questions
    labels: tuple[str, ...]
    level: int
    title: str
    text: str
    topics: tuple[str, ...]

    @property
    def anchor(self) -> str:
        """The id of the heading in the built page."""
        return default_slugify(re.sub(r"\$[^$]*\$|`", "", self.title))


def pages() -> list[str]:
    """Return the book's pages in reading order, without suffix."""
    toc = yaml.safe_load((ROOT / "_toc.yml").read_text("utf-8"))

    def files(node: dict | list) -> Iterator[str]:
        for value in node.values() if isinstance(node, dict) else node:
            if isinstance(value, str) and value.startswith("chapters/"):
                yield value
            elif isinstance(value, dict | list):
                yield from files(value)

    return list(files(toc))


def source(page: str) -> Path:
    """Return the file of a page."""
    notebook = ROOT / f"{page}.ipynb"
    return notebook if notebook.exists() else ROOT / f"{page}.md"


@functools.cache
def markdown(path: Path) -> str:
    """Return a page's text without its code cells."""
    text = path.read_text("utf-8")
    if path.suffix == ".ipynb":
        cells = nbformat.reads(text, as_version=4).cells
        text = "\n\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
    return text


def entries(page: str) -> list[Entry]:
    """Return the headings of a page, each with its text."""
    text = markdown(source(page))
    heads = list(SECTION.finditer(text))
    ends = [head.start() for head in heads[1:]] + [len(text)]
    found = []
    for head, end in zip(heads, ends, strict=True):
        body = text[head.end() : end]
        topics = re.findall(r"T\d{3}", " ".join(TOPICS_TREATED.findall(body)))
        body = TOPICS_TREATED.sub("", body)
        labels = tuple(LABEL.findall(head[1]))
        found.append(Entry(page, labels, len(head[2]), head[3], body, tuple(topics)))
    return found


def labelled(pattern: str) -> list[tuple[str, Entry]]:
    """Return all labels above a heading that match a pattern, each with its entry."""
    return [
        (label, entry)
        for page in pages()
        for entry in entries(page)
        for label in entry.labels
        if re.fullmatch(pattern, label)
    ]


def treated() -> list[tuple[str, Entry]]:
    """Return each topic that a section says it treats, T001 to T290, with that section."""
    return [(topic, entry) for page in pages() for entry in entries(page) for topic in entry.topics]
