"""Without its framework, an adapter says which command brings it; the frameworks are asked for nowhere else."""

from __future__ import annotations

import subprocess
import sys

import pytest


@pytest.mark.parametrize(("name", "package"), [("pipecat", "pipecat"), ("livekit", "livekit.agents")])
def test_an_adapter_without_its_framework_names_the_command(name, package):
    code = f"import sys\nsys.modules[{package!r}] = None\nimport affekt.adapters\nimport affekt.adapters.{name}"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    last = done.stderr.splitlines()[-1]
    assert last.endswith(f'MissingExtraError: this needs the package {package!r}: pip install "affekt[{name}]"')


def test_what_adapters_share_asks_for_no_framework():
    code = (
        "import sys, affekt.adapters._listener, affekt.adapters._mood; print({'pipecat', 'livekit'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"
