"""The built book, once for all tests, and a browser that may not leave the file system."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from filelock import FileLock

ROOT = Path(__file__).resolve().parents[2]
TOC = (ROOT / "_toc.yml").read_text("utf-8")


# Known before the build, so that each page is a test of its own.
PAGES = [
    *(f"{name}.html" for name in re.findall(r"(?:root|file): *(\S+)", TOC)),
    "search.html",
]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test that asks for ``name`` once for each page."""
    if "name" in metafunc.fixturenames:
        metafunc.parametrize("name", PAGES)


def build_failure(out: Path) -> str:
    """Build the book from nothing, with every warning an error; return what went wrong."""
    start = "from jupyter_book.cli.main import main; main()"
    command = [sys.executable, "-c", start, "build", ".", "-W", "--keep-going"]
    command += ["--path-output", str(out)]
    environment = os.environ | {"NO_COLOR": "1", "BOOK_REPOSITORY": ""}
    build = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    if not build.returncode:
        return ""
    output = (build.stdout + build.stderr).splitlines()
    report = [line for line in output if "WARNING" in line or "ERROR" in line] or output[-30:]
    return "the book does not build:\n" + "\n".join(report)


@pytest.fixture(scope="session")
def html(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of the built book; workers that run in parallel share one build."""
    base = tmp_path_factory.getbasetemp()
    out = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "book"
    failure = out / "failure.txt"
    with FileLock(out.with_suffix(".lock")):
        if not failure.exists():
            out.mkdir()
            failure.write_text(build_failure(out), encoding="utf-8")
    if text := failure.read_text(encoding="utf-8"):
        pytest.fail(text, pytrace=False)
    return out / "_build" / "html"


@pytest.fixture(scope="session")
def chromium() -> Iterator:
    """Start the system's Chromium."""
    names = ("chromium", "chromium-browser", "google-chrome")
    path = next(filter(None, map(shutil.which, names)), None)
    if not path:
        pytest.skip("NO BROWSER TEST RAN: Chromium is missing (apt-get install chromium)")
    sync_api = pytest.importorskip("playwright.sync_api", reason="NO BROWSER TEST RAN: playwright")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=path,
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
        )
        yield browser
        browser.close()


class Reader:
    """One browser page; it collects what must not happen."""

    def __init__(self, context: object, html: Path) -> None:
        """Open a blank page and listen."""
        self.html = html
        self.errors: list[str] = []
        self.foreign: list[str] = []
        self.page = context.new_page()
        self.page.on("console", self._on_console)
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("request", self._on_request)
        self.page.on("requestfailed", lambda request: self.errors.append(f"failed {request.url}"))

    def _on_console(self, message: object) -> None:
        if message.type in {"error", "warning"}:
            self.errors.append(message.text)

    def _on_request(self, request: object) -> None:
        if not request.url.startswith((self.html.as_uri(), "data:")):
            self.foreign.append(request.url)

    def read(self, name: str) -> object:
        """Open a page of the book from the file system and return Playwright's page."""
        self.page.goto(f"{self.html.as_uri()}/{name}", wait_until="load")
        self.page.evaluate("document.fonts.ready")
        return self.page


@pytest.fixture
def open_book(html: Path, chromium: object) -> Iterator:
    """Return a function that opens the book in a window of a size and colour mode."""
    readers = []

    def open_window(width: int = 1280, height: int = 900, scheme: str = "light") -> Reader:
        context = chromium.new_context(
            viewport={"width": width, "height": height},
            color_scheme=scheme,
            reduced_motion="reduce",
        )
        readers.append((context, Reader(context, html)))
        return readers[-1][1]

    yield open_window
    for context, reader in readers:
        context.close()
        assert reader.foreign == [], "a page asks another origin"
        assert reader.errors == [], "the browser's console is not empty"
