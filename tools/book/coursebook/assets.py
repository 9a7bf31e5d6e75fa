"""One style sheet and one script for the whole book, holding what its pages use.

The themes and extensions bring 700 kB of CSS and 2 MB of scripts; a page of this book uses a
small part. When the build is done, every style sheet and script that Sphinx would have linked is
joined into ``_static/book.css`` and ``_static/book.js``; CSS rules for classes and ids that occur
in no page and in no script are left out; files that nothing refers to are removed.
"""

import posixpath
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import tinycss2
from sphinx.application import Sphinx
from sphinx.util import logging

logger = logging.getLogger(__name__)

# The theme's template names these two itself; basic.css it imports.
THEME_STYLES = ["basic.css", "styles/pydata-sphinx-theme.css"]
THEME_SCRIPTS = ["scripts/pydata-sphinx-theme.js"]
OWN_STYLE, OWN_SCRIPT = "style.css", "script.js"
# Live code (Thebe) is not used; theorem boxes and KaTeX's boxes are styled in style.css.
DROPPED = {"sphinx-thebe.css", "sphinx-thebe.js", "proof.css", "katex-math.css"}
DROPPED_INLINE = ("const THEBE_JS_URL", "DOCUMENTATION_OPTIONS.")
# On load, the theme measures and marks the code blocks in turn, which lays out the page each time;
# script.js does it for all that can scroll, and reads everything before it writes.
REPLACED = {'"complete"===document.readyState?I():window.addEventListener("load",I)': "0"}
# The search page loads these three, and only that page.
SEARCH_SCRIPTS = {"searchtools.js", "language_data.js"}


def remember_assets(
    app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: Any
) -> None:
    """Note what Sphinx would link; the course's template links the joined files instead."""
    styles = [_name(css) for css in context["css_files"]]
    app.course_styles = [*THEME_STYLES, *_unique(styles), OWN_STYLE]
    scripts = []
    for script in context["script_files"]:
        body = script.attributes.get("body", "")
        if not script.filename and not body.startswith(DROPPED_INLINE):
            scripts.append((None, body))
        elif script.filename:
            scripts.append((_name(script), ""))
    app.course_scripts = [*_unique(scripts), *((name, "") for name in [*THEME_SCRIPTS, OWN_SCRIPT])]


def _name(asset: Any) -> str:
    """Return an asset's path below ``_static``."""
    path = getattr(asset, "filename", asset)
    return str(path).split("?")[0].removeprefix("_static/")


def _unique(items: Iterable) -> list:
    return [i for i in dict.fromkeys(items) if (i if isinstance(i, str) else i[0]) not in DROPPED]


def join_scripts(static: Path, scripts: list[tuple[str | None, str]]) -> str:
    """Return the scripts as one, in the order in which a page would have run them."""
    parts = [(static / name).read_text("utf-8") if name else body for name, body in scripts]
    joined = re.sub(r"(?m)^//# sourceMappingURL.*$", "", "\n;\n".join(parts))
    for old, new in REPLACED.items():
        if joined.count(old) != 1:
            logger.warning("the theme's script no longer holds %r: see assets.py", old)
        joined = joined.replace(old, new)
    return joined


def join_styles(static: Path, names: list[str]) -> str:
    """Return the style sheets as one, their addresses relative to ``_static``; ours is last."""

    def rebase(match: re.Match) -> str:
        return f"url({posixpath.normpath(posixpath.join(folder, match[2]))})"

    parts = []
    for name in names:
        folder = posixpath.dirname(name)
        css = (static / name).read_text("utf-8")
        parts.append(re.sub(r"url\((['\"]?)(?!data:|#)([^)'\"]+)\1\)", rebase, css))
    *themes, own = parts
    # A rule outside every layer wins over all rules inside one: style.css need not outbid the
    # themes' selectors.
    joined = "\n".join(["@layer themes {", *themes, "}", own])
    # Every browser that can show this book reads woff2; KaTeX's other formats are not kept.
    return re.sub(r",url\([^)]*\.(?:woff|ttf)\) format\(\"\w+\"\)", "", joined)


def words_in_use(pages: Iterable[Path], scripts: Iterable[str]) -> set[str]:
    """Return every class and id of the pages, and every word of the scripts that set them."""
    words: set[str] = set()
    inline: list[str] = []
    for page in pages:
        text = page.read_text("utf-8")
        for value in set(re.findall(r'\b(?:class|id)="([^"]*)"', text)):
            words.update(value.split())
        inline += re.findall(r"(?s)<script\b[^>]*>(.+?)</script>", text)
    for script in [*scripts, *inline]:
        words.update(re.findall(r"[\w-]+", script))
    return words


def purge(css: str, words: set[str]) -> str:
    """Return ``css`` without comments and without the rules that no page can use."""
    text = "".join(_purge(tinycss2.parse_stylesheet(css, True, True), words))
    # A custom property may be used by one that turns out unused: repeat until none is left over.
    shorter = _drop_unused_properties(text, words)
    while shorter != text:
        text, shorter = shorter, _drop_unused_properties(shorter, words)
    return re.sub(r"[^{};]+\{\}", "", text)


def _drop_unused_properties(css: str, words: set[str]) -> str:
    used = set(re.findall(r"var\(\s*(--[\w-]+)", css)) | words
    return re.sub(
        r"(?<=[{;])(--[\w-]+):(?:[^;{}\"']|\"[^\"]*\"|'[^']*')*;",
        lambda match: match[0] if match[1] in used else "",
        css,
    )


def _purge(rules: list, words: set[str]) -> Iterator[str]:
    for rule in rules:
        if rule.type == "qualified-rule":
            selectors = [s for s in _split(rule.prelude) if _reachable(s, words)]
            declarations = "".join(_declarations(rule.content))
            if selectors and declarations:
                heads = ",".join(_squeeze(selector) for selector in selectors)
                yield f"{heads}{{{declarations}}}"
        elif rule.type == "at-rule":
            keyword, prelude = rule.lower_at_keyword, _squeeze(rule.prelude)
            if keyword in {"media", "supports", "layer", "container"} and rule.content is not None:
                inner = "".join(_purge(tinycss2.parse_rule_list(rule.content, True, True), words))
                if inner:
                    yield f"@{keyword} {prelude}{{{inner}}}"
            elif keyword == "font-face" and "Awesome" in tinycss2.serialize(rule.content):
                continue
            elif rule.content is not None:
                yield f"@{keyword} {prelude}{{{_squeeze(rule.content)}}}"


def _split(prelude: list) -> Iterator[list]:
    """Split a selector list at its commas."""
    selector: list = []
    for token in prelude:
        if token == ",":
            yield selector
            selector = []
        else:
            selector.append(token)
    yield selector


def _reachable(selector: list, words: set[str]) -> bool:
    """Tell whether all classes and ids that a selector needs are in use.

    What stands in brackets (``:not(…)``, ``:is(…)``, ``[data-theme=dark]``) is taken to match.
    """
    for token, following in zip(selector, [*selector[1:], None], strict=True):
        if token.type == "hash" and token.value not in words:
            return False
        if token == "." and following.type == "ident" and following.value not in words:
            return False
    return True


def _declarations(content: list) -> Iterator[str]:
    for item in tinycss2.parse_declaration_list(content, True, True):
        if item.type == "declaration":
            important = "!important" if item.important else ""
            yield f"{item.name}:{_squeeze(item.value)}{important};"


def _squeeze(tokens: list) -> str:
    return re.sub(r"\s+", " ", tinycss2.serialize(tokens)).strip()


def referenced(static: Path, texts: Iterable[str]) -> set[Path]:
    """Return the files below ``_static`` that the texts name."""
    names = {name for text in texts for name in re.findall(r"_static/([^\"'?#)\s]+)", text)}
    return {static / name for name in names}


def write_assets(app: Sphinx, error: Exception | None) -> None:
    """Write the joined files and remove what is no longer needed."""
    if error or app.builder.format != "html":
        return
    if not hasattr(app, "course_scripts"):  # nothing was out of date, so no page was written
        return
    out = Path(app.outdir)
    static = out / "_static"
    # The themes keep templates among their static files: they are not pages.
    pages = [page for page in sorted(out.rglob("*.html")) if static not in page.parents]
    script = join_scripts(static, app.course_scripts)
    searching = [(static / name).read_text("utf-8") for name in SEARCH_SCRIPTS]
    words = words_in_use(pages, [script, *searching])
    style = purge(join_styles(static, app.course_styles), words)
    (static / "book.js").write_text(script, "utf-8")
    (static / "book.css").write_text(style, "utf-8")

    keep = referenced(static, (page.read_text("utf-8") for page in pages))
    keep |= {static / url for url in re.findall(r"url\(([^)]+)\)", style)}
    for path in sorted(static.rglob("*"), reverse=True):
        if path.is_file() and path not in keep and path.name not in {"LICENSE"}:
            path.unlink()
        elif path.is_dir() and not any(path.iterdir()):
            path.rmdir()


def setup(app: Sphinx) -> None:
    """Connect, after everything that adds files."""
    app.connect("html-page-context", remember_assets, priority=950)
    app.connect("build-finished", write_assets, priority=950)
