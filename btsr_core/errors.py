"""The one exception that means "the input is wrong", as opposed to "the program is wrong"."""

import re

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
