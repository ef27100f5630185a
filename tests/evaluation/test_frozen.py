import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from scanclean.evaluation import data, frozen
from scanclean.evaluation._sentences import SENTENCES
from scanclean.training import _words
from scanclean.training.degradation import PROFILES
from scanclean.training.pairs import load


@pytest.fixture(scope="module")
def built(tmp_path_factory) -> tuple[Path, str]:
    folder = tmp_path_factory.mktemp("frozen")
    return folder, frozen.build(folder, range(2))


def test_a_smaller_set_is_the_beginning_of_a_larger_one_to_the_byte(built, tmp_path):
    folder, digest = built
    assert frozen.build(tmp_path, range(1)) != digest
    files = sorted(path.relative_to(tmp_path) for path in tmp_path.rglob("*.*"))
    assert len(files) == 3
    assert all((folder / name).read_bytes() == (tmp_path / name).read_bytes() for name in files)


def test_a_page_is_the_same_alone(built, tmp_path):
    frozen.build(tmp_path, [1])
    files = sorted(path.relative_to(tmp_path) for path in tmp_path.rglob("*.*"))
    assert [path.stem for path in files] == ["00001"] * 3
    assert all((built[0] / name).read_bytes() == (tmp_path / name).read_bytes() for name in files)


def test_it_is_a_data_folder(built):
    folder, _ = built
    first, second = data.samples(folder)
    assert first.family != second.family and first.clean and first.language in SENTENCES
    scan, clean = load(first.scan), load(first.clean)
    assert scan.shape == clean.shape == (*frozen.SIZE, 3)
    assert not np.array_equal(scan, clean)


def test_words_lie_where_ink_is(built):
    folder, _ = built
    clean = load(folder / "clean" / "00000.png")
    words = json.loads((folder / "text" / "00000.json").read_text("utf-8"))["words"]
    assert len(words) > 20
    for word in words:
        left, top, right, bottom = word["box"]
        box = clean[top:bottom, left:right]
        assert box.size and box.min() < 200, word


def test_kinds_of_scan_are_balanced_and_meet_many_scripts_and_pages():
    plans = [frozen.plan(number) for number in range(8 * len(frozen.FAMILIES))]
    assert set(Counter(plan.family for plan in plans).values()) == {8}
    for family in frozen.FAMILIES:
        own = [plan for plan in plans if plan.family == family]
        assert len({plan.language for plan in own}) >= 4 and len({plan.kind for plan in own}) >= 6
    assert {plan.language for plan in plans} == set(SENTENCES)
    assert {plan.kind for plan in plans} == set(frozen.KINDS_USED)


def test_every_kind_of_scan_in_it_can_be_made():
    assert set(frozen.FAMILIES) <= set(PROFILES)


def test_no_sentence_is_one_that_pages_for_training_are_made_of():
    ours = {text for texts in SENTENCES.values() for text in texts}
    theirs = " ".join(text for words in _words.load(None) for text in words.paragraphs)
    assert not any(text in theirs for text in ours)
