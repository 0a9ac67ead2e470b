import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from advwindow.errors import UserError
from advwindow.runs.atomic import exclusive, new_folder, remove_leftovers, write_bytes, write_json


def test_a_file_is_replaced_as_a_whole(tmp_path):
    file = tmp_path / "a.json"
    write_json(file, {"x": 1})
    write_json(file, {"x": 2})
    assert file.read_text() == '{\n  "x": 2\n}\n'
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.json"]


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_a_full_disk_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch, step):
    file = tmp_path / "a.json"
    write_json(file, {"x": 1})

    def full(*_arguments, **_keywords):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os if step == "fsync" else Path, step, full)
    with pytest.raises(UserError, match="No space left"):
        write_bytes(file, b"new")
    assert file.read_text() == '{\n  "x": 1\n}\n'
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.json"]


def test_a_really_full_disk(tmp_path):
    """/dev/full answers every write with ENOSPC."""
    if not Path("/dev/full").exists():
        pytest.skip("this system has no /dev/full")
    with pytest.raises(UserError, match="cannot write"):
        write_bytes(Path("/dev/full/inside"), b"x")
    with pytest.raises(OSError, match="No space left"), Path("/dev/full").open("wb", buffering=0) as file:
        file.write(b"x")


def test_nan_is_refused_in_json(tmp_path):
    with pytest.raises(ValueError, match="JSON compliant"):
        write_json(tmp_path / "a.json", {"x": float("nan")})
    assert list(tmp_path.iterdir()) == []


def test_a_folder_appears_only_when_its_block_ends_well(tmp_path):
    with new_folder(tmp_path / "cell") as folder:
        (folder / "x").write_text("1")
        assert not (tmp_path / "cell").exists()
    assert (tmp_path / "cell" / "x").read_text() == "1"

    def fails():
        with new_folder(tmp_path / "other") as folder:
            (folder / "x").write_text("1")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fails()
    assert [entry.name for entry in tmp_path.iterdir()] == ["cell"]


def test_one_process_at_a_time(tmp_path):
    code = (
        "import sys; from pathlib import Path; from advwindow.runs.atomic import exclusive\n"
        "with exclusive(Path(sys.argv[1])): pass"
    )
    command = [sys.executable, "-c", code, str(tmp_path)]
    with exclusive(tmp_path):
        shut_out = subprocess.run(command, capture_output=True, text=True, check=False)
    assert "another process is at work" in shut_out.stderr
    assert subprocess.run(command, check=False).returncode == 0


def test_leftovers_of_a_killed_process_are_removed(tmp_path):
    (tmp_path / ".tmp-1234-cell").mkdir()
    (tmp_path / ".tmp-1234-file").write_text("half")
    (tmp_path / "cell").mkdir()
    remove_leftovers(tmp_path)
    assert [entry.name for entry in tmp_path.iterdir()] == ["cell"]


def test_the_folder_is_made(tmp_path):
    write_bytes(tmp_path / "new" / "deep" / "a", b"x")
    assert (tmp_path / "new" / "deep" / "a").read_bytes() == b"x"
