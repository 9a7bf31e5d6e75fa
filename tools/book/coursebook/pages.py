"""What every page gets: a description for search engines, images that do not make it jump."""

import re
from pathlib import Path
from typing import Any

import imagesize
from docutils import nodes
from sphinx.application import Sphinx

from .claims import claim_node

DESCRIPTION_LENGTH = 155


def in_claim(text: nodes.Text) -> bool:
    """Tell whether a piece of text is the number in a badge."""
    return isinstance(text.parent, claim_node)


def describe(doctree: nodes.document) -> str:
    """Return the page's first paragraph as plain text, cut at a word."""
    for paragraph in doctree.findall(nodes.paragraph):
        words = (text.astext() for text in paragraph.findall(nodes.Text) if not in_claim(text))
        text = " ".join("".join(words).split())
        if len(text) > DESCRIPTION_LENGTH:
            text = text[:DESCRIPTION_LENGTH].rsplit(" ", 1)[0].rstrip(",;:") + " …"
        return text
    return ""


def load_images_late(body: str, sources: dict[str, Path]) -> str:
    """Give each ``<img>`` its size, and let all but the first wait until they are near.

    ``sources`` maps a built file's name to the picture it is a copy of.
    """
    seen = 0

    def rewrite(match: re.Match) -> str:
        nonlocal seen
        seen += 1
        tag = match[0].removesuffix(">").removesuffix("/").rstrip()
        tag = re.sub(r' style="width: (\d+)px; height: (\d+)px;"', r' width="\1" height="\2"', tag)
        source = sources.get(re.search(r'src="(?:[^"]*/)?([^"/]+)"', tag)[1])
        if source and not re.search(r"\b(width|style)=", tag):
            width, height = imagesize.get(source)
            if width > 0:
                tag += f' width="{width}" height="{height}"'
        if seen > 1:
            tag += ' loading="lazy"'
        return f'{tag} decoding="async">'

    return re.sub(r"<img\b[^>]*>", rewrite, body)


def finish_page(
    app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: Any
) -> None:
    """Complete the template's context."""
    if not doctree:
        return
    context["description"] = describe(doctree)
    sources = {name: Path(app.srcdir, path) for path, name in app.builder.images.items()}
    body = load_images_late(context["body"], sources)
    # The prompt itself names the button; a label that says something else hides it.
    body = body.replace('<summary aria-label="Toggle hidden content">', "<summary>")
    # jupyterquiz would fetch MathJax, had the page a MathJax that does not typeset; it has none.
    body = re.sub(r"script\.src = 'https://[^']*mathjax[^']*';", "", body)
    # sphinx-proof gives every box the same id.
    body = body.replace(' id="proof-content"', "").replace(' id="proof"', "")
    # A list must hold list items; the entries of a bibliography are none.
    context["body"] = body.replace('<div role="list" class="citation-list">', "<div>")


def setup(app: Sphinx) -> None:
    """Connect, after the theme."""
    app.connect("html-page-context", finish_page, priority=900)
