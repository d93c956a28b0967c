"""What ends a command early and is no fault of the program: input, a machine's limits, Ctrl-C.

Light to import, for entry points begin with it.
"""

import errno
import os
import re
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

PLACES = (
    "choose another place: --runs or BTSR_RUNS, --results, BTSR_CACHE for downloads, TMPDIR for "
    "temporary files"
)
_REMEDIES = {
    **dict.fromkeys((errno.ENOSPC, errno.EDQUOT), f"free some room there or {PLACES}"),
    **dict.fromkeys(
        (errno.EACCES, errno.EPERM, errno.EROFS), f"change who may read and write it, or {PLACES}"
    ),
    **dict.fromkeys((errno.EEXIST, errno.ENOTDIR), f"move the file in the way or {PLACES}"),
    errno.EISDIR: "a file belongs there: move the folder away",
    errno.ENAMETOOLONG: "give a shorter name",
    errno.EMFILE: "close other programs or raise `ulimit -n`",
}
_OUT_OF_MEMORY = re.compile(
    r"allocat|out of memory|bad_alloc|Storage size calculation overflowed|can't start new thread"
    r"|could not create a (memory|primitive)",
    re.IGNORECASE,
)
_ASKED = re.compile(
    r"(?:tried to allocate|unable to allocate|of size) ([\d.]+(?: ?[KMGT]iB)?)", re.I
)

# All control characters but line feed and tab, what turns the direction of writing, and halves of
# characters, which stand for bytes of a file's name that are no text and cannot be printed.
_HARMFUL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def printable(text: str) -> str:
    r"""Return text that a terminal only shows: what would steer it is written as `\x1b`.

    Titles, ids and names of files may hold anything; whatever is printed goes through here.
    """
    return _HARMFUL.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


class InputError(ValueError):
    """Something the user supplied cannot be used.

    The message names the file, row or parameter at fault and the remedy. The command line prints
    it without a traceback; notebooks show it as an ordinary exception.
    """

    def __init__(self, message: str) -> None:
        super().__init__(printable(message))


@contextmanager
def explained() -> Iterator[None]:
    """Raise an `InputError` for what the machine lacks or refuses: room, rights, memory."""
    try:
        yield
    except BrokenPipeError:  # whoever read the output has left
        raise
    except (OSError, MemoryError, RuntimeError) as error:
        said = _said(error)
        if said is None:
            raise
        raise InputError(said) from error


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory ran out, in whichever library."""
    if isinstance(error, OSError):
        return error.errno == errno.ENOMEM
    told = isinstance(error, RuntimeError) and _OUT_OF_MEMORY.search(str(error))
    return isinstance(error, MemoryError) or bool(told)


def is_damage(error: Exception) -> bool:
    """Whether an error in reading a file tells of the file, and not of the machine's limits."""
    if isinstance(error, OSError):
        missing = isinstance(error, FileNotFoundError | IsADirectoryError | NotADirectoryError)
        return missing or error.errno is None  # as Arrow's are
    return not is_out_of_memory(error)


def _said(error: Exception) -> str | None:
    """Say in one line what an error means and what helps; None for what the program did wrong."""
    if is_out_of_memory(error):
        asked = _ASKED.search(str(error))
        size = f" for {_in_words(asked[1])} more" if asked else ""
        return (
            f"there is not enough memory{size}; a smaller batch_size, dim or max_len, or fewer "
            "items (a higher k_core) need less"
        )
    if not isinstance(error, OSError) or error.errno is None:
        return None
    place = error.filename2 or error.filename or "the output or a temporary file"
    remedy = _REMEDIES.get(error.errno)
    return f"{place}: {os.strerror(error.errno)}" + (f"; {remedy}" if remedy else "")


def _in_words(size: str) -> str:
    """Return a size as it stands, or bytes in MiB."""
    return f"{int(size) / 2**20:,.0f} MiB" if size.isdigit() else size


def end_at_interrupt(name: str) -> None:
    """Let Ctrl-C end the program with a word from here on.

    For start-up: imports may swallow a KeyboardInterrupt or show it as something else, and nothing
    is lost yet. See `interruptible` for what comes after.
    """

    def end(*_: Any) -> None:
        os.write(2, f"{name}: interrupted\n".encode())
        os._exit(130)

    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # it may be ignored
        signal.signal(signal.SIGINT, end)


@contextmanager
def interruptible() -> Iterator[None]:
    """Let Ctrl-C raise KeyboardInterrupt in the block, whatever it does outside."""
    outside = signal.getsignal(signal.SIGINT)
    if outside is signal.SIG_IGN or threading.current_thread() is not threading.main_thread():
        yield
        return
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, outside)
