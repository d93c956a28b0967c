"""Share work among threads by its parts, not within each operation.

PyTorch divides every operation among its threads, which wait for each other at its end. Where an
operation takes microseconds, threads that each do some of the work alone get more done.
"""

import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from functools import lru_cache
from typing import TypeVar

import torch

T = TypeVar("T")


@lru_cache(maxsize=1)
def _pool(threads: int) -> ThreadPoolExecutor:
    """Return threads that stay: PyTorch works slowly in a thread that is new to it."""
    return ThreadPoolExecutor(threads, "share")


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_pool.cache_clear)  # threads do not come along


def share(work: Callable[[Iterator[T]], None], parts: Iterable[T], device: torch.device) -> None:
    """Call `work` in as many threads as PyTorch uses, all of which draw from the same parts.

    Within `work` PyTorch uses one thread. On a GPU, which needs no help, or where there is one
    thread or one part, `work` is simply called.

    Parameters
    ----------
    work
        Handles the parts that it draws, one after the other, and none that another call has drawn;
        may be given none. Its tensors must not be written to by two parts.
    parts
        Drawn in order, so the largest best come first.
    device
        Where the work is done.

    Raises
    ------
    Exception
        What `work` raises; the other threads draw no further parts then.
    """
    listed = list(parts)
    drawn, threads = iter(listed), torch.get_num_threads()
    if device.type != "cpu" or min(threads, len(listed)) < 2:
        work(drawn)
        return
    inference = torch.is_inference_mode_enabled()  # each thread has a mode of its own

    def stop() -> None:
        for _ in drawn:  # which leaves nothing for the others
            pass

    def run() -> None:
        torch.set_num_threads(1)
        try:
            with torch.inference_mode(inference):
                work(drawn)
        except BaseException:
            stop()
            raise

    try:
        calls = [_pool(threads).submit(run) for _ in range(threads)]
        wait(calls)
        for call in calls:
            call.result()
    except BaseException:  # such as an interrupt here: nothing goes on unseen
        stop()
        wait(calls)
        raise
    finally:
        torch.set_num_threads(threads)  # what threads to come are told


def even(n: int, most: int, device: torch.device) -> int:
    """Return a size of parts, at most `most` but no less than 1, of which each thread gets as many.

    Parameters
    ----------
    n
        What is to be divided.
    """
    threads = torch.get_num_threads() if device.type == "cpu" else 1
    n_parts = -(-n // max(1, most))
    n_parts = -(-n_parts // threads) * threads
    return max(1, -(-n // max(1, n_parts)))
