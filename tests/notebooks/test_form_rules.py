"""The rules of form accept a good chapter, and each of them catches what it is there for."""

import base64
import io
import re
from pathlib import Path

import nbformat
import pytest
from form_rules import RULES, Chapter, problems, repeated_labels
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from PIL import Image

from tools import notebooks

OPENING = r"""# Entropy

How many questions does it take to guess the outcome? Entropy is the answer, in bits or nats.

**You will be able to**

- compute the entropy $H(P)$;
- prove that it is not negative;
- say what it has to do with codes.

**Before you start:** [why](why-cross-entropy.ipynb).

**Time:** 20 minutes to read, 5 seconds to run."""

THEORY = r"""## Definition

As {cite:t}`shannon1948` had it ({claim}`C01`); the cost is $H(P, Q)$, the gap
$\mathrm{KL}(P \,\|\, Q)$, and `H(P || Q)` is only code.

:::{prf:definition} Entropy
:label: def-entropy

$$
H(P) = -\sum_x P(x) \log P(x)
$$ (eq-entropy)
:::"""

THEOREM = r""":::{prf:theorem} Not negative
:label: thm-not-negative

$H(P) \ge 0$.
:::

:::{dropdown} Proof
Every term is at least 0.
:::"""

EXERCISES = """## Exercises

### Exercise 1: a coin

:::{dropdown} Solution
One bit.
:::

### Exercise 2: a die

:::{dropdown} Solution
Ask SciPy.
:::

### Exercise 3: code"""


def picture(width: int = 200, noise: bool = False) -> str:
    image = Image.effect_noise((width, 100), 90) if noise else Image.new("L", (width, 100), 200)
    file = io.BytesIO()
    image.save(file, format="png")
    return base64.b64encode(file.getvalue()).decode()


def code(source: str, *tags: str, outputs: list | None = None, **metadata) -> dict:
    if tags:
        metadata["tags"] = list(tags)
    return new_code_cell(source, metadata=metadata, outputs=outputs or [])


def good_chapter() -> nbformat.NotebookNode:
    figure = new_output(
        "display_data",
        data={"image/png": picture(), "text/plain": "<Figure size 100x50 with 1 Axes>"},
        metadata={"image/png": {"width": 100, "height": 50}},
    )
    about = {
        "figure": {"caption": "The entropy of a coin.", "name": "fig-coin"},
        "image": {"alt": "A curve that rises from zero, reaches one bit and falls back to zero."},
    }
    cells = [
        new_markdown_cell(OPENING),
        code(notebooks.SETUP_CELL, "setup", "remove-cell"),
        new_markdown_cell(THEORY),
        code("assert 1 > 0", "check"),
        new_markdown_cell(THEOREM),
        code("assert 2 > 0", "check"),
        code("draw()", outputs=[figure], mystnb=about),
        code("print(1)", outputs=[new_output("stream", name="stdout", text="1\n")]),
        code("assert 3 > 0", "check"),
        new_markdown_cell("## Watch out\n\n- Units.\n\n## Summary\n\n- Entropy."),
        new_markdown_cell(EXERCISES),
        code("answer = 3\nassert answer == 3", "solution", "hide-cell"),
        new_markdown_cell("### Exercise 4: more code"),
        code("assert answer > 2", "solution", "hide-cell"),
        new_markdown_cell(
            "## In an interview\n\n- What is it?\n\n"
            "## Further reading\n\n- {cite:t}`shannon1948`: the start.\n- A book."
        ),
    ]
    for number, cell in enumerate(cell for cell in cells if cell.cell_type == "code"):
        cell.execution_count = number + 1
    for number, cell in enumerate(cells):
        cell.id = f"cell-{number}"
    return new_notebook(cells=cells)


def chapter(notebook: nbformat.NotebookNode, part: str = "foundations") -> Chapter:
    return Chapter(Path("chapters", part, "entropy.ipynb"), notebooks.stored_text(notebook))


def test_a_good_chapter_has_no_problem():
    assert problems(chapter(good_chapter())) == []


def test_a_reference_part_needs_neither_checks_nor_exercises():
    notebook = good_chapter()
    notebook.cells = [new_markdown_cell("# Frequently asked\n\n" + "Why? Because. " * 9, id="a")]
    notebook.cells.append(code(notebooks.SETUP_CELL, "setup", "remove-cell"))
    notebook.cells[1].execution_count = 1
    assert problems(chapter(notebook, "interview")) == []
    assert len(problems(chapter(notebook))) > 5


# Cells of the good chapter.
OPENS, SETUP, DEFINES, CHECK, PROVES, CHECK_2, DRAWS, PRINTS, CHECK_3, WARNS = range(10)
ASKS, SOLVES, ASKS_2, SOLVES_2, ENDS = range(10, 15)


def replace(cell: int, old: str, new: str):
    """The mutation that writes `new` for `old` in a cell."""

    def mutate(notebook):
        assert old in notebook.cells[cell].source, "the mutation changes nothing"
        notebook.cells[cell].source = notebook.cells[cell].source.replace(old, new)

    return mutate


def retag(cell: int, *tags: str):
    """The mutation that gives a cell other tags."""

    def mutate(notebook):
        notebook.cells[cell].metadata["tags"] = list(tags)

    return mutate


def output(text: str, name: str = "stdout"):
    """The mutation that makes a cell print `text`."""

    def mutate(notebook):
        notebook.cells[PRINTS].outputs = [new_output("stream", name=name, text=text)]

    return mutate


def change(function):
    """The mutation that applies `function` to the list of cells, for what needs more words."""
    return lambda notebook: function(notebook.cells)


def shown_picture(data: str, mime: str = "image/png"):
    """The mutation that makes a cell draw another picture."""

    def mutate(notebook):
        out = notebook.cells[DRAWS].outputs[0]
        out.data, out.metadata = {mime: data}, {mime: {"width": 100, "height": 50}}

    return mutate


def about_figure(kind: str, key: str, value: str):
    """The mutation that changes what is said of a figure."""

    def mutate(notebook):
        notebook.cells[DRAWS].metadata["mystnb"][kind][key] = value

    return mutate


ALT_AS_CAPTION = "The entropy of a coin against its bias."


def alt_is_caption(notebook):
    about_figure("figure", "caption", ALT_AS_CAPTION)(notebook)
    about_figure("image", "alt", ALT_AS_CAPTION)(notebook)


def error(cells):
    cells[PRINTS].outputs = [new_output("error", ename="E", evalue="v", traceback=[])]


MUTATIONS = {
    # rule: mutations, and a word of the message
    "execution": [
        (change(lambda cells: cells[CHECK].update(execution_count=9)), "run"),
        (change(lambda cells: cells[ENDS - 1].update(execution_count=None)), "run"),
        (change(lambda cells: cells[DRAWS].update(execution_count=None)), "run"),
    ],
    "clean_outputs": [
        (change(error), "failed with E"),
        (output("oops\n", name="stderr"), "stderr"),
        (output("/home/ada/data.csv\n"), "absolute path"),
        (output("reading /tmp/x\n"), "absolute path"),
        (output("C:\\Users\\ada\n"), "absolute path"),
        (output("/Users/ada\n"), "absolute path"),
        (output("<Thing object at 0x7f12>\n"), "memory address"),
        (output("0x7f12a45bc0d0\n"), "memory address"),
        (output("\x1b[31mred\n"), "ANSI"),
        (output("RuntimeWarning: overflow\n"), "a warning"),
    ],
    "ignored_outputs": [
        (retag(PRINTS, "nbval-ignore-output"), "one in ten"),
        (retag(PRINTS, "nbval-ignore-output"), "assert what the prose says"),
        (retag(DRAWS, "figure-varies"), "justify"),
    ],
    "opening": [
        (replace(OPENS, "# Entropy", "Entropy"), "# Title"),
        (replace(OPENS, "How many questions does it take to guess the outcome? ", ""), None),
        (replace(OPENS, "**You will be able to**", "Goals"), "able to"),
        (replace(OPENS, "- prove that it is not negative;\n", ""), "3 to 5"),
        (replace(OPENS, "- prove", "- a;\n- b;\n- c;\n- prove"), "3 to 5"),
        (replace(OPENS, "**Before you start:**", "See"), "Before you start"),
        (replace(OPENS, "**Time:**", "It takes"), "Time"),
        (replace(OPENS, ", 5 seconds to run", ""), "Time"),
        (change(lambda cells: cells.insert(0, code("1"))), "# Title"),
    ],
    "setup_cell": [
        (replace(SETUP, "random.seed(0)", "random.seed(1)"), "tools/setup_cell.py"),
        (retag(SETUP, "setup"), "tools/setup_cell.py"),
        (change(lambda cells: cells.pop(SETUP)), "set-up cell"),
        (change(lambda cells: cells.insert(3, cells.pop(SETUP))), "set-up cell"),
        (retag(CHECK, "setup", "remove-cell"), "only one"),
    ],
    "headings": [
        (replace(DEFINES, "## Definition", "# Definition"), "one `# Title`"),
        (replace(DEFINES, "## Definition", "### Definition"), "jumps"),
        (replace(WARNS, "## Watch out", "## Beware"), "Watch out"),
        (replace(WARNS, "## Summary\n", ""), "Summary"),
        (change(lambda cells: cells.insert(2, cells.pop(ENDS))), "must end"),
    ],
    "exercises": [
        (replace(ASKS_2, "### Exercise 4", "#### Exercise 4"), "at least four"),
        (replace(ASKS_2, "### Exercise 4", "### Exercise 5"), "numbered from 1"),
        (replace(ASKS_2, "### Exercise 4", "### Problem 4"), "should be"),
        (replace(ASKS, ":::{dropdown} Solution\nAsk SciPy.\n:::", "Ask SciPy."), "Exercise 2"),
        (retag(SOLVES), "Exercise 3"),
        (retag(SOLVES), "at least two"),
    ],
    "solutions": [
        (retag(SOLVES, "solution"), "hide-cell"),
        (replace(SOLVES, "assert answer == 3", "answer"), "assert"),
    ],
    "further_reading": [
        (replace(ENDS, "\n- A book.", ""), "2 to 5"),
        (replace(ENDS, "- A book.", "- A\n- B\n- C\n- D\n- E"), "2 to 5"),
    ],
    "code_cells": [
        (replace(PRINTS, "print(1)", "print(1)\n" * 16), "16 lines"),
        (replace(PRINTS, "print(1)", "print(1)  # " + "x" * 80), "92 characters"),
        (replace(SOLVES, "answer = 3", "answer = 3  # " + "x" * 80), "94 characters"),
        (replace(PRINTS, "print(1)", "print(1"), "plain Python"),
        (replace(PRINTS, "print(1)", "%matplotlib inline"), "plain Python"),
        (replace(PRINTS, "print(1)", "# NBVAL_SKIP\nprint(1)"), "use a tag"),
        (retag(CHECK, "chekc"), "unknown tag"),
        (retag(CHECK, "nbval-skip"), "unknown tag"),
        (replace(PRINTS, "print(1)", ""), "empty"),
    ],
    "check_cells": [
        (replace(CHECK, "assert 1 > 0", "print(1 > 0)"), "asserts nothing"),
        (retag(CHECK_3), "at least 3"),
    ],
    "statements": [
        (replace(DEFINES, ":label: def-entropy\n", ""), "label"),
        (replace(PROVES, ":label: thm-not-negative\n", ""), "label"),
        (retag(CHECK), "not followed"),
        (change(lambda cells: cells.insert(CHECK, new_markdown_cell("## Next"))), "not followed"),
        (replace(DEFINES, "(eq-entropy)\n:::", "(eq-entropy)\n:::\n\n## Next"), "not followed"),
        (change(lambda cells: [cells.pop(i) for i in (CHECK_3, CHECK_2)]), "not followed"),
        (replace(PROVES, "dropdown} Proof", "dropdown} Remark"), "no proof"),
        (replace(PROVES, ":::{dropdown} Proof", THEOREM), "no proof"),
    ],
    "colon_fences": [
        (replace(PROVES, ":::{dropdown} Proof", "```{dropdown} Proof"), "colons"),
        (replace(WARNS, "- Units.", "~~~{note}\nUnits.\n~~~"), "colons"),
    ],
    "figures": [
        (about_figure("figure", "caption", ""), "caption"),
        (about_figure("figure", "name", ""), "name"),
        (about_figure("figure", "name", "coin"), "name"),
        (about_figure("image", "alt", "A curve."), "alt text"),
        (alt_is_caption, "alt text"),
        (change(lambda cells: cells[DRAWS].metadata.pop("mystnb")), "caption"),
        (shown_picture(picture(100)), "twice its size"),
        (change(lambda cells: cells[DRAWS].outputs[0].update(metadata={})), "twice its size"),
        (shown_picture(picture(2000, noise=True)), "kB"),
        (shown_picture("<svg/>", "image/svg+xml"), "only image/png"),
        (shown_picture("", "image/jpeg"), "only image/png"),
    ],
    "prose": [
        (replace(WARNS, "- Units.", "TODO"), "finish"),
        (replace(WARNS, "- Units.", "FIXME: units"), "finish"),
        (replace(WARNS, "- Units.", "Lorem ipsum"), "write"),
        (replace(WARNS, "- Units.", "In this notebook we will see."), "say it"),
        (replace(WARNS, "- Units.", "We delve into it."), "plain verb"),
        (replace(WARNS, "- Units.", "The cross entropy."), "hyphen"),
    ],
    "notation": [
        (replace(DEFINES, "$H(P, Q)$", r"$H(P \| Q)$"), "H(P, Q)"),
        (replace(DEFINES, "$H(P, Q)$", "$H(Y | X)$"), "mid"),
        (replace(DEFINES, r"(P \,\|\, Q)", r"(P \| Q)"), "mathrm{KL}"),
        (replace(DEFINES, r"(P \,\|\, Q)", "(P, Q)"), "mathrm{KL}"),
        (replace(DEFINES, r"\,\|\,", "||"), "double bars"),
        (replace(DEFINES, r"\,\|\,", r"\,\Vert\,"), "double bars"),
        (replace(DEFINES, r"\mathrm{KL}", r"\text{-}KL"), r"\mathrm{KL}"),
        (replace(DEFINES, r"\mathrm{KL}", r"D_{\mathrm{KL}}"), "without a D"),
    ],
    "claims": [
        (replace(DEFINES, "C01", "C133"), "C133"),
        (replace(DEFINES, "C01", "C1"), "C1"),
        (replace(DEFINES, "C01", "R31"), "R31"),
        (replace(DEFINES, "C01", "O00"), "O00"),
    ],
    "citations": [
        (replace(DEFINES, "shannon1948", "shannon1848"), "shannon1848"),
        (replace(ENDS, "shannon1948", "shannon1948, nobody2000"), "nobody2000"),
    ],
}
CASES = [
    pytest.param(rule, mutate, word, id=f"{rule}-{number}")
    for rule, cases in MUTATIONS.items()
    for number, (mutate, word) in enumerate(cases)
]


@pytest.mark.parametrize(("rule", "mutate", "word"), CASES)
def test_each_rule_catches_what_it_is_there_for(rule, mutate, word):
    notebook = good_chapter()
    mutate(notebook)
    checker = next(function for function in RULES if function.__name__ == rule)
    found = list(checker(chapter(notebook)))
    assert any((word or "") in problem for problem in found), found


def test_no_rule_is_without_a_test():
    assert {rule.__name__ for rule in RULES} == {*MUTATIONS, "stored_form"}


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('\n "cells"', '\n  "cells"'),
        ('"language": "python"', '"language": "python", "x": 1'),
        ('"name": "python3"', '"name": "conda-env-py"'),
        ('"tags": [', '"collapsed": true, "tags": ['),
        ('"language_info": {', '"widgets": {}, "language_info": {'),
        ('"height": 50,', '"height": 50, "needs_background": "light",'),
    ],
)
def test_stored_form_is_exact(old, new):
    good = chapter(good_chapter())
    assert old in good.text
    changed = Chapter(good.path, good.text.replace(old, new))
    rule = RULES[0]
    assert list(rule(good)) == []
    assert any("stored form" in problem for problem in rule(changed))


@pytest.mark.filterwarnings("ignore::nbformat.warnings.MissingIDFieldWarning")
def test_stored_form_wants_ids_a_last_newline_and_a_small_file():
    good = chapter(good_chapter())
    rule = RULES[0]
    nameless = re.sub(r' *"id": "cell-3",\n', "", good.text)
    assert nameless != good.text
    assert list(rule(Chapter(good.path, nameless)))
    assert list(rule(Chapter(good.path, good.text.rstrip("\n"))))
    big = good_chapter()
    big.cells[WARNS].source += "\n" + "Units matter. " * 120_000
    assert any("larger" in problem for problem in rule(chapter(big)))


def test_a_label_is_used_once_in_the_book():
    good = chapter(good_chapter())
    assert list(repeated_labels([good])) == []
    names = {problem.split(":")[0] for problem in repeated_labels([good, good])}
    assert names == {
        "label def-entropy",
        "label eq-entropy",
        "label thm-not-negative",
        "label fig-coin",
    }


def test_several_definitions_in_a_cell_need_one_check():
    notebook = good_chapter()
    extra = ":::{prf:definition} Bit\n:label: def-bit\n\nA unit.\n:::"
    notebook.cells[DEFINES].source += "\n\n" + extra
    assert problems(chapter(notebook)) == []


def test_a_chapter_may_show_the_notation_that_it_corrects():
    notebook = good_chapter()
    replace(DEFINES, "$H(P, Q)$", r"$H(P \| Q)$, an error ({claim}`C15`)")(notebook)
    assert problems(chapter(notebook)) == []
