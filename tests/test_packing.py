import json
import struct
from dataclasses import dataclass

import pytest

from scanclean.packing import pack, unpack


@dataclass(frozen=True)
class Leaf:
    data: bytes
    place: tuple[float, float]
    kind: str | None = None


@dataclass(frozen=True)
class Tree:
    leaves: tuple[Leaf, ...]
    count: int
    sure: bool = True
    whatever: object = None


@dataclass(frozen=True)
class Stranger:
    pass


TREE = Tree((Leaf(b"\0\xff" * 9, (0.1, 2.0)), Leaf(b"", (1e-9, -3.5), "é")), 7, False, b"raw")


def test_values_come_back_as_they_were():
    assert unpack(pack(TREE), Tree, (Leaf,)) == TREE


def test_what_cannot_come_back_is_not_taken():
    with pytest.raises(TypeError, match="set"):
        pack(Tree((), 1, whatever={1}))


def forged(value: object) -> bytes:
    text = json.dumps(value).encode()
    return struct.pack(">Q", len(text)) + text


def tree(leaves: object = (), count: object = 1, sure: object = True) -> bytes:
    return forged({"class": "Tree", "fields": [leaves, count, sure, None]})


HOSTILE = {
    "nothing": b"",
    "pickle": b"cos\nsystem\n(S'true'\ntR.",
    "cut off": pack(TREE)[:-5],
    "length beyond": struct.pack(">Q", 1 << 60) + b"{}",
    "unknown class": forged({"class": "Popen", "fields": ["true"]}),
    "class that is not listed": forged({"class": "Stranger", "fields": []}),
    "a part as the whole": pack(TREE.leaves[0]),
    "text as number": tree(count="7"),
    "truth as number": tree(count=True),
    "wrong member": tree(leaves=[1]),
    "field missing": forged({"class": "Tree", "fields": [[], 1]}),
    "bytes outside": tree(leaves=[{"class": "Leaf", "fields": [{"bytes": [0, 9]}, [0, 0], None]}]),
    "bytes before": tree(leaves=[{"class": "Leaf", "fields": [{"bytes": [-4, 2]}, [0, 0], None]}]),
    "pair of three": tree(leaves=[{"class": "Leaf", "fields": [{"bytes": [0, 0]}, [0, 0, 0], ""]}]),
    "deep": struct.pack(">Q", 200_000) + b"[" * 100_000 + b"]" * 100_000,
}


@pytest.mark.parametrize("data", HOSTILE.values(), ids=HOSTILE)
def test_other_bytes_are_refused(data):
    with pytest.raises(ValueError, match="packed|cannot be"):
        unpack(data, Tree, (Leaf,))
