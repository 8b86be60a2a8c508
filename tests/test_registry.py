"""The rules of `affekt.registry`: the folder is the registry, and nothing is imported before it is asked for."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import EntryPoint
from pathlib import Path
from types import ModuleType

import pytest

import affekt
from affekt import registry
from affekt.errors import MissingExtraError, UnknownNameError


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder of plugins beside the package's own, found under the name `plugins`."""
    plugins = tmp_path / "plugins"
    plugins.mkdir()
    (plugins / "__init__.py").touch()
    monkeypatch.setattr(registry, "__file__", str(tmp_path / "registry.py"))
    monkeypatch.setattr(affekt, "__path__", [*affekt.__path__, str(tmp_path)])
    yield plugins
    for name in [name for name in sys.modules if name.startswith("affekt.plugins")]:
        del sys.modules[name]


def test_a_file_dropped_into_the_folder_is_found_and_imported_on_request(folder):
    assert registry.names("plugins") == []
    (folder / "whale.py").write_text("SONG = 'long'")
    (folder / "bat.py").write_text("raise RuntimeError('imported without being asked for')")
    assert registry.names("plugins") == ["bat", "whale"]
    assert registry.load("plugins", "whale").SONG == "long"


def test_a_package_is_a_plugin_and_a_module_with_an_underscore_is_not(folder):
    (folder / "_shared.py").touch()
    (folder / "choir").mkdir()
    (folder / "choir" / "__init__.py").touch()
    assert registry.names("plugins") == ["choir"]


def test_an_unknown_name_answers_with_the_known_ones(folder):
    (folder / "whale.py").touch()
    with pytest.raises(UnknownNameError, match="no plugins is called 'whales'; did you mean 'whale'"):
        registry.load("plugins", "whales")


@pytest.mark.parametrize(
    ("kind", "word"),
    [("datasets", "corpus"), ("features", "feature set"), ("models", "model"), ("vad", "voice activity detector")],
)
def test_the_message_calls_the_thing_by_its_name(kind, word):
    with pytest.raises(UnknownNameError, match=f"no {word} is called 'nobody'"):
        registry.load(kind, "nobody")


def test_third_parties_add_plugins_through_an_entry_point(monkeypatch):
    entry = EntryPoint("theirs", "json.decoder", "affekt.datasets")

    def entry_points(*, group, name="theirs"):
        return [entry] if (group, name) == (entry.group, entry.name) else []

    monkeypatch.setattr(registry, "entry_points", entry_points)
    assert "theirs" in registry.names("datasets")
    assert "theirs" not in registry.names("features")
    assert registry.load("datasets", "theirs").__name__ == "json.decoder"


def test_every_own_plugin_can_be_named_without_importing_any():
    """A fresh interpreter, so that other tests' imports do not count."""
    code = (
        "import sys; from affekt import registry\n"
        "for folder in ('datasets', 'features', 'models', 'vad'): registry.names(folder)\n"
        "print([m for m in sys.modules if m.startswith('affekt.') and m.count('.') > 1])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_names_are_the_files_of_the_folder():
    files = (Path(affekt.__file__).parent / "datasets").glob("*.py")
    assert set(registry.names("datasets")) >= {file.stem for file in files if not file.stem.startswith("_")}


def test_need_imports_or_answers_with_the_pip_command():
    assert isinstance(registry.need("json", extra="data"), ModuleType)
    with pytest.raises(
        MissingExtraError, match=r'needs the package \'no_such_package\': pip install "affekt\[video\]"'
    ):
        registry.need("no_such_package", extra="video")
