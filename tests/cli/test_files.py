"""What a command writes is there as a whole, and nothing but a file is replaced."""

from __future__ import annotations

import pytest

from affekt.cli import _files
from affekt.errors import UsageError


def test_a_file_is_replaced_and_nothing_is_left_beside_it(tmp_path):
    for text in ("old", "ähnlich"):
        _files.write(text, tmp_path / "a.json")
    assert (tmp_path / "a.json").read_bytes() == "ähnlich".encode()
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]


def test_a_link_stays_one_and_leads_to_what_was_written(tmp_path):
    """/dev/stdout is a link, too."""
    (tmp_path / "link").symlink_to(tmp_path / "file")
    _files.write("text", tmp_path / "link")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "file").read_text() == "text"


@pytest.mark.parametrize("name", ["folder", "absent/a.json"])
def test_what_cannot_be_written_is_told_in_words(tmp_path, name):
    (tmp_path / "folder").mkdir()
    with pytest.raises(UsageError, match="cannot write"):
        _files.write("text", tmp_path / name)
    assert list((tmp_path / "folder").iterdir()) == []
