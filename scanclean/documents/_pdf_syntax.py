"""PDF syntax of values as MuPDF prints it: what leads elsewhere, and what strings say."""

from __future__ import annotations

import re
from collections.abc import Mapping

# A string, or a name as a destination; a reference; the number of a page as a
# destination; or where a dictionary begins or ends.
TOKEN = re.compile(
    r"(?P<place>/D(?:est)?)?(?P<string>\((?:[^()\\]|\\.)*\)|<[0-9A-Fa-f]*>)"
    r"|(?P<key>/D(?:est)?)(?P<name>/[^\s()<>\[\]{}/%]+)"
    r"|(?P<number>\d+) \d+ R\b"
    r"|(?<=\[)(?P<page>\d+)(?=/(?:XYZ|Fit[BHRV]*)\b)"
    r"|(?P<dictionary><<|>>)"
    r"|(?P<elsewhere>/S ?/GoTo[RE]\b)",
    re.DOTALL,
)


def dictionary(texts: Mapping[str, str]) -> str:
    """PDF syntax of a dictionary."""
    return f"<<{''.join(f'/{key} {text}' for key, text in texts.items())}>>"


def into_other_files(source: str) -> list[range]:
    """Where in the text of an object are actions that lead elsewhere, to names of other files.

    >>> into_other_files("<</A<</S/GoToR/D(a)>>/B<</S/GoTo/D(a)>>>>")
    [range(4, 19)]
    """
    found: list[range] = []
    open_: list[int] = []
    away: set[int] = set()
    for match in TOKEN.finditer(source):
        if match["elsewhere"] and open_:
            away.add(open_[-1])
        elif match["dictionary"] == "<<":
            open_.append(match.start())
        elif match["dictionary"] and open_:
            start = open_.pop()
            if start in away:
                found.append(range(start, match.start()))
    return found


def suffix(text: str, number: int) -> str:
    """A number to put before the end of a string that is printed as (text) or <hex>."""
    words = f" {number}"
    if not text.startswith("<"):
        return words
    return (words.encode("utf-16-be") if text[1:5].upper() == "FEFF" else words.encode()).hex()


_ESCAPE = re.compile(r"\\([0-7]{1,3}|.)", re.DOTALL)
_LETTERS = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f"}


def by_value(entry: tuple[str, str]) -> bytes:
    r"""The bytes of a printed string, by which names must be sorted.

    >>> by_value(("(a\\(\\101)", "")), by_value(("<6162>", ""))
    (b'a(A', b'ab')
    """
    text = entry[0]
    if text.startswith("<"):
        return bytes.fromhex(text[1:-1])

    def plain(match: re.Match[str]) -> str:
        code = match[1]
        return chr(int(code, 8)) if code[0] in "01234567" else _LETTERS.get(code, code)

    return _ESCAPE.sub(plain, text[1:-1]).encode("latin-1")
