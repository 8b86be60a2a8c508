"""A recording opens with its secret, at its place, as a whole, and not after it was erased."""

from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from affekt.errors import DataError, UsageError
from affekt.service.seal import derive, seal, unseal
from affekt.service.store.vault import Vault

SECRET = bytes(range(32))


@pytest.fixture
def vault(tmp_path) -> Vault:
    return Vault(tmp_path / "vault", SECRET)


def recorded(vault: Vault, sound: bytes, call: str = "call", track: str = "stream/inbound"):
    with vault.recorder("default", call, track, about={"rate": 8000}) as recorder:
        recorder.write(sound)
    return recorder.path


@pytest.mark.parametrize("size", [0, 1, 65535, 65536, 65537, 200_000])
def test_what_was_recorded_is_read(vault, size):
    sound = bytes(number % 251 for number in range(size))
    path = recorded(vault, sound)
    assert b"".join(vault.read(path)) == sound
    assert list(vault.list("default", "call")) == [(path, {"track": "stream/inbound", "rate": 8000}, True)]


@given(sizes=st.lists(st.integers(0, 90_000), max_size=6))
def test_pieces_of_any_size_give_the_same(tmp_path_factory, sizes):
    vault = Vault(tmp_path_factory.mktemp("vault"), SECRET)
    pieces = [bytes([number % 256]) * size for number, size in enumerate(sizes)]
    with vault.recorder("default", "call", "track") as recorder:
        for piece in pieces:
            recorder.write(piece)
    assert b"".join(vault.read(recorder.path)) == b"".join(pieces)


def test_nothing_on_the_disk_says_what_it_is(vault):
    path = recorded(vault, b"sound" * 1000)
    content = path.read_bytes()
    assert [word for word in (b"sound", b"inbound", b"8000") if word in content] == []
    assert [word for word in ("default", "call", "inbound") if word in str(path.relative_to(vault.folder))] == []
    assert path.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("place", [0, 9, 20, 100, -1, -70_000])
def test_a_changed_byte_is_found_out(vault, place):
    path = recorded(vault, b"sound" * 40_000)
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(content)
    with pytest.raises(DataError):
        list(vault.read(path))


def test_chunks_that_change_places_are_found_out(vault):
    path = recorded(vault, b"".join(bytes([n]) * 65536 for n in range(3)) + b"end")
    content = path.read_bytes()
    size = 4 + 65536 + 16
    first = content.index((65536 + 16).to_bytes(4, "big"))
    swapped = content[:first] + content[first + size : first + 2 * size] + content[first : first + size]
    path.write_bytes(swapped + content[first + 2 * size :])
    with pytest.raises(DataError, match="chunk 1 does not open"):
        list(vault.read(path))


def test_another_secret_or_another_place_opens_nothing(vault, tmp_path):
    path = recorded(vault, b"sound")
    with pytest.raises(DataError, match="another secret"):
        list(Vault(vault.folder, bytes(32)).read(path))
    other = path.with_name("0" * 32 + ".afv")
    other.write_bytes(path.read_bytes())
    with pytest.raises(DataError, match="does not open"):
        list(vault.read(other))
    nothing = tmp_path / "nothing.afv"
    nothing.write_bytes(b"RIFF")
    with pytest.raises(DataError, match="no recording of this vault"):
        list(vault.read(nothing))


@pytest.mark.parametrize("lost", [1, 17, 1000, 70_000])
def test_a_writer_that_died_leaves_what_was_whole_and_it_is_said(vault, lost):
    sound = bytes(number % 251 for number in range(200_000))
    path = recorded(vault, sound)
    path.write_bytes(path.read_bytes()[:-lost])
    found = b"".join(vault.read(path))
    assert sound.startswith(found)
    assert len(found) >= 200_000 - lost - 2 * 65536
    assert [whole for _, _, whole in vault.list("default", "call")] == [False]


def test_a_recording_is_never_written_over(vault):
    path = recorded(vault, b"first")
    with pytest.raises(DataError, match="there already"):
        vault.recorder("default", "call", "stream/inbound")
    assert b"".join(vault.read(path)) == b"first"


def test_erasing_takes_the_call_and_no_other(vault):
    path, kept = recorded(vault, b"sound"), recorded(vault, b"other", call="other")
    with path.open("rb") as still_open:  # as a backup or another process may have it
        assert vault.erase("default", "call") == 1
        content = still_open.read()
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)  # even then it opens no more: its key is gone
    with pytest.raises(DataError):
        list(vault.read(path))
    assert b"".join(vault.read(kept)) == b"other"
    assert vault.erase("default", "never recorded") == 0


def test_what_is_sealed_opens_where_it_belongs_only():
    key = derive(SECRET, "one")
    sealed = seal(key, b"plain", to="here")
    assert seal(key, b"plain", to="here") != sealed
    for wrong in ({"key": derive(SECRET, "two"), "to": "here"}, {"key": key, "to": "there"}):
        with pytest.raises(DataError, match="does not open"):
            unseal(wrong["key"], sealed, to=wrong["to"])
    for cut in range(len(sealed)):
        with pytest.raises(DataError):
            unseal(key, sealed[:cut], to="here")


def test_who_only_records_loads_no_database():
    code = "import sys; from affekt.service.store import Vault; print('sqlalchemy' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


def test_a_short_secret_is_refused():
    with pytest.raises(UsageError, match="31 bytes"):
        derive(bytes(31), "vault")
