"""Tables that are made from the labels in the notebooks: questions, myths, topics covered.

``{questions}``  every interview question, with its difficulty
``{myths}``      every entry of the museum of myths, with its verdict
``{coverage}``   every topic of the sources, with the section that treats it
"""

import csv
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from docutils import nodes
from docutils.statemachine import StringList
from sphinx.application import Sphinx
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective

from . import entries

logger = logging.getLogger(__name__)

TOPICS = Path(__file__).with_name("topics.csv")
VERDICT = re.compile(r"\*\*(.+?)\*\*(?:, (\w+))?\.\*")
BAR = r"\|"
DIFFICULTY = re.compile(r"\*\*Difficulty:\*\* *([●○]+)(?: *(?:&nbsp;)? *(.+))?")


def link(label: str, title: str) -> str:
    """Return a link to a label, as it may stand in a table; its text is Markdown."""
    return f"[{title.replace('|', BAR)}](#{label})"


class Ledger(SphinxDirective):
    """A directive whose content is Markdown made from the notebooks."""

    def found(self) -> list[tuple[str, entries.Entry]]:
        """Return what the content is made from."""
        raise NotImplementedError

    def run(self) -> list[nodes.Node]:
        """Make the content, and note what it depends on."""
        found = self.found()
        for page in {entry.page for _, entry in found}:
            self.env.note_dependency(str(entries.source(page)))
        box = nodes.container()
        lines = list(self.lines(found))
        self.state.nested_parse(StringList(lines, "ledger"), self.content_offset, box)
        return box.children

    def lines(self, found: list[tuple[str, entries.Entry]]) -> Iterator[str]:
        """Yield the content's lines."""
        raise NotImplementedError


class Questions(Ledger):
    """The interview questions."""

    def found(self) -> list[tuple[str, entries.Entry]]:
        """Return the questions."""
        return entries.labelled(r"iq-\d\d|sq-\d\d")

    def lines(self, found: list[tuple[str, entries.Entry]]) -> Iterator[str]:
        """Yield a table."""
        yield from ("| | question | level |", "|--:|---|---|")
        for label, entry in found:
            number, _, title = entry.title.partition(". ")
            mark = DIFFICULTY.search(entry.text)
            level = " ".join(filter(None, mark.groups())) if mark else "of the source"
            yield f"| {number} | {link(label, title)} | {level} |"


class Myths(Ledger):
    """The museum of myths."""

    def found(self) -> list[tuple[str, entries.Entry]]:
        """Return the entries."""
        return entries.labelled(r"[cro]\d\d\d?")

    def lines(self, found: list[tuple[str, entries.Entry]]) -> Iterator[str]:
        """Yield a table for each page."""
        pages = defaultdict(list)
        for label, entry in found:
            pages[entry.page].append((label, entry))
        for page, rows in pages.items():
            yield from ("", f"**[](/{page})**", "", "| | entry | verdict |", "|---|---|---|")
            for label, entry in rows:
                number, _, title = entry.title.partition(". ")
                verdict = VERDICT.search(entry.text)
                if not verdict:
                    logger.warning("%s has no verdict", label, location=self.get_location())
                    continue
                words = ", ".join(filter(None, verdict.groups()))
                yield f"| {number} | {link(label, title)} | {words.lower()} |"
            yield ""


class Coverage(Ledger):
    """The topics of the sources."""

    def found(self) -> list[tuple[str, entries.Entry]]:
        """Return the topics that sections name."""
        return entries.treated()

    def lines(self, found: list[tuple[str, entries.Entry]]) -> Iterator[str]:
        """Yield a table for each group of topics."""
        self.env.note_dependency(str(TOPICS))
        titles = {page: entries.entries(page)[0].title for page in entries.pages()}
        places = dict(found)
        group = None
        for topic in csv.DictReader(TOPICS.read_text("utf-8").splitlines()):
            if topic["group"] != group:
                group = topic["group"]
                yield from ("", f"## {group}", "", "| | topic | treated in |", "|---|---|---|")
            entry = places.get(topic["topic"])
            if not entry:
                message = "no section of the book names the topic %s"
                logger.warning(message, topic["topic"], location=self.get_location())
                continue
            title = titles[entry.page]
            if entry.level > 1:
                title += f": {entry.title}"
            address = f"/{entries.source(entry.page).relative_to(entries.ROOT)}"
            where = f"[{title.replace('|', BAR)}]({address}#{entry.anchor})"
            yield f"| {topic['topic']} | {topic['name'].replace('|', BAR)} | {where} |"


def setup(app: Sphinx) -> None:
    """Register the directives."""
    for directive in (Questions, Myths, Coverage):
        app.add_directive(directive.__name__.lower(), directive)
