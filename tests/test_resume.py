import io
import shutil

import numpy as np
import pytest
from PIL import Image, ImageDraw

from scanclean.config import ReadOptions, RestoreOptions
from scanclean.errors import InputError, OutputError, UsageError
from scanclean.packing import pack
from scanclean.records import FileReport
from scanclean.restoration import restore
from scanclean.unfinished import State, digest_of, identity

PAGES = 4


class CutOff(Exception):
    """Stands for whatever ends a run in the middle."""


class Cutting:
    """Progress that ends the run once so many pages are done."""

    def __init__(self, pages: int) -> None:
        self.left = pages

    def start(self, total: int, unit: str) -> None:
        pass

    def advance(self, n: int = 1) -> None:
        self.left -= n
        if self.left <= 0:
            raise CutOff


def page(seed: int) -> Image.Image:
    picture = Image.new("L", (90, 120), 225)
    ImageDraw.Draw(picture).multiline_text((12, 15), f"page {seed}\nof four", 40)
    noise = np.random.default_rng(seed).normal(0, 4, (120, 90))
    return Image.fromarray(np.clip(np.asarray(picture) + noise, 0, 255).astype(np.uint8))


def pdf(path, seeds=range(PAGES), **settings):
    import pymupdf

    document = pymupdf.open()
    for seed in seeds:
        buffer = io.BytesIO()
        page(seed).save(buffer, "JPEG", quality=92)
        sheet = document.new_page(width=90, height=120)
        sheet.insert_image(sheet.rect, stream=buffer.getvalue())
    document.save(path, **settings)
    return path


@pytest.fixture
def source(tmp_path):
    return pdf(tmp_path / "in.pdf")


def clean(src, dst, cut: int = 0, **settings):
    progress = {"progress": Cutting(cut)} if cut else {}
    return restore(src, dst, weights="classical", jobs=1, **progress, **settings)


def cut_off(src, dst, pages=2, **settings):
    with pytest.raises(CutOff):
        clean(src, dst, cut=pages, resume=True, **settings)


def files(folder):
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if not p.is_dir()}


def taken_over(reports):
    return [word for report in reports for word in report.warnings if "earlier run" in word]


OUTPUTS = {"pdf": "o.pdf", "tiff": "o.tif", "folder": "pictures", "pattern": "p-%03d.png"}


@pytest.mark.parametrize("output", OUTPUTS.values(), ids=OUTPUTS)
def test_resumed_output_has_the_bytes_of_an_undisturbed_run(source, tmp_path, output):
    if output == "pictures":
        output += "/"
    for name in ("whole", "cut"):
        (tmp_path / name / "pictures").mkdir(parents=True)
    clean(source, f"{tmp_path}/whole/{output}")
    cut_off(source, f"{tmp_path}/cut/{output}")
    assert all(".resume/" in name for name in files(tmp_path / "cut")), "something half-done"
    reports = clean(source, f"{tmp_path}/cut/{output}", resume=True)
    assert taken_over(reports) and len(reports[0].pages) == PAGES
    assert reports[0].output == f"{tmp_path}/cut/{output}".rstrip("/")
    assert files(tmp_path / "cut") == files(tmp_path / "whole")
    assert not list(tmp_path.rglob(".*")), "the state is still there"


def test_nothing_is_kept_unless_asked_for(source, tmp_path):
    with pytest.raises(CutOff):
        clean(source, tmp_path / "o.pdf", cut=2)
    assert list(files(tmp_path)) == ["in.pdf"]


def test_before_the_first_page_nothing_is_kept(tmp_path):
    (tmp_path / "bad.pdf").write_text("%PDF-1.4 rubbish")
    with pytest.raises(InputError):
        clean(tmp_path / "bad.pdf", tmp_path / "o.pdf", resume=True)
    with pytest.raises(InputError):
        clean(tmp_path / "missing.pdf", tmp_path / "o.pdf", resume=True)
    assert list(files(tmp_path)) == ["bad.pdf"] and not list(tmp_path.rglob(".*"))


def test_other_options_take_nothing_over(source, tmp_path):
    clean(source, tmp_path / "whole.pdf", strength=0.5)
    cut_off(source, tmp_path / "o.pdf")
    assert not taken_over(clean(source, tmp_path / "o.pdf", resume=True, strength=0.5))
    assert (tmp_path / "o.pdf").read_bytes() == (tmp_path / "whole.pdf").read_bytes()


def test_changed_input_takes_nothing_over(source, tmp_path):
    cut_off(source, tmp_path / "o.pdf")
    pdf(source, range(7, 7 + PAGES))
    clean(source, tmp_path / "whole.pdf")
    assert not taken_over(clean(source, tmp_path / "o.pdf", resume=True))
    assert (tmp_path / "o.pdf").read_bytes() == (tmp_path / "whole.pdf").read_bytes()


def test_damaged_state_is_not_believed(source, tmp_path):
    clean(source, tmp_path / "whole.pdf")
    for damage in (lambda d: b"rubbish", lambda d: d[:-9] + b"x" * 9):
        cut_off(source, tmp_path / "o.pdf")
        (journal,) = tmp_path.glob(".*/journal")
        journal.write_bytes(damage(journal.read_bytes()))
        clean(source, tmp_path / "o.pdf", resume=True)
        assert (tmp_path / "o.pdf").read_bytes() == (tmp_path / "whole.pdf").read_bytes()
        (tmp_path / "o.pdf").unlink()


def test_in_place(source, tmp_path):
    clean(source, tmp_path / "whole.pdf")
    before = source.read_bytes()
    cut_off(source, source)
    assert source.read_bytes() == before
    assert taken_over(clean(source, source, resume=True))
    assert source.read_bytes() == (tmp_path / "whole.pdf").read_bytes()


def killed_before_the_state_is_removed(source, target, made):
    """The state of a run whose files have just appeared."""
    options = RestoreOptions(weights="classical", jobs=1, resume=True)
    state = State(target.parent, target.name, identity(options, {"device": "cpu"}))
    for name, data in made.items():
        (state.work / name).write_bytes(data)
    state.deliver(digest_of(source), pack(FileReport("in", "out")), force=True)
    state.journal.close()


def test_in_place_is_not_cleaned_twice_after_a_cut_at_the_very_end(source, tmp_path):
    clean(source, tmp_path / "whole.pdf")
    once = (tmp_path / "whole.pdf").read_bytes()
    killed_before_the_state_is_removed(source, source, {"in.pdf": once})
    assert taken_over(clean(source, source, resume=True))
    assert files(tmp_path) == {"in.pdf": once, "whole.pdf": once}


def test_numbered_files_of_which_some_had_appeared(source, tmp_path):
    clean(source, tmp_path / "whole" / "%d.png")
    whole = files(tmp_path / "whole")
    killed_before_the_state_is_removed(source, tmp_path / "out" / "%d.png", whole)
    (tmp_path / "out" / "3.png").unlink()
    clean(source, tmp_path / "out" / "%d.png", resume=True)
    assert files(tmp_path / "out") == whole and len(whole) == PAGES


def test_foreign_file_is_not_overwritten(source, tmp_path):
    cut_off(source, tmp_path / "o.pdf")
    (tmp_path / "o.pdf").write_text("mine")
    with pytest.raises(OutputError, match="exists already"):
        clean(source, tmp_path / "o.pdf", resume=True)
    assert (tmp_path / "o.pdf").read_text() == "mine"
    (tmp_path / "2.png").write_text("mine")
    with pytest.raises(OutputError, match="exists already"):
        clean(source, tmp_path / "%d.png", resume=True)
    assert (tmp_path / "2.png").read_text() == "mine" and not (tmp_path / "1.png").exists()


def test_locked_pages_are_not_written_down(tmp_path):
    import pymupdf

    lock = {"encryption": pymupdf.PDF_ENCRYPT_AES_256, "user_pw": "open", "owner_pw": "own"}
    source = pdf(tmp_path / "in.pdf", **lock)
    read = {"read": ReadOptions(password="open")}
    cut_off(source, tmp_path / "o.pdf", **read)
    assert list(files(tmp_path)) == ["in.pdf"] and not list(tmp_path.rglob(".*"))
    clean(source, tmp_path / "o.pdf", resume=True, **read)
    assert pymupdf.open(tmp_path / "o.pdf").needs_pass


def test_second_run_on_one_output_is_turned_away(source, tmp_path):
    with State(tmp_path, "o.pdf", b""), pytest.raises(OutputError, match="another run"):
        clean(source, tmp_path / "o.pdf", resume=True)


def test_state_behind_a_link_is_not_touched(source, tmp_path):
    cut_off(source, tmp_path / "o.pdf")
    (state,) = tmp_path.glob(".*.resume")
    shutil.rmtree(state)
    victim = tmp_path / "victim"
    (victim / "work").mkdir(parents=True)
    (victim / "work" / "thesis").write_text("precious")
    state.symlink_to(victim)
    with pytest.raises(OutputError, match="link"):
        clean(source, tmp_path / "o.pdf", resume=True)
    assert files(victim) == {"work/thesis": b"precious"}


@pytest.fixture
def folder(tmp_path):
    made = tmp_path / "in"
    made.mkdir()
    for n in range(3):
        pdf(made / f"{n}.pdf", range(n, n + 2))
    return made


def test_folder_keeps_finished_files(folder, tmp_path):
    clean(folder, f"{tmp_path}/whole/")
    cut_off(folder, f"{tmp_path}/out/", pages=3)
    first = (tmp_path / "out" / "0.pdf").stat()
    reports = clean(folder, f"{tmp_path}/out/", resume=True)
    assert (tmp_path / "out" / "0.pdf").stat().st_mtime_ns == first.st_mtime_ns
    assert len(reports) == 3 and len(reports[0].pages) == 2 and "earlier" in reports[0].warnings[0]
    assert files(tmp_path / "out") == files(tmp_path / "whole")
    assert not list(tmp_path.rglob(".*"))


def test_folder_clears_what_a_cut_left_beside_finished_files(folder, tmp_path):
    clean(folder, f"{tmp_path}/whole/")
    cut_off(folder, f"{tmp_path}/out/", pages=3)
    options = RestoreOptions(weights="classical", jobs=1, resume=True)
    stale = State(tmp_path / "out", "0.pdf", identity(options, {"device": "cpu"}))
    stale.journal.add("a page", b"of a run that was killed before it could remove this")
    stale.journal.close()
    clean(folder, f"{tmp_path}/out/", resume=True)
    assert files(tmp_path / "out") == files(tmp_path / "whole")


def test_folder_in_place_cleans_nothing_twice(folder, tmp_path):
    clean(folder, f"{tmp_path}/whole/")
    cut_off(folder, f"{folder}/", pages=3)
    clean(folder, f"{folder}/", resume=True)
    assert files(folder) == files(tmp_path / "whole")


def test_joined(folder, tmp_path):
    import pymupdf

    clean(folder, tmp_path / "whole.pdf")
    cut_off(folder, tmp_path / "all.pdf", pages=3)
    (report,) = clean(folder, tmp_path / "all.pdf", resume=True)
    assert taken_over([report]) and [p.page for p in report.pages] == [1, 2, 3, 4, 5, 6]
    a, b = pymupdf.open(tmp_path / "whole.pdf"), pymupdf.open(tmp_path / "all.pdf")
    assert [p.get_pixmap().digest for p in a] == [p.get_pixmap().digest for p in b]
    assert sorted(p.name for p in tmp_path.iterdir()) == ["all.pdf", "in", "whole.pdf"]


def test_stdout_has_no_place_for_a_state(source):
    with pytest.raises(UsageError, match="--resume"):
        clean(source, "-", resume=True)
