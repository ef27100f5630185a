"""What can be a weights file, and what says it is one and is not."""

import hashlib
import io
import json
import random
import struct
import zipfile

import pytest

from scanclean import _weightfile
from scanclean.errors import WeightsError

NOISE = random.Random(1).randbytes(3000)


def safetensors(data=NOISE, end=None):
    tensor = {"dtype": "U8", "shape": [len(data)], "data_offsets": [0, end or len(data)]}
    header = json.dumps({"__metadata__": {"a": "b"}, "x": tensor}).encode()
    return struct.pack("<Q", len(header)) + header + data


def pth(inside="archive/data.pkl"):
    memory = io.BytesIO()
    with zipfile.ZipFile(memory, "w") as archive:
        archive.writestr(inside, NOISE)
    return memory.getvalue()


def onnx(graph=NOISE):
    version, producer = b"\x08\x08", b"\x12\x04test"
    length = bytes([0x80 | len(graph) & 0x7F, len(graph) >> 7])
    return version + producer + b"\x3a" + length + graph


GOOD = {".onnx": onnx(), ".safetensors": safetensors(), ".pth": pth()}


def flaw_of(tmp_path, suffix, content):
    path = tmp_path / f"w{suffix}"
    path.write_bytes(content)
    return _weightfile.flaw(path, suffix)


@pytest.mark.parametrize("suffix", GOOD)
def test_flaw_finds_nothing_in_a_good_file(tmp_path, suffix):
    assert flaw_of(tmp_path, suffix, GOOD[suffix]) is None


def test_flaw_finds_nothing_in_an_old_torch_file(tmp_path):
    assert flaw_of(tmp_path, ".pth", _weightfile._TORCH_LEGACY_START + NOISE) is None


@pytest.mark.parametrize("suffix", GOOD)
@pytest.mark.parametrize("part", [0, 1, 7, 30, 0.5, 0.999])
def test_flaw_finds_a_cut(tmp_path, suffix, part):
    good = GOOD[suffix]
    assert flaw_of(tmp_path, suffix, good[: part if part >= 1 else int(part * len(good))])


@pytest.mark.parametrize("suffix", [".onnx", ".pth"])
def test_flaw_calls_a_cut_a_cut(tmp_path, suffix):
    assert "cut off" in flaw_of(tmp_path, suffix, GOOD[suffix][:-5])


@pytest.mark.parametrize("suffix", GOOD)
@pytest.mark.parametrize(
    "content",
    [bytes(1000), b"\xff" * 1000, NOISE, b"plain words\n" * 50, b"\x80\x02}q\x00." + NOISE],
    ids=["zeros", "ones", "noise", "text", "pickle"],
)
def test_flaw_finds_another_kind_of_file(tmp_path, suffix, content):
    assert flaw_of(tmp_path, suffix, content)


@pytest.mark.parametrize("suffix", GOOD)
@pytest.mark.parametrize("other", GOOD)
def test_flaw_tells_the_kinds_apart(tmp_path, suffix, other):
    assert (flaw_of(tmp_path, suffix, GOOD[other]) is None) == (suffix == other)


@pytest.mark.parametrize("page", [b"<!DOCTYPE html><p>no", b"\n <HTML>", b"\xef\xbb\xbf<html>"])
def test_flaw_names_a_web_page(tmp_path, page):
    assert "web page" in flaw_of(tmp_path, ".pth", page)


@pytest.mark.parametrize(
    "content",
    [
        struct.pack("<Q", 1 << 62) + b"{}",
        struct.pack("<Q", 2) + b"[]",
        struct.pack("<Q", 2) + b"{}",
        struct.pack("<Q", 200_000) + b"[" * 200_000,
        safetensors(end=len(NOISE) + 1),
        safetensors(end=len(NOISE) - 1),
        safetensors() + b"more",
    ],
    ids=["huge", "list", "empty", "deep", "beyond", "short", "trailing"],
)
def test_flaw_checks_the_bounds_of_safetensors(tmp_path, content):
    assert "safetensors" in flaw_of(tmp_path, ".safetensors", content)


def test_flaw_wants_a_pickle_in_a_torch_file(tmp_path):
    assert flaw_of(tmp_path, ".pth", pth("holiday.txt"))


def test_hash_file_is_the_sha256(tmp_path):
    path = tmp_path / "x"
    path.write_bytes(NOISE)
    assert _weightfile.hash_file(path) == hashlib.sha256(NOISE).hexdigest()


def test_hash_file_says_what_cannot_be_read(tmp_path):
    with pytest.raises(WeightsError, match="cannot be read"):
        _weightfile.hash_file(tmp_path)


def test_quarantine_replaces_an_older_one(tmp_path):
    path, aside = tmp_path / "w.pth", tmp_path / "w.pth.bad"
    path.write_bytes(b"new")
    aside.write_bytes(b"old")
    assert str(aside) in _weightfile.quarantine(path, path)
    assert aside.read_bytes() == b"new"
    assert not path.exists()
