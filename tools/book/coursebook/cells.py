"""Code cells: what the prompt of a hidden solution says."""

from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.transforms.post_transforms import SphinxPostTransform


class SolutionPrompts(SphinxPostTransform):
    """Say “solution” above a hidden cell that is one; myst-nb hides it right after this."""

    default_priority = 198
    formats = ("html",)

    def run(self, **kwargs: Any) -> None:
        """Replace the general prompt."""
        for cell in self.document.findall(nodes.container):
            if cell.get("hide_mode") and "tag_solution" in cell["classes"]:
                cell["prompt_show"] = "Show solution"
                cell["prompt_hide"] = "Hide solution"


def setup(app: Sphinx) -> None:
    """Register the transform."""
    app.add_post_transform(SolutionPrompts)
