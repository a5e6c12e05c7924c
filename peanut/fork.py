"""Children made by fork: PyTorch's threads do not come along, and a child that counts on them waits for ever.

So a forked child of a process that uses PEANUT computes in one thread. Children by `spawn` begin afresh, with all their
threads: the better way, and the only one with CUDA.
"""

import os

import torch


def _one_thread() -> None:
    torch.set_num_threads(1)


if hasattr(os, "register_at_fork"):  # not on Windows, where nothing forks
    os.register_at_fork(after_in_child=_one_thread)
