"""Layers of a PDF (optional content): which are not shown when the document is opened."""

from __future__ import annotations

from scanclean.documents._pdf_library import Object, get, items, mupdf, name_of


class Layers:
    """The layers of one document, as its own settings show or hide them.

    ISO 32000-1, 8.11.4.3. Conditions by zoom, language or use are not looked at.

    Args:
        pdf: the document.
    """

    def __init__(self, pdf: Object) -> None:
        root = get(mupdf().pdf_trailer(pdf), "Root")
        settings = get(get(root, "OCProperties"), "D")
        self._all_off = name_of(settings, "BaseState") == "OFF"
        self._on, self._off = (_numbers(get(settings, key)) for key in ("ON", "OFF"))

    def hide(self, layer: Object) -> bool:
        """Whether what belongs to a layer, or to a membership of several, is hidden."""
        kind = name_of(layer, "Type")
        if kind == "OCG":
            return self._is_off(layer)
        if kind != "OCMD":
            return False
        groups = get(layer, "OCGs")
        found = items(groups) if mupdf().pdf_is_array(groups) else [groups]
        off = [self._is_off(group) for group in found if name_of(group, "Type") == "OCG"]
        if not off:
            return False
        policy = name_of(layer, "P")
        shown = {"AllOn": not any(off), "AllOff": all(off), "AnyOff": any(off)}
        return not shown.get(policy, not all(off))

    def _is_off(self, group: Object) -> bool:
        number = int(mupdf().pdf_to_num(group))
        return number in self._off or (self._all_off and number not in self._on)


def _numbers(groups: Object) -> frozenset[int]:
    return frozenset(int(mupdf().pdf_to_num(group)) for group in items(groups))
