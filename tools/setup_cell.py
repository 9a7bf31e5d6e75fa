# Set-up: find or install the course's helpers; set the figures' style and the seed.
import importlib.util
import random
import subprocess
import sys
from pathlib import Path

XENTLIB_SOURCE = ""  # where pip finds xentlib; filled in when the book is published

if importlib.util.find_spec("xentlib") is None:
    folders = (Path.cwd(), *Path.cwd().parents)
    clones = [str(d) for d in folders if (d / "xentlib" / "__init__.py").is_file()]
    pip = [sys.executable, "-m", "pip", "install", "--quiet", XENTLIB_SOURCE]
    if clones:
        sys.path.insert(0, clones[0])
    elif not XENTLIB_SOURCE:
        raise ImportError("no xentlib: open this notebook inside a clone of the course")
    elif subprocess.run(pip, capture_output=True).returncode:
        raise ImportError(f"is there a network? Failed: pip install {XENTLIB_SOURCE}")
    importlib.invalidate_caches()

import xentlib

xentlib.plots.use_style()
random.seed(0)
