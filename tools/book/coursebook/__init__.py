"""The course's own Sphinx extension: what the built book needs beyond Jupyter Book.

Each module does one thing and has its own ``setup``; this one puts them together.
"""

import sys
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx
from sphinx.config import Config

from . import assets, cells, claims, deck, entries, ledger, maths, pages, repository

HERE = Path(__file__).resolve().parent.parent


def add_paths(app: Sphinx, config: Config) -> None:
    """Put the course's templates before the theme's, and its static files beside them."""
    config.templates_path.insert(0, str(HERE / "templates"))
    config.html_static_path.append(str(HERE / "static"))


def setup(app: Sphinx) -> dict[str, Any]:
    """Register every part with Sphinx."""
    sys.path.insert(0, str(entries.ROOT))  # autodoc imports xentlib from here
    app.connect("config-inited", add_paths)
    for part in (repository, deck, maths, claims, ledger, cells, pages, assets):
        part.setup(app)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": False}
