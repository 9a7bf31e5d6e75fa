"""Row blocks: a loss over a large batch in little memory, on every core.

A formula such as log-sum-exp reads its input several times and fills arrays of the same size
on the way. Applied to a block of rows that fits a core's cache, those arrays never reach main
memory; and because NumPy releases the interpreter's lock inside its loops, blocks run side by
side.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache

BLOCK_BYTES = 1 << 19  # 512 KiB: a block and what is computed from it fit a second-level cache


def for_each_block(work: Callable[[slice], None], n_rows: int, row_bytes: int) -> None:
    """Call `work` on slices that cover `n_rows` rows of `row_bytes` bytes each."""
    step = max(1, BLOCK_BYTES // max(1, row_bytes))
    blocks = [slice(start, start + step) for start in range(0, n_rows, step)]
    if len(blocks) < 2 or cores() == 1:
        for block in blocks:
            work(block)
    else:
        list(_pool().map(work, blocks))  # list() waits, and lets an exception through


@cache
def cores() -> int:
    """Number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@cache
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(cores(), thread_name_prefix="xentlib")


if hasattr(os, "register_at_fork"):
    # A fork inherits the pool but none of its threads: whoever waited for them would wait forever.
    os.register_at_fork(after_in_child=_pool.cache_clear)
