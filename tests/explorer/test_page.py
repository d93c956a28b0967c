"""The slider as a page has it: the data, a table for whatever cannot draw, one plain script."""

import json
import re
import shutil
import subprocess
from types import SimpleNamespace

import pytest

from btsr_core.explorer import page
from btsr_core.explorer.assets import front_end
from btsr_core.explorer.page import ExplorerRenderer, StaticExplorer, explorer_html, page_script

PAYLOAD = {
    "title": "films </script><b>", "reading": "events", "default": {"metric": "ndcg", "k": 10},
    "sources": [{
        "alphas": [0.0, 0.2],
        "values": {
            "ndcg@10": {"0": {
                "mean": [0.1, 0.15], "change": [0.0, 0.05], "change_low": [0.0, None],
                "change_high": [0.0, None],
            }},
            "cov@10": {"0": {
                "mean": [0.6, None], "change": [0.0, None], "change_low": [0.0, None],
                "change_high": [0.0, None],
            }},
        },
    }],
}  # fmt: skip


def test_bundle_is_data_and_a_table():
    bundle = StaticExplorer(PAYLOAD)._repr_mimebundle_()
    assert bundle[page.MIME] is PAYLOAD
    assert bundle["text/html"].count("<tr>") == 3
    assert bundle["text/plain"].startswith("Slider: films")


def test_table_by_hand():
    table = page.numbers_table(PAYLOAD)
    cells = re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", table)
    assert cells[1:5] == [
        "ndcg@10",
        "change of ndcg@10 (95 % over seeds)",
        "cov@10",
        "change of cov@10 (95 % over seeds)",
    ]
    assert cells[5:8] == ["0.0", "0.1000", "+0.0000 (+0.0000 to\xa0+0.0000)"]
    assert cells[10:13] == ["0.2", "0.1500", "+0.0500"]
    assert "films &lt;/script&gt;&lt;b&gt;, history events</caption>" in table
    assert "<b>" not in table


def test_element_holds_the_payload():
    element = explorer_html(PAYLOAD, "explorer-3-0")
    assert 'id="explorer-3-0"' in element
    assert element.count("</script>") == 1, "the data must not end the element"
    data = element.split('application/json">')[1].split("</script>")[0]
    assert json.loads(data) == PAYLOAD
    assert "<noscript>" in element


def test_node_for_the_book():
    data = SimpleNamespace(mime_type=page.MIME, content=PAYLOAD, cell_index=4, output_index=1)
    (node,) = ExplorerRenderer.handle_mime(None, data, False)
    assert 'id="explorer-4-1"' in node.astext()
    assert {"btsr-figure", "btsr-explorer"} <= set(node["classes"])  # with plotly.js
    assert ExplorerRenderer.handle_mime(None, data, True) is None
    data.mime_type = "text/html"
    assert ExplorerRenderer.handle_mime(None, data, False) is None


class TestScript:
    def test_is_no_module(self):
        script = page_script("const explorer = {};\nexport default explorer;\n")
        assert "export" not in script
        assert "explorer.render" in script

    @pytest.mark.parametrize(
        "module",
        [
            "const explorer = {};\n",
            "import a from 'b';\nexport default explorer;\n",
            "export const a = 1;\nexport default explorer;\n",
        ],
    )
    def test_refuses_what_a_file_cannot_load(self, module):
        with pytest.raises(ValueError, match="must import nothing"):
            page_script(module)

    @pytest.mark.skipif(shutil.which("node") is None, reason="no node")
    def test_front_end_parses(self, tmp_path):
        path = tmp_path / "page.js"
        path.write_text(page_script(front_end()))
        subprocess.run([shutil.which("node"), "--check", path], check=True)


def test_files_of_a_page(tmp_path):
    config = SimpleNamespace(html_static_path=["book/_static"])
    page._add_files(SimpleNamespace(doctreedir=tmp_path), config)
    folder = config.html_static_path[1]
    assert (tmp_path / "explorer" / page.SCRIPT).read_text().startswith("(() => {")
    assert str(tmp_path / "explorer") == folder
