"""A pytest plugin: what `pytest -n 2` may run side by side, and in what order.

The cells of a notebook share a kernel and the tests of a file share fixtures: each file stays on
one worker. Only slow tests that share little, one page in the browser or one chapter in Colab, are
dealt out one by one. Files start in the order of the command line, notebooks first: a worker that
began a long one last would keep the other waiting.
"""

import os

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadFileScheduling

# What tells NumPy, PyTorch and TensorFlow how many threads to start.
THREADS = ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS")


DEALT_OUT = ("test_book_browser.py", "test_project_colab.py")


class ByFile(LoadFileScheduling):
    """Deals out files, and the tests in some of them."""

    def _split_scope(self, nodeid: str) -> str:
        file = super()._split_scope(nodeid)
        return nodeid if file.endswith(DEALT_OUT) else file


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> ByFile:
    """Deal out tests like that whatever `--dist` says; nothing else works here."""
    config.option.loadscopereorder = False
    return ByFile(config, log)


def pytest_configure(config: pytest.Config) -> None:
    """Divide the cores among the workers; their kernels and they inherit the variables."""
    if workers := config.option.numprocesses:
        for name in THREADS:
            os.environ.setdefault(name, str(max(1, (os.cpu_count() or 1) // workers)))
