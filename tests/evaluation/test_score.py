import numpy as np
import pytest

from scanclean.errors import DeviceError, UsageError
from scanclean.evaluation import data, score
from scanclean.evaluation.ocr import Reader
from scanclean.training import metrics
from scanclean.training.pairs import load


def truthful(pixels):
    """Gives the clean page of the fixture, whatever comes."""
    clean = np.full((96, 128), 255, np.uint8)
    clean[20:70, 10:110:10] = 0
    return data.like(clean, pixels)


RESTORERS = {"nothing": lambda pixels: pixels, "truth": truthful}


def reader(read, language="eng"):
    return Reader("eye", "", lambda: True, lambda code: language, read)


def rows_of(pairs, **options):
    return {row.name: row for row in score.evaluate(data.samples(pairs), RESTORERS, **options)}


def test_a_perfect_restorer_has_a_perfect_score(pairs):
    pages = rows_of(pairs)["truth"].pages
    assert score.pooled_rmse(pages) == 0
    assert score.kept(pages)[0] == 1
    assert all(page.ssim == pytest.approx(1) and page.gain != 0 for page in pages)
    assert pages[0].fate.dirt == 0


def test_rmse_is_pooled_over_values_as_training_does(pairs):
    samples = data.samples(pairs)
    loaded = [(load(s.scan), load(s.clean)) for s in samples]
    expected = metrics.pooled_rmse((a, data.like(b, a)) for a, b in loaded)
    assert score.pooled_rmse(rows_of(pairs)["nothing"].pages) == pytest.approx(expected, abs=1e-6)


def test_a_clean_scan_has_no_gain_but_a_share_that_was_touched(pairs):
    noisy, plain, _ = rows_of(pairs)["nothing"].pages
    assert plain.gain is None and plain.touched == 0
    assert noisy.gain == 0 and noisy.touched is None
    damaged = {"nothing": lambda pixels: pixels - (pixels > 200) * np.uint8(3)}
    row = score.evaluate(data.samples(pairs), damaged)[0]
    assert row.pages[1].touched > 0.5


def test_dirt_of_the_scan_is_found(pairs):
    noisy = rows_of(pairs)["nothing"].pages[0]
    assert noisy.fate.dirt > 5000 and sum(noisy.fate.invented) == 0


def test_families_are_kept_apart(pairs):
    found = dict(score.by_family(rows_of(pairs)["nothing"].pages))
    assert list(found) == ["book"] and [p.page for p in found["book"]] == ["noisy.png"]


def test_text_is_read_before_after_and_on_the_clean_page(pairs):
    def read(pixels, language):
        assert language == "eng"
        dirty = pixels[0, 0] != 255
        return "quiet" * 19 + "qu1et" if dirty else "quiet" * 20

    rows = rows_of(pairs, reader=reader(read))
    assert rows[score.TRUTH].pages[0].ocr == rows["truth"].pages[0].ocr == 0
    assert rows["nothing"].pages[0].ocr == pytest.approx(1 / 100)
    assert rows["nothing"].pages[1].ocr is None  # nobody knows its text


def test_a_text_that_cannot_be_read_even_clean_is_not_judged(pairs):
    rows = rows_of(pairs, reader=reader(lambda pixels, language: "~"))
    assert score.TRUTH not in rows and rows["nothing"].pages[0].ocr is None


def test_the_error_is_the_mean_over_the_sizes_in_which_a_page_is_read(pairs):
    seen = []

    def read(pixels, language):
        seen.append(pixels.shape[:2])
        return "quiet" * (20 if len(seen) % 5 else 10)  # misreads the last size

    rows = rows_of(pairs, reader=reader(read), readings=5)
    height, width = seen[0]
    sizes = [(round(height * s), round(width * s)) for s in (1, 0.97, 1.03, 0.94, 1.06)]
    assert seen[:5] == sizes
    assert rows["nothing"].pages[0].ocr == pytest.approx(0.5 / 5)


@pytest.mark.parametrize("readings", [0, 6])
def test_more_sizes_than_there_are_cannot_be_asked_for(pairs, readings):
    with pytest.raises(UsageError, match="1 to 5"):
        rows_of(pairs, readings=readings)


def test_languages_that_are_not_installed_are_left_out(pairs):
    deaf = reader(lambda pixels, language: "never asked", language=None)
    assert rows_of(pairs, reader=deaf)["nothing"].pages[0].ocr is None


def test_a_restorer_that_fails_is_not_hidden(pairs):
    def fail(pixels):
        raise DeviceError("out of memory")

    with pytest.raises(DeviceError, match="out of memory"):
        score.evaluate(data.samples(pairs), {"bad": fail})
