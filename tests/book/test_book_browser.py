"""The built book in a real browser, from the file system: as a reader has it offline."""

from __future__ import annotations

import json
import re
import zipfile
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

import pytest

SERIOUS = {"serious", "critical"}

# Opens what is closed, and empties the formulas: each has the colour of the text around it, and
# without their elements, in boxes of the same size, axe has a third of a page to walk.
PREPARE = """() => {
  for (const details of document.querySelectorAll("details")) details.open = true;
  const formulas = [...document.querySelectorAll(".katex")];
  const boxes = formulas.map(formula => formula.getBoundingClientRect());
  for (const [i, formula] of formulas.entries()) {
    formula.replaceChildren();
    Object.assign(formula.style, {
      display: "inline-block", width: `${boxes[i].width}px`, height: `${boxes[i].height}px`
    });
  }
}"""

# Marks three pieces of text of each kind, and returns how many kinds there are. Two pieces are of
# a kind if all that contrast depends on is alike: colour, size, weight, and what lies behind.
MARK_KINDS_OF_TEXT = """() => {
  const layers = new Map([[null, ""]]);
  const behind = (element) => {
    if (!layers.has(element)) {
      const s = getComputedStyle(element);
      const layer = [s.backgroundColor, s.backgroundImage, s.opacity].join();
      const clear = layer == "rgba(0, 0, 0, 0),none,1" ? "" : layer;
      layers.set(element, behind(element.parentElement) + clear);
    }
    return layers.get(element);
  };
  const kinds = {};
  for (const element of document.body.querySelectorAll("*")) {
    const texts = [...element.childNodes].filter(node => node.nodeType == Node.TEXT_NODE);
    const oneWord = texts.some(node => node.data.trim().length > 1);  // axe judges no single letter
    if (!oneWord || !element.checkVisibility()) continue;
    const s = getComputedStyle(element);
    const kind = [s.color, s.fontSize, s.fontWeight, s.textShadow, behind(element)].join();
    kinds[kind] ??= {number: Object.keys(kinds).length, count: 0};
    if (kinds[kind].count++ < 3) element.dataset.kind = kinds[kind].number;
  }
  return Object.keys(kinds).length;
}"""


def axe(page: object, context: dict | None = None, **options: object) -> dict:
    """Run axe-core and return what it found."""
    axe_core = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    # axe would fetch the style sheets again, which no browser allows from the file system.
    return axe_core.run(page, context, {"preload": False, **options}).response


def named(rules: list[dict]) -> list[str]:
    """Name each rule with the first element that it is about."""
    return [f"{rule['id']}: {rule['nodes'][0]['html'][:200]}" for rule in rules]


def violations(page: object) -> list[str]:
    """Name what axe finds serious, contrast aside."""
    page.evaluate(PREPARE)
    rules = {"color-contrast": {"enabled": False}}
    found = axe(page, rules=rules, resultTypes=["violations"])["violations"]
    return named([rule for rule in found if rule["impact"] in SERIOUS])


def pale_text(page: object) -> list[str]:
    """Name text with too little contrast."""
    page.evaluate(PREPARE)
    kinds = page.evaluate(MARK_KINDS_OF_TEXT)
    found = axe(page, {"include": [["[data-kind]"]]}, runOnly=["color-contrast"])
    # axe does not judge text in a drawing, nor what another box overlaps.
    rules = found["violations"] + found["passes"]
    tags = [node["html"].partition(">")[0] for rule in rules for node in rule["nodes"]]
    judged = {number for tag in tags for number in re.findall(r'data-kind="(\d+)"', tag)}
    assert len(judged) >= 0.8 * kinds > 0
    return named(found["violations"])


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out(open_book: Callable, name: str, scheme: str) -> None:
    # So high that the table of contents does not scroll: a part of it would be under its top.
    page = open_book(height=3000, scheme=scheme).read(name)
    assert page.evaluate("document.documentElement.dataset.theme") == scheme
    assert pale_text(page) == []


@pytest.mark.parametrize("width", [1280, 360], ids=["wide", "phone"])
def test_page_fits_and_is_accessible(open_book: Callable, name: str, width: int) -> None:
    page = open_book(width=width).read(name)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert violations(page) == []


def test_formulas_are_typeset(open_book: Callable, name: str) -> None:
    page = open_book().read(name)
    if not page.locator(".katex").count():
        pytest.skip("no formula on this page")
    page.locator(".katex").first.scroll_into_view_if_needed()
    fonts = page.evaluate(
        "document.fonts.ready.then("
        "fonts => [...fonts].filter(f => f.status == 'loaded').map(f => f.family))"
    )
    assert "KaTeX_Main" in fonts
    # The MathML beside each formula is for screen readers: no one sees its TeX.
    assert page.locator(".katex-mathml").first.bounding_box()["width"] <= 1


def test_search_finds_a_word(open_book: Callable) -> None:
    page = open_book().read("chapters/index.html")
    page.keyboard.press("Control+k")
    field = page.locator("#pst-search-dialog input[name=q]")
    field.fill("bibliography")
    field.press("Enter")
    page.wait_for_url("**/search.html?q=bibliography")
    result = page.locator("#search-results a", has_text="Bibliography").first
    result.wait_for(timeout=5000)
    result.click()
    page.wait_for_url("**/bibliography.html*")


def test_search_has_one_field_in_view(open_book: Callable) -> None:
    page = open_book().read("search.html")
    assert page.locator("input[type=search]:visible").count() == 1


def test_dropdowns_and_hidden_cells_open(open_book: Callable, name: str) -> None:
    page = open_book().read(name)
    boxes = page.locator("article details")
    if not boxes.count():
        pytest.skip("nothing to open on this page")
    for kind in ("details.sd-dropdown", "details.hide"):
        box = page.locator(kind).first
        if box.count():
            content = box.locator(":scope > :not(summary)").first
            assert not content.is_visible()
            box.locator("summary").focus()
            page.keyboard.press("Enter")
            assert content.is_visible()


def test_solutions_say_so(open_book: Callable, name: str) -> None:
    page = open_book().read(name)
    for cell in page.locator(".tag_solution > details > summary").all():
        assert cell.inner_text().strip() == "Show solution"


def test_colour_mode_is_a_choice_that_stays(open_book: Callable) -> None:
    page = open_book(scheme="light").read("chapters/index.html")
    button = page.locator(".theme-switch-button")
    while page.evaluate("document.documentElement.dataset.mode") != "dark":
        button.click()
    page.wait_for_function("localStorage.getItem('theme') == 'dark'")
    page.reload()
    page.wait_for_function("document.documentElement.dataset.theme == 'dark'", timeout=5000)
    paper = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert max(map(int, paper.removeprefix("rgb(").removesuffix(")").split(","))) < 64


def test_the_keyboard_reaches_the_text_first(open_book: Callable) -> None:
    page = open_book().read("chapters/index.html")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.getAttribute('href')") == "#main-content"
    page.keyboard.press("Enter")
    assert page.evaluate("location.hash") == "#main-content"


def test_a_phone_has_the_table_of_contents(open_book: Callable) -> None:
    page = open_book(width=390).read("chapters/index.html")
    links = page.locator("nav.bd-docs-nav a:visible")
    assert links.count() == 0
    page.locator(".primary-toggle:visible").first.click()
    assert links.count() > 0
    page.keyboard.press("Escape")
    assert links.count() == 0


def test_wide_boxes_scroll_by_keyboard(open_book: Callable, name: str) -> None:
    page = open_book(width=360).read(name)
    boxes = page.locator(".katex-display, article pre, .pst-scrollable-table-container").all()
    for box in boxes[:12]:
        if box.is_visible() and box.evaluate("b => b.scrollWidth > b.clientWidth"):
            box.scroll_into_view_if_needed()
            page.wait_for_timeout(100)
            assert box.get_attribute("tabindex") == "0"


QUIZ = "chapters/interview/how-to-use.html"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_self_test_answers_at_once(open_book: Callable, scheme: str) -> None:
    page = open_book(scheme=scheme).read(QUIZ)
    questions = page.locator(".Quiz")
    assert questions.count() >= 50
    choice = questions.filter(has=page.locator(".MCButton")).first
    feedback = choice.get_by_role("status")
    assert feedback.inner_text() == ""
    choice.locator('.MCButton[data-correct="false"]').first.click()
    assert "incorrect" in feedback.get_attribute("class")
    assert len(feedback.inner_text()) > 20
    wrong = feedback.inner_text()
    choice.locator('.MCButton[data-correct="true"]').first.click()
    assert "incorrect" not in feedback.get_attribute("class")
    assert feedback.inner_text() != wrong
    assert pale_text(page) == []


def test_a_self_test_takes_numbers(open_book: Callable) -> None:
    page = open_book().read(QUIZ)
    question = page.locator(".Quiz", has=page.locator(".Input-text")).first
    field, feedback = question.locator(".Input-text"), question.get_by_role("status")
    (right,) = [a for a in json.loads(field.get_attribute("data-answers")) if a.get("correct")]
    for value, verdict in ((sum(right["range"]) / 2, "correct"), (1e6, "incorrect")):
        field.click()
        field.press_sequentially(f"{value:.4g}".replace("1e+06", "1000000"))
        field.press("Enter")
        assert verdict in feedback.get_attribute("class").split()
    assert field.evaluate("field => field.labels.length + field.ariaLabelledByElements.length") > 0


def test_a_self_test_needs_no_mouse(open_book: Callable) -> None:
    page = open_book().read(QUIZ)
    choice = page.locator(".Quiz", has=page.locator(".MCButton")).first
    choice.locator("input[type=radio]").first.focus()
    page.keyboard.press("Space")
    assert choice.get_by_role("status").inner_text() != ""


def test_the_flashcards_can_be_downloaded(open_book: Callable, html: Path) -> None:
    page = open_book().read(QUIZ)
    link = page.get_by_role("link", name="cross-entropy.apkg")
    address = link.evaluate("link => link.href")
    with zipfile.ZipFile(Path(url2pathname(urlsplit(address).path))) as deck:
        assert "collection.anki2" in deck.namelist()


def test_a_badge_leads_to_its_myth(open_book: Callable) -> None:
    page = open_book().read("chapters/foundations/kl-divergence.html")
    page.locator("a", has=page.locator(".claim", has_text="C19")).first.focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**/interview/myths-information.html#c19")
    assert page.get_by_role("heading", name="C19.").is_visible()
