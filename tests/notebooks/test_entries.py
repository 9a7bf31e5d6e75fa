"""The interview part and the appendix are complete: every claim, question, exhibit and topic."""

import csv
import re
from collections import Counter

import nbformat
import pytest
from coursebook import claims, entries, ledger
from pybtex.database import parse_file

CLAIMS = entries.labelled(r"[cro]\d\d\d?")
THIRTY, SENIOR = entries.labelled(r"iq-\d\d"), entries.labelled(r"sq-\d\d")
EXHIBITS, FAQ = entries.labelled(r"bug-\d\d"), entries.labelled(r"faq-\d\d")
WORKS = parse_file(entries.ROOT / "references.bib").entries
# What no cell can decide: that no record of a work was found, the name of a lecture, that
# courses exist.
NOT_EXECUTED = {"c119", "c129", "r30"}
# Two proceedings and a thesis whose address could not be found out.
WITHOUT_ADDRESS = {"jelinek1980", "kraft1949", "miller1955"}


def cells_below(page: str) -> dict[str, list]:
    """Return the code cells that follow each labelled heading of a notebook."""
    cells, label = {}, None
    for cell in nbformat.read(entries.source(page), as_version=4).cells:
        if cell.cell_type == "markdown":
            for head in entries.SECTION.finditer(cell.source):
                label = (entries.LABEL.findall(head[1]) or [None])[0]
        elif label:
            cells.setdefault(label, []).append(cell)
    return cells


CELLS = {
    label: cells
    for page in entries.pages()
    if page.startswith("chapters/interview/") and entries.source(page).suffix == ".ipynb"
    for label, cells in cells_below(page).items()
}


def checks(label: str) -> int:
    return sum("check" in cell.metadata.get("tags", []) for cell in CELLS.get(label, []))


def names_of_parts(entry: entries.Entry) -> list[str]:
    return re.findall(r"(?m)^\*\*([A-Z][^*]+?)\.?\*\*", entry.text)


def test_every_claim_has_one_entry():
    numbers = ((kind, n) for kind, (_, last) in claims.KINDS.items() for n in range(1, last + 1))
    wanted = [claims.canonical(kind, n).lower() for kind, n in numbers]
    assert len(wanted) == 132 + 30 + 12
    assert sorted(label for label, _ in CLAIMS) == sorted(wanted)


@pytest.mark.parametrize(("label", "entry"), CLAIMS, ids=[label for label, _ in CLAIMS])
def test_a_claims_entry_is_complete(label, entry):
    assert entry.title.startswith(f"{label.upper()}. ")
    assert ledger.VERDICT.search(entry.text), "no verdict"
    verdict, weight = ledger.VERDICT.search(entry.text).groups()
    if label.startswith("c"):
        assert re.match(r"\s*\*Sources? 00[0-4]", entry.text), "it does not name its source"
        assert verdict in {"False", "Misleading", "Imprecise", "Broken code", "Unverifiable"}
        assert weight in {"serious", "local", "small"}
        assert names_of_parts(entry) == ["The truth"]
    else:
        assert verdict == {"r": "Right", "o": "Missing"}[label[0]]
    if label not in NOT_EXECUTED:
        assert checks(label) >= 1
    leads_on = r"\]\((?!http)|\{(?:prf:ref|eq|cite|cite:t|ref)\}`"
    assert re.search(leads_on, entry.text), "it leads nowhere"


def test_every_question_of_the_source_is_answered():
    assert [label for label, _ in THIRTY] == [f"iq-{n:02d}" for n in range(1, 31)]


def test_there_are_forty_senior_questions_with_marks():
    assert [label for label, _ in SENIOR] == [f"sq-{n:02d}" for n in range(1, len(SENIOR) + 1)]
    assert len(SENIOR) >= 40
    marks = Counter(ledger.DIFFICULTY.search(entry.text)[1] for _, entry in SENIOR)
    assert set(marks) == {"●○○", "●●○", "●●●"}


@pytest.mark.parametrize(
    ("label", "entry"), THIRTY + SENIOR, ids=[label for label, _ in THIRTY + SENIOR]
)
def test_a_question_has_all_its_parts(label, entry):
    assert entry.title.startswith(f"{int(label[-2:])}. ")
    kept = [part for part in names_of_parts(entry) if part != "Difficulty:"]
    assert kept == ["In 30 seconds", "In full", "The answer that fails"]
    assert entry.text.count(":::{dropdown} Follow-up: ") == 2
    assert checks(label) >= 1
    spoken = entry.text.partition("**In 30 seconds.**")[2].partition("**In full.**")[0]
    assert 35 <= len(spoken.split()) <= 85


def test_every_frequent_question_has_a_number_that_is_checked():
    assert [label for label, _ in FAQ] == [f"faq-{n:02d}" for n in range(1, len(FAQ) + 1)]
    assert all(checks(label) for label, _ in FAQ)
    assert all(re.match(r"\s*\*Asked (in 00\d|by readers)", entry.text) for _, entry in FAQ)


@pytest.mark.parametrize(("label", "entry"), EXHIBITS, ids=[label for label, _ in EXHIBITS])
def test_an_exhibit_has_a_thread_a_bug_and_a_check(label, entry):
    assert names_of_parts(entry) == ["Symptom", "Seen in", "Why", "Rule"]
    seen = entry.text.partition("**Seen in**")[2].partition("**Why.**")[0]
    assert re.search(r"\]\(https://[^)]+/(issues|pull|questions|t)/[^)]*\d", seen)
    bug, *after = CELLS[label]
    assert "check" not in bug.metadata.get("tags", [])
    assert checks(label) == 1
    assert "check" in after[-1].metadata["tags"]


def test_there_are_twenty_exhibits():
    assert [label for label, _ in EXHIBITS] == [f"bug-{n:02d}" for n in range(1, len(EXHIBITS) + 1)]
    assert len(EXHIBITS) >= 20


def test_every_topic_of_the_sources_is_treated_somewhere():
    rows = list(csv.DictReader(ledger.TOPICS.read_text("utf-8").splitlines()))
    wanted = [f"T{n:03d}" for n in range(1, 291)]
    assert [row["topic"] for row in rows] == wanted
    named = Counter(topic for topic, _ in entries.treated())
    assert sorted(set(wanted) - set(named)) == []
    assert sorted(topic for topic, count in named.items() if count > 1) == []
    assert set(named) <= set(wanted)


@pytest.mark.parametrize("key", sorted(WORKS))
def test_a_work_has_an_address_and_says_how_it_was_verified(key):
    fields = WORKS[key].fields
    assert fields.get("verified"), "say what record agreed with the entry"
    address = fields.get("doi") or fields.get("url") or fields.get("isbn")
    assert bool(address) == (key not in WITHOUT_ADDRESS)
    if "doi" in fields:
        assert re.fullmatch(r"10\.\d{4,9}/\S+", fields["doi"])
    if "url" in fields:
        assert re.match(r"https?://", fields["url"])
