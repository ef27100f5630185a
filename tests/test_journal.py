import errno
import random

import pytest

from scanclean.journal import Journal, JournalInUse

ENTRIES = {f"page {n}": bytes([n]) * (n * 37 + 1) for n in range(12)}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "journal"


@pytest.fixture
def written(path):
    journal = Journal(path, b"job")
    for key, value in ENTRIES.items():
        journal.add(key, value)
    journal.close()
    return path


def content(path, identity=b"job"):
    journal = Journal(path, identity)
    found = {key: journal.get(key) for key in ENTRIES}
    journal.close()
    return {key: value for key, value in found.items() if value is not None}


def test_entries_are_there_after_reopening(written):
    assert content(written) == ENTRIES


def test_last_entry_of_a_key_counts(written):
    journal = Journal(written, b"job")
    journal.add("page 3", b"anew")
    journal.close()
    assert content(written)["page 3"] == b"anew"


def test_another_job_finds_nothing(written):
    assert content(written, b"other") == {}
    assert content(written) == {}, "and what it found foreign is gone"


def test_cut_off_anywhere_gives_the_entries_before(written):
    data = written.read_bytes()
    for end in random.Random(1).sample(range(len(data)), 40):
        written.write_bytes(data[:end])
        found = content(written)
        assert found.items() <= ENTRIES.items() and list(found) == list(ENTRIES)[: len(found)]


def test_altered_bytes_are_never_given_out(written):
    data = written.read_bytes()
    for at in random.Random(2).sample(range(len(data)), 40):
        written.write_bytes(data[:at] + bytes([data[at] ^ 0x10]) + data[at + 1 :])
        assert content(written).items() <= ENTRIES.items()


def test_rubbish_after_a_power_cut_does_not_hide_later_entries(written):
    with written.open("ab") as file:
        file.write(bytes(5000))  # the file was made longer, its data never arrived
    journal = Journal(written, b"job")
    journal.add("new", b"value")
    journal.close()
    journal = Journal(written, b"job")
    assert journal.get("new") == b"value" and len(journal) == len(ENTRIES) + 1
    journal.close()


def test_one_at_a_time(path):
    first = Journal(path, b"job")
    with pytest.raises(JournalInUse):
        Journal(path, b"job")
    first.close()
    Journal(path, b"job").close()


def test_link_is_not_followed(path, tmp_path):
    victim = tmp_path / "victim"
    victim.write_text("precious")
    path.symlink_to(victim)
    with pytest.raises(OSError):
        Journal(path, b"job")
    assert victim.read_text() == "precious"


def test_no_room_gives_up_the_entries_not_the_job(written):
    resource = pytest.importorskip("resource")
    journal = Journal(written, b"job")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (written.stat().st_size + 100, limits[1]))
    try:
        journal.add("large", bytes(10_000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert journal.failure is not None and journal.failure.errno == errno.EFBIG
    assert journal.get("page 1") is None and written.stat().st_size == 0
    journal.add("small", b"x")  # and stays quiet from then on
    journal.close()
