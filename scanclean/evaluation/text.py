"""Character errors of OCR, whatever the order in which a page is read.

A page with columns, tables or captions has no single reading order, so an edit distance over the
whole text mostly measures the order. Here a page is a bag of words (of characters, in scripts that
do not part words reliably): words found on both sides cancel out, so do words that were joined or
split; the rest is paired, closest first, and every pair costs its edit distance. What is left over
costs one error a character, missing characters making up for invented ones as substitutions do.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from html.parser import HTMLParser
from pathlib import Path
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

Distances: TypeAlias = npt.NDArray[np.uint8]

LONGEST = 32
"""Characters of a word that are compared at once; longer ones are cut."""
MOST_PAIRS = 1_000_000
"""Pairs of words compared at once; of a page that is all wrong, only so many are looked at."""

# Han, kana, Hangul, Thai and their likes: words are not parted, or engines part them at random.
_UNPARTED = re.compile(r"[぀-ヿ㐀-鿿豈-﫿가-힯ᄀ-ᇿ㄰-㆏฀-๿ｦ-ﾟ]")
# Combining marks of writing directions, soft hyphens, joiners: not seen, so not read.
_INVISIBLE = re.compile(r"[­​-‏‪-‮⁦-⁩﻿]")
_SAME = str.maketrans("‘’‚‛“”„‟′″–—−‐‑―", "''''\"\"\"\"'\"------")


def tokens(text: str) -> list[str]:
    """The words of a text, in a form in which equal print is equal.

    >>> tokens("“ﬁne”  日本 x")
    ['"fine"', '日', '本', 'x']
    """
    plain = unicodedata.normalize("NFKC", _INVISIBLE.sub("", text)).translate(_SAME)
    parted = _UNPARTED.sub(lambda match: f" {match[0]} ", plain)
    return [w[i : i + LONGEST] for w in parted.split() for i in range(0, len(w), LONGEST)]


def error_rate(found: str, truth: str) -> float:
    """Character errors of `found` for each character of `truth`; spaces and order do not count.

    >>> error_rate("third fourth first sec0nd", "first second third fourth")
    0.045454545454545456
    """
    left, right = _without_common(tokens(found), tokens(truth))
    left, right = _without_joined(left, right)
    right, left = _without_joined(right, left)
    total = sum(map(len, tokens(truth)))
    errors = _paired(left, right)
    return errors / total if total else float(errors > 0)


def _without_common(left: Sequence[str], right: Sequence[str]) -> tuple[list[str], list[str]]:
    common = Counter(left) & Counter(right)
    return _without(left, common), _without(right, common)


def _without(words: Sequence[str], drop: Counter[str]) -> list[str]:
    todo, rest = Counter(drop), []
    for word in words:
        if todo[word] > 0:
            todo[word] -= 1
        else:
            rest.append(word)
    return rest


def _without_joined(whole: Sequence[str], parts: Sequence[str]) -> tuple[list[str], list[str]]:
    """Cancel words of `whole` that are two or three neighbours of `parts` written as one."""
    rest, left, at = Counter(whole), list[str](), 0
    while at < len(parts):
        sizes = (n for n in (3, 2) if at + n <= len(parts))
        size = next((n for n in sizes if rest["".join(parts[at : at + n])] > 0), 0)
        if size:
            rest["".join(parts[at : at + size])] -= 1
            at += size
        else:
            left.append(parts[at])
            at += 1
    return _without(whole, Counter(whole) - rest), left


def _paired(left: Sequence[str], right: Sequence[str]) -> int:
    """Errors of words that are not equal: pairs, closest first, then what has no partner."""
    most = max(1, MOST_PAIRS // max(1, len(right)))
    left, spare = left[:most], sum(map(len, left[most:]))
    distance = edit_distances(left, right)
    lengths = np.maximum.outer([len(w) for w in left], [len(w) for w in right])
    share = distance / np.maximum(lengths, 1)
    rows, columns = np.nonzero(share < 1)
    order = np.lexsort((-lengths[rows, columns], share[rows, columns]))
    free_left, free_right, errors = set(range(len(left))), set(range(len(right))), 0
    for row, column in zip(rows[order].tolist(), columns[order].tolist(), strict=True):
        if row in free_left and column in free_right:
            free_left.remove(row)
            free_right.remove(column)
            errors += int(distance[row, column])
    invented = spare + sum(len(left[i]) for i in free_left)
    return errors + max(invented, sum(len(right[i]) for i in free_right))


def edit_distances(left: Sequence[str], right: Sequence[str]) -> Distances:
    """Edit distance (insert, delete, substitute) of every pair of words, `(left, right)`.

    All pairs advance through the classical table together, a cell at a time.
    """
    if not left or not right:
        return np.zeros((len(left), len(right)), np.uint8)
    a, b = _codes(left), _codes(right)
    size_a, size_b = (np.array([len(w) for w in words]) for words in (left, right))
    shape = (len(left), len(right))
    out = np.zeros(shape, np.uint8)
    row = [np.full(shape, j, np.uint8) for j in range(b.shape[1] + 1)]
    out[size_a == 0] = np.minimum(size_b, 255).astype(np.uint8)
    for i in range(a.shape[1]):
        corner, row[0] = row[0], np.full(shape, i + 1, np.uint8)
        for j in range(b.shape[1]):
            change = corner + (a[:, i, None] != b[None, :, j])
            corner = row[j + 1]
            row[j + 1] = np.minimum(np.minimum(row[j], corner) + 1, change).astype(np.uint8)
        ended = np.flatnonzero(size_a == i + 1)
        for j in np.unique(size_b):
            columns = np.flatnonzero(size_b == j)
            out[np.ix_(ended, columns)] = row[j][np.ix_(ended, columns)]
    return out


def _codes(words: Sequence[str]) -> npt.NDArray[np.uint32]:
    """Characters as numbers, `(words, longest)`, 0 behind the end."""
    longest = max(map(len, words))
    padded = "".join(word.ljust(longest, "\0") for word in words)
    return np.frombuffer(padded.encode("utf-32-le"), np.uint32).reshape(len(words), longest)


def read_truth(path: Path) -> tuple[str, str]:
    """Text and language code of a truth file: hOCR, HTML, or plain text (language "")."""
    source = path.read_text("utf-8", errors="replace")
    if path.suffix.lower() == ".txt":
        return source, ""
    language = re.search(r"<html\b[^>]*?\blang=[\"']([\w-]+)", source)
    parser = _Reader(only="ocrx_word" if "ocrx_word" in source else "")
    parser.feed(source)
    return "".join(parser.parts), language[1] if language else ""


class _Reader(HTMLParser):
    """Collects the text of elements of one class, or of the whole body."""

    def __init__(self, only: str) -> None:
        super().__init__()
        self.parts: list[str] = []
        self._only = only
        self._depth = 0 if only else 1
        self._hidden = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._hidden += tag in ("script", "style", "title")
        if self._only and (self._depth or self._only in (dict(attrs).get("class") or "").split()):
            self._depth += tag not in ("br", "img", "meta", "hr")
        elif not self._only:
            self.parts.append(" ")

    def handle_endtag(self, tag: str) -> None:
        self._hidden -= tag in ("script", "style", "title")
        if self._only and self._depth:
            self._depth -= 1
            self.parts.append(" " if not self._depth else "")

    def handle_data(self, data: str) -> None:
        if self._depth and not self._hidden:
            self.parts.append(data)
