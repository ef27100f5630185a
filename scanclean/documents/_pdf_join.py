"""Several PDFs made into one, page after page.

The objects of each part are written as they are, only under higher numbers, so what hangs on a page
(links, notes, fields, fonts) comes along untouched, and no more than one object is in memory. New
are the catalogue, one flat list of pages, and the trees that all parts share.
"""

from __future__ import annotations

import tempfile
from array import array
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from re import Match
from typing import Any, BinaryIO

from scanclean.documents._pdf_content import inherited
from scanclean.documents._pdf_library import (
    Object,
    get,
    is_null,
    items,
    mupdf,
    name_of,
    open_pdf,
    pymupdf,
    reading,
    source_of,
)
from scanclean.documents._pdf_save import save, verify
from scanclean.documents._pdf_syntax import TOKEN, by_value, dictionary, into_other_files, suffix
from scanclean.errors import InputError, LockedError

CATALOGUE, PAGES, OUTLINE = 1, 2, 3
"""Numbers of the new objects."""
INHERITED = ("MediaBox", "CropBox", "Rotate", "Resources")
FROM_FIRST = ("Lang", "OutputIntents", "PageLayout", "PageMode", "ViewerPreferences")
"""What there can only be one of: taken from the first part that has it."""
TAGS = ("StructTreeRoot", "MarkInfo")
ORDER, APPEARANCES = "CO", "NeedAppearances"
"""Keys of a form: in which order fields are calculated, and whether viewers draw them anew."""
NOT_OF_FORM = ("Fields", "XFA", "DR", ORDER)
"""Keys of a form that are made anew, or left out."""
FOR_ALL_FIELDS = ("DA", "Q")
"""Keys of a form that hold for its fields without any: how text looks."""
MAX_DEPTH = 40
"""Levels of a name tree that are followed."""

_PACKED = ("XRef", "ObjStm")  # streams that only hold other objects


def join(parts: Sequence[Path], target: Path) -> None:
    """Write the pages of all parts, in order, to one PDF at `target`.

    Kept of every part: pages, links, notes, bookmarks, page labels, attachments, form fields,
    layers, named destinations. The first part gives the metadata. Tags are kept if only one part
    has them; scripts and actions on opening are not.

    Raises:
        InputError: a part cannot be read.
        OutputError: there is no room.
    """
    with tempfile.NamedTemporaryFile(dir=target.parent, prefix=".scanclean-") as raw:
        with reading("the pages cannot be joined"):
            whole = _Whole(raw)  # type: ignore[arg-type]  # a wrapper of a binary file
            for number, path in enumerate(parts):
                with open_pdf(path) as handle:
                    whole.append(Part(handle, number, whole.size))
            whole.finish()
        raw.flush()
        with (
            reading("the pages cannot be joined"),
            open_pdf(Path(raw.name)) as all_,
        ):
            save(pymupdf()._as_pdf_document(all_), target, "the joined PDF")
    pages = len(whole.pages)
    verify(target, "the joined PDF", password=None, pages=pages, streams={})


def refuse_locked(parts: Mapping[str, Path]) -> None:
    """Refuse encrypted PDFs: one file cannot keep the locks of several.

    Args:
        parts: files of any kind, by what to call them; what cannot be read is let through, for
            others to complain of.

    Raises:
        LockedError: one of them is locked.
    """
    for name, path in parts.items():
        locked = False
        with suppress(InputError, OSError), reading("cannot be read"), open_pdf(path) as handle:
            locked = bool(handle.needs_pass or handle.metadata.get("encryption"))
        if locked:
            raise LockedError(
                f"{name}: is locked, and cannot be joined with others", hint="remove the lock first"
            )


class Part:
    """One of the PDFs, with its objects under higher numbers."""

    def __init__(self, handle: Any, number: int, base: int) -> None:
        self.handle, self.number, self.base = handle, number, base
        self.pdf: Object = pymupdf()._as_pdf_document(handle)
        self.trailer: Object = mupdf().pdf_trailer(self.pdf)
        self.root: Object = get(self.trailer, "Root")
        self.changed: dict[int, str] = {}
        """What is written in place of an object, by its old number."""
        self.later: set[int] = set()
        """Objects that are written at the end."""
        self.renamed: dict[str, str] = {}
        """Named destinations that another part has too, as strings or names of PDF."""

    def text(self, value: Object, *, alone: bool = False) -> str:
        """PDF syntax of a value in the new file.

        Args:
            value: any value.
            alone: whether it is an object of its own. A place there may be one in another file, and
                keeps the number of its page.
        """
        source = source_of(value)
        away = into_other_files(source) if "/GoTo" in source else []
        if alone and source.startswith("["):
            away = [range(2)]
        return TOKEN.sub(lambda match: self._moved(match, away), source)

    def reference(self, number: int) -> str:
        """What refers to an object in the new file."""
        return f"{number + self.base} 0 R"

    def _moved(self, match: Match[str], away: Sequence[range]) -> str:
        if match["number"]:
            return self.reference(int(match["number"]))
        key = match["place"] or match["key"]
        if not (key or match["page"]) or any(match.start() in inside for inside in away):
            return match[0]
        if match["page"]:  # a number would count from the first page of the whole
            return self._page(int(match["page"])) or match[0]
        name = match["string"] or match["name"]
        return key + self.renamed.get(name, name)

    def _page(self, index: int) -> str:
        """What refers to a page in the new file; empty if there is none."""
        if index >= self.handle.page_count:
            return ""
        return self.reference(int(self.handle.page_xref(index)))

    def objects(self) -> Iterator[tuple[int, str, bytes | None]]:
        """New number, text and stream of every object."""
        lib = mupdf()
        for number in range(1, lib.pdf_xref_len(self.pdf)):
            value = lib.pdf_new_indirect(self.pdf, number, 0)
            resolved = lib.pdf_resolve_indirect(value)
            if is_null(resolved) or number in self.later or name_of(value, "Type") in _PACKED:
                continue
            data = None
            if lib.pdf_is_stream(value):
                data = bytes(lib.pdf_load_raw_stream(value).fz_buffer_extract())
                lib.pdf_dict_puts(resolved, "Length", lib.pdf_new_int(len(data)))
            text = self.changed.get(number) or self.text(resolved, alone=True)
            yield number + self.base, text, data

    def with_keys(self, value: Object, **keys: str) -> str:
        """Text of a dictionary with keys put in, or taken out where they are empty."""
        copy = mupdf().pdf_copy_dict(mupdf().pdf_resolve_indirect(value))
        for key in keys:
            mupdf().pdf_dict_dels(copy, key)
        added = "".join(f"/{key} {text}" for key, text in keys.items() if text)
        return self.text(copy)[:-2] + added + ">>"


class _Whole:
    """The file being made."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._offsets = array("Q", [0] * (OUTLINE + 1))
        self.pages: list[str] = []
        self._keys: dict[str, str] = {}
        self._trailer: dict[str, str] = {}
        self._labels: list[str] = []
        self._labelled = False
        self._tops: list[tuple[int, str]] = []
        self._names: dict[str, dict[str, str]] = {"Dests": {}, "EmbeddedFiles": {}}
        self._old_names: dict[str, str] = {}
        self._form: dict[str, str] = {}
        self._for_fields: dict[str, dict[str, str]] = {}
        self._fields: list[str] = []
        self._order: list[str] = []
        self._field_names: set[str] = set()
        self._layers: dict[str, str] = {}
        self._tagged = 0
        file.write(b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n")

    @property
    def size(self) -> int:
        """Highest number that is taken."""
        return len(self._offsets) - 1

    def append(self, part: Part) -> None:
        """Write the objects of a part and take note of its trees."""
        self._offsets.extend([0] * mupdf().pdf_xref_len(part.pdf))
        self._take_labels(part)  # needs the number of pages so far
        self._take_names(part)  # may rename what texts mention
        self._take_pages(part)
        self._take_outline(part)
        self._take_fields(part)
        self._take_layers(part)
        self._take_once(part)
        for number, text, data in part.objects():
            self._write(number, text, data)

    def finish(self) -> None:
        """Write the new objects and the table of all."""
        last = len(self._tops) - 1
        for place, (number, text) in enumerate(self._tops):
            before = f"/Prev {self._tops[place - 1][0]} 0 R" if place else ""
            after = f"/Next {self._tops[place + 1][0]} 0 R" if place < last else ""
            self._write(number, f"{text[:-2]}{before}{after}>>")
        if self._tops:
            ends = f"/First {self._tops[0][0]} 0 R/Last {self._tops[-1][0]} 0 R"
            self._write(OUTLINE, f"<</Type/Outlines{ends}/Count {len(self._tops)}>>")
            self._keys["Outlines"] = f"{OUTLINE} 0 R"
        self._write(PAGES, f"<</Type/Pages/Count {len(self.pages)}/Kids[{' '.join(self.pages)}]>>")
        keys = "".join(f"/{key} {text}" for key, text in self._catalogue().items())
        self._write(CATALOGUE, f"<</Type/Catalog/Pages {PAGES} 0 R{keys}>>")
        self._write_table()

    def _catalogue(self) -> dict[str, str]:
        keys = dict(self._keys)
        trees = {
            name: "".join(f"{key} {value}" for key, value in sorted(names.items(), key=by_value))
            for name, names in self._names.items()
            if names
        }
        if trees:
            inside = "".join(f"/{name}<</Names[{text}]>>" for name, text in trees.items())
            keys["Names"] = f"<<{inside}>>"
        if self._labelled:
            keys["PageLabels"] = f"<</Nums[{''.join(self._labels)}]>>"
        if self._old_names:
            keys["Dests"] = dictionary(self._old_names)
        if self._fields:
            form = {**self._form, "Fields": f"[{' '.join(self._fields)}]"}
            if self._order:
                form[ORDER] = f"[{' '.join(self._order)}]"
            kinds = {kind: dictionary(named) for kind, named in self._for_fields.items()}
            keys["AcroForm"] = dictionary({**form, "DR": dictionary(kinds)} if kinds else form)
        if "OCGs" in self._layers:
            base = {key: text for key, text in self._layers.items() if key != "OCGs"}
            lists = "".join(f"/{key}[{text}]" for key, text in base.items())
            keys["OCProperties"] = f"<</OCGs[{self._layers['OCGs']}]/D<<{lists}>>>>"
        if self._tagged != 1:
            keys = {key: text for key, text in keys.items() if key not in TAGS}
        return keys

    def _write_table(self) -> None:
        start = self._file.tell()
        self._file.write(f"xref\n0 {len(self._offsets)}\n".encode())
        for offset in self._offsets:
            kind = "00000 n" if offset else "65535 f"
            self._file.write(f"{offset:010d} {kind} \n".encode())
        trailer = "".join(f"/{key} {text}" for key, text in self._trailer.items())
        size = f"/Size {len(self._offsets)}/Root {CATALOGUE} 0 R"
        self._file.write(f"trailer\n<<{size}{trailer}>>\nstartxref\n{start}\n%%EOF\n".encode())

    def _write(self, number: int, text: str, data: bytes | None = None) -> None:
        self._offsets[number] = self._file.tell()
        self._file.write(f"{number} 0 obj\n{text}\n".encode("latin-1"))
        if data is not None:
            self._file.write(b"stream\n" + data + b"\nendstream\n")
        self._file.write(b"endobj\n")

    def _take_pages(self, part: Part) -> None:
        for index in range(part.handle.page_count):
            number = int(part.handle.page_xref(index))
            page = mupdf().pdf_new_indirect(part.pdf, number, 0)
            values = {key: inherited(page, key) for key in INHERITED}
            keys = {key: part.text(value) for key, value in values.items() if not is_null(value)}
            text = part.with_keys(page, Parent=f"{PAGES} 0 R", **keys)
            reference = part.reference(number)
            if number in part.changed:  # shown twice: it must be two pages here
                self._offsets.append(0)
                self._write(self.size, text)
                reference = f"{self.size} 0 R"
            else:
                part.changed[number] = text
            self.pages.append(reference)

    def _take_labels(self, part: Part) -> None:
        start = len(self.pages)
        rules = flat(get(part.root, "PageLabels"), "Nums")
        self._labelled = self._labelled or bool(rules)
        if not rules or mupdf().pdf_to_int(rules[0][0]) > 0:
            self._labels.append(f"{start}<</S/D/St {start + 1}>>")
        for key, value in rules:
            self._labels.append(f"{start + mupdf().pdf_to_int(key)} {part.text(value)}")

    def _take_names(self, part: Part) -> None:
        names = get(part.root, "Names")
        found = [(source_of(k), v) for k, v in flat(get(names, "Dests"), "Names")]
        for key, value in found:
            new, number = key, part.number
            while new in self._names["Dests"]:
                number += 1
                new = part.renamed[key] = f"{key[:-1]}{suffix(key, number)}{key[-1]}"
            self._names["Dests"][new] = part.text(value)
        for key, value in _named(get(part.root, "Dests")):  # as in PDF 1.1: names, not strings
            new, number = key, part.number
            while new in self._old_names:
                number += 1
                new = f"{key}-{number}"
                part.renamed[f"/{key}"] = f"/{new}"
            self._old_names[new] = part.text(value)
        for key, value in flat(get(names, "EmbeddedFiles"), "Names"):
            name, number = source_of(key), 1
            new = name
            while new in self._names["EmbeddedFiles"]:
                number += 1
                new = f"{name[:-1]}{suffix(name, number)}{name[-1]}"
            self._names["EmbeddedFiles"][new] = part.text(value)

    def _take_outline(self, part: Part) -> None:
        item, seen = get(get(part.root, "Outlines"), "First"), set()
        while mupdf().pdf_is_dict(item):
            number = int(mupdf().pdf_to_num(item))
            if not number or number in seen:
                return
            seen.add(number)
            text = part.with_keys(item, Parent=f"{OUTLINE} 0 R", Prev="", Next="")
            self._tops.append((number + part.base, text))
            part.later.add(number)
            item = get(item, "Next")

    def _take_fields(self, part: Part) -> None:
        form = get(part.root, "AcroForm")
        own = {key: part.text(value) for key, value in _named(form) if key not in NOT_OF_FORM}
        for field in items(get(form, "Fields")):
            number = int(mupdf().pdf_to_num(field))
            name = source_of(get(field, "T"))
            keys = {
                key: own[key]
                for key in FOR_ALL_FIELDS
                if key in own and self._form and is_null(get(field, key))
            }
            if name in self._field_names and len(name) > 1:
                name = keys["T"] = f"{name[:-1]}{suffix(name, part.number + 1)}{name[-1]}"
            if number and keys:
                part.changed[number] = part.with_keys(field, **keys)
            self._field_names.add(name)
            self._fields.append(part.text(field))
        if own.get(APPEARANCES) == "true" and self._form:
            self._form[APPEARANCES] = "true"
        self._form = self._form or own
        self._order += [part.text(field) for field in items(get(form, ORDER))]
        for kind, named in _named(get(form, "DR")):
            known = self._for_fields.setdefault(kind, {})
            for key, value in _named(named):
                known.setdefault(key, part.text(value))

    def _take_layers(self, part: Part) -> None:
        properties = get(part.root, "OCProperties")
        if is_null(properties):
            return
        default = get(properties, "D")
        lists = {
            key: get(default, key) for key in ("ON", "OFF", "Order", "Locked", "RBGroups", "AS")
        }
        lists["OCGs"] = get(properties, "OCGs")
        texts = {key: [part.text(item) for item in items(value)] for key, value in lists.items()}
        if name_of(default, "BaseState") == "OFF":  # there can only be one for all parts
            texts["OFF"] = [layer for layer in texts["OCGs"] if layer not in texts["ON"]]
        for key, layers in texts.items():
            inside = " ".join(layers)
            if inside:
                self._layers[key] = f"{self._layers.get(key, '')} {inside}".strip()

    def _take_once(self, part: Part) -> None:
        tagged = not is_null(get(part.root, "StructTreeRoot"))
        self._tagged += tagged
        for key in (*FROM_FIRST, *(TAGS if tagged else ())):
            value = get(part.root, key)
            if not is_null(value) and key not in self._keys:
                self._keys[key] = part.text(value)
        if part.number:
            return
        metadata = get(part.root, "Metadata")  # of one document, as Info is
        if not is_null(metadata):
            self._keys["Metadata"] = part.text(metadata)
        for key in ("Info", "ID"):
            value = get(part.trailer, key)
            if not is_null(value):
                self._trailer[key] = part.text(value)


def flat(tree: Object, key: str, depth: int = 0) -> list[tuple[Object, Object]]:
    """Keys and values of a name tree ("Names") or number tree ("Nums")."""
    if depth > MAX_DEPTH:
        return []
    own = items(get(tree, key))
    found = list(zip(own[::2], own[1::2], strict=False))
    for kid in items(get(tree, "Kids")):
        found += flat(kid, key, depth + 1)
    return found


def _named(dictionary: Object) -> Iterator[tuple[str, Object]]:
    """Names of a dictionary as PDF writes them, without slash, and their values."""
    for position in range(mupdf().pdf_dict_len(dictionary)):
        key = source_of(mupdf().pdf_dict_get_key(dictionary, position))
        yield key[1:], mupdf().pdf_dict_get_val(dictionary, position)
