"""Names and files become verified weights; what the network does to them is another test's."""

import hashlib
import io
import os
import random
import sys
import zipfile
from pathlib import Path

import pytest

from scanclean import _download, weights
from scanclean.errors import WeightsError


def pth(seed):
    memory = io.BytesIO()
    with zipfile.ZipFile(memory, "w") as archive:
        archive.writestr("archive/data.pkl", random.Random(seed).randbytes(3000))
    return memory.getvalue()


DATA = pth(1)
HASH = hashlib.sha256(DATA).hexdigest()
HALF = len(DATA) // 2


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """An empty cache folder, not made yet, and no wishes of the real environment."""
    for name in os.environ:
        if name.startswith("SCANCLEAN_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("SCANCLEAN_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def far(monkeypatch):
    """The catalogue has one row, "far", that is not here; whoever tries to fetch it fails."""
    files = {".pth": "far.pth"}
    row = weights.Entry("far", "", "", "kbnet", 1, files, url="https://example.org/w.pth")
    monkeypatch.setattr(weights, "CATALOGUE", (row,))

    def fetch(*args, **options):
        raise AssertionError("the network was touched")

    monkeypatch.setattr(_download, "fetch", fetch)
    return row


# ---------------------------------------------------------------- catalogue and paths
def test_bundled_files_and_table_agree():
    folder = weights.bundled_folder()
    files = [path for kind in weights.KINDS for path in folder.glob(f"*{kind}")]
    assert {p.name: weights.hash_file(p) for p in files} == dict(weights.BUNDLED_SHA256)


def test_catalogue_names_every_file_once():
    files = [file for row in weights.entries() for file in row.files.values()]
    names = [row.name for row in weights.entries()]
    assert len(set(files)) == len(files)
    assert len(set(names)) == len(names)
    for row in weights.entries():
        assert all(Path(file).suffix == kind for kind, file in row.files.items())
        assert row.url is None or (row.url.startswith("https://") and len(row.files) == 1)


def test_public_names_are_all_there_and_sorted():
    assert all(hasattr(weights, name) for name in weights.__all__)
    assert weights.__all__ == sorted(
        weights.__all__, key=lambda n: (not n.isupper(), n.islower(), n)
    )


def test_find_suggests_close_names():
    with pytest.raises(WeightsError, match="scancleen: there are no weights") as caught:
        weights.find("scancleen")
    assert "did you mean scanclean or scanclean-hq?" in caught.value.hint
    assert "scanclean weights list" in caught.value.hint


def test_path_of_is_in_the_bundle_or_the_cache(cache):
    assert weights.path_of("scanclean").parent == weights.bundled_folder()
    assert weights.path_of("scanclean", ".safetensors").name == "scanclean.safetensors"
    assert weights.path_of("kbnet-sidd") == cache / "kbnet-sidd.pth"
    assert not cache.exists()
    with pytest.raises(WeightsError, match=r"comes as \.pth, but \.onnx is needed"):
        weights.path_of("kbnet-sidd", ".onnx")


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have other places")
def test_cache_folder_follows_the_desktop_standard(tmp_path, monkeypatch):
    monkeypatch.delenv("SCANCLEAN_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "x"))
    assert weights.cache_folder() == tmp_path / "x" / "scanclean"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path / "h"))
    assert weights.cache_folder() == tmp_path / "h" / ".cache" / "scanclean"


# ---------------------------------------------------------------- files of the user's own
def test_resolve_takes_a_file(tmp_path):
    path = tmp_path / "mine.PTH"
    path.write_bytes(DATA)
    assert weights.resolve(str(path)) == weights.Resolved(path, HASH)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("missing.onnx", "no such weights file"),
        ("folder/missing", "no such weights file"),
        ("x" * 3000 + ".onnx", "no such weights file"),
        ("nosuchname", "no weights of that name"),
        ("folder.d", "is a folder"),
        ("notes.txt", "not a weights file by its name"),
        ("page.onnx", "web page"),
        ("empty.pth", "empty"),
        ("noise.safetensors", "safetensors"),
    ],
)
def test_resolve_refuses_what_is_no_weights_file(tmp_path, monkeypatch, name, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder.d").mkdir()
    (tmp_path / "notes.txt").write_text("hello")
    (tmp_path / "page.onnx").write_text("<html>404</html>")
    (tmp_path / "empty.pth").touch()
    (tmp_path / "noise.safetensors").write_bytes(random.Random(0).randbytes(500))
    with pytest.raises(WeightsError, match=message) as caught:
        weights.resolve(name)
    assert name in str(caught.value)
    assert caught.value.hint


def test_resolve_refuses_a_kind_that_is_of_no_use(tmp_path):
    path = tmp_path / "mine.pth"
    path.write_bytes(DATA)
    with pytest.raises(WeightsError, match=r"mine\.pth: a \.pth file is of no use here"):
        weights.resolve(path, kinds=(".onnx",))


def test_resolve_prefers_a_name_to_a_folder_called_the_same(tmp_path, monkeypatch, far, cache):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "far").mkdir()
    cache.mkdir()
    (cache / "far.pth").write_bytes(DATA)
    assert weights.resolve("far").entry == far


# ---------------------------------------------------------------- bundled
@pytest.fixture
def bundled(tmp_path, monkeypatch):
    folder = tmp_path / "bundle"
    folder.mkdir()
    (folder / "near.pth").write_bytes(DATA)
    row = weights.Entry("near", "", "", "kbnet", 1, {".pth": "near.pth"}, {"near.pth": HASH})
    monkeypatch.setattr(weights, "CATALOGUE", (row,))
    monkeypatch.setattr(weights, "bundled_folder", lambda: folder)
    return folder / "near.pth"


def test_bundled_weights_are_verified(bundled):
    assert weights.resolve("near").path == bundled
    assert [tuple(c) for c in weights.verify()] == [("near", bundled, "good")]


@pytest.mark.parametrize("damage", ["flip", "cut", "gone", "unlisted"])
def test_bundled_weights_that_are_not_as_released_are_refused(bundled, damage, monkeypatch):
    if damage == "flip":
        bundled.write_bytes(DATA[:HALF] + bytes([DATA[HALF] ^ 1]) + DATA[HALF + 1 :])
    elif damage == "cut":
        bundled.write_bytes(DATA[:HALF])
    elif damage == "gone":
        bundled.unlink()
    else:
        (row,) = weights.CATALOGUE
        bare = weights.Entry(row.name, "", "", row.arch, 1, row.files)
        monkeypatch.setattr(weights, "CATALOGUE", (bare,))
    with pytest.raises(WeightsError, match="not as released") as caught:
        weights.resolve("near")
    assert "--weights FILE" in caught.value.hint
    assert weights.verify()[0].status == "damaged"


# ---------------------------------------------------------------- cached
def test_file_that_somebody_put_there_is_pinned_at_first_use(far, cache):
    cache.mkdir()
    (cache / "far.pth").write_bytes(DATA)
    assert weights.verify()[0].status == "unpinned"
    assert "pinned" in weights.resolve("far", offline=True).notices[0]
    assert weights.verify()[0].status == "pinned"


def test_good_file_needs_no_writable_folder(far, cache, monkeypatch):
    cache.mkdir()
    (cache / "far.pth").write_bytes(DATA)
    (cache / "far.pth.sha256").mkdir()  # a pin cannot be written
    found = weights.resolve("far")
    assert found.sha256 == HASH
    assert "could not be pinned" in found.notices[0]


def test_damaged_cache_offline_is_an_error_and_put_aside(far, cache):
    cache.mkdir()
    (cache / "far.pth").write_bytes(b"<html>404</html>")
    with pytest.raises(WeightsError, match=r"far: .*damaged.*web page.*far\.pth\.bad"):
        weights.resolve("far", offline=True)
    assert [path.name for path in cache.iterdir()] == ["far.pth.bad"]


@pytest.mark.parametrize("by", ["option", "environment"])
def test_offline_says_where_it_comes_from_and_what_to_type(far, cache, monkeypatch, by):
    if by == "environment":
        monkeypatch.setenv("SCANCLEAN_OFFLINE", "1")
    with pytest.raises(WeightsError, match="network is off") as caught:
        weights.resolve("far", offline=by == "option")
    assert str(cache / "far.pth") in str(caught.value)
    assert far.url in str(caught.value)
    assert "scanclean weights pull far" in caught.value.hint
    assert "--weights FILE" in caught.value.hint
    assert weights.verify()[0].status == "not downloaded"


def test_cache_that_cannot_be_made_is_named(far, tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("SCANCLEAN_CACHE", str(tmp_path / "file" / "cache"))
    with pytest.raises(WeightsError, match="file/cache: cannot store far.pth") as caught:
        weights.resolve("far")
    assert "SCANCLEAN_CACHE" in caught.value.hint
