"""Measure the built book with Lighthouse, as a reader on a phone and on a laptop gets it.

    python tools/lighthouse.py [--html _build/html] [page.html ...]

Serves the built HTML on a loopback port, compressed and with the cache header of GitHub Pages,
and runs ``lighthouse@12`` with the system's Chromium. Prints a table and writes the figures to
``build/lighthouse.json``. It builds nothing.
"""

from __future__ import annotations

import argparse
import functools
import gzip
import http.server
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CATEGORIES = {
    "performance": "perf",
    "accessibility": "a11y",
    "best-practices": "practices",
    "seo": "SEO",
}
AUDITS = {
    "first-contentful-paint": "FCP ms",
    "largest-contentful-paint": "LCP ms",
    "total-blocking-time": "TBT ms",
    "cumulative-layout-shift": "CLS",
    "total-byte-weight": "bytes",
}
COMPRESSED = {".html", ".css", ".js", ".svg", ".json", ".inv"}


class PagesHandler(http.server.SimpleHTTPRequestHandler):
    """Serve files the way GitHub Pages does: gzip for text, ten minutes of cache."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Send one file."""
        path = Path(self.translate_path(self.path))
        if path.is_dir():
            path /= "index.html"
        if not path.is_file():
            self.send_error(404)
            return
        body = path.read_bytes()
        self.send_response(200)
        self.send_header("Content-Type", self.guess_type(path.name))
        if path.suffix in COMPRESSED and "gzip" in self.headers.get("Accept-Encoding", ""):
            body = gzip.compress(body)
            self.send_header("Content-Encoding", "gzip")
        self.send_header("Vary", "Accept-Encoding")
        self.send_header("Cache-Control", "max-age=600")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        """Keep the terminal for the table."""


def find_chromium() -> str | None:
    """Return the path of a Chromium or Chrome, or None."""
    names = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
    return os.environ.get("CHROME_PATH") or next(filter(None, map(shutil.which, names)), None)


def largest_chapter(html: Path) -> str | None:
    """Return the chapter with the most HTML: the one that is hardest to be fast with."""
    pages = [p for p in html.glob("chapters/*/*.html") if p.parent.name != "appendix"]
    if not pages:
        return None
    return max(pages, key=lambda p: p.stat().st_size).relative_to(html).as_posix()


def measure(url: str, form: str, chromium: str) -> dict[str, float]:
    """Run Lighthouse once and return its scores (0 to 100) and figures."""
    with tempfile.TemporaryDirectory() as scratch:
        report = Path(scratch, "report.json")
        command = ["npx", "--yes", "lighthouse@12", url, "--quiet", "--output=json"]
        command += [f"--output-path={report}", f"--only-categories={','.join(CATEGORIES)}"]
        command += ["--chrome-flags=--headless=new --no-sandbox --disable-gpu"]
        command += ["--preset=desktop"] if form == "desktop" else []
        run = subprocess.run(
            command,
            env=os.environ | {"CHROME_PATH": chromium},
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        if run.returncode or not report.exists():
            sys.exit(f"lighthouse failed on {url}:\n{(run.stderr or run.stdout)[-2000:]}")
        result = json.loads(report.read_text())
    scores = result["categories"]
    figures = {name: round(100 * scores[key]["score"]) for key, name in CATEGORIES.items()}
    for key, name in AUDITS.items():
        figures[name] = round(result["audits"][key]["numericValue"], 3 if name == "CLS" else 0)
    figures["failed"] = [
        audit["id"]
        for key in list(CATEGORIES)[1:]
        for audit in (result["audits"][ref["id"]] for ref in scores[key]["auditRefs"])
        if audit["score"] is not None and audit["score"] < 1
    ]
    return figures


def main(argv: list[str] | None = None) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("pages", nargs="*", help="paths under the built HTML")
    parser.add_argument("--html", type=Path, default=ROOT / "_build" / "html")
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "lighthouse.json")
    args = parser.parse_args(argv)

    pages = args.pages or ["chapters/index.html", largest_chapter(args.html)]
    missing = [p for p in filter(None, pages) if not (args.html / p).is_file()]
    if missing:
        sys.exit(f"not built: {', '.join(missing)} (in {args.html}); run `make book` first")
    chromium = find_chromium()
    if not chromium:
        sys.exit("Chromium is missing: install it (apt-get install chromium) or set CHROME_PATH")
    if not shutil.which("npx"):
        sys.exit("npx is missing: install Node.js 18 or later with npm (nodejs.org)")

    handler = functools.partial(PagesHandler, directory=str(args.html))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    columns = [*CATEGORIES.values(), *AUDITS.values()]
    print(f"{'page':44} {'form':8}" + "".join(f"{name:>10}" for name in columns))
    results = []
    for page in filter(None, pages):
        for form in ("mobile", "desktop"):
            url = f"http://127.0.0.1:{server.server_port}/{page}"
            figures = measure(url, form, chromium)
            results.append({"page": page, "form": form, **figures})
            print(f"{page:44} {form:8}" + "".join(f"{figures[name]:>10}" for name in columns))
            if figures["failed"]:
                print("    failed:", ", ".join(figures["failed"]))
    server.shutdown()
    args.out.parent.mkdir(parents=True, exist_ok=True)
    args.out.write_text(json.dumps(results, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
