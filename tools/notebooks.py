"""Run, normalise, edit and stamp the chapters. From the root of the repository:

    python -m tools.notebooks run NB...              execute from a fresh kernel, store the outputs
    python -m tools.notebooks setup NB...            write the set-up cell (tools/setup_cell.py)
    python -m tools.notebooks export NB FILE.md      MyST markdown to edit as text
    python -m tools.notebooks import FILE.md NB      and back; makes NB if there is none
    python -m tools.notebooks normalise NB...        the stored form, without executing
    python -m tools.notebooks stamp --source S DIR   copies of the chapters that install it from S

To write a chapter as text: write FILE.md (outside the repository), then `import`, `setup`, `run`;
later `export`, edit, `import`, `run`. `jupytext --to ipynb --update` does nearly the same as
`import`: it too keeps the ids and outputs of the cells it recognises, but it gives new cells random
ids, keeps the output of a cell whose code has changed, and leaves its own metadata behind.

In FILE.md a markdown cell ends at a code cell or at a line `+++`; metadata look like this:

    ```{code-cell}
    ---
    mystnb:
      figure:
        caption: The entropy of a coin, in bits, against its bias.
        name: fig-coin-entropy
      image:
        alt: A curve that rises from 0 at p = 0 to 1 bit at p = 1/2 and falls back to 0 at p = 1.
    tags: [check]
    ---
    fig, ax = plt.subplots()
    ```
"""

import argparse
import json
import os
import re
import sys
import tempfile
import time
import unicodedata
import warnings
from collections.abc import Iterable, Iterator
from pathlib import Path

import jupytext
import nbformat
from jupyter_client.manager import AsyncKernelManager
from jupytext.combine import combine_inputs_with_outputs
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from nbformat import NotebookNode
from nbformat.warnings import MissingIDFieldWarning
from nbval.kernel import CURRENT_ENV_KERNEL_NAME, NbvalKernelspecManager

ROOT = Path(__file__).resolve().parent.parent
SETUP_CELL = (ROOT / "tools" / "setup_cell.py").read_text(encoding="utf-8").rstrip("\n")
SETUP_TAGS = ["setup", "remove-cell"]
SOURCE_LINE = 'XENTLIB_SOURCE = ""'
KERNELSPEC = {"display_name": "Python 3", "language": "python", "name": "python3"}
# `myst` holds a page's description for search engines; every other key is some editor's own.
KEPT_NOTEBOOK_METADATA = {"kernelspec", "language_info", "myst"}
KEPT_CELL_METADATA = {"tags", "mystnb"}
ANSI = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
CELL_TIMEOUT = 600  # seconds; a chapter has 60 s for all of its cells


class NotebookError(Exception):
    """A notebook cannot be run or changed; the message is meant for its author."""


def kernel_environment() -> dict[str, str]:
    """Return the environment in which the chapters are executed, here and under nbval."""
    ipython = ROOT / "build" / "ipython"
    ipython.mkdir(parents=True, exist_ok=True)
    paths = [str(ROOT), os.environ.get("PYTHONPATH", "")]
    return {
        **{name: value for name, value in os.environ.items() if name != "MPLBACKEND"},
        "PYTHONPATH": os.pathsep.join(filter(None, paths)),  # a plain clone, nothing installed
        "IPYTHONDIR": str(ipython),  # nobody's own start-up files
        "PYTHONHASHSEED": "0",
        "CUDA_VISIBLE_DEVICES": "-1",  # outputs are stored from, and compared on, a CPU
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "TQDM_DISABLE": "1",  # progress bars are for a person who waits
    }


# -- the stored form -----------------------------------------------------------------------------


def read(path: Path) -> NotebookNode:
    """Read a notebook, or say why it is none."""
    try:
        text = path.read_text(encoding="utf-8")
        stored = json.loads(text)
        with warnings.catch_warnings(category=MissingIDFieldWarning, action="ignore"):
            notebook = nbformat.reads(text, as_version=4)
        if stored["nbformat"] == 4:
            for cell, as_stored in zip(notebook.cells, stored["cells"], strict=True):
                if "id" not in as_stored:
                    cell.pop("id", None)  # nbformat's is random; name_cells gives a readable one
    except FileNotFoundError:
        raise NotebookError(f"{path}: no such notebook") from None
    except Exception as error:  # nbformat raises whatever comes when it reads other JSON
        raise NotebookError(f"{path}: not a notebook: {error}") from None
    return notebook


def write(notebook: NotebookNode, path: Path) -> None:
    """Write `notebook` in the one stored form, all of it or nothing."""
    text = stored_text(notebook)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.part")
    part.write_text(text, encoding="utf-8")
    part.replace(path)


def stored_text(notebook: NotebookNode) -> str:
    """Return the text of the file that holds `notebook`, which is normalised in place."""
    normalise(notebook)
    nbformat.validate(notebook)
    return nbformat.writes(notebook, indent=1).rstrip("\n") + "\n"


def normalise(notebook: NotebookNode) -> None:
    """Remove from `notebook` all that differs between machines, editors and runs, in place."""
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    kept = {k: v for k, v in notebook.metadata.items() if k in KEPT_NOTEBOOK_METADATA}
    notebook.metadata = nbformat.from_dict(
        {**kept, "kernelspec": KERNELSPEC, "language_info": {"name": "python"}}
    )
    for cell in notebook.cells:
        cell.metadata = NotebookNode(
            {k: v for k, v in cell.metadata.items() if k in KEPT_CELL_METADATA and v}
        )
        cell.source = cell.source.strip("\n")
        if cell.cell_type == "code":
            cell.outputs = list(coalesced(cell.outputs))
            for output in cell.outputs:
                normalise_output(output)
    name_cells(notebook.cells)


def coalesced(outputs: Iterable[NotebookNode]) -> Iterator[NotebookNode]:
    """Join each run of outputs that belong to one stream."""
    last = None
    for output in outputs:
        if last and output.output_type == "stream" and output.get("name") == last.get("name"):
            last.text += output.text
        else:
            yield output
            last = output if output.output_type == "stream" else None


def normalise_output(output: NotebookNode) -> None:
    """Keep of an output's metadata the size at which an image is shown, and nothing else."""
    if "metadata" in output:
        sizes = {
            mime: {k: v for k, v in values.items() if k in ("width", "height")}
            for mime, values in output.metadata.items()
            if mime.startswith("image/")
        }
        output.metadata = nbformat.from_dict({mime: size for mime, size in sizes.items() if size})


def name_cells(cells: list[NotebookNode]) -> None:
    """Give an id to each cell that has none; it is read in diffs and never changes afterwards."""
    taken = {cell.id for cell in cells if "id" in cell}
    for cell in cells:
        if "id" not in cell:
            stem, number = readable_id(cell), 1
            cell.id = stem
            while cell.id in taken:
                number += 1
                cell.id = f"{stem}-{number}"
            taken.add(cell.id)


def readable_id(cell: NotebookNode) -> str:
    """Return an id made of what names a cell: its label, its figure, or how it begins."""
    if cell.cell_type == "code":
        figure = cell.metadata.get("mystnb", {}).get("figure", {}).get("name")
        if figure:
            return slug(figure)
        kinds = ("setup", "check", "solution")
        kind = next((tag for tag in kinds if tag in cell.metadata.get("tags", [])), "code")
        return kind if kind == "setup" else f"{kind}-{slug(cell.source, words=4)}".rstrip("-")
    named = re.search(r"^:label: *(\S+)|^#+ +(.+)", cell.source, flags=re.MULTILINE)
    return slug(next(filter(None, named.groups())) if named else cell.source, words=6) or "text"


def slug(text: str, words: int = 8) -> str:
    """Return the first words of `text` in the letters that an id may have."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    return "-".join(re.findall(r"[a-z0-9]+", plain)[:words])[:48].strip("-")


# -- running -------------------------------------------------------------------------------------


def run(path: Path) -> str:
    """Execute a notebook from a fresh kernel and store it; return the line that reports it."""
    notebook = read(path)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    start = time.perf_counter()
    peak = execute(notebook, path)
    seconds = time.perf_counter() - start
    write(notebook, path)
    memory = f"{peak:.0f} MB" if peak else "unknown on this system"
    return f"{shown(path)}: {seconds:.1f} s, peak memory of the kernel {memory}"


def execute(notebook: NotebookNode, path: Path) -> float | None:
    """Execute all cells in place; return the kernel's peak memory in megabytes, where known."""
    client = NotebookClient(
        notebook,
        km=AsyncKernelManager(
            kernel_name=CURRENT_ENV_KERNEL_NAME, kernel_spec_manager=NbvalKernelspecManager()
        ),
        timeout=CELL_TIMEOUT,
        record_timing=False,
        store_widget_state=False,
        extra_arguments=["--HistoryManager.hist_file=:memory:"],
    )
    with (
        tempfile.TemporaryFile(mode="w+", encoding="utf-8", errors="replace") as log,
        client.setup_kernel(
            cwd=str(path.parent), env=kernel_environment(), stderr=log, cleanup_kc=True
        ),
    ):
        for index, cell in enumerate(notebook.cells):
            try:
                client.execute_cell(cell, index)
            except CellExecutionError as error:
                message = ANSI.sub("", str(error))
            except CellTimeoutError:
                message = f"ran for more than {CELL_TIMEOUT} s"
            except DeadKernelError:
                log.seek(0)
                message = f"the kernel died\n{log.read()[-2000:]}"
            else:
                continue
            raise NotebookError(f"{place(path, index, cell)}\n\n{message}")
        return peak_memory(client.km.provisioner.pid)


def peak_memory(pid: int) -> float | None:
    """Return the most memory that a living process has held, in megabytes (Linux only)."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return None
    return int(re.search(r"VmHWM:\s+(\d+) kB", status)[1]) * 1024 / 1e6


def place(path: Path, index: int, cell: NotebookNode) -> str:
    """Return where a cell is: its chapter, its number among all cells, its id and first line."""
    first = next((line for line in cell.source.splitlines() if line.strip()), "(empty)")
    return f"{shown(path)}, cell {index + 1} (id {cell.get('id', '?')}): {first.strip()}"


def shown(path: Path) -> str:
    """Return `path` from the root of the repository, where it lies inside."""
    path = path.resolve()
    return str(path.relative_to(ROOT) if path.is_relative_to(ROOT) else path)


# -- the set-up cell, text and stamping ----------------------------------------------------------


def write_setup(path: Path) -> str:
    """Make the set-up cell the second cell of a notebook, in place of any that it has."""
    notebook = read(path)
    old = [cell for cell in notebook.cells if "setup" in cell.metadata.get("tags", [])]
    cell = old[0] if old else nbformat.v4.new_code_cell(id="setup")
    cell.source, cell.metadata = SETUP_CELL, NotebookNode(tags=SETUP_TAGS)
    rest = [cell for cell in notebook.cells if "setup" not in cell.metadata.get("tags", [])]
    notebook.cells = [*rest[:1], cell, *rest[1:]]
    write(notebook, path)
    return f"{shown(path)}: set-up cell written"


def export_text(path: Path, text: Path) -> str:
    """Write a notebook as MyST markdown, without its outputs."""
    text.write_text(jupytext.writes(read(path), fmt="md:myst"), encoding="utf-8")
    return f"{text}: written from {shown(path)}"


def import_text(text: Path, path: Path) -> str:
    """Make a notebook of MyST markdown; known cells keep ids, unchanged ones their outputs."""
    try:
        source = jupytext.reads(text.read_text(encoding="utf-8"), fmt="md:myst")
    except FileNotFoundError:
        raise NotebookError(f"{text}: no such file") from None
    except Exception as error:
        raise NotebookError(f"{text}: not MyST markdown: {error}") from None
    for cell in source.cells:
        cell.pop("id", None)  # random; name_cells gives a readable one
    if path.exists():
        stored = read(path)
        before = {cell.id: cell.source for cell in stored.cells}
        source = combine_inputs_with_outputs(source, stored, fmt="md:myst")
        for cell in source.cells:
            if cell.cell_type == "code" and before.get(cell.get("id")) != cell.source:
                cell.outputs, cell.execution_count = [], None
    write(source, path)
    return f"{shown(path)}: written from {text}; now run it"


def stamp(source: str, target: Path, chapters: Path = ROOT / "chapters") -> list[Path]:
    """Write copies of all chapters, under `target`, whose set-up cell installs from `source`."""
    if not re.fullmatch(r"[^\s\"'\\]+", source):
        raise NotebookError(f"--source {source!r}: give what pip installs, no quotes, no spaces")
    if target.resolve().is_relative_to(chapters.resolve()) or target.resolve() == chapters.parent:
        raise NotebookError(f"{target}: chapters are never stamped in place; give another folder")
    stamped = SETUP_CELL.replace(SOURCE_LINE, f'XENTLIB_SOURCE = "{source}"')
    written = []
    for path in sorted(chapters.rglob("*.ipynb")):
        if ".ipynb_checkpoints" in path.parts:
            continue
        notebook = read(path)
        cells = [cell for cell in notebook.cells if cell.source == SETUP_CELL]
        if len(cells) != 1:
            raise NotebookError(f"{shown(path)}: no set-up cell; write it with the command `setup`")
        cells[0].source = stamped
        written.append(target / path.relative_to(chapters.parent))
        write(notebook, written[-1])
    if not written:
        raise NotebookError(f"{chapters}: holds no notebook")
    return written


# -- the command line ----------------------------------------------------------------------------


def main(argv: list[str] | None = None) -> int:
    """Do what the command line says; 1 if a notebook failed."""
    parser = argparse.ArgumentParser(
        prog="python -m tools.notebooks",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name in ("run", "setup", "normalise"):
        commands.add_parser(name).add_argument("notebooks", nargs="+", type=Path, metavar="NB")
    exporter = commands.add_parser("export")
    exporter.add_argument("notebook", type=Path, metavar="NB")
    exporter.add_argument("text", type=Path, metavar="FILE.md")
    importer = commands.add_parser("import")
    importer.add_argument("text", type=Path, metavar="FILE.md")
    importer.add_argument("notebook", type=Path, metavar="NB")
    stamper = commands.add_parser("stamp")
    stamper.add_argument("--source", required=True, help="what pip installs: git+https://...@main")
    stamper.add_argument("target", type=Path, metavar="DIR")
    options = parser.parse_args(argv)

    each = {"run": run, "setup": write_setup, "normalise": store_normalised}
    failed = False
    try:
        if options.command == "export":
            print(export_text(options.notebook, options.text))
        elif options.command == "import":
            print(import_text(options.text, options.notebook))
        elif options.command == "stamp":
            print(f"{len(stamp(options.source, options.target))} notebooks in {options.target}")
        else:
            for path in options.notebooks:
                try:
                    print(each[options.command](path), flush=True)
                except NotebookError as error:
                    failed = True
                    print(f"FAILED {error}", file=sys.stderr, flush=True)
    except NotebookError as error:
        failed = True
        print(f"FAILED {error}", file=sys.stderr)
    return int(failed)


def store_normalised(path: Path) -> str:
    """Rewrite a notebook in the stored form."""
    write(read(path), path)
    return f"{shown(path)}: normalised"


if __name__ == "__main__":
    sys.exit(main())
