import random

import numpy as np
import pytest

from scanclean.evaluation import text

COLUMNS = (
    ["Every ferry that", "crosses the bay", "carries letters."],
    ["Bring two pencils,", "a ruler, and", "the key to box 46."],
)


def slow_distance(a, b):
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        before, row = row, [i]
        for j, y in enumerate(b, 1):
            row.append(min(before[j] + 1, row[-1] + 1, before[j - 1] + (x != y)))
    return row[-1]


def test_columns_read_in_another_order_are_no_error():
    down = "\n".join(COLUMNS[0] + COLUMNS[1])
    across = "\n".join(f"{left} {right}" for left, right in zip(*COLUMNS, strict=True))
    other = "\n".join(COLUMNS[1] + COLUMNS[0])
    assert text.error_rate(across, down) == 0
    assert text.error_rate(other, down) == 0


@pytest.mark.parametrize(
    ("found", "truth", "errors"),
    [
        ("the quick fox", "the quick fox", 0),
        ("thequick fox", "the quick fox", 0),
        ("the qu ick fox", "the quick fox", 0),
        ("the qu1ck fox", "the quick fox", 1),
        ("the fox", "the quick fox", 5),
        ("the quick fox zz", "the quick fox", 2),
        ("", "the quick fox", 11),
        ("“ﬁne” — day", '"fine" - day', 0),
        ("紙 は 白 い", "紙は白い", 0),
        ("紙は自い", "紙は白い", 1),
    ],
)
def test_errors_are_counted_in_characters(found, truth, errors):
    length = sum(map(len, text.tokens(truth)))
    assert text.error_rate(found, truth) == pytest.approx(errors / length)


def test_text_on_an_empty_page_is_an_error():
    assert text.error_rate("", "") == 0
    assert text.error_rate("dust", "") == 1


def test_edit_distances_equal_the_slow_ones():
    chance = random.Random(0)
    words = ["".join(chance.choices("abc", k=chance.randint(1, 9))) for _ in range(40)]
    found = text.edit_distances(words[:25], words[25:])
    expected = [[slow_distance(a, b) for b in words[25:]] for a in words[:25]]
    assert np.array_equal(found, expected)


def test_hocr_gives_its_words_and_its_language(tmp_path):
    path = tmp_path / "a.truth.hocr"
    path.write_text(
        "<html xmlns='x' lang='en-GB'><head><title>no</title></head><body>"
        "<span class='ocr_line'>junk <span class='ocrx_word'><strong>Tea</strong></span> "
        "<span class='ocrx_word' title='bbox 1 2 3 4'>&amp; milk &amp;lt;</span></span>"
        "</body></html>"
    )
    content, language = text.read_truth(path)
    assert content.split() == ["Tea", "&", "milk", "&lt;"] and language == "en-GB"


def test_html_and_plain_text_are_read_whole(tmp_path):
    page = tmp_path / "a.html"
    page.write_text('<html lang="ko"><style>p {}</style><p>종이</p><p>글자</p></html>', "utf-8")
    plain = tmp_path / "a.txt"
    plain.write_text("종이 글자", "utf-8")
    assert text.read_truth(page)[0].split() == text.read_truth(plain)[0].split()
    assert text.read_truth(page)[1] == "ko"
