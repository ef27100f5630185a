"""The table of all kinds of made pages."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeAlias

import numpy as np

from scanclean.training import _kinds_office as office
from scanclean.training import _kinds_press as press
from scanclean.training._page_maker import Sheet
from scanclean.training._words import Words

Maker: TypeAlias = Callable[[np.random.Generator, Words], Sheet]
"""Composes one page from text in one language."""


KINDS: Mapping[str, Maker] = {
    "article": press.article,
    "magazine": press.magazine,
    "picture": press.picture_page,
    "code": office.code,
    "table": office.table,
    "form": office.form,
    "receipt": office.receipt,
    "formulas": press.formulas,
    "small print": press.small_print,
    "title": press.title,
    "poster": press.poster,
    "notes": office.notes,
    "marked": office.marked,
    "contents": office.contents,
    "slide": press.slide,
    "dark page": press.dark_page,
    "coloured paper": office.coloured_paper,
    "diagram": office.diagram,
}
"""Every kind of made page by name."""


WEIGHTS: Mapping[str, float] = {
    "article": 2.5,
    "magazine": 4.0,
    "notes": 1.5,
    "marked": 1.5,
    "poster": 1.5,
}
"""How much more often a kind is made than one that is not named here."""
