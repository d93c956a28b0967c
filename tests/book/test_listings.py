import ast
import inspect

import pytest

from btsr_core import settings
from btsr_core.book import listings
from btsr_core.book.listings import listing
from btsr_core.errors import InputError
from btsr_core.losses import vicreg


@pytest.fixture
def file(tmp_path, monkeypatch):
    monkeypatch.setattr(listings, "ROOT", tmp_path)
    (tmp_path / "code.py").write_text(
        "import os\n\n\n@cache\n@other\ndef f(x):\n    return x\n\n\n"
        'A = 1\n"""What A is."""\n\nB: int = 2\nclass C:\n    """Of C."""\n'
    )
    return "code.py"


def test_definitions_of_the_package_are_what_python_says_they_are():
    shown = listing("btsr_core/settings.py", "VICReg")
    assert shown == f"# btsr_core/settings.py\n\n{inspect.getsource(settings.VICReg).rstrip()}"
    assert listing("btsr_core/losses/vicreg.py").endswith(inspect.getsource(vicreg).strip())


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("f", "@cache\n@other\ndef f(x):\n    return x"),
        ("A", 'A = 1\n"""What A is."""'),
        ("B", "B: int = 2"),
        ("C", 'class C:\n    """Of C."""'),
    ],
)
def test_one_definition(file, name, shown):
    assert listing(file, name) == f"# code.py\n\n{shown}"


def test_in_the_order_asked_for_and_still_python(file):
    shown = listing(file, "C", "f")
    assert shown.index("class C") < shown.index("def f")
    ast.parse(shown)


@pytest.mark.parametrize(
    ("path", "name", "said"),
    [("code.py", "os", "code.py defines no os"), ("absent.py", "f", "no .*absent.py")],
)
def test_what_is_not_there(file, path, name, said):
    with pytest.raises(InputError, match=said):
        listing(path, name)
