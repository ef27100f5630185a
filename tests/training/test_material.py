import shutil
from dataclasses import replace

import numpy as np
import pytest

from scanclean.errors import DataError
from scanclean.training.material import RUN_FILES, clean_sources, gather, split
from scanclean.training.pairs import find_pairs, load_rgb


def test_pairs_are_split_without_a_shared_clean_page(config, pairs_folder):
    for n in range(4):  # each clean page scanned three times
        for again in (1, 2):
            for side in ("scan", "clean"):
                file = pairs_folder / side / f"{n}.png"
                shutil.copy(file, file.with_name(f"{n}-{again}.png"))
    train, validation = split(find_pairs(pairs_folder))
    assert train and validation
    shared = {p.clean.read_bytes() for p in train} & {p.clean.read_bytes() for p in validation}
    assert not shared
    assert len(train) + len(validation) == 12


def test_one_clean_page_leaves_nothing_to_judge_by(pairs_folder):
    train, validation = split(find_pairs(pairs_folder)[:1])
    assert len(train) == 1 and validation == ()


def test_clean_pages_alone_are_rendered_once(config, tmp_path, pairs_folder):
    import pymupdf

    data = tmp_path / "pdfs"
    data.mkdir()
    document = pymupdf.open()
    document.new_page().insert_text((72, 72), "a clean page " * 5)
    document.save(data / "clean.pdf")
    found = gather(replace(config, data=str(data)), pool=3)
    assert len(found.pages) == 3 and found.train == ()
    stamp = found.pages[0].stat().st_mtime_ns
    assert gather(replace(config, data=str(data)), pool=3).pages[0].stat().st_mtime_ns == stamp


def test_runs_and_hidden_files_are_no_clean_pages(tmp_path, pairs_folder):
    clean = pairs_folder / "clean" / "0.png"
    for place in (".trash", "run/samples", "run/pages", "good/run.png"):
        (tmp_path / "sources" / place).mkdir(parents=True)
        shutil.copy(clean, tmp_path / "sources" / place / "page.png")
    for name in RUN_FILES:
        (tmp_path / "sources" / "run" / name).touch()
    shutil.copy(clean, tmp_path / "sources" / ".page.png")
    (tmp_path / "sources" / "good" / "loop").symlink_to(tmp_path / "sources")
    found = clean_sources(tmp_path / "sources")
    assert [path.relative_to(tmp_path / "sources").as_posix() for path in found] == [
        "good/run.png/page.png"
    ]


def test_some_clean_crops_are_held_out_and_scanned_once(config, tmp_path, pairs_folder):
    settings = replace(config, data=str(pairs_folder / "clean"))
    found = gather(settings, pool=12)
    held = {pair.clean for pair in found.validation}
    assert len(held) == 3 and len(found.pages) == 9 and held.isdisjoint(found.pages)
    loaded = [(load_rgb(pair.scan), load_rgb(pair.clean)) for pair in found.validation]
    assert all(scan.shape == clean.shape for scan, clean in loaded)
    assert any(not np.array_equal(scan, clean) for scan, clean in loaded)
    stamps = [pair.scan.stat().st_mtime_ns for pair in found.validation]
    again = gather(settings, pool=12)
    assert again == found
    assert [pair.scan.stat().st_mtime_ns for pair in again.validation] == stamps
    more = gather(settings, pool=20)  # as in a run that goes on for longer
    assert more.validation[:3] == found.validation
    assert not {pair.clean for pair in more.validation} & set(found.pages)
    assert all(pair.scan.stat().st_mtime_ns not in stamps for pair in more.validation)


@pytest.mark.parametrize("make", [False, True], ids=["missing", "empty"])
def test_nothing_to_learn_from_is_a_data_error(config, tmp_path, make):
    if make:
        (tmp_path / "nothing").mkdir()
    with pytest.raises(DataError, match="nothing"):
        gather(replace(config, data=str(tmp_path / "nothing")))
