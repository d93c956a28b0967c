"""What the machine lacks or refuses becomes one line; an interrupt ends with a word at any time."""

import errno
import hashlib
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from btsr_core import experiment as door
from btsr_core.book import build
from btsr_core.book.vendored import fetch_from_npm
from btsr_core.cli import app
from btsr_core.errors import InputError, explained, is_damage
from btsr_core.files import atomic_path, write_text
from btsr_core.runs import finished

SMALL = ("--k-core", 2, "--max-epochs", 2, "--batch-size", 16, "--dim", 8)


def call(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def said_in_one_line(result):
    assert result.exit_code == 2
    assert result.stderr.startswith("btsr: ")
    assert result.stderr.count("\n") == 1
    return result.stderr


def ask_for_too_much():
    torch.empty(2**60, dtype=torch.uint8)


def ask_numpy_for_too_much():
    np.empty(2**60, dtype=np.uint8)


@pytest.mark.parametrize("ask", [ask_for_too_much, ask_numpy_for_too_much])
def test_a_lack_of_memory_says_what_needs_less(ask):
    said = r"not enough memory for .* more; a smaller batch_size"
    with pytest.raises(InputError, match=said), explained():
        ask()


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (OSError(errno.ENOSPC, "no", "/x/y"), r"^/x/y: No space left on device; free some room"),
        (PermissionError(errno.EACCES, "no", "/x/y"), r"^/x/y: Permission denied; change who"),
        (OSError(errno.EROFS, "no", "/x/y"), r"^/x/y: Read-only file system; change who"),
        (OSError(errno.ENAMETOOLONG, "no", "/x/y"), "File name too long; give a shorter name"),
        (OSError(errno.ENOMEM, "no"), "not enough memory"),
        (RuntimeError("CUDA out of memory. Tried to allocate 20.00 MiB"), "for 20.00 MiB more"),
        (RuntimeError("can't start new thread"), "not enough memory"),
    ],
)
def test_errors_of_the_machine_name_the_place_and_the_remedy(error, said):
    with pytest.raises(InputError, match=said), explained():
        raise error
    assert not is_damage(error)


@pytest.mark.parametrize(
    "error", [RuntimeError("a bug"), OSError("a bug"), BrokenPipeError(32, "")]
)
def test_other_errors_stay_what_they_are(error):
    with pytest.raises(type(error)), explained():
        raise error


@pytest.mark.skipif(sys.platform != "linux", reason="limits of memory are Linux's")
def test_a_limit_of_memory(tiny_csv, tmp_path):
    """As `ulimit -v` sets it: 400 MB beyond what the program itself takes."""
    program = """
import resource, sys
from pathlib import Path
from btsr_core.cli import app
used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + 400 * 2**20,) * 2)
app(sys.argv[1:], prog_name="btsr")
"""
    wide = [*SMALL[:-1], 2**23, "--n-blocks", 1, "--runs", tmp_path / "runs"]
    command = [sys.executable, "-c", program, "train", tiny_csv, *wide]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [str(part) for part in command],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    assert "not enough memory" in done.stderr.splitlines()[-1]
    assert "dim" in done.stderr.splitlines()[-1]


@pytest.fixture
def disk(tmp_path):
    """A disk of 2 MB."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=2m", "none", str(place)]
    if not sys.platform.startswith("linux") or os.geteuid():
        pytest.skip("only root can make a small disk")
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("this machine lets nobody mount a disk")
    yield place
    subprocess.run(["umount", "--lazy", str(place)], check=True)


def fill(disk, but_for=0):
    """Leave some KiB of room."""
    left = os.statvfs(disk)
    (disk / "filler").write_bytes(b"\0" * (left.f_bavail * left.f_frsize - 1024 * but_for))


@pytest.mark.parametrize("room", [4, 16, 24, 40])
def test_runs_on_a_full_disk(tiny_csv, disk, room):
    fill(disk, room)
    for _ in range(2):
        said = said_in_one_line(call("train", tiny_csv, *SMALL, "--runs", disk))
        assert f"btsr: {disk}" in said
        assert "No space left on device" in said
        assert "--runs" in said
    assert not list(disk.rglob("*.tmp"))
    (disk / "filler").unlink()
    assert call("train", tiny_csv, *SMALL, "--runs", disk).exit_code == 0


def test_results_on_a_full_disk(tiny_csv, disk, tmp_path):
    study = tmp_path / "study.toml"
    study.write_text(f"""
[models.plain]
regulariser = "none"

[datasets.walks]
trials = 1
settings = {{ source = "{tiny_csv}", k_core = 2, cutoff_quantile = 0.8, max_epochs = 1 }}

[[plan]]
dataset = "walks"
part = "table"
models = ["plain"]
seeds = 1
""")
    fill(disk, 4)
    done = call("study", "--study", study, "--results", disk, "--runs", tmp_path / "runs")
    assert done.exit_code == 2
    assert f"walks: {disk}" in done.stderr
    assert "No space left on device; free some room there or choose" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_cache_on_a_full_disk(disk, tmp_path, monkeypatch):
    import io
    import tarfile

    archive = tmp_path / "mirror" / "thing" / "thing-1.tgz"
    archive.parent.mkdir(parents=True)
    with tarfile.open(archive, "w:gz") as content:
        member = tarfile.TarInfo("package/x.js")
        member.size = 2**14
        content.addfile(member, io.BytesIO(b"x" * member.size))
    monkeypatch.setenv("BTSR_CACHE", str(disk))
    monkeypatch.setenv("BTSR_MIRROR", str(tmp_path / "mirror"))
    fill(disk)
    said = f"^{disk}.*No space left on device.*BTSR_CACHE"
    with pytest.raises(InputError, match=said), explained():
        fetch_from_npm("thing", "1", "package/x.js", hashlib.sha256(b"x" * 2**14).hexdigest())


def test_a_full_folder_for_temporary_files_stops_no_training(tiny_csv, disk, tmp_path, monkeypatch):
    fill(disk)
    monkeypatch.setattr("tempfile.tempdir", str(disk))
    assert call("train", tiny_csv, *SMALL, "--runs", tmp_path / "runs").exit_code == 0


@pytest.mark.parametrize("name", ["config.json", "checkpoint", "history.json", "metrics.json"])
def test_no_room_for_one_file_of_a_run(tiny_csv, tmp_path, monkeypatch, name):
    real = os.replace

    def full(source, target):
        if name in str(target):
            raise OSError(errno.ENOSPC, "no", str(source), None, str(target))
        real(source, target)

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", full)
        said = said_in_one_line(call("train", tiny_csv, *SMALL, "--runs", tmp_path))
        assert name in said
        assert not list(tmp_path.rglob("*.tmp"))
        assert finished(tmp_path) == []
    assert call("train", tiny_csv, *SMALL, "--runs", tmp_path).exit_code == 0


def test_an_output_that_is_full(tmp_path, monkeypatch):
    monkeypatch.setattr("btsr_core.cli.table_of_runs", lambda root: (_ for _ in ()).throw(
        OSError(errno.ENOSPC, "no")))  # fmt: skip
    assert "the output or a temporary file: No space left" in said_in_one_line(
        call("runs", "--runs", tmp_path)
    )


def test_the_book_says_what_the_machine_lacks(monkeypatch, capsys):
    def full(*args):
        raise OSError(errno.ENOSPC, "no", "/x/y")

    monkeypatch.setattr(build, "plan", full)
    assert build.main([]) == 2
    assert capsys.readouterr().err.startswith("book: /x/y: No space left on device; free some room")


@pytest.mark.parametrize(
    "arguments",
    [
        ("train", "{csv}", "--k-core", "99999999999999999999"),
        ("train", "{csv}", "--dim", "99999999999999999999"),
        ("train", "{csv}", "--max-len", "2147483648"),
        ("train", "{csv}", "--objective", "bce", "--n-negatives", "99999999999999999999"),
        ("split", "{csv}", "--k-core", "99999999999999999999"),
        ("split", "a" * 300),
        ("split", "{csv}", "--user-col", "a" * 300),
        ("split", "ml-100k", "--mirror", "a" * 300),
        ("train", "{csv}", "--runs", "a" * 300),
        ("runs", "--runs", "a" * 300),
        ("recommend", "a" * 300, "--history", "i1", "--runs", "{tmp}"),
        ("study", "--study", "a" * 300),
        ("split", "~nobody-has-this-name/x.csv"),
    ],
)
def test_names_and_numbers_that_are_too_long(tiny_csv, tmp_path, arguments):
    said_in_one_line(call(*(part.format(csv=tiny_csv, tmp=tmp_path) for part in arguments)))


STARTS = [  # a program, what it says first, and a module that it imports on its way
    (("-m", "btsr_core", "datasets"), "btsr", "numpy"),
    (("-m", "btsr_core", "datasets"), "btsr", "torch._C"),
    (("-m", "btsr_core", "datasets"), "btsr", "btsr_core.training.train"),
    (("-c", "from btsr_core.__main__ import main; main()"), "btsr", "pandas.core.api"),
    (("-m", "btsr_core.book.build"), "book", "yaml"),
    (("-m", "btsr_core.book.build"), "book", "pooch"),
]


@pytest.fixture
def _heeded():
    """Let processes heed Ctrl-C that are started here; a shell's background jobs ignore it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("_heeded")
@pytest.mark.parametrize(("arguments", "name", "module"), STARTS)
def test_an_interrupt_while_a_program_starts(arguments, name, module):
    command = [sys.executable, "-X", "importtime", *arguments]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as one:
        for line in one.stderr:
            if line.rpartition("|")[2].strip() == module:
                break
        else:
            pytest.fail(f"{module} was never imported")
        one.send_signal(signal.SIGINT)
        rest = [line for line in one.stderr if not line.startswith("import time:")]
    assert rest == [f"{name}: interrupted\n"]
    assert one.returncode == 130


def test_an_interrupt_that_is_ignored_stays_so():
    program = (
        "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN);"
        "from btsr_core.errors import end_at_interrupt, interruptible; end_at_interrupt('x');"
        "import os\nwith interruptible(): os.kill(os.getpid(), signal.SIGINT)\nprint('on')"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (0, "on\n")


def test_an_unfinished_write_leaves_the_old_file(tmp_path):
    path = tmp_path / "x.json"
    write_text(path, "old")

    def write():
        with atomic_path(path) as temporary:
            temporary.write_text("half")
            raise OSError(errno.ENOSPC, "no")

    with pytest.raises(OSError, match=r"x\.json"):
        write()
    assert [one.name for one in tmp_path.iterdir()] == ["x.json"]
    assert path.read_text() == "old"


def test_a_safetensors_error_is_one_of_the_disk(tmp_path):
    from safetensors import SafetensorError

    error = SafetensorError("Error while serializing: I/O error: No space (os error 28)")
    with (
        pytest.raises(OSError, match="No space left on device") as caught,
        atomic_path(tmp_path / "x"),
    ):
        raise error
    assert (caught.value.errno, caught.value.filename) == (28, str(tmp_path / "x"))


def test_stale_temporary_files_are_swept_and_young_ones_stay(tmp_path):
    stale, young = (tmp_path / f".a.json.{end}.tmp" for end in ("x", "y"))
    for file in (stale, young):
        file.write_text("half")
    os.utime(stale, (time.time() - 90_000,) * 2)
    write_text(tmp_path / "b.json", "whole")
    assert sorted(one.name for one in tmp_path.iterdir()) == [young.name, "b.json"]


@pytest.fixture
def package(tmp_path, monkeypatch):
    """The place of a package in somebody's repository, that has a commit."""

    def git(*arguments):
        name = ["-c", "user.name=x", "-c", "user.email=x@example.org"]
        command = ["git", *name, *arguments]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
        return done.stdout.strip()

    git("init", "-q")
    (tmp_path / "own.txt").write_text("theirs")
    git("add", "own.txt")
    git("commit", "-q", "-m", "theirs")
    place = tmp_path / "venv" / "site-packages" / "btsr_core" / "__init__.py"
    place.parent.mkdir(parents=True)
    place.write_text("")
    monkeypatch.setattr(door.btsr_core, "__file__", str(place))
    return git


def test_an_installed_package_has_not_the_commit_of_the_repository_around_it(package, tmp_path):
    assert door._commit() is None
    (tmp_path / ".gitignore").write_text("venv/")
    package("add", ".gitignore")
    package("commit", "-q", "-m", "ignore")
    assert door._commit() is None


def test_a_package_that_git_tracks_has_its_commit(package, tmp_path):
    package("add", "venv")
    package("commit", "-q", "-m", "ours")
    head = package("rev-parse", "HEAD")
    assert door._commit() == head
    (tmp_path / "own.txt").write_text("changed")
    assert door._commit() == f"{head}-dirty"


def test_a_hook_of_another_repository_changes_nothing(package, tmp_path, monkeypatch):
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "nowhere"))
    assert door._commit() is None
