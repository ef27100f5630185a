import csv
import json
import platform
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from scanclean.errors import DataError
from scanclean.training.events import Evaluation, Step
from scanclean.training.rundir import RunFolder, environment, read_config, read_log

CPU = torch.device("cpu")


@pytest.fixture
def folder(config):
    opened = RunFolder(config, 0, CPU)
    opened.write(Step(1, 0.5, 1e-3))
    opened.write(Step(2, 0.4, 1e-3))
    opened.write(Evaluation(2, 0.1, 20.0, True))
    opened.close()
    return opened.path


def test_log_and_table_hold_the_same(folder):
    lines = read_log(folder)
    assert [line["event"] for line in lines] == ["Step", "Step", "Evaluation"]
    with (folder / "log.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [float(row["loss"]) for row in rows[:2]] == [0.5, 0.4]
    assert rows[2]["loss"] == "" and float(rows[2]["rmse"]) == lines[2]["rmse"]


def test_lines_after_the_state_that_is_resumed_are_dropped(folder, config):
    with (folder / "log.jsonl").open("a") as log:
        log.write('{"event": "Step", "st')  # killed while it wrote
    again = RunFolder(config, 1, CPU)
    again.write(Step(2, 0.3, 1e-3))
    again.close()
    assert [line["loss"] for line in read_log(folder)] == [0.5, 0.3]


def test_samples_are_strips_of_the_middle(folder, config):
    big = np.zeros((700, 600, 3), np.uint8)
    opened = RunFolder(config, 2, CPU)
    opened.show([("page", big, big + 100, big + 200)])
    opened.close()
    with Image.open(folder / "samples" / "page.png") as strip:
        assert strip.size == (3 * 512, 512)
        assert strip.getpixel((600, 5)) == (100, 100, 100)


def test_curves_are_a_picture(folder):
    with Image.open(folder / "curves.png") as picture:
        assert picture.size[0] > 500


def test_config_is_read_back(folder, config):
    assert read_config(folder) == config
    (folder / "config.json").write_text(json.dumps(asdict(config) | {"unknown": 1}))
    with pytest.raises(DataError, match="not the folder"):
        read_config(folder)


def test_environment_names_versions_and_no_machine():
    facts = environment(CPU)
    assert facts["torch"] == torch.__version__ and facts["processor"]
    told = json.dumps(facts)
    assert platform.node() not in told and str(Path.home()) not in told
