import re
from importlib.resources import files

from btsr_core.explorer.assets import MODULES, STYLES, front_end, style_sheet

FOLDER = files("btsr_core.explorer")
DECLARED = re.compile(r"^(?:export )?(?:async )?(?:function|const|let|class) +(\w+)", re.MULTILINE)
STATEMENT = re.compile(r'^import \{([^}]*)\} from "\./(\w+\.js)";', re.MULTILINE)
EXPORTED = re.compile(r"^export (?:const|function) (\w+)", re.MULTILINE)
IMPORTED = re.compile(r'from "\./([a-z]+\.js)"')


def text_of(name):
    return FOLDER.joinpath(name).read_text(encoding="utf-8")


def test_every_file_is_taken_up():
    there = {path.name for path in FOLDER.iterdir() if path.name.endswith((".js", ".css"))}
    assert {*MODULES, *STYLES} <= there


def test_modules_import_those_before_them():
    for place, name in enumerate(MODULES):
        assert set(IMPORTED.findall(text_of(name))) <= set(MODULES[:place])


def test_what_is_imported_is_exported_there():
    for name in MODULES:
        for names, source in STATEMENT.findall(text_of(name)):
            wanted = {one.strip() for one in names.split(",") if one.strip()}
            given = set(EXPORTED.findall(text_of(source)))
            assert wanted <= given
            body = STATEMENT.sub("", text_of(name))
            assert {one for one in wanted if not re.search(rf"\b{one}\b", body)} == set()


def test_the_joined_module_stands_alone():
    module = front_end()
    assert "import " not in re.sub(r"//.*|/\*.*?\*/", "", module, flags=re.DOTALL)
    assert re.findall(r"^export .*", module, re.MULTILINE) == ["export default explorer;"]
    names = DECLARED.findall(module)
    assert len(names) == len(set(names)) > len(MODULES)


def test_files_stay_readable():
    for name in (*MODULES, *STYLES):
        assert len(text_of(name).splitlines()) <= 300, name


def test_style_sheet_touches_nothing_else():
    """Every selector of the style sheet names something of the explorer's."""
    sheet = re.sub(r"/\*.*?\*/", "", style_sheet(), flags=re.DOTALL)
    selectors = re.findall(r"([^{};]+)\{", sheet)
    assert len(selectors) > 20
    for selector in selectors:
        assert "btsr" in selector or selector.strip().startswith("@media"), selector
