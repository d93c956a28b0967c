import threading
import time

import pytest
import torch

from btsr_core.machine.threads import even, share

CPU = torch.device("cpu")


@pytest.fixture
def two_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


@pytest.mark.usefixtures("two_threads")
@pytest.mark.parametrize("n", [0, 1, 2, 1000])
def test_each_part_is_handled_once(n):
    handled = []
    share(handled.extend, range(n), CPU)
    assert sorted(handled) == list(range(n))


@pytest.mark.usefixtures("two_threads")
def test_two_threads_work_at_the_same_time():
    both = threading.Barrier(2, timeout=600)  # breaks unless both get there
    seen = []

    def work(parts):
        for part in parts:
            both.wait()
            seen.append((part, threading.get_ident()))

    share(work, range(2), CPU)
    assert len(set(dict(seen).values())) == 2


@pytest.mark.usefixtures("two_threads")
def test_work_has_one_thread_and_the_mode_of_the_caller():
    found = []

    def work(parts):
        for _ in parts:
            found.append((torch.get_num_threads(), torch.is_inference_mode_enabled()))

    share(work, range(4), CPU)
    with torch.inference_mode():
        share(work, range(4), CPU)
    assert found == [(1, False)] * 4 + [(1, True)] * 4
    assert torch.get_num_threads() == 2
    later = []
    thread = threading.Thread(target=lambda: later.append(torch.get_num_threads()))
    thread.start()
    thread.join()
    assert later == [2]


@pytest.mark.usefixtures("two_threads")
def test_an_error_is_raised_and_ends_the_work():
    handled = []

    def work(parts):
        for part in parts:
            handled.append(part)
            if part == 3:
                raise ValueError("three")

    with pytest.raises(ValueError, match="three"):
        share(work, range(10**7), CPU)
    assert len(handled) < 10**7
    assert torch.get_num_threads() == 2


def test_a_gpu_needs_no_threads():
    callers = []
    share(lambda _: callers.append(threading.get_ident()), range(9), torch.device("cuda"))
    assert callers == [threading.get_ident()]


@pytest.mark.usefixtures("two_threads")
@pytest.mark.parametrize(
    ("n", "most", "size"), [(3619, 174, 165), (5, 100, 3), (1, 9, 1), (7, 1, 1)]
)
def test_parts_are_even(n, most, size):
    assert even(n, most, CPU) == size
    assert even(0, most, CPU) == 1
    assert even(n, 0, CPU) == 1


@pytest.mark.usefixtures("two_threads")
def test_a_failure_leaves_nothing_running():
    handled = []

    def work(parts):
        for part in parts:
            if part == 3:
                raise ValueError("three")
            handled.append(part)

    for _ in range(20):  # the threads stay, and must go on working afterwards
        with pytest.raises(ValueError, match="three"):
            share(work, range(10_000), CPU)
        so_far = len(handled)
        time.sleep(0.001)
        assert len(handled) == so_far
    share(handled.append, [0], CPU)
    assert torch.get_num_threads() == 2
