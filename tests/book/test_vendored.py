"""Files fetched from npm: from a mirror, from the cache, or not at all; and what is in them."""

import ast
import hashlib
import io
import re
import tarfile
from pathlib import Path

import plotly.graph_objects as go
import pooch
import pytest
from plotly.basedatatypes import BaseTraceType
from plotly.offline import get_plotlyjs_version

import btsr_core
from btsr_core.book import vendored
from btsr_core.book.vendored import (
    fetch_from_npm,
    fetch_mathjax,
    fetch_plotly_js,
    full_plotly_js,
    plotly_js,
)
from btsr_core.errors import InputError

MEMBER = "package/dist/thing.min.js"


@pytest.fixture
def archive(tmp_path, monkeypatch):
    """The path in the mirror of an archive of our own, and its content; the cache is empty."""
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz") as package:
        entry = tarfile.TarInfo(MEMBER)
        entry.size = 6
        package.addfile(entry, io.BytesIO(b"script"))
    monkeypatch.setenv("BTSR_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("BTSR_MIRROR", str(tmp_path / "mirror"))
    monkeypatch.setattr(pooch, "HTTPDownloader", lambda **_: unreachable)
    folder = tmp_path / "mirror" / "thing"
    folder.mkdir(parents=True)
    return folder / "thing-1.2.3.tgz", content.getvalue()


def unreachable(_url, _path, _pooch):
    raise OSError("no route to host")


def fetch(script=b"script"):
    return fetch_from_npm("thing", "1.2.3", MEMBER, hashlib.sha256(script).hexdigest())


class TestFetch:
    def test_mirror_comes_before_the_network(self, archive):
        path, content = archive
        path.write_bytes(content)
        script = fetch()
        assert script.name == "thing-1.2.3-thing.min.js"
        assert script.read_bytes() == b"script"
        path.unlink()
        assert fetch() == script, "once is enough"

    def test_what_was_kept_is_checked_at_every_use(self, archive):
        path, content = archive
        path.write_bytes(content)
        script = fetch()
        script.write_bytes(b"alert(1)")
        assert fetch().read_bytes() == b"script"
        script.write_bytes(b"alert(1)")
        path.unlink()
        with pytest.raises(InputError, match="could not be fetched"):
            fetch()

    def test_changed_file_is_refused(self, archive):
        path, content = archive
        path.write_bytes(content)
        with pytest.raises(InputError, match="wrong content"):
            fetch(b"another")

    @pytest.mark.parametrize("damaged", [b"", b"no archive", slice(0, 40)])
    def test_damaged_archive_is_refused(self, archive, damaged):
        path, content = archive
        path.write_bytes(content[damaged] if isinstance(damaged, slice) else damaged)
        with pytest.raises(InputError, match=r"thing-1\.2\.3\.tgz has no package/dist/thing"):
            fetch()

    def test_network_comes_next(self, archive, monkeypatch):
        _, content = archive
        asked = []

        def download(url, path, _pooch):
            asked.append(url)
            Path(path).write_bytes(content)

        monkeypatch.setattr(pooch, "HTTPDownloader", lambda **_: download)
        assert fetch().read_bytes() == b"script"
        assert asked == ["https://registry.npmjs.org/thing/-/thing-1.2.3.tgz"]

    def test_unreachable(self, archive):
        with pytest.raises(InputError, match=r"no route to host.*MIRROR/thing/.*BTSR_MIRROR"):
            fetch()

    def test_mathjax_and_plotly_js_come_that_way(self, archive):
        for fetched, name in [
            (fetch_mathjax, "mathjax/-/mathjax-3.2.2"),
            (fetch_plotly_js, "plotly.js-cartesian-dist-min/-/plotly.js-cartesian-dist-min-3.7.0"),
        ]:
            with pytest.raises(InputError, match=f"https://registry.npmjs.org/{name}.tgz"):
                fetched()


class TestPlotlyJs:
    def test_whole_where_the_small_one_is_not_at_hand(self, archive):
        assert plotly_js() == full_plotly_js()
        assert full_plotly_js().stat().st_size > 1e6

    def test_of_another_version_is_not_used(self, monkeypatch):
        monkeypatch.setattr(vendored, "get_plotlyjs_version", lambda: "2.0.0")
        with pytest.raises(InputError, match=r"plotly.js 2.0.0.*3.7.0 alone.*constraints.txt"):
            fetch_plotly_js()
        assert plotly_js() == full_plotly_js()

    def test_is_the_one_that_the_pinned_plotly_writes_for(self):
        assert get_plotlyjs_version() == vendored.PLOTLY_VERSION

    def test_has_every_trace_of_the_book(self):
        try:
            script = fetch_plotly_js().read_text(encoding="utf-8")
        except InputError as error:
            pytest.skip(str(error))
        assert f"v{vendored.PLOTLY_VERSION}" in script[:200]
        known = set(re.findall(r'moduleType:"trace",name:"(\w+)"', script))
        used = traces_used()
        assert {"scatter", "bar", "heatmap"} <= used <= known


def traces_used():
    """Return the types of the traces that the package names: `go.Bar`, `figure.add_bar`."""
    types = {
        trace: trace.lower()
        for trace in go.__all__  # which are loaded as they are asked for
        if isinstance(cls := getattr(go, trace), type) and issubclass(cls, BaseTraceType)
    }
    named = {
        ast.unparse(node)
        for path in Path(btsr_core.__file__).parent.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute)
    }
    added = {name.rpartition(".add_")[2] for name in named}
    return {kind for name, kind in types.items() if f"go.{name}" in named or kind in added}
