"""Launch and issue buttons, when the repository is known.

The workflow that publishes the book sets ``BOOK_REPOSITORY`` (``owner/name``) and
``BOOK_BRANCH``. Without them a page has no button that would lead nowhere.
"""

import os
import re

from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.errors import ConfigError


def add_buttons(app: Sphinx, config: Config) -> None:
    """Set the theme's repository options from the environment."""
    repository = os.environ.get("BOOK_REPOSITORY", "")
    if not repository:
        return
    if not re.fullmatch(r"[\w.-]+/[\w.-]+", repository):
        raise ConfigError(f"BOOK_REPOSITORY must be 'owner/name', not {repository!r}")
    config.html_theme_options |= {
        "repository_url": f"https://github.com/{repository}",
        "repository_branch": os.environ.get("BOOK_BRANCH") or "main",
        "launch_buttons": {"colab_url": "https://colab.research.google.com"},
        "use_issues_button": True,
    }


def setup(app: Sphinx) -> None:
    """Connect."""
    app.connect("config-inited", add_buttons)
