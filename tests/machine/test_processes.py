import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from btsr_core.machine.processes import usable_cores

PARENT = """
import os, sys, threading
from btsr_core.machine.processes import worker_pool

def work(path):
    with open(path, "w") as out:
        out.write(str(os.getpid()))
    threading.Event().wait()

if __name__ == "__main__":
    with worker_pool(1) as pool:
        pool.submit(work, sys.argv[1]).result()
"""


def test_cores_are_those_this_process_may_use():
    assert 1 <= usable_cores() <= (os.cpu_count() or 1)


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="asks /proc whether a process lives")
def test_workers_end_with_a_killed_parent(tmp_path):
    script, told = tmp_path / "parent.py", tmp_path / "pid"
    script.write_text(PARENT)
    parent = subprocess.Popen([sys.executable, script, told])
    while not (told.exists() and told.read_text()):
        assert parent.poll() is None
        time.sleep(0.05)
    worker = Path("/proc") / told.read_text()
    assert worker.exists()
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    while worker.exists():  # for ever, if it does not end
        time.sleep(0.05)
