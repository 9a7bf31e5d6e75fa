"""Measure what a reader and a learner wait for; print a report and write it to build/bench.md.

    python tools/bench.py                 everything
    python tools/bench.py notebooks       one part, or some: imports losses builds pages notebooks

Imports, the losses against other libraries (benchmarks/losses.py), the build of the book, the
weight of its pages (tools/lighthouse.py) and each notebook, all in a copy of the working tree.
The figures depend on the machine: nothing here fails on a time.
"""

from __future__ import annotations

import argparse
import os
import platform
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ANSI = re.compile(r"\x1b\[[0-9;]*m")
REPEATS = 9
LEFT_BEHIND = shutil.ignore_patterns(".git", ".venv*", "_build", "build", "dist", "__pycache__")


def run(command: list[str], folder: Path) -> tuple[float, subprocess.CompletedProcess[str]]:
    """Run a command; return the seconds it took and what it said."""
    start = time.perf_counter()
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    return time.perf_counter() - start, done


def last_words(done: subprocess.CompletedProcess[str]) -> str:
    """Return the last line with words in it of what a failed command said."""
    lines = ANSI.sub("", f"{done.stdout}\n{done.stderr}").splitlines()
    worded = (line for line in reversed(lines) if re.search(r"\w", line))
    return f"failed: {next(worded, 'no output')}"


def imports(folder: Path) -> Iterator[str]:
    """Time imports in fresh interpreters, in turn, so that a busy moment hits them all."""
    modules = ["numpy", "scipy.special", "xentlib"]
    times: dict[str, list[float]] = {name: [] for name in ["", *modules]}
    for _ in range(REPEATS):
        for name, taken in times.items():
            code = f"import {name}" if name else ""
            taken.append(run([sys.executable, "-c", code], folder)[0])
    start, *medians = map(statistics.median, times.values())
    seconds = {name: median - start for name, median in zip(modules, medians, strict=True)}
    yield "| import | seconds | xentlib takes |"
    yield "|---|--:|--:|"
    for name in modules:
        yield f"| {name} | {seconds[name]:.3f} | {seconds['xentlib'] / seconds[name]:.2f} × |"
    yield ""
    yield f"Medians of {REPEATS} runs, less the {start:.3f} s that Python itself takes to start."
    yield "xentlib promises less than 0.5."


def losses(folder: Path) -> Iterator[str]:
    """Compare the losses with other libraries'."""
    _, done = run([sys.executable, "benchmarks/losses.py"], folder)
    yield last_words(done) if done.returncode else done.stdout.rstrip()


def builds(folder: Path) -> Iterator[str]:
    """Time a first build of the book, one after a change to one chapter, and one after none."""
    book = [str(Path(sys.executable).with_name("jupyter-book")), "build", ".", "-W", "--keep-going"]
    chapter = max(folder.glob("chapters/*/*.ipynb"), key=lambda path: path.stat().st_size)
    yield "| build | seconds | |"
    yield "|---|--:|---|"
    for what in ("from nothing", f"after a change to {chapter.stem}", "after no change"):
        if "change to" in what:
            text = chapter.read_text(encoding="utf-8")
            chapter.write_text(text.replace('"# ', '"# A changed ', 1), encoding="utf-8")
        seconds, done = run(book, folder)
        yield f"| {what} | {seconds:.1f} | {last_words(done) if done.returncode else ''} |"


def pages(folder: Path) -> Iterator[str]:
    """Measure the pages with Lighthouse."""
    command = [sys.executable, "tools/lighthouse.py", "--out", str(ROOT / "build/lighthouse.json")]
    _, done = run(command, folder)
    yield "```"
    yield last_words(done) if done.returncode else done.stdout.rstrip()
    yield "```"


def notebooks(folder: Path) -> Iterator[str]:
    """Execute each notebook from a fresh kernel."""
    yield "| notebook | seconds | peak memory, MB |"
    yield "|---|--:|--:|"
    total = 0.0
    for path in sorted(folder.glob("chapters/*/*.ipynb")):
        name = str(path.relative_to(folder))
        _, done = run([sys.executable, "-m", "tools.notebooks", "run", name], folder)
        if done.returncode:
            yield f"| {name} | {last_words(done)} | |"
        else:
            seconds, memory = re.search(r": ([\d.]+) s, .* kernel (.+)", done.stdout).groups()
            total += float(seconds)
            yield f"| {name} | {seconds} | {memory.removesuffix(' MB')} |"
    yield f"| all | {total:.1f} | |"
    yield ""
    yield "A chapter promises 60 s and 2000 MB on two cores."


PARTS = {
    imports: "Importing the library",
    losses: "Losses, against other libraries",
    builds: "Building the book",
    pages: "Pages, measured with Lighthouse",
    notebooks: "Executing the notebooks",
}


def main(arguments: list[str] | None = None) -> int:
    """Measure, print and write."""
    names = [measure.__name__ for measure in PARTS]
    parser = argparse.ArgumentParser(description="Measure; see the top of this file.")
    parser.add_argument("parts", nargs="*", metavar="PART", help=", ".join(names))
    chosen = parser.parse_args(arguments).parts or names
    if unknown := set(chosen) - set(names):
        parser.error(f"no part {', '.join(sorted(unknown))}; there are {', '.join(names)}")
    machine = f"{os.cpu_count()} cores, {platform.machine()}, {platform.system()}"
    report = [f"# Measurements\n\nPython {platform.python_version()}, {machine}."]
    print(report[0], flush=True)
    with tempfile.TemporaryDirectory() as scratch:
        copy = Path(shutil.copytree(ROOT, Path(scratch, "course"), ignore=LEFT_BEHIND))
        for measure, title in PARTS.items():
            if measure.__name__ not in chosen:
                continue
            report.append(f"\n## {title}\n\n" + "\n".join(measure(copy)))
            print(report[-1], flush=True)
    target = ROOT / "build" / "bench.md"
    target.parent.mkdir(exist_ok=True)
    target.write_text("\n".join(report) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
