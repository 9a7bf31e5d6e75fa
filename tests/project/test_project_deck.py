"""The flashcards, read back from the file that Anki imports."""

import re
import sqlite3
import zipfile
from collections import Counter
from pathlib import Path

import pytest
from coursebook import deck, entries

# Never to be changed: learners have these cards.
FIRST_GUIDS = {
    "iq-01": "K7}ByZ.w0_",
    "sq-44": "Nsh2%Pf^O!",
    "c19": "D_d}EjyfT8",
    "term-entropy": "m^@s7jU*aw",
}


def rows(path: Path, folder: Path) -> dict[str, tuple]:
    """Return the notes of a package by their label: id that Anki knows, fields, deck."""
    with zipfile.ZipFile(path) as package:
        package.extract("collection.anki2", folder)
    database = sqlite3.connect(folder / "collection.anki2")
    query = "select n.guid, n.mid, n.flds, c.did from notes n join cards c on c.nid = n.id"
    found = list(database.execute(query))
    database.close()
    notes = {fields.split("\x1f")[0]: (guid, mid, fields, did) for guid, mid, fields, did in found}
    assert len(notes) == len(found), "a note has two cards, or two notes have one label"
    return notes


@pytest.fixture(scope="module")
def notes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple]:
    folder = tmp_path_factory.mktemp("deck")
    assert deck.build(folder / "deck.apkg") > 300
    return rows(folder / "deck.apkg", folder)


def test_every_question_has_a_card(notes):
    wanted = [label for label, _ in entries.labelled(r"(iq|sq|faq)-\d\d|c\d\d\d?")]
    assert len(wanted) > 200
    assert set(wanted) <= notes.keys()
    tests = Counter(label.rsplit("-", 1)[0] for label in notes if label.startswith("quiz-"))
    assert len(tests) == 6
    assert min(tests.values()) >= 8
    assert sum(label.startswith("term-") for label in notes) >= 60
    assert {did for _, _, _, did in notes.values()} == set(deck.DECK_IDS.values())


def test_a_second_build_changes_no_id(notes, tmp_path, monkeypatch):
    """Another day, and another text of a card: Anki finds the card that it knows."""
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "2000000000")
    original = deck.cards

    def edited() -> list[deck.Card]:
        first, *others = original()
        return [*others, deck.Card(**{**vars(first), "answer": "another text"})]

    monkeypatch.setattr(deck, "cards", edited)
    deck.build(tmp_path / "deck.apkg")
    again = rows(tmp_path / "deck.apkg", tmp_path)
    assert {k: v[:2] for k, v in again.items()} == {k: v[:2] for k, v in notes.items()}
    changed = [label for label in notes if notes[label][2] != again[label][2]]
    assert changed == [original()[0].label]


def test_ids_are_those_of_the_first_release(notes):
    assert deck.MODEL_ID == 1_946_203_517
    assert sorted(deck.DECK_IDS.values()) == list(range(1_302_884_061, 1_302_884_067))
    guids = {label: notes[label][0] for label in ("iq-01", "sq-44", "c19", "term-entropy")}
    assert guids == FIRST_GUIDS


@pytest.mark.parametrize("number", range(1, 5), ids=["question", "answer", "more", "page"])
def test_a_card_shows_nothing_raw(notes, number):
    for label, (_, _, fields, _) in notes.items():
        text = fields.split("\x1f")[number]
        assert text or number == 3, label
        formulas = re.findall(r"\\\(.+?\\\)|\\\[.+?\\\]", text, flags=re.DOTALL)
        assert text.count(r"\(") == text.count(r"\)"), label
        assert text.count(r"\[") == text.count(r"\]"), label
        words = text
        for formula in formulas:
            words = words.replace(formula, "")
        words = re.sub(r"<(code|pre)>.*?</\1>", "", words, flags=re.DOTALL)
        assert not re.search(r"\$|\\[a-z]{2,}|\{[a-z:]+\}`|\]\(|:::|\*\*", words), label


def test_formulas_are_typeset_by_anki(notes):
    assert sum(r"\(" in fields for _, _, fields, _ in notes.values()) > 150
    assert r"\mathrm{KL}(P \,\|\, Q)" in notes["iq-07"][2]


def test_a_link_that_only_the_book_has_is_refused():
    with pytest.raises(ValueError, match="would show"):
        deck.Writer()("See {numref}`fig-one`.")
