import errno
import io
import tempfile
from pathlib import Path

import pytest

from scanclean.atomic import growing, output_error, publish, replacing
from scanclean.errors import OutputError


def test_target_appears_whole(tmp_path):
    target = tmp_path / "new folder" / "out.txt"
    with replacing(target) as temporary:
        temporary.write_text("whole")
        assert not target.exists()
    assert target.read_text() == "whole"
    assert [p.name for p in target.parent.iterdir()] == ["out.txt"]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt], ids=["error", "^C"])
def test_nothing_is_left_after_a_failure(tmp_path, error):
    with pytest.raises(error), replacing(tmp_path / "out.txt") as temporary:
        temporary.write_text("half")
        raise error
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("size", [9, 20_000_000])
def test_what_grows_is_there_as_a_whole_or_not_at_all(tmp_path, size):
    stream = io.BytesIO()
    for target in (tmp_path / "out", stream):
        with growing(target) as out:
            out.write(b"a" * (size - 1))
            out.seek(0)
            out.write(b"b")
            out.seek(0, io.SEEK_END)
            out.write(b"c")
            assert not (tmp_path / "out").exists() or target is stream
            assert not stream.getvalue()
    assert stream.getvalue() == (tmp_path / "out").read_bytes() == b"b" + b"a" * (size - 2) + b"c"
    for target in (tmp_path / "half", stream):
        with pytest.raises(KeyboardInterrupt), growing(target) as out:
            out.write(b"half")
            raise KeyboardInterrupt
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    assert len(stream.getvalue()) == size


def test_existing_file_is_refused_unless_forced(tmp_path):
    target = tmp_path / "out.txt"
    target.write_text("mine")
    with pytest.raises(OutputError, match="exists already") as caught, replacing(target):
        pass
    assert "--force" in caught.value.hint
    with replacing(target, force=True) as temporary:
        temporary.write_text("new")
    assert target.read_text() == "new"


def test_file_that_appears_meanwhile_is_not_overwritten(tmp_path):
    target = tmp_path / "out.txt"
    with pytest.raises(OutputError, match="exists already"), replacing(target) as temporary:
        temporary.write_text("late")
        target.write_text("first")
    assert target.read_text() == "first"


@pytest.mark.parametrize("old", [True, False], ids=["to a file", "to nothing yet"])
def test_a_link_stays_a_link(tmp_path, old):
    (tmp_path / "real").mkdir()
    real, link = tmp_path / "real/out.txt", tmp_path / "link.txt"
    link.symlink_to("real/out.txt")
    if old:
        real.write_text("old")
        with pytest.raises(OutputError, match="exists already"), replacing(link):
            pass
    with replacing(link, force=old) as temporary:
        temporary.write_text("new")
    assert link.is_symlink() and real.read_text() == "new"
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["link.txt", "out.txt", "real"]


def test_a_link_to_another_disk_stays_a_link(tmp_path):
    memory = Path("/dev/shm")
    if not memory.is_dir() or memory.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("there is no other disk")
    with tempfile.TemporaryDirectory(dir=memory) as other:
        link, finished = tmp_path / "link.txt", tmp_path / "finished"
        link.symlink_to(Path(other) / "out.txt")
        finished.write_text("new")
        publish(finished, link, force=False)
        assert link.is_symlink() and [p.name for p in Path(other).iterdir()] == ["out.txt"]
        assert link.read_text() == "new"


def test_longest_legal_name_has_room_for_the_temporary_file(tmp_path):
    with replacing(tmp_path / ("文" * 85)) as temporary:
        temporary.write_text("x")


def test_folder_that_cannot_be_made_is_an_output_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot be written"), replacing(tmp_path / "file" / "o"):
        pass


def test_full_disk_says_what_to_do():
    error = output_error("out.pdf", OSError(errno.ENOSPC, "No space left on device"))
    assert str(error) == "out.pdf: cannot be written: no space left on device"
    assert "free some space" in error.hint


def test_a_device_or_folder_is_never_replaced(tmp_path):
    for target in (Path("/dev/null"), tmp_path):
        with pytest.raises(OutputError, match="device|folder"), replacing(target, force=True):
            pytest.fail("should have been refused")
