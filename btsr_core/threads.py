"""Share work among threads by its parts, not within each operation.

PyTorch divides every operation among its threads, which wait for each other at its end. Where an
operation takes microseconds, threads that each do some of the work alone get more done.
"""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import torch

T = TypeVar("T")


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

    def run() -> None:
        torch.set_num_threads(1)
        try:
            with torch.inference_mode(inference):
                work(drawn)
        except BaseException:
            for _ in drawn:  # so that the others stop
                pass
            raise

    try:
        with ThreadPoolExecutor(threads) as pool:
            calls = [pool.submit(run) for _ in range(threads)]
        for call in calls:
            call.result()
    finally:
        torch.set_num_threads(threads)  # what threads to come are told
