"""Every built page, read as text: nothing broken, nothing foreign, nothing left untypeset."""

from __future__ import annotations

import functools
import itertools
import re
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from bs4 import BeautifulSoup, Tag

# What a browser fetches without being asked to, by element and attribute.
LOADED = {
    ("link", "href"),
    ("script", "src"),
    ("img", "src"),
    ("source", "src"),
    ("iframe", "src"),
    ("video", "src"),
    ("object", "data"),
    ("use", "href"),
}


@functools.cache
def soup(path: Path) -> BeautifulSoup:
    return BeautifulSoup(path.read_text("utf-8"), "html.parser")


@functools.cache
def anchors(path: Path) -> set[str]:
    return {tag["id"] for tag in soup(path).find_all(id=True)}


def addresses(page: BeautifulSoup) -> list[tuple[Tag, str, str]]:
    return [
        (tag, attribute, tag[attribute])
        for tag in page.find_all(True)
        for attribute in ("href", "src", "data", "action")
        if tag.has_attr(attribute)
    ]


def prose(page: BeautifulSoup) -> str:
    """The text that a reader sees, without code and formulas."""
    hidden = {"script", "style", "pre", "code", "math"}
    article = page.find("article") or page
    return " ".join(
        text
        for text in article.find_all(string=True)
        if not any(
            parent.name in hidden or "katex" in parent.get("class", []) for parent in text.parents
        )
    )


@pytest.fixture
def page(html: Path, name: str) -> BeautifulSoup:
    return soup(html / name)


def test_every_local_address_leads_somewhere(html: Path, name: str, page: BeautifulSoup) -> None:
    broken = []
    for _, _, address in addresses(page):
        url = urlsplit(address)
        if url.scheme or url.netloc:
            continue
        target = (html / name).parent / unquote(url.path) if url.path else html / name
        missing = not target.is_file()
        if missing or (url.fragment and unquote(url.fragment) not in anchors(target.resolve())):
            broken.append(address)
    assert broken == []


def test_nothing_is_loaded_from_elsewhere(page: BeautifulSoup) -> None:
    foreign = [
        address
        for tag, attribute, address in addresses(page)
        if (tag.name, attribute) in LOADED and re.match(r"(https?:)?//", address)
    ]
    inline = " ".join(tag.get_text() for tag in page.find_all(["style", "script"]))
    assert foreign == []
    assert not re.search(r"https?://|url\((?!['\"]?data:)", inline)


def test_styles_and_scripts_refer_to_files_that_exist(html: Path) -> None:
    style = (html / "_static" / "book.css").read_text("utf-8")
    urls = re.findall(r"url\(['\"]?(?!data:)([^)'\"]+)", style)
    assert urls, "the formulas' fonts are missing from the style sheet"
    assert [url for url in urls if not (html / "_static" / url).is_file()] == []
    assert "@import" not in style


def test_the_book_stays_small(html: Path) -> None:
    """A page sends these two files; the themes' own would be 700 kB and 2 MB."""
    assert (html / "_static" / "book.css").stat().st_size < 160_000
    assert (html / "_static" / "book.js").stat().st_size < 90_000
    assert not list(html.rglob("*fontawesome*"))


def test_the_head_names_the_page(name: str, page: BeautifulSoup) -> None:
    assert page.html["lang"] == "en"
    assert len(page.title.get_text()) > 10
    assert page.find("meta", attrs={"name": "viewport"})
    if name != "search.html":
        description = page.find("meta", attrs={"name": "description"})["content"]
        assert 30 <= len(description) <= 160
        assert not re.search(r"[\\$`{}]", description)


def test_headings_do_not_skip_a_level(page: BeautifulSoup) -> None:
    levels = [int(tag.name[1]) for tag in page.main.find_all(re.compile("^h[1-6]$"))]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in itertools.pairwise(levels))


def test_ids_are_unique(page: BeautifulSoup) -> None:
    ids = [tag["id"] for tag in page.find_all(id=True)]
    assert sorted(ids) == sorted(set(ids))


def test_images_have_a_text_and_a_size(page: BeautifulSoup) -> None:
    for image in page.find_all("img"):
        assert image.has_attr("alt")
        assert image.get("width"), image
        assert image.get("height"), image
    for figure in page.select("figure img, .cell_output img"):
        assert len(figure["alt"]) >= 15, figure


def test_nothing_is_left_untypeset(page: BeautifulSoup) -> None:
    text = prose(page)
    assert re.findall(r"\$[^$\n]{1,200}\$|\\[a-zA-Z]{3,}|\{[a-z:]+\}`|:::+", text) == []
    assert page.select(".problematic, .system-message, .katex-error, merror") == []


def test_every_formula_has_mathml(page: BeautifulSoup) -> None:
    for formula in page.select(".math"):
        assert formula.find("math"), formula


def test_no_button_is_dead(page: BeautifulSoup) -> None:
    """The build above knows no repository."""
    buttons = [link["href"] for link in page.select(".article-header-buttons a[href]")]
    assert [address for address in buttons if urlsplit(address).netloc] == []
    assert [address for _, _, address in addresses(page) if "/issues/new" in address] == []


def test_a_chapter_can_be_downloaded(html: Path, name: str, page: BeautifulSoup) -> None:
    source = Path(__file__).resolve().parents[2] / Path(name).with_suffix(".ipynb")
    if source.exists():
        link = page.select_one(".article-header-buttons a[download]")
        target = (html / name).parent / link["href"]
        assert target.read_bytes() == source.read_bytes()
