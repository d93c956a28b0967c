"""The one exception that means "the input is wrong", as opposed to "the program is wrong"."""


class InputError(ValueError):
    """Something the user supplied cannot be used.

    The message names the file, row or parameter at fault and the remedy. The command line prints
    it without a traceback; notebooks show it as an ordinary exception.
    """
