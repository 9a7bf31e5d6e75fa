"""`make lab` opens the chapters with this environment's kernel, whatever else is called python3."""

import json
import os
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest
from jupyter_client.blocking import BlockingKernelClient

ROOT = Path(__file__).resolve().parents[2]
OTHER = {"argv": ["/bin/false", "{connection_file}"], "display_name": "Other", "language": "python"}
START = 120  # seconds; a busy machine takes its time


@pytest.fixture
def lab(tmp_path):
    """Start what `make lab` starts, without a browser; return a function that asks its API."""
    for jupyter in (tmp_path / "home/.local/share/jupyter", tmp_path / "other"):
        (jupyter / "kernels/python3").mkdir(parents=True)
        (jupyter / "kernels/python3/kernel.json").write_text(json.dumps(OTHER))
    environment = {
        **{name: value for name, value in os.environ.items() if name != "PYTHONPATH"},
        "HOME": str(tmp_path / "home"),
        "JUPYTER_PATH": str(tmp_path / "other"),
        "JUPYTER_PREFER_ENV_PATH": "0",
        "JUPYTER_RUNTIME_DIR": str(tmp_path / "runtime"),
        "IPYTHONDIR": str(tmp_path / "ipython"),
    }
    options = "--no-browser --allow-root --ip=127.0.0.1 --port=0 --port-retries=0"
    shown = subprocess.run(
        ["make", "--dry-run", "--old-file=.venv/ready", "lab", f"ARGS={options}"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    (command,) = (line for line in shown.stdout.splitlines() if "jupyterlab" in line)
    command = command.replace(".venv/bin/python", f"'{sys.executable}'")
    with (tmp_path / "log").open("w") as log:
        server = subprocess.Popen(
            ["sh", "-c", f"exec {command}"], cwd=ROOT, env=environment, stdout=log, stderr=log
        )
    try:
        end = time.monotonic() + START
        while not (found := list((tmp_path / "runtime").glob("jpserver-*.json"))):
            assert server.poll() is None, (tmp_path / "log").read_text()
            assert time.monotonic() < end, (tmp_path / "log").read_text()
            time.sleep(0.2)
        about = json.loads(found[0].read_text())

        def ask(what, **data):
            body = json.dumps(data).encode() if data else None
            headers = {"Authorization": f"token {about['token']}"}
            request = urllib.request.Request(f"{about['url']}api/{what}", body, headers)
            with urllib.request.urlopen(request, timeout=START) as answer:
                return json.load(answer)

        ask.runtime = tmp_path / "runtime"
        yield ask
    finally:
        server.terminate()
        server.wait(START)


def test_a_chapter_runs_on_this_environments_kernel(lab):
    specs = lab("kernelspecs")
    assert specs["default"] == "python3"
    assert specs["kernelspecs"]["python3"]["spec"]["display_name"] != "Other"
    chapter = lab("contents/foundations/entropy.ipynb?content=1")
    name = chapter["content"]["metadata"]["kernelspec"]["name"]
    session = lab("sessions", path=chapter["path"], name="", type="notebook", kernel={"name": name})
    kernel = BlockingKernelClient(
        connection_file=str(lab.runtime / f"kernel-{session['kernel']['id']}.json")
    )
    kernel.load_connection_file()
    kernel.start_channels()
    try:
        kernel.wait_for_ready(START)
        code = "import os, sys, xentlib; print(sys.executable, os.getcwd(), xentlib.__file__)"
        printed = []
        kernel.execute_interactive(
            code, timeout=START, output_hook=lambda out: printed.append(out["content"].get("text"))
        )
    finally:
        kernel.stop_channels()
    (text,) = filter(None, printed)
    folder, module = ROOT / "chapters/foundations", ROOT / "xentlib/__init__.py"
    assert text.split() == [sys.executable, str(folder), str(module)]
