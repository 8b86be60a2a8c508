"""The cache: gives back what was put, or nothing; whole, whoever writes at the same time; no larger than its limit."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from affekt import cache
from affekt.cache import Cache

KEY = cache.key("a value")


def entry(folder: Path) -> Path:
    (path,) = folder.rglob("*.npz")
    return path


def fill(store: Cache, names: str, size: int = 1000) -> None:
    """Put one entry per letter, each used a second after the one before."""
    for age, name in enumerate(names):
        store.put(cache.key(name), np.zeros(size, np.uint8))
        path = store.folder / cache.key(name)[:2] / f"{cache.key(name)}.npz"
        os.utime(path, (1e9 + age, 1e9 + age))


def kept(store: Cache, names: str) -> str:
    return "".join(name for name in names if list(store.folder.rglob(f"{cache.key(name)}.npz")))


# --- keys

parts = st.lists(st.text(max_size=4) | st.integers() | arrays.arrays(np.float32, st.integers(0, 3)), max_size=3)


@given(parts, parts)
def test_equal_keys_mean_equal_parts(one, other):
    def said(all_parts):
        return [(type(p), p.tobytes() if isinstance(p, np.ndarray) else p) for p in all_parts]

    assert (cache.key(*one) == cache.key(*other)) == (said(one) == said(other))


def test_a_key_is_the_same_in_every_process():
    code = "import numpy as np; from affekt import cache; print(cache.key('egemaps', 3, np.arange(5.0)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == cache.key("egemaps", 3, np.arange(5.0))


def test_order_in_memory_is_no_part_of_a_key():
    grid = np.arange(6.0).reshape(2, 3)
    assert cache.key(grid) == cache.key(np.asfortranarray(grid))
    assert cache.key(grid) != cache.key(grid.T)


# --- entries


@pytest.mark.parametrize("values", [np.arange(6, dtype=np.float32).reshape(2, 3), np.zeros((0, 25)), np.array(1.5)])
def test_what_is_put_is_given_back_to_the_bit(tmp_path, values):
    Cache(tmp_path).put(KEY, values)
    found = Cache(tmp_path).get(KEY)
    assert (found.dtype, found.shape, found.tobytes()) == (values.dtype, values.shape, values.tobytes())


def test_what_was_never_put_is_nothing(tmp_path):
    assert Cache(tmp_path / "none").get(KEY) is None
    assert not (tmp_path / "none").exists()


def test_fetch_makes_once(tmp_path):
    made = []
    for _ in range(2):
        values = Cache(tmp_path).fetch(KEY, lambda: made.append(1) or np.ones(3))
        assert np.array_equal(values, np.ones(3))
    assert made == [1]


def flipped(content: bytes) -> bytes:
    """One bit in the middle of the values is the other way round."""
    return content[:400] + bytes([content[400] ^ 1]) + content[401:]


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: b"",
        lambda content: content[:100],
        lambda content: content[:-1],
        flipped,
        lambda content: b"not a cache entry",
        lambda content: pickle.dumps([1, 2]),
        lambda content: b"\x93NUMPY\x01\x00",
    ],
)
def test_a_damaged_entry_is_made_anew_and_replaced(tmp_path, damage):
    store = Cache(tmp_path)
    store.put(KEY, np.arange(100.0))
    path = entry(tmp_path)
    path.write_bytes(damage(path.read_bytes()))
    assert store.get(KEY) is None
    assert np.array_equal(store.fetch(KEY, lambda: np.arange(3.0)), np.arange(3.0))
    assert np.array_equal(Cache(tmp_path).get(KEY), np.arange(3.0))


class Bomb:
    """Unpickling it ends the process."""

    def __reduce__(self):
        return os._exit, (13,)


def test_nothing_is_unpickled(tmp_path):
    path = tmp_path / KEY[:2] / f"{KEY}.npz"
    path.parent.mkdir()
    np.savez(path, values=np.array([Bomb()], dtype=object))
    assert Cache(tmp_path).get(KEY) is None


def test_a_writer_that_fails_leaves_nothing(tmp_path, monkeypatch):
    def full(file, **values):
        file.write(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez", full)
    Cache(tmp_path).put(KEY, np.ones(3))
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_a_folder_that_cannot_be_written_to_only_costs_time(tmp_path):
    (tmp_path / "file").touch()
    store = Cache(tmp_path / "file" / "cache")
    assert np.array_equal(store.fetch(KEY, lambda: np.ones(3)), np.ones(3))
    assert store.get(KEY) is None


def test_whether_something_is_kept_is_told(tmp_path, monkeypatch):
    """So that nobody is promised what is not there: a file in the way of the folder, and a disk that fills up."""
    (tmp_path / "file").touch()
    good, bad = Cache(tmp_path / "new" / "cache"), Cache(tmp_path / "file" / "cache")
    assert (good.writable(), bad.writable()) == (True, False)
    assert list(good.folder.iterdir()) == []
    assert (good.put(KEY, np.ones(3)), bad.put(KEY, np.ones(3))) == (True, False)

    def full(file, **values):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez", full)
    assert good.put(KEY, np.ones(3)) is False


# --- many at once

WRITER = """
import sys, numpy as np
from pathlib import Path
from affekt import cache
store = cache.Cache(Path(sys.argv[1]), limit=int(sys.argv[2]))
bad = 0
for number in range(150):
    name = number % 10
    found = store.get(cache.key(name))
    bad += found is not None and not np.array_equal(found, np.full(5000, name))
    store.put(cache.key(name), np.full(5000, name))
print(bad)
"""


@pytest.mark.parametrize("limit", [10**9, 200_000])
def test_readers_never_see_half_of_what_others_write_or_remove(tmp_path, limit):
    command = [sys.executable, "-c", WRITER, str(tmp_path), str(limit)]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(4)]
    assert [process.communicate()[0] for process in running] == ["0\n"] * 4
    assert all(path.suffix == ".npz" for path in tmp_path.rglob("*") if path.is_file())


# --- size


def test_the_oldest_go_when_the_limit_is_passed(tmp_path):
    store = Cache(tmp_path)
    fill(store, "abcdefgh")
    store.limit = 6 * entry_size(tmp_path)
    store.shrink()
    assert kept(store, "abcdefgh") == "defgh"


def entry_size(folder: Path) -> int:
    return max(path.stat().st_size for path in folder.rglob("*.npz"))


def test_what_was_asked_for_lately_stays(tmp_path):
    store = Cache(tmp_path)
    fill(store, "abcdefgh")
    assert store.get(cache.key("a")) is not None
    store.limit = 6 * entry_size(tmp_path)
    store.shrink()
    assert kept(store, "abcdefgh") == "aefgh"


def test_nothing_goes_below_the_limit(tmp_path):
    store = Cache(tmp_path)
    fill(store, "abc")
    store.limit = 3 * entry_size(tmp_path)
    store.shrink()
    assert kept(store, "abc") == "abc"


def test_writing_keeps_the_limit_by_itself(tmp_path):
    store = Cache(tmp_path, limit=100_000)
    for number in range(100):
        store.put(cache.key(number), np.zeros(5000, np.uint8))
    assert sum(path.stat().st_size for path in tmp_path.rglob("*.npz")) < 110_000


def test_files_of_others_are_left_alone(tmp_path):
    (tmp_path / "ab").mkdir()
    for name in ("ab/notes.txt", "ab/other.npz", "thesis.npz"):
        (tmp_path / name).write_bytes(b"x" * 1000)
    store = Cache(tmp_path)
    fill(store, "abc")
    store.limit = 10
    store.shrink()
    left = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()}
    assert left == {"ab/notes.txt", "ab/other.npz", "thesis.npz"}


def test_what_a_dead_writer_left_goes_after_an_hour(tmp_path):
    (tmp_path / KEY[:2]).mkdir()
    old, new = (tmp_path / KEY[:2] / f".{KEY}.{digit * 32}.part" for digit in "0f")
    for path in (old, new):
        path.write_bytes(b"half")
    os.utime(old, (time.time() - 4000,) * 2)
    Cache(tmp_path).put(KEY, np.ones(3))
    assert (old.exists(), new.exists()) == (False, True)


# --- where


def test_the_folder_follows_the_platforms_convention(monkeypatch):
    monkeypatch.setattr(Path, "home", lambda: Path("/ada"))
    for variable in ("XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(variable, raising=False)
    folders = {}
    for platform in ("linux", "darwin", "win32"):
        monkeypatch.setattr(sys, "platform", platform)
        folders[platform] = cache.default_folder().as_posix()
    assert folders == {
        "linux": "/ada/.cache/affekt",
        "darwin": "/ada/Library/Caches/affekt",
        "win32": "/ada/AppData/Local/affekt/Cache",
    }
    monkeypatch.setenv("XDG_CACHE_HOME", "/elsewhere")
    assert cache.default_folder() == Path("/elsewhere/affekt")
