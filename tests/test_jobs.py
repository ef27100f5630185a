import shutil
from pathlib import Path

import pytest
from PIL import Image

from scanclean.errors import InputError, UsageError
from scanclean.jobs import Job, Plan, plan

KNOWN = (".pdf", ".png", ".jpg", ".tif")


def planned(*args, kind=None):
    *inputs, output = map(str, args)
    return plan(inputs, output, kind, KNOWN)


@pytest.fixture
def folder(tmp_path):
    for name in ("p10.png", "p2.png", "b/q.PDF", "notes.txt", ".hidden/x.png", "a.png", "a.jpg"):
        path = tmp_path / "in" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    return tmp_path / "in"


def only(result: Plan) -> Job:
    (job,) = result.jobs
    return job


def test_file_to_file():
    assert only(planned("in.pdf", "out.pdf")) == Job(Path("in.pdf"), Path("out.pdf"), ".pdf")


@pytest.mark.parametrize("output", ["pages/", "p-%03d.png"])
def test_pdf_to_pictures_is_numbered(output):
    job = only(planned("in.pdf", output))
    assert job.numbered and job.suffix == ".png"


def test_percent_in_the_name_of_a_pdf_is_just_a_name():
    assert not only(planned("in.pdf", "100%d.pdf")).numbered


def test_picture_into_a_folder_keeps_its_name():
    job = only(planned("scan.PNG", "out/"))
    assert job.target == Path("out/scan.PNG") and job.suffix == ".png"


def test_pipes():
    assert only(planned("-", "-")) == Job(None, None, "")
    assert only(planned("-", "-", kind="pdf")).suffix == ".pdf"


def test_folder_is_mirrored_in_natural_order(folder):
    jobs = planned(folder, "out").jobs
    places = [job.target.as_posix() for job in jobs]
    assert places == ["out/a.jpg", "out/a.png", "out/b/q.PDF", "out/p2.png", "out/p10.png"]


def test_folder_into_one_pdf(folder):
    result = planned(folder, "all.pdf")
    assert result.joined == Path("all.pdf")
    assert [job.source.name for job in result.jobs][-2:] == ["p2.png", "p10.png"]


def test_inputs_that_would_meet_get_distinct_names(folder):
    jobs = planned(folder / "a.jpg", folder / "a.png", "out/", kind="png").jobs
    assert len({job.target.name.casefold() for job in jobs}) == 2
    same = planned(folder / "a.png", folder / "b" / ".." / "a.png", "out/").jobs
    assert len({job.target for job in same}) == 2


@pytest.mark.parametrize(
    ("args", "kind", "message"),
    [
        (("in.pdf", "out.xyz"), None, "ending"),
        (("in.pdf", "out"), None, "ending"),
        (("in.pdf", "p-%03d.xyz"), None, "ending"),
        (("in.pdf", "p-%03d"), None, "ending"),
        (("-", "in.pdf", "out/"), None, "several"),
        (("a.png", "b.png", "-"), None, "stdout"),
        (("a.png", "b.png"), "gif", "gif"),
    ],
)
def test_nonsense_is_a_usage_error(args, kind, message):
    with pytest.raises(UsageError, match=message):
        planned(*args, kind=kind)


def test_folder_without_documents_is_an_input_error(tmp_path):
    with pytest.raises(InputError, match="holds no document"):
        planned(tmp_path, "out/")


def test_in_place_is_noticed_through_another_spelling(folder):
    job = only(planned(folder / "a.png", folder / "b" / ".." / "a.png"))
    assert job.in_place
    assert not only(planned(folder / "a.png", folder / "c.png")).in_place


def test_outputs_of_an_earlier_run_are_no_inputs(folder):
    (folder / "clean").mkdir()
    (folder / "clean" / "a.png").write_bytes(b"x")
    sources = [job.source.name for job in planned(folder, folder / "clean").jobs]
    assert sorted(sources) == ["a.jpg", "a.png", "p10.png", "p2.png", "q.PDF"]
    assert len(planned(folder, folder).jobs) == 6  # in place: all that is in it


def test_several_documents_do_not_fit_into_one_picture(folder):
    with pytest.raises(UsageError, match=r"one \.png file"):
        planned(folder, "new.png")
    with pytest.raises(UsageError, match="empty"):
        planned("", "out.pdf")


def test_files_of_a_folder_that_are_no_documents_by_their_names_are_told(tmp_path):
    for name in ("1.png", "2.gif", "sub/3.jpg", "sub/4", ".hidden.gif"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    for output in ("all.pdf", "out/"):
        result = planned(tmp_path, output)
        assert result.left_out == (tmp_path / "2.gif", tmp_path / "sub" / "4")
        assert len(result.jobs) == 2


def test_pdfs_among_several_inputs_become_a_folder_of_pictures_each(folder):
    (folder / "b" / "q.pdf").write_bytes(b"x")
    jobs = [job for job in planned(folder, "out/", kind="png").jobs if job.numbered]
    assert [job.target for job in jobs] == [Path("out/b/q"), Path("out/b/q-PDF")]
    assert {job.suffix for job in jobs} == {".png"}


def test_pictures_of_several_pages_become_a_folder_where_a_file_holds_one(tmp_path):
    for name, frames in (("one.tif", 1), ("two.tif", 2)):
        first, *others = [Image.new("L", (9, 9), n) for n in range(frames)]
        first.save(tmp_path / name, save_all=True, append_images=others)
    found = {job.target: job.numbered for job in planned(tmp_path, "out/", kind="png").jobs}
    assert found == {Path("out/one.png"): False, Path("out/two"): True}
    assert only(planned(tmp_path / "two.tif", "out/", kind="png")).numbered
    shutil.copy(tmp_path / "two.tif", tmp_path / "two.scan")
    assert only(planned(tmp_path / "two.scan", "out/", kind="png")).numbered
    assert not only(planned(tmp_path / "two.tif", "out/")).numbered


def test_a_document_without_a_known_ending_keeps_its_name_and_kind(tmp_path):
    job = only(planned(tmp_path / "letter.scan", "out/"))
    assert (job.target, job.suffix) == (Path("out/letter.scan"), "")
    second = planned("a.png", tmp_path / "letter.scan", "out/").jobs[1]
    assert (second.target, second.suffix) == (Path("out/letter.scan"), "")


def test_no_input_is_overwritten_by_what_another_one_becomes(tmp_path):
    for name in ("a.png", "out/a.png", "b.pdf", "c.pdf"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    with pytest.raises(UsageError, match="is an INPUT"):
        planned(tmp_path / "a.png", tmp_path / "out/a.png", f"{tmp_path}/out/")
    with pytest.raises(UsageError, match="is an INPUT"):
        planned(tmp_path / "b.pdf", tmp_path / "c.pdf", tmp_path / "c.pdf")


def test_a_folder_in_place_is_no_overwriting(folder):
    assert all(job.in_place for job in planned(folder, f"{folder}/").jobs)


def test_a_link_to_nowhere_is_missed(folder):
    (folder / "page.png").symlink_to("gone.png")
    assert folder / "page.png" in [job.source for job in planned(folder, "out/").jobs]
