"""The flashcards: every question of the book as a card for Anki, made from the notebooks.

`make deck` writes it to `build/`, and so does the build of the book, which offers it for download.

A card keeps its identity when its text changes: its id is made from the entry's label, so that
importing a newer deck updates the cards that a learner has, with their history.
"""

import ast
import html
import os
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import genanki
import nbformat
from markdown_it import MarkdownIt
from mdit_py_plugins.dollarmath import dollarmath_plugin
from pybtex.database import parse_file
from sphinx.application import Sphinx

from . import entries

DECK = entries.ROOT / "build" / "cross-entropy.apkg"
SELF_TESTS = "chapters/interview/how-to-use"  # the page that offers the deck, too
GLOSSARY = "chapters/appendix/notation-and-glossary"
# Drawn once, never to be changed: Anki knows decks and note types by these numbers.
MODEL_ID = 1_946_203_517
DECK_IDS = {
    "Thirty questions": 1_302_884_061,
    "Senior questions": 1_302_884_062,
    "Frequently asked questions": 1_302_884_063,
    "Myths": 1_302_884_064,
    "Self-tests": 1_302_884_065,
    "Glossary": 1_302_884_066,
}
CSS = """
.card { font: 20px/1.5 system-ui, sans-serif; max-width: 40em; margin: 0 auto; padding: 0 1em;
  text-align: left; }
.more { font-size: 17px; }
.page { font-size: 14px; opacity: 0.75; }
pre, code { font-size: 16px; white-space: pre-wrap; }
table { border-collapse: collapse; }
td, th { border: 1px solid; padding: 0.2em 0.6em; }
"""
MODEL = genanki.Model(
    MODEL_ID,
    "Cross-entropy course",
    fields=[{"name": name} for name in ("Label", "Question", "Answer", "More", "Page")],
    templates=[
        {
            "name": "Card",
            "qfmt": "{{Question}}",
            "afmt": "{{FrontSide}}<hr id=answer>{{Answer}}"
            "{{#More}}<hr><div class=more>{{More}}</div>{{/More}}<p class=page>{{Page}}</p>",
        }
    ],
    css=CSS,
    sort_field_index=0,
)


@dataclass(frozen=True)
class Card:
    """One card; the texts are HTML."""

    deck: str
    label: str
    question: str
    answer: str
    more: str
    page: str


# -- from the book's Markdown to a card's HTML ---------------------------------------------------


def statement_titles() -> dict[str, str]:
    """Return what the book's theorems, definitions and equations are called, by label."""
    titles = {}
    for page in entries.pages():
        text = entries.markdown(entries.source(page))
        chapter = re.search(r"(?m)^# +(.+)$", text)[1]
        for match in re.finditer(r"(?m)^:{3,} *\{prf:\w+\} *(.*)\n(?::.*\n)*?:label: *(\S+)", text):
            titles[match[2]] = f"*{match[1] or chapter}*"
        for label in re.findall(r"(?m)\$\$ *\(([\w-]+)\) *$", text):
            titles[label] = f"(the formula in *{chapter}*)"
    return titles


class Writer:
    """Turns the book's Markdown into HTML that Anki can show without the book."""

    def __init__(self) -> None:
        self.titles = statement_titles()
        self.works = parse_file(entries.ROOT / "references.bib").entries
        self.parser = MarkdownIt("commonmark").enable("table")
        self.parser.use(dollarmath_plugin, renderer=self.formula, allow_labels=True)

    @staticmethod
    def formula(latex: str, options: dict) -> str:
        """Return a formula between the marks that Anki typesets."""
        left, right = (r"\[", r"\]") if options.get("display_mode") else (r"\(", r"\)")
        return left + html.escape(latex.strip()) + right

    def cited(self, match: re.Match) -> str:
        """Return a citation in words."""
        works = []
        for key in re.split(r" *, *", match[2]):
            people = self.works[key].persons["author"]
            names = [" ".join(person.last_names) for person in people]
            who = {1: names[0], 2: " and ".join(names)}.get(len(names), f"{names[0]} et al.")
            year = self.works[key].fields["year"]
            works.append(f"{who} ({year})" if match[1] == ":t" else f"{who}, {year}")
        words = "; ".join(works).replace("{", "").replace("}", "")
        return words if match[1] == ":t" else f"({words})"

    def plain(self, text: str) -> str:
        """Return Markdown without the roles and links that only the book can resolve."""
        badge = r"\{claim\}`\w+`"
        text = re.sub(rf" \({badge}(?:(?:,| and|;) {badge})*\)", "", text)
        text = re.sub(rf"(?:,)? {badge}|{badge},? ", "", text)
        text = re.sub(r"\{(?:prf:ref|eq)\}`([^`]+)`", lambda m: self.titles[m[1]], text)
        text = re.sub(r"\{(?:ref|term)\}`([^`<]+?)(?: *<[^`]*>)?`", r"\1", text)
        text = re.sub(r"\{cite(:t)?\}`([^`]+)`", self.cited, text)
        return re.sub(r"\[([^\]]+)\]\((?!https?:)[^)]*\)", r"\1", text)

    def __call__(self, text: str) -> str:
        """Return HTML, or say what would be shown raw."""
        plain = self.plain(text)
        if raw := re.search(r"\{[a-z:]+\}`|:::|(?m:^\([\w-]+\)=)", plain):
            raise ValueError(f"a card would show {raw[0]!r} in {text[:80]!r}")
        return self.parser.render(plain).strip()

    def inline(self, text: str) -> str:
        """Return the HTML of a title."""
        return self.parser.renderInline(self.plain(text)).strip()


# -- the cards -----------------------------------------------------------------------------------


def part(text: str, name: str) -> str:
    """Return what follows a bold label, up to the next one or to a dropdown."""
    match = re.search(rf"(?s)\*\*{re.escape(name)}\.\*\* *(.+?)(?=\n\n\*\*[A-Z]|\n:::|\Z)", text)
    if not match:
        raise ValueError(f"no part {name!r} in {text[:80]!r}")
    return match[1].strip()


def questions(write: Writer) -> Iterator[Card]:
    """Yield a card for each interview question."""
    for deck, pattern in (("Thirty questions", r"iq-\d\d"), ("Senior questions", r"sq-\d\d")):
        for label, entry in entries.labelled(pattern):
            number, _, title = entry.title.partition(". ")
            yield Card(
                deck,
                label,
                write.inline(title),
                write(part(entry.text, "In 30 seconds")),
                write(part(entry.text, "In full")),
                f"{deck}, {number}",
            )


def faq(write: Writer) -> Iterator[Card]:
    """Yield a card for each frequently asked question."""
    for label, entry in entries.labelled(r"faq-\d\d"):
        answer = re.sub(r"^\s*\*Asked [^\n]*\*\n", "", entry.text)
        deck = "Frequently asked questions"
        yield Card(deck, label, write.inline(entry.title), write(answer), "", deck)


def myths(write: Writer) -> Iterator[Card]:
    """Yield a card for each wrong statement of the sources."""
    for label, entry in entries.labelled(r"c\d\d\d?"):
        number, _, title = entry.title.partition(". ")
        verdict = re.search(r"\*\*(.+?)\*\*", entry.text)[1]
        asked = f"<p>What is wrong with this?</p><p>{write.inline(title)}.</p>"
        answer = f"<p><b>{verdict}.</b></p>{write(part(entry.text, 'The truth'))}"
        yield Card("Myths", label, asked, answer, "", f"The museum of myths, {number}")


def self_tests() -> Iterator[Card]:
    """Yield a card for each question of the self-tests; they are HTML already."""
    cells = nbformat.read(entries.source(SELF_TESTS), as_version=4).cells
    for cell in (c for c in cells if "quiz" in c.metadata.get("tags", [])):
        for label, asked in quiz(cell.source):
            yield self_test(label, asked)


def quiz(source: str) -> Iterator[tuple[str, dict]]:
    """Yield the questions of a quiz's cell, which are a literal, with their labels."""
    for node in ast.parse(source).body:
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.List):
            for number, asked in enumerate(ast.literal_eval(node.value), start=1):
                yield f"quiz-{node.targets[0].id}-{number:02d}", asked


def self_test(label: str, asked: dict) -> Card:
    """Return the card of one question."""
    front = f"<p>{asked['question']}</p>"
    if "code" in asked:
        front += f"<pre>{asked['code']}</pre>"
    shown = value if asked["type"] == "numeric" else option
    if shown is option:
        front += "<ul>" + "".join(f"<li>{option(a)}</li>" for a in asked["answers"]) + "</ul>"
    right = [answer for answer in asked["answers"] if answer.get("correct")]
    back = "".join(f"<p><b>{shown(a)}</b></p><p>{a['feedback']}</p>" for a in right)
    return Card("Self-tests", label, front, back, "", "Self-tests")


def option(answer: dict) -> str:
    """Return a choice as shown: words, code or both."""
    code = f"<pre>{answer['code']}</pre>" if "code" in answer else ""
    return answer.get("answer", "") + code


def value(answer: dict) -> str:
    """Return a numerical answer as shown: the middle of the accepted range."""
    low, high = answer["range"]
    return f"{(low + high) / 2:.4g}"


def glossary(write: Writer) -> Iterator[Card]:
    """Yield a card for each term of the glossary."""
    text = entries.markdown(entries.source(GLOSSARY))
    body = re.search(r"(?s):::+\{glossary\}\n(.+?)\n:::", text)[1]
    for block in re.split(r"\n\n(?=\S)", body.strip()):
        term, _, definition = block.partition("\n")
        label = "term-" + re.sub(r"\W+", "-", term.lower()).strip("-")
        asked = f"<p>What is meant by <b>{html.escape(term)}</b>?</p>"
        definition = "\n".join(line.removeprefix("  ") for line in definition.split("\n"))
        yield Card("Glossary", label, asked, write(definition), "", "Glossary")


def cards() -> list[Card]:
    """Return all cards, in the order of the book."""
    write = Writer()
    found = [*questions(write), *faq(write), *myths(write), *self_tests(), *glossary(write)]
    labels = [card.label for card in found]
    if twice := {label for label in labels if labels.count(label) > 1}:
        raise ValueError(f"two cards would have one id: {sorted(twice)}")
    return found


# -- the file ------------------------------------------------------------------------------------


def build(path: Path) -> int:
    """Write the deck, and return how many cards it has."""
    decks = {name: genanki.Deck(i, f"Cross-entropy::{name}") for name, i in DECK_IDS.items()}
    found = cards()
    for card in found:
        note = genanki.Note(
            MODEL,
            [card.label, card.question, card.answer, card.more, card.page],
            guid=genanki.guid_for("cross-entropy-course", card.label),
            tags=["cross-entropy"],
        )
        decks[card.deck].add_note(note)
    path.parent.mkdir(parents=True, exist_ok=True)
    # Anki takes a note's time to tell a newer text from an older one.
    now = float(os.environ.get("SOURCE_DATE_EPOCH") or time.time())
    genanki.Package(list(decks.values())).write_to_file(path, timestamp=now)
    return len(found)


def bring_up_to_date(app: Sphinx) -> None:
    """Write the deck before the page that offers it is read, if the book has this page."""
    if SELF_TESTS not in entries.pages():
        return
    sources = [entries.source(page) for page in entries.pages()]
    sources += [Path(__file__), entries.ROOT / "references.bib"]
    if not DECK.exists() or DECK.stat().st_mtime < max(p.stat().st_mtime for p in sources):
        build(DECK)


def setup(app: Sphinx) -> None:
    """Connect."""
    app.connect("builder-inited", bring_up_to_date)


def main() -> None:
    """Make the deck and say where it is."""
    print(f"{build(DECK)} cards: {DECK}")
