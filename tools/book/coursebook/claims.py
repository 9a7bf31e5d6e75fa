"""The role ``{claim}`C19```: a badge for an entry in the audit of the book's sources.

Where the museum of myths is part of the book, the badge links to the entry there.
"""

import re
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.util import logging
from sphinx.util.docutils import SphinxRole

logger = logging.getLogger(__name__)

MYTHS = "chapters/interview/myths"  # and what follows a hyphen
# What a number's letter stands for, and how many of it there are.
KINDS = {
    "C": ("Corrects claim", 132),
    "R": ("Confirms claim", 30),
    "O": ("Fills omission", 12),
}


class claim_node(nodes.Inline, nodes.TextElement):
    """One badge."""


class ClaimRole(SphinxRole):
    """Check the number and leave a badge."""

    def run(self) -> tuple[list[nodes.Node], list[nodes.system_message]]:
        """Make the node."""
        name = self.text.strip()
        match = re.fullmatch(r"([CRO])(\d\d\d?)", name)
        if not match or name != canonical(match[1], int(match[2])):
            logger.warning(
                "unknown claim %r: expected C01 to C132, R01 to R30 or O01 to O12",
                name,
                location=self.get_location(),
                type="claim",
            )
            return [nodes.inline(text=name)], []
        title = f"{KINDS[match[1]][0]} {name} of the book’s sources"
        return [claim_node(name, name, claim=name, title=title)], []


def canonical(letter: str, number: int) -> str | None:
    """Return the one way to write a number, or None for a number that does not exist."""
    return f"{letter}{number:02d}" if 1 <= number <= KINDS[letter][1] else None


class LinkClaims(SphinxPostTransform):
    """Link the badges to the museum of myths, if this book has one."""

    default_priority = 200

    def run(self, **kwargs: Any) -> None:
        """Wrap each badge in a reference."""
        if MYTHS not in self.env.all_docs:
            return
        anchors = self.env.get_domain("std").anonlabels
        for node in list(self.document.findall(claim_node)):
            anchor = node["claim"].lower()
            docname, target = anchors.get(anchor, ("", ""))
            if not docname.startswith(MYTHS):
                logger.warning("no entry %r in %s*", anchor, MYTHS, location=node, type="claim")
                continue
            uri = self.app.builder.get_relative_uri(self.env.docname, docname)
            link = nodes.reference("", "", refuri=f"{uri}#{target}", internal=True)
            node.replace_self(link)
            link += node


def visit_claim(self: Any, node: claim_node) -> None:
    """Open the badge; a screen reader hears its title before the number."""
    attributes = {"class": "claim", "title": node["title"]}
    self.body.append(self.starttag(node, "span", "", **attributes))
    spoken = node["title"].split(node["claim"])[0]
    self.body.append(f'<span class="visually-hidden">{spoken}</span>')


def depart_claim(self: Any, node: claim_node) -> None:
    """Close the badge."""
    self.body.append("</span>")


def setup(app: Sphinx) -> None:
    """Register the role, its node and the transform."""
    app.add_node(claim_node, html=(visit_claim, depart_claim))
    app.add_role("claim", ClaimRole())
    app.add_post_transform(LinkClaims)
