"""Scripts that pages run, fetched once and then kept: no page asks the network for anything."""

import hashlib
import tarfile
import tempfile
import zlib
from pathlib import Path

import plotly
import pooch
from plotly.offline import get_plotlyjs_version

from btsr_core.data.fetch import HTTP_TIMEOUT
from btsr_core.errors import InputError
from btsr_core.files import atomic_path, cache_dir, mirror_dir, sha256_file

MATHJAX_VERSION = "3.2.2"
MATHJAX_SHA256 = "a4354ff94fd868aea0cc6eaaa79a57fda0588646fc46ee3700a349ee0a11cbe6"
# With every TeX extension inside: the smaller tex-svg.js asks for \boldsymbol and others on demand.
MATHJAX_MEMBER = "package/es5/tex-svg-full.js"

# The traces with x and y axes, at a third of the size of what the Python package brings.
PLOTLY_PACKAGE = "plotly.js-cartesian-dist-min"
PLOTLY_VERSION = "3.7.0"
PLOTLY_SHA256 = "7c593b9eda0e74a1d07335cf89cbf7a55ffc114909980c3729af835453bdb02a"
PLOTLY_MEMBER = "package/plotly-cartesian.min.js"


def fetch_from_npm(package: str, version: str, member: str, sha256: str) -> Path:
    """Return the path of one file of a package of npm, which is downloaded at most once.

    `MIRROR/PACKAGE/PACKAGE-VERSION.tgz` is used instead of a download if it is there. What was kept
    is checked at every use, and fetched again where it is not what was meant.

    Parameters
    ----------
    package
        Its name, without a scope.
    version
        The one version that is meant.
    member
        Path of the file in the archive, which begins with `package/`.
    sha256
        Of the file, as lower-case hexadecimal.

    Raises
    ------
    InputError
        If the archive can neither be found nor downloaded, or holds another file than was meant.
    """
    script = cache_dir() / package / f"{package}-{version}-{Path(member).name}"
    if script.is_file() and sha256_file(script) == sha256:
        return script
    archive_name, mirror = f"{package}-{version}.tgz", mirror_dir()
    own = mirror / package / archive_name if mirror else None
    if own is not None and own.is_file():
        _unpack(own, member, sha256, script)
    else:
        with tempfile.TemporaryDirectory() as folder:
            _unpack(_download(package, archive_name, folder), member, sha256, script)
    return script


def _unpack(archive: Path, member: str, sha256: str, script: Path) -> None:
    """Put one file of an archive at `script`, if it is the one that was meant."""
    try:
        with tarfile.open(archive) as content:
            source = content.extractfile(member)
            found = source.read() if source else b""
    except (tarfile.TarError, KeyError, OSError, EOFError, zlib.error) as error:
        raise InputError(f"{archive} has no {member} ({error}); remove or replace it") from None
    if (digest := hashlib.sha256(found).hexdigest()) != sha256:
        raise InputError(
            f"{archive} has the wrong content: sha256 {digest} of {member}; remove or replace it"
        )
    with atomic_path(script) as temporary:
        temporary.write_bytes(found)


def _download(package: str, archive_name: str, folder: str) -> Path:
    url = f"https://registry.npmjs.org/{package}/-/{archive_name}"
    archive = Path(folder) / archive_name
    try:
        pooch.HTTPDownloader(timeout=HTTP_TIMEOUT)(url, str(archive), None)
    except (OSError, ValueError) as error:
        raise InputError(
            f"{package} could not be fetched from {url} ({error}). Put that file into "
            f"MIRROR/{package}/ for a folder MIRROR of yours and set BTSR_MIRROR to it."
        ) from error
    return archive


def fetch_mathjax() -> Path:
    """Return the path of MathJax, one script that renders TeX; raise as `fetch_from_npm`."""
    return fetch_from_npm("mathjax", MATHJAX_VERSION, MATHJAX_MEMBER, MATHJAX_SHA256)


def fetch_plotly_js() -> Path:
    """Return the path of plotly.js with the traces that have x and y axes.

    Raises
    ------
    InputError
        As `fetch_from_npm`, and if the plotly that is installed writes for another plotly.js.
    """
    installed = get_plotlyjs_version()
    if installed != PLOTLY_VERSION:
        raise InputError(
            f"plotly {plotly.__version__} is for plotly.js {installed}, and the small plotly.js is "
            f"known of {PLOTLY_VERSION} alone. Install what constraints.txt pins."
        )
    return fetch_from_npm(PLOTLY_PACKAGE, PLOTLY_VERSION, PLOTLY_MEMBER, PLOTLY_SHA256)


def full_plotly_js() -> Path:
    """Return the path of the whole of plotly.js, 5 MB that the Python package brings."""
    return Path(plotly.__file__).parent / "package_data" / "plotly.min.js"


def plotly_js() -> Path:
    """Return the path of the smallest plotly.js at hand, without an error where one is whole."""
    try:
        return fetch_plotly_js()
    except InputError:
        return full_plotly_js()


def plotly_script() -> str:
    """Return plotly.js as the beginning of a module or a script.

    Within a module a script finds no `this`, and JupyterLab or a page may offer it a loader that
    must not swallow it. It is evaluated once a page.
    """
    script = plotly_js().read_text(encoding="utf-8")
    return (
        "if (!globalThis.Plotly) {\n"
        "const module = undefined, exports = undefined, define = undefined;\n"
        f"{script}\n}}\n"
    )
