"""What refuses other hosts than registries while the book is built."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent / "registries_only"
CONNECT = """
import socket, sys
server = socket.create_server(("127.0.0.1", 0))
socket.create_connection(server.getsockname())
socket.socket().{call}
"""


@pytest.mark.parametrize(
    "call",
    ['connect(("192.0.2.1", 80))', 'connect(("files.grouplens.org", 443))', "connect(('', 9))"],
)
def test_other_hosts_are_refused(call):
    done = subprocess.run(
        [sys.executable, "-c", CONNECT.format(call=call)],
        env=os.environ | {"PYTHONPATH": str(FOLDER)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert "is no package registry" in done.stderr


def test_libraries_meet_it_too():
    code = "import requests; requests.get('https://raw.githubusercontent.com/')"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"PYTHONPATH": str(FOLDER)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert "raw.githubusercontent.com is no package registry" in done.stderr
