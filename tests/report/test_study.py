import json
from dataclasses import asdict
from pathlib import Path

import pytest

from scanclean.config import TrainConfig
from scanclean.report.study import write
from scanclean.training import recipes
from scanclean.training.study import Result


@pytest.fixture
def configs(tmp_path):
    """Two recipes, two seeds, as if they had been run: SRResNet came out at 5, the other at 30."""
    made = []
    for name, level in (("srresnet", 5), ("srresnet-channel-norm", 30)):
        for seed in (0, 1):
            run = tmp_path / f"{name}-{seed}"
            run.mkdir()
            base = TrainConfig(data="pairs", run=str(run), seed=seed)
            config = recipes.applied(base, recipes.find(f"study/{name}"), {"steps": 9})
            result = Result(name, seed, (level + seed) / 255, seconds=60)
            (run / "config.json").write_text(json.dumps(asdict(config)))
            (run / "result.json").write_text(json.dumps(asdict(result)))
            lines = [{"event": "Evaluation", "step": s, "rmse": level / s / 255} for s in (3, 9)]
            (run / "log.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
            made.append(config)
    return made


def test_report_has_scores_findings_and_commands(configs, tmp_path):
    text = write(tmp_path, configs).read_text("utf-8")
    assert "| 5.50 ± 0.71 | 0.0216 ± 0.0028 | 4.74 |" in text
    assert "5.50 ± 0.71 against 30.50 ± 0.71 | **confirmed** |" in text
    assert "`study/unet` | U-Net | not run" in text
    assert "4 of 4 runs are finished" in text and "4 minutes in all" in text
    command = "scanclean train pairs --recipe study/srresnet --steps 9 --batch 4 --patch 128"
    assert f"{command} --evaluate-every 500 --seed 1" in text
    assert (tmp_path / "curves.png").read_bytes()[:4] == b"\x89PNG"


def test_report_of_an_unfinished_study_says_so(configs, tmp_path):
    for config in configs[1:]:
        (Path(config.run) / "result.json").unlink()
    text = write(tmp_path, configs).read_text("utf-8")
    assert "1 of 4 runs are finished" in text and "28 findings were not run" not in text
    assert "29 findings were not run" in text


def test_report_of_a_study_of_which_nothing_is_finished_has_no_picture(configs, tmp_path):
    for config in configs:
        (Path(config.run) / "result.json").unlink()
    text = write(tmp_path, configs).read_text("utf-8")
    assert "0 of 4 runs are finished" in text and "curves.png" not in text
    assert not (tmp_path / "curves.png").exists()
