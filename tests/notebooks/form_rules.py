"""The form of a chapter, one small rule a function.

A rule takes a parsed chapter and yields what an author has to change; `problems` applies them
all. Cells are numbered from 1 as JupyterLab shows them, markdown included.
"""

import ast
import base64
import io
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import nbformat
from coursebook.claims import canonical
from nbformat import NotebookNode
from PIL import Image

from tools import notebooks

ROOT = Path(__file__).resolve().parents[2]
END = ["Watch out", "Summary", "Exercises", "In an interview", "Further reading"]
# The parts whose chapters are references, not lessons: no objectives, checks or exercises.
REFERENCE_PARTS = {"interview", "appendix"}
HIDDEN = {"setup", "solution", "hide-input", "hide-cell", "remove-input", "remove-cell"}
TAGS = HIDDEN | {"check", "hide-output", "nbval-ignore-output", "figure-varies"}
TAGS |= {"raises-exception", "quiz"}
PROVED = {"theorem", "property", "proposition", "lemma", "corollary"}

MAX_LINES, MAX_WIDTH = 15, 88
MAX_FIGURE, MAX_NOTEBOOK = 100_000, 1_500_000  # bytes

HEADING = re.compile(r"^(#{1,6}) +(.+?) *$", re.MULTILINE)
DIRECTIVE = re.compile(r"^(:{3,}) *\{prf:(\w+)\}(.*)$((?:\n:[\w-]+:.*$)*)", re.MULTILINE)
PROOF = re.compile(r"^:{3,} *\{(?:prf:proof\}|dropdown\} *Proof)", re.MULTILINE)
DROPDOWN_SOLUTION = re.compile(r"^:{3,} *\{dropdown\} *Solution", re.MULTILINE)
ASSERTION = re.compile(r"\bassert\b|\bassert_allclose\(|\btesting\.assert|\braises\(")
MATHS = re.compile(r"\$\$.+?\$\$|(?<![\\$])\$[^$]+?\$", re.DOTALL)

IN_OUTPUTS = {
    r"(?<![\w.])/(?:home|root|tmp|usr|opt|Users|content)/|\b[A-Z]:\\": "an absolute path",
    r"\bat 0x[0-9a-fA-F]+|0x[0-9a-fA-F]{6,}": "a memory address",
    r"\x1b\[": "an ANSI escape",
    r"Warning:": "a warning",
}
IN_PROSE = {
    r"\bTODO\b|\bFIXME\b": "finish it or remove it",
    r"(?i)\blorem ipsum\b": "write the text",
    r"(?i)\bin this (?:notebook|chapter|article),? we(?:'ll| will)\b": "say it instead",
    r"(?i)\bdelv(?:e|es|ing)\b": "use a plain verb",
    r"(?i)\bcross entropy\b": "the book writes cross-entropy, with a hyphen",
}
IN_MATHS = {
    r"\|\|": r"double bars are \|",
    r"\\Vert\b|\\parallel\b": r"double bars are \|; a norm is \lVert x \rVert",
    r"(?<!\\mathrm\{)KL": r"the divergence is \mathrm{KL}",
    r"D_\{?\\mathrm\{KL": r"the divergence is \mathrm{KL}, without a D",
    r"\bH(?:\\[bB]ig+l?|\\left)?\([^()]*\|": r"cross-entropy is H(P, Q); given is \mid",
}


@dataclass
class Chapter:
    """A notebook, its text as stored, and where it lies in `chapters`."""

    path: Path
    text: str

    @cached_property
    def notebook(self) -> NotebookNode:
        return nbformat.reads(self.text, as_version=4)

    @property
    def is_lesson(self) -> bool:
        return self.path.parent.name not in REFERENCE_PARTS

    @cached_property
    def cells(self) -> list[tuple[int, NotebookNode]]:
        return list(enumerate(self.notebook.cells, start=1))

    @cached_property
    def code(self) -> list[tuple[int, NotebookNode]]:
        return [(i, cell) for i, cell in self.cells if cell.cell_type == "code"]

    @cached_property
    def texts(self) -> list[tuple[int, str]]:
        """The markdown cells, without the code in them."""
        return [(i, without_code(c.source)) for i, c in self.cells if c.cell_type == "markdown"]

    @cached_property
    def headings(self) -> list[tuple[int, int, str]]:
        """Cell number, level and words of each heading."""
        return [
            (i, len(match[1]), match[2])
            for i, text in self.texts
            for match in HEADING.finditer(text)
        ]

    def section(self, title: str) -> list[tuple[int, NotebookNode]]:
        """The cells of a `##` section; cells that hold its borders are cut there."""
        inside, found = False, []
        for i, cell in self.cells:
            if cell.cell_type != "markdown":
                if inside:
                    found.append((i, cell))
                continue
            for part in re.split(r"(?m)^(?=## )", cell.source):
                if part.startswith("## "):
                    inside = part.splitlines()[0][3:].strip() == title
                if inside:
                    found.append((i, NotebookNode(cell, source=part)))
        return found


def tags(cell: NotebookNode) -> set[str]:
    return set(cell.metadata.get("tags", []))


def without_code(text: str) -> str:
    """`text` with code, in blocks and in lines, blanked out."""
    text = re.sub(r"(?ms)^(`{3,}).*?^\1`*[ \t]*$", "", text)
    return re.sub(r"(?<!`)(`+)(?!`)(?:.(?!\n\n))*?(?<!`)\1(?!`)", "``", text, flags=re.DOTALL)


def texts_of(output: NotebookNode) -> str:
    """All that an output shows as text."""
    shown = [output.get("text", "")]
    shown += [v for k, v in output.get("data", {}).items() if k.startswith("text/")]
    return "\n".join(shown)


# -- the file ------------------------------------------------------------------------------------


def stored_form(chapter: Chapter) -> Iterator[str]:
    notebook = nbformat.reads(chapter.text, as_version=4)
    if chapter.text != notebooks.stored_text(notebook):
        yield (
            "ids, metadata, indentation or outputs are not in the stored form: "
            f"python -m tools.notebooks normalise {chapter.path}"
        )
    if len(chapter.text.encode()) > MAX_NOTEBOOK:
        yield f"the file is larger than {MAX_NOTEBOOK / 1e6} MB: fewer or smaller figures"


def execution(chapter: Chapter) -> Iterator[str]:
    counts = [cell.execution_count for _, cell in chapter.code]
    if counts != list(range(1, len(counts) + 1)):
        yield "not executed top to bottom: python -m tools.notebooks run it"


def clean_outputs(chapter: Chapter) -> Iterator[str]:
    for i, cell in chapter.code:
        for output in cell.outputs:
            if output.output_type == "error" and "raises-exception" not in tags(cell):
                yield f"cell {i}: failed with {output.ename}: mend it, or catch it and print it"
            elif output.get("name") == "stderr":
                yield f"cell {i}: writes to stderr ({output.text[:60]!r}): silence the cause"
            for pattern, what in IN_OUTPUTS.items():
                if match := re.search(pattern, texts_of(output)):
                    yield f"cell {i}: its output has {what} ({match[0]!r}): do not print it"


def ignored_outputs(chapter: Chapter) -> Iterator[str]:
    printing = [c for _, c in chapter.code if c.outputs]
    excused = [
        (i, c) for i, c in chapter.code if tags(c) & {"nbval-ignore-output", "figure-varies"}
    ]
    if 10 * len(excused) > len(printing):
        numbers = ", ".join(str(i) for i, _ in excused)
        yield (
            f"cells {numbers} excuse their outputs from comparison, {len(excused)} of the "
            f"{len(printing)} that have any: at most one in ten; print what is stable, or assert it"
        )
    for i, cell in excused:
        if "figure-varies" in tags(cell) and not re.search(r"# *figure varies: \w+", cell.source):
            yield f"cell {i}: justify its tag with a comment `# figure varies: why`"
        if "nbval-ignore-output" in tags(cell) and not ASSERTION.search(cell.source):
            yield f"cell {i}: its output is not compared: assert what the prose says of it"


# -- anatomy -------------------------------------------------------------------------------------


def opening(chapter: Chapter) -> Iterator[str]:
    first = chapter.notebook.cells[0] if chapter.notebook.cells else None
    if first is None or first.cell_type != "markdown" or not re.match(r"# \S", first.source):
        yield "cell 1: begin with markdown whose first line is `# Title`"
        return
    blocks = [block.strip() for block in first.source.split("\n\n")]
    if len(blocks) < 2 or not re.match(r"[A-Za-z$\[*_“\"](?!\*)", blocks[1]) or len(blocks[1]) < 40:
        yield "cell 1: after the title, a paragraph that says why one would read on"
    if not chapter.is_lesson:
        return
    goals = re.search(
        r"(?s)\*\*You will be able to:?\*\*:?\s*\n(.*?)(?=\n\*\*|\n#|\Z)", first.source
    )
    count = len(re.findall(r"(?m)^[-*] ", goals[1])) if goals else 0
    if not 3 <= count <= 5:
        yield f"cell 1: **You will be able to** and a list of 3 to 5 goals, not {count}"
    if not re.search(r"(?m)^\*\*Before you start:?\*\*:? *\S", first.source):
        yield "cell 1: **Before you start:** and the prerequisites"
    time = re.search(r"(?m)^\*\*Time:?\*\*:?(.*(?:\n.+)*)", first.source)
    if not time or not re.search(r"\d.*\bread.*\d.*\brun", time[1], flags=re.DOTALL):
        yield "cell 1: **Time:** how long it takes to read, and to run"


def setup_cell(chapter: Chapter) -> Iterator[str]:
    found = [(i, cell) for i, cell in chapter.code if "setup" in tags(cell)]
    if [i for i, _ in found] != [2]:
        yield "cell 2 must be the set-up cell, the only one: python -m tools.notebooks setup it"
    for i, cell in found:
        if cell.source != notebooks.SETUP_CELL or cell.metadata.tags != notebooks.SETUP_TAGS:
            yield f"cell {i}: differs from tools/setup_cell.py: python -m tools.notebooks setup it"


def headings(chapter: Chapter) -> Iterator[str]:
    titles = [i for i, level, _ in chapter.headings if level == 1]
    if len(titles) != 1:
        yield f"cells {titles}: one `# Title` a chapter, not {len(titles)}"
    before = 1
    for i, level, words in chapter.headings:
        if level > before + 1:
            yield f"cell {i}: `{words}` jumps from level {before} to {level}"
        before = level
    ends = [words for _, level, words in chapter.headings if level == 2][-len(END) :]
    if chapter.is_lesson and ends != END:
        yield f"the chapter must end with the sections {', '.join(END)}; it ends with {ends}"


def exercises(chapter: Chapter) -> Iterator[str]:
    if not chapter.is_lesson:
        return
    numbers, solved, coded = [], set(), set()
    for i, cell in chapter.section("Exercises"):
        if cell.cell_type == "code":
            if "solution" in tags(cell) and numbers:
                solved.add(numbers[-1])
                coded.add(numbers[-1])
            continue
        for part in re.split(r"(?m)^(?=### )", cell.source):
            if part.startswith("### "):
                match = re.match(r"### Exercise (\d+)\b", part)
                if not match:
                    yield f"cell {i}: `{part.splitlines()[0]}` should be `### Exercise N: ...`"
                    continue
                numbers.append(int(match[1]))
            if numbers and DROPDOWN_SOLUTION.search(part):
                solved.add(numbers[-1])
    if len(numbers) < 4 or numbers != list(range(1, len(numbers) + 1)):
        yield f"at least four exercises, numbered from 1; found {numbers}"
    for number in numbers:
        if number not in solved:
            yield f"Exercise {number}: no `:::{{dropdown}} Solution` and no cell tagged solution"
    if len(coded) < 2:
        yield f"at least two exercises need a solution in code (tag solution); found {len(coded)}"


def solutions(chapter: Chapter) -> Iterator[str]:
    for i, cell in chapter.code:
        if "solution" in tags(cell):
            if "hide-cell" not in tags(cell):
                yield f"cell {i}: a solution needs the tag hide-cell too"
            if not ASSERTION.search(cell.source):
                yield f"cell {i}: a solution must check itself with an assert"


def further_reading(chapter: Chapter) -> Iterator[str]:
    if chapter.is_lesson:
        text = "\n".join(cell.source for _, cell in chapter.section("Further reading"))
        count = len(re.findall(r"(?m)^[-*] ", text))
        if not 2 <= count <= 5:
            yield f"Further reading: a list of 2 to 5 items, not {count}"


# -- code ----------------------------------------------------------------------------------------


def code_cells(chapter: Chapter) -> Iterator[str]:
    for i, cell in chapter.code:
        lines = cell.source.splitlines()
        for unknown in sorted(tags(cell) - TAGS):
            yield f"cell {i}: unknown tag {unknown!r}; known are {', '.join(sorted(TAGS))}"
        if re.search(r"# *(NBVAL|PYTEST_VALIDATE)_", cell.source):
            yield f"cell {i}: use a tag, not a comment, to tell nbval what to do"
        count = sum(bool(line.strip()) for line in lines)
        if not tags(cell) & HIDDEN and count > MAX_LINES:
            yield f"cell {i}: {count} lines; split it: at most {MAX_LINES} are shown"
        for line in lines:
            if len(line) > MAX_WIDTH:
                yield f"cell {i}: break the line of {len(line)} characters `{line.strip()[:40]}...`"
        if not lines:
            yield f"cell {i}: empty; remove it"
        try:
            ast.parse(cell.source)
        except SyntaxError as error:
            yield f"cell {i}: not plain Python: {error}"


def check_cells(chapter: Chapter) -> Iterator[str]:
    checks = [(i, cell) for i, cell in chapter.code if "check" in tags(cell)]
    for i, cell in checks:
        if not ASSERTION.search(cell.source):
            yield f"cell {i}: tagged check, but asserts nothing"
    if chapter.is_lesson and len(checks) < 3:
        yield f"{len(checks)} cells tagged check: at least 3"


# -- definitions, theorems, proofs ---------------------------------------------------------------


def statements(chapter: Chapter) -> Iterator[str]:
    """Each statement has a label, a check before the next one, and a proof if it needs one."""
    pending: dict[str, int] = {}  # statements not yet checked, and their cells

    def unchecked() -> Iterator[str]:
        for name, cell in pending.items():
            yield f"cell {cell}: {name} is not followed by a cell tagged check"
        pending.clear()

    unproved = None
    for i, cell in chapter.cells:
        if cell.cell_type == "code":
            if "check" in tags(cell):
                pending.clear()
            continue
        events = [(m.start(), "section", m) for m in re.finditer(r"(?m)^## .*", cell.source)]
        events += [(m.start(), "statement", m) for m in DIRECTIVE.finditer(cell.source)]
        events += [(m.start(), "proof", m) for m in PROOF.finditer(cell.source)]
        for _, event, match in sorted(events, key=lambda event: event[0]):
            if event == "section":
                yield from unchecked()
            elif event == "proof":
                unproved = None
            elif match[2] in PROVED | {"definition"}:
                name = f"{match[2]} `{match[3].strip()}`"
                if ":label:" not in match[4]:
                    yield f"cell {i}: {name} needs a `:label:`"
                if any(number != i for number in pending.values()):
                    yield from unchecked()
                pending[name] = i
                if match[2] in PROVED:
                    if unproved:
                        yield unproved
                    unproved = f"cell {i}: {name} has no proof (prf:proof, or dropdown Proof)"
    yield from unchecked()
    if unproved:
        yield unproved


def colon_fences(chapter: Chapter) -> Iterator[str]:
    for i, cell in chapter.cells:
        if cell.cell_type == "markdown" and re.search(
            r"(?m)^[ >]*(?:`{3,}|~{3,}) *\{", cell.source
        ):
            yield f"cell {i}: open directives with colons (:::), or JupyterLab shows no maths"


# -- figures -------------------------------------------------------------------------------------


def figures(chapter: Chapter) -> Iterator[str]:
    for i, cell in chapter.code:
        images = [
            (mime, data, output.metadata.get(mime, {}))
            for output in cell.outputs
            for mime, data in output.get("data", {}).items()
            if mime.startswith(("image/", "application/pdf"))
        ]
        if not images:
            continue
        about = cell.metadata.get("mystnb", {})
        caption = about.get("figure", {}).get("caption", "")
        alt = about.get("image", {}).get("alt", "")
        if not caption:
            yield f"cell {i}: its figure needs a caption (mystnb: figure: caption)"
        if not re.fullmatch(r"fig-[a-z0-9-]+", about.get("figure", {}).get("name", "")):
            yield f"cell {i}: its figure needs a name fig-... (mystnb: figure: name)"
        if len(alt) < 30 or alt == caption:
            yield f"cell {i}: its figure needs alt text that says what is seen (mystnb: image: alt)"
        for mime, data, shown in images:
            if mime == "image/png":
                yield from png(i, base64.b64decode(data), shown)
            else:
                yield f"cell {i}: outputs {mime}: only image/png can be compared"


def png(i: int, data: bytes, shown: dict) -> Iterator[str]:
    if len(data) > MAX_FIGURE:
        yield f"cell {i}: its figure has {len(data) / 1e3:.0f} kB; at most {MAX_FIGURE / 1e3:.0f}"
    width = Image.open(io.BytesIO(data)).width
    if abs(width - 2 * shown.get("width", 0)) > 2:
        yield f"cell {i}: its figure is not drawn at twice its size: xentlib.plots.use_style()"


# -- words, notation, references -----------------------------------------------------------------


def prose(chapter: Chapter) -> Iterator[str]:
    for i, text in chapter.texts:
        for pattern, advice in IN_PROSE.items():
            if match := re.search(pattern, text):
                yield f"cell {i}: {match[0]!r}: {advice}"


def notation(chapter: Chapter) -> Iterator[str]:
    for i, text in chapter.texts:
        source = chapter.notebook.cells[i - 1].source
        on_notation = re.search(r"\{claim\}`C15`|\(c1[58]\)=", source)  # shows what is wrong
        for maths in MATHS.findall(text):
            maths = re.sub(r"\\text\{[^}]*\}", "", maths)
            for pattern, advice in IN_MATHS.items():
                if not on_notation and (match := re.search(pattern, maths)):
                    yield f"cell {i}: {match[0]!r} in {maths[:60]!r}: {advice}"
            for match in re.finditer(r"\\mathrm\{KL\}(?:\\\w+)? *\((.{0,80})", maths, re.DOTALL):
                if r"\,\|\," not in match[1]:
                    yield rf"cell {i}: {match[0][:40]!r}: write \mathrm{{KL}}(P \,\|\, Q)"


def claims(chapter: Chapter) -> Iterator[str]:
    for i, cell in chapter.cells:
        for name in re.findall(r"\{claim\}`([^`]*)`", cell.source):
            match = re.fullmatch(r"([CRO])(\d+)", name)
            if not match or name != canonical(match[1], int(match[2])):
                yield f"cell {i}: {{claim}}`{name}` is none of C01–C132, R01–R30, O01–O12"


def citations(chapter: Chapter) -> Iterator[str]:
    known = bibliography()
    for i, cell in chapter.cells:
        for keys in re.findall(r"\{cite(?::\w+)?\}`([^`]*)`", cell.source):
            for key in re.split(r" *, *", keys.strip()):
                if key not in known:
                    yield f"cell {i}: {{cite}}`{key}` is not in references.bib"


def bibliography() -> set[str]:
    text = (ROOT / "references.bib").read_text(encoding="utf-8")
    return set(re.findall(r"(?m)^@\w+\{([^,\s]+),", text))


def labels(chapter: Chapter) -> list[tuple[str, int]]:
    """What other pages can refer to in a chapter, and the cell where it is defined."""
    found = []
    for i, text in chapter.texts:
        found += [(name, i) for name in re.findall(r"(?m)^:(?:label|name): *(\S+)", text)]
        found += [(name, i) for name in re.findall(r"(?m)^\$\$ *\((\S+)\) *$", text)]
        found += [(name, i) for name in re.findall(r"(?m)\S.*\$\$ *\((\S+)\) *$", text)]
        found += [(name, i) for name in re.findall(r"(?m)^\((\S+)\)= *$", text)]
    for i, cell in chapter.code:
        if name := cell.metadata.get("mystnb", {}).get("figure", {}).get("name"):
            found.append((name, i))
    return found


def repeated_labels(chapters: Iterable[Chapter]) -> Iterator[str]:
    """Say which labels the book defines twice."""
    places = [
        (name, f"{chapter.path.name} cell {i}")
        for chapter in chapters
        for name, i in labels(chapter)
    ]
    counts = Counter(name for name, _ in places)
    for name in sorted(name for name, count in counts.items() if count > 1):
        yield f"label {name}: in {', '.join(place for other, place in places if other == name)}"


RULES = [
    stored_form,
    execution,
    clean_outputs,
    ignored_outputs,
    opening,
    setup_cell,
    headings,
    exercises,
    solutions,
    further_reading,
    code_cells,
    check_cells,
    statements,
    colon_fences,
    figures,
    prose,
    notation,
    claims,
    citations,
]


def problems(chapter: Chapter) -> list[str]:
    """All that an author has to change in a chapter."""
    return [problem for rule in RULES for problem in rule(chapter)]
