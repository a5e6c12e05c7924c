"""Options of the process, each tried in a process of its own."""

import os
import subprocess
import sys

import pytest

import peanut

FAULTS = """
import resource, sys, torch
from peanut import fast_paths, keep_memory
fast_paths()
torch.set_num_threads(1)
if sys.argv[1] == "kept":
    assert keep_memory()
for number in range(34):
    if number == 24:  # by now what is freed is found again, wherever the first ones came to lie
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    torch.ones(16_000_000)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="page faults are counted on Linux")
def test_kept_memory_is_used_again():
    def faults(way):
        run = [sys.executable, "-c", FAULTS, way]
        return int(subprocess.run(run, capture_output=True, text=True, check=True).stdout)

    assert faults("kept") < 0.1 * faults("given back")


FORKED = """
import multiprocessing, peanut, torch
from peanut import Frame
torch.set_num_threads(2)

def job():
    image = torch.zeros(3, 720, 1280, dtype=torch.uint8)
    frames = [Frame(index=n, time=n, image=image) for n in range(2)]
    list(frames | peanut.MovingObjects() | peanut.FlowEraser())
    torch.ones(3, 1080, 1920).mul(2).add(1).sum()  # in parallel

job()
child = multiprocessing.get_context("fork").Process(target=job)
child.start()
child.join(60)
print(child.exitcode)
child.kill()
"""


@pytest.mark.skipif(not hasattr(os, "register_at_fork"), reason="nothing forks here")
def test_a_forked_child_of_a_process_that_has_computed_ends():
    done = subprocess.run([sys.executable, "-c", FORKED], capture_output=True, text=True, timeout=120)
    assert done.stdout == "0\n", done.stderr


def test_no_memory_is_kept_where_there_is_no_glibc(monkeypatch):
    monkeypatch.setattr(sys, "platform", "darwin")
    assert not peanut.keep_memory()
