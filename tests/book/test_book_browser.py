"""The built book in a real browser, from the file system: as a reader has it offline."""

from __future__ import annotations

from collections.abc import Callable

import pytest

SERIOUS = {"serious", "critical"}


def violations(page: object) -> list[str]:
    """Run axe-core and name what it finds serious."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    # axe would fetch the style sheets again, which no browser allows from the file system.
    # A formula has the colour of its text; leaving its hundred elements out takes seconds off.
    found = axe.run(page, {"exclude": [[".katex"]]}, {"preload": False}).response["violations"]
    return [
        f"{rule['id']}: {rule['nodes'][0]['html'][:200]}"
        for rule in found
        if rule["impact"] in SERIOUS
    ]


@pytest.mark.parametrize(
    ("width", "scheme"), [(1280, "light"), (360, "dark")], ids=["wide, light", "phone, dark"]
)
def test_page_fits_and_is_accessible(
    open_book: Callable, name: str, width: int, scheme: str
) -> None:
    page = open_book(width=width, scheme=scheme).read(name)
    assert page.evaluate("document.documentElement.dataset.theme") == scheme
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
    page.reload()
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"
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
