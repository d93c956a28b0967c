"""Refuses every host but package registries: for every Python with this folder on its path.

So a build is shown to need nothing else, on a machine that reaches everything too.
"""

import socket
import sys
from pathlib import PurePath

ALLOWED = {"localhost", "127.0.0.1", "::1", "registry.npmjs.org"}
PIP = {"pip", "pip3", "__pip-runner__.py"}
IS_PIP = any(PurePath(part).name in PIP for part in sys.orig_argv[:3])
"""It asks the index that it is set up for."""

look_up, connect = socket.getaddrinfo, socket.socket.connect
known = set(ALLOWED)


def refuse(host):
    """Raise an OSError unless a host may be asked."""
    name = host.decode() if isinstance(host, bytes) else host
    if not IS_PIP and name not in known:
        raise ConnectionRefusedError(f"{name} is no package registry")


def guarded_look_up(host, *arguments, **options):
    """Look up a host that may be asked, and remember its addresses."""
    if host is not None:
        refuse(host)
    found = look_up(host, *arguments, **options)
    known.update(address[0] for *_, address in found)
    return found


def guarded_connect(self, address):
    """Connect within this machine, or to an address that was looked up."""
    if self.family in (socket.AF_INET, socket.AF_INET6):
        refuse(address[0])
    return connect(self, address)


socket.getaddrinfo = guarded_look_up
socket.socket.connect = guarded_connect
