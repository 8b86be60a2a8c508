"""Jobs done by several processes: in order, none lost, and a process that dies takes only its own job with it."""

from __future__ import annotations

import os
import subprocess
import sys
import time

import pytest

from affekt.cli._workers import in_order


def square(number: int) -> int:
    return number * number


def slow_first(number: int) -> int:
    time.sleep(0.3 if number == 0 else 0)
    return number


def dies_on_three(number: int) -> int:
    if number == 3:
        os._exit(11)
    return number


def process(number: int) -> int:
    time.sleep(0.05)
    return os.getpid()


def test_all_jobs_are_done_in_order():
    assert list(in_order(square, range(30), workers=2, lost=abs)) == [n * n for n in range(30)]


def test_a_slow_job_keeps_its_place():
    assert list(in_order(slow_first, range(6), workers=2, lost=abs)) == list(range(6))


def test_no_jobs_are_no_results():
    assert list(in_order(square, [], workers=2, lost=abs)) == []


@pytest.mark.parametrize("workers", [1, 2])
def test_a_process_that_dies_loses_its_own_job_only(workers):
    assert list(in_order(dies_on_three, range(6), workers=workers, lost=lambda job: -job)) == [0, 1, 2, -3, 4, 5]


def test_the_work_is_shared_and_not_done_here():
    processes = set(in_order(process, range(8), workers=2, lost=abs))
    assert len(processes) == 2
    assert os.getpid() not in processes


def test_leaving_early_ends_the_processes():
    results = in_order(process, range(100), workers=2, lost=abs)
    worker = next(results)
    results.close()
    with pytest.raises(ProcessLookupError):
        os.kill(worker, 0)


_LEFT_ALONE = """
import os, time
from affekt.cli._workers import in_order

def slow(number):
    time.sleep(1.5 if number else 0)
    return number

if __name__ == "__main__":
    results = in_order(slow, range(9), workers=2, lost=abs)
    next(results)
    os._exit(0)
"""


def test_a_process_whose_parent_is_gone_leaves_quietly(tmp_path):
    """Nobody tells it: it finds out when it sends its result."""
    (tmp_path / "left_alone.py").write_text(_LEFT_ALONE)
    done = subprocess.run([sys.executable, tmp_path / "left_alone.py"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")  # read to the end, which comes when the last process has left
