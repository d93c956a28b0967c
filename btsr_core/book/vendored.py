"""Scripts that pages run, fetched once and then kept: no page asks the network for anything."""

import shutil
import tarfile
from pathlib import Path

import plotly
import pooch
from plotly.offline import get_plotlyjs_version

from btsr_core.errors import InputError
from btsr_core.files import atomic_path, cache_dir, mirror_dir, sha256_file

MATHJAX_VERSION = "3.2.2"
MATHJAX_SHA256 = "1b9c0a1c44df864e915690558e72adb9cc5203360daefd385084ced3b6c64c09"
# With every TeX extension inside: the smaller tex-svg.js asks for \boldsymbol and others on demand.
MATHJAX_MEMBER = "package/es5/tex-svg-full.js"

# The traces with x and y axes, at a third of the size of what the Python package brings.
PLOTLY_PACKAGE = "plotly.js-cartesian-dist-min"
PLOTLY_VERSION = "3.7.0"
PLOTLY_SHA256 = "6dade12afbb84a02c8568143dc6d6abeec85d086cc5502716d89229981622b88"
PLOTLY_MEMBER = "package/plotly-cartesian.min.js"


def fetch_from_npm(package: str, version: str, member: str, sha256: str) -> Path:
    """Return the path of one file of a package of npm, which is downloaded at most once.

    `MIRROR/PACKAGE/PACKAGE-VERSION.tgz` is used instead of a download if it is there.

    Parameters
    ----------
    package
        Its name, without a scope.
    version
        The one version that is meant.
    member
        Path of the file in the archive, which begins with `package/`.
    sha256
        Of the archive, as lower-case hexadecimal.

    Raises
    ------
    InputError
        If the archive can neither be found nor downloaded, or is not the one that was meant.
    """
    folder = cache_dir() / package
    script = folder / f"{package}-{version}-{Path(member).name}"
    if script.is_file():
        return script
    archive_name = f"{package}-{version}.tgz"
    mirror = mirror_dir()
    archive = mirror / package / archive_name if mirror else None
    if archive is None or not archive.is_file():
        archive = _download(package, archive_name, sha256, folder)
    elif (found := sha256_file(archive)) != sha256:
        raise InputError(f"{archive} has the wrong content: sha256 {found}; remove or replace it")
    with (
        tarfile.open(archive) as content,
        content.extractfile(member) as source,  # type: ignore[union-attr]
        atomic_path(script) as temporary,
        temporary.open("wb") as target,
    ):
        shutil.copyfileobj(source, target)
    return script


def _download(package: str, archive_name: str, sha256: str, folder: Path) -> Path:
    url = f"https://registry.npmjs.org/{package}/-/{archive_name}"
    try:
        return Path(
            pooch.retrieve(
                url,
                f"sha256:{sha256}",
                fname=archive_name,
                path=folder,
                downloader=pooch.HTTPDownloader(timeout=(5, 30)),
            )
        )
    except (OSError, ValueError) as error:  # unreachable, or not what was published
        raise InputError(
            f"{package} could not be fetched from {url} ({error}). Put that file into "
            f"MIRROR/{package}/ for a folder MIRROR of yours and set BTSR_MIRROR to it."
        ) from error


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
