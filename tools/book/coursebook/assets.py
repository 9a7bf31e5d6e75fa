"""One style sheet and one script for the whole book, holding what its pages use."""

from sphinx.application import Sphinx


def setup(app: Sphinx) -> None:
    """Connect."""
