"""Folder -> plugins. The folder is the registry: a module dropped into it is found, and imported on request.

Third parties add to a folder through an entry point of the same name: group `affekt.datasets` adds to `datasets`.
"""

from __future__ import annotations

import importlib
import pkgutil
from importlib.metadata import entry_points
from pathlib import Path
from types import ModuleType

from affekt.errors import MissingExtraError, UnknownNameError

_KINDS = {
    "datasets": "corpus",
    "features": "feature set",
    "models": "model",
    "vad": "voice activity detector",
    "denoise": "noise reduction",
    "cli": "command",
    "live.rules": "alert rule",
    "service.deliver.channels": "channel",
    "service.gateway.protocols": "protocol",
    "service.load.speakers": "protocol",
}


def names(folder: str) -> list[str]:
    """Return the sorted names of all plugins in `folder`, without importing them.

    >>> "ravdess" in names("datasets")
    True
    """
    return sorted(_own(folder) | {e.name for e in entry_points(group=f"affekt.{folder}")})


def _own(folder: str) -> set[str]:
    path = Path(__file__).parent.joinpath(*folder.split("."))
    return {m.name for m in pkgutil.iter_modules([str(path)]) if not m.name.startswith("_")}


def load(folder: str, name: str) -> ModuleType:
    """Import the plugin `name` of `folder`.

    Raises:
        UnknownNameError: no such plugin; the message lists the known ones and the closest.
    """
    # Our own come before all that is installed is looked through, which takes a tenth of a second.
    if isinstance(name, str) and name in _own(folder):
        return importlib.import_module(f"affekt.{folder}.{name}")
    for entry in entry_points(group=f"affekt.{folder}", name=name):
        module: ModuleType = entry.load()
        return module
    raise UnknownNameError(_KINDS.get(folder, folder), name, names(folder))


def need(module: str, *, extra: str) -> ModuleType:
    """Import a heavy or optional package, or say which pip command installs it.

    >>> need("json", extra="data").loads("[1]")
    [1]

    Raises:
        MissingExtraError: the package is not installed.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise MissingExtraError(module, extra) from error
