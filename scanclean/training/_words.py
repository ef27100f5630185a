"""Text for made pages: from a folder of HTML files, or made up."""

from __future__ import annotations

import html
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

RIGHT_TO_LEFT = frozenset({"ar", "arb", "he", "heb", "fa", "ur", "ug", "yi"})
_OWN = {
    "en": "The lamp in the hall was still on when the train left at 7:45. Nobody had seen the "
    "gray cat, and the bill for March came to 1,284.50. Turn the page; keep the margin clean.",
    "de": "Größe und Maß prüft man übermorgen. Äpfel kosten 3,20 je Kilo; öffnen, schließen.",
    "fr": "Où est la clé du garçon, près du chêne là-bas? Il a dû l'oublier dès l'été: 12,50 €.",
    "el": "Το φως έμεινε ανοιχτό όλη τη νύχτα. Η σελίδα είναι καθαρή και άσπρη.",
    "ru": "Поезд ушёл в семь часов, а лампа ещё горела. Страница чистая, поля белые.",
    "ko": "종이는 희고 글자는 또렷하다. 기차는 일곱 시에 떠났고 불은 아직 켜져 있었다.",
    "ja": "紙は白く、文字ははっきりしている。電車は七時に出て、明かりはまだついていた。",
    "zh": "纸是白的，字很清楚。火车七点开走，灯还亮着。页边要保持干净。",
    "ar": "الورق أبيض والحروف واضحة. غادر القطار في الساعة السابعة وكان المصباح مضاء.",
    "he": "הנייר לבן והאותיות ברורות. הרכבת יצאה בשבע והמנורה עוד דלקה.",
    "hi": "कागज़ सफ़ेद है और अक्षर साफ़ हैं। गाड़ी सात बजे चली गई और बत्ती जल रही थी।",
    "th": "กระดาษสีขาวและตัวอักษรคมชัด รถไฟออกเวลาเจ็ดโมง ไฟยังเปิดอยู่",
}
_SYLLABLES = [
    "ba",
    "be",
    "bi",
    "bo",
    "da",
    "de",
    "di",
    "do",
    "fa",
    "fe",
    "ga",
    "ge",
    "ka",
    "ki",
    "ko",
    "la",
    "le",
    "li",
    "lo",
    "ma",
    "me",
    "mi",
    "mo",
    "na",
    "ne",
    "no",
    "pa",
    "pe",
    "ra",
    "re",
    "ri",
    "ro",
    "sa",
    "se",
    "si",
    "so",
    "ta",
    "te",
    "ti",
    "to",
    "va",
    "ve",
    "vi",
    "wa",
    "za",
]
_ENDINGS = ("", "", "n", "r", "s", "t", "l", "ng", "st", "m")


@dataclass(frozen=True)
class Words:
    """Text in one language."""

    language: str
    """Code of the language, for the `lang` attribute."""
    paragraphs: tuple[str, ...]
    """Plain text."""

    @property
    def direction(self) -> str:
        """Value of the `dir` attribute, "rtl" or "ltr"."""
        return "rtl" if self.language in RIGHT_TO_LEFT else "ltr"

    def paragraph(self, rng: np.random.Generator, characters: int = 400) -> str:
        """Some text of about that many characters, HTML-escaped."""
        start = int(rng.integers(len(self.paragraphs)))
        text = ""
        while len(text) < characters:
            text += self.paragraphs[start % len(self.paragraphs)] + " "
            start += 1
        return html.escape(_cut(text, characters))

    def phrase(self, rng: np.random.Generator, characters: int = 24) -> str:
        """A heading's worth of text, HTML-escaped."""
        text = self.paragraphs[int(rng.integers(len(self.paragraphs)))]
        breaks = [match.end() for match in re.finditer(r"\s", text)]
        first = int(rng.choice(breaks)) if breaks and len(text) > characters else 0
        return html.escape(_cut(text[first:], characters).strip(" ,;.") or text[:characters])


def load(texts: Path | None) -> list[Words]:
    """Texts of a folder of HTML files with a `lang` attribute; ours if None."""
    own = [
        Words(code, tuple(re.split(r"(?<=[.。।]) ?", text))[:-1] or (text,))
        for code, text in _OWN.items()
    ]
    if texts is None:
        return own
    found = [_read(path) for path in sorted(texts.glob("*.html"))]
    return [words for words in found if words.paragraphs] or own


def made_up(rng: np.random.Generator, count: int = 300) -> Words:
    """Text of invented Latin words, with numbers and capitals, for pages of no language."""
    words = []
    for _ in range(count):
        kind = rng.random()
        if kind < 0.06:
            words.append(number(rng))
        else:
            word = "".join(rng.choice(_SYLLABLES, int(rng.integers(1, 4)))) + str(
                rng.choice(_ENDINGS)
            )
            words.append(word.capitalize() if kind < 0.2 else word)
        if rng.random() < 0.1:
            words[-1] += str(rng.choice((",", ".", ".", ";", ":", "?")))
    return Words("la", tuple(" ".join(words[i : i + 30]) for i in range(0, count, 30)))


def number(rng: np.random.Generator) -> str:
    """A number as it stands in a table: with commas, points, signs or percent."""
    value = float(rng.choice((9, 99, 999, 99999))) * rng.random()
    shapes = (f"{value:,.2f}", f"{value:.1f}", f"{value:,.0f}", f"-{value:.2f}", f"{value:.0f}%")
    return shapes[int(rng.integers(len(shapes)))]


def pick(rng: np.random.Generator, words: Sequence[Words]) -> Words:
    """One of the texts, or invented words now and then."""
    return made_up(rng) if rng.random() < 0.1 else words[int(rng.integers(len(words)))]


def _read(path: Path) -> Words:
    source = path.read_text(encoding="utf-8", errors="replace")
    language = re.search(r'<[^>]*\blang="([^"]+)"', source)
    source = re.sub(r"(?is)<(script|style|head)\b.*?</\1>", " ", source)
    blocks = re.split(r"(?i)</?(?:p|h\d|li|div|td|br)\b[^>]*>", source)
    plain = (html.unescape(re.sub(r"<[^>]+>|\s+", " ", block)).strip() for block in blocks)
    code = language.group(1).split("-")[0] if language else path.stem[:3]
    return Words(code, tuple(text for text in plain if len(text) > 20))


def _cut(text: str, characters: int) -> str:
    if len(text) <= characters:
        return text
    end = text.rfind(" ", characters // 2, characters)
    return text[: end if end > 0 else characters]
