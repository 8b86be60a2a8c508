"""docs/api.md holds: its Python runs, its commands name routes that are there, and its table is the table of roles."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from control_site import call

from affekt.service.auth import roles

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")


def test_the_table_of_routes_is_the_table_of_roles():
    rows = dict(re.findall(r"^\| `(\S+ \S+)` \| .+ \| (.+) \|$", PAGE, re.MULTILINE))
    names = {None: "anybody", frozenset(roles.ROLES): "all"}
    told = {
        line: names.get(who) or ", ".join(role for role in roles.ROLES if role in who)
        for line, who in roles.TABLE.items()
    }
    assert rows == told


def test_commands_ask_for_routes_that_are_there():
    paths = [re.sub(r"\$ID", "{id}", path) for path in re.findall(r"example\.com(/[^\s\"?]+)", PAGE)]
    known = {line.split()[1] for line in roles.TABLE}
    assert len(paths) > 4
    assert set(paths) <= known


def test_the_example_in_python_runs(site, tmp_path, monkeypatch, capsys):
    (code,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    shutil.copy(ROOT / "examples" / "call.wav", tmp_path)
    monkeypatch.chdir(tmp_path)
    alert = call(site.store, "documented")
    exec(code, {"url": site.url, "key": site.keys["supervisor"]})
    assert "call.wav {" in capsys.readouterr().out
    assert site.store.alert("default", alert)["state"] == "acknowledged"
