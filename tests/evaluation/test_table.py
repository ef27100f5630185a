import json

import pytest

from scanclean.evaluation import ink, table
from scanclean.evaluation.score import TRUTH, PageScore, Row


def page(name, squares=0.0, gain=0.0, ocr=None, lost=0, family=""):
    fate = ink.Fate(
        marks=(10, 4, 2),
        kept=(10 - lost, 4, 2),
        shown=(9, 4, 2),
        eaten=(3 * lost, 0, 0),
        invented=(lost, 0, 7),
        ground=1000,
        dirt=5,
    )
    return PageScore(
        name,
        family,
        squares,
        100,
        gain,
        None,
        0.9,
        None,
        fate,
        ocr=ocr,
        seconds=2.0,
        megapixels=0.5,
    )


ROWS = [
    Row(TRUTH, (PageScore("a.png", ocr=0.02), PageScore("b.png", ocr=0.04))),
    Row("nothing", (page("a.png", 65025, ocr=0.12), page("b.png", 65025, ocr=0.04))),
    Row("ours", (page("a.png", 0, 6, 0.02, 1, "book"), page("b.png", 32512.5, -2, 0.06))),
]


def test_figures_follow_their_definition():
    ours = table.summaries(ROWS)["ours"]
    assert ours["rmse"] == pytest.approx((32512.5 / 200) ** 0.5 / 255)
    assert (ours["gain"], ours["gain_worst"]) == (2, -2)
    assert ours["kept_0"] == 19 / 20 and ours["invented"] == 1  # the palest are not counted
    assert ours["eaten"] == 3 / 30 and ours["dirt"] == 0.005
    assert ours["ocr"] == pytest.approx(0.04)
    assert ours["ocr_gone"] == pytest.approx((0.08 - 0.04) / (0.08 - 0.03))
    assert ours["ocr_worst"] == pytest.approx(0.02) and ours["ocr_worse"] == 1
    assert ours["seconds_mp"] == 4


def test_text_is_aligned_and_leaves_out_what_nobody_knows():
    text = table.as_text(ROWS)
    head, _, *body = text.splitlines()
    assert "dE" not in text and "MB" not in text
    assert [line.split("  ")[0] for line in body[:3]] == [TRUTH, "nothing", "ours"]
    assert {len(line) for line in body[:3]} == {len(body[0])}
    assert "book" in text and "+6.0" in text and head.strip()


def test_worst_pages_are_named_by_measure():
    found = {item.measure: item for item in table.worst(ROWS, ["ours"])}
    assert (found["RMSE"].page, found["gain dB"].page, found["gain dB"].value) == (
        "b.png",
        "b.png",
        "-2.0",
    )
    assert found["marks lost"].page == "a.png" and found["OCR rise"].value == "+2.0%"
    assert found["dirt left"].value == "0.5%" and "ink invented" in found and "dE flat" not in found
    assert found["marks eaten"].value == "3"


def test_everything_fits_in_json():
    facts = json.loads(json.dumps(table.as_json(ROWS, ["ours"]), allow_nan=False))
    ours = facts["rows"][2]
    assert ours["figures"]["gain"] == 2 and ours["pages"][0]["fate"]["kept"] == [9, 4, 2]
    assert {item["row"] for item in facts["worst"]} == {"ours"}
