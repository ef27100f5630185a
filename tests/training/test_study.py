import json
import math
from dataclasses import replace
from pathlib import Path

import pytest

from scanclean.errors import UsageError
from scanclean.training import recipes, study
from scanclean.training.events import Diverged, Evaluation
from scanclean.training.study import FINDINGS, PREFIX, Finding, Result, judge

BETTER = Finding("a is better than b", "better", "a", "b", "1 against 2")
VAIN = Finding("a gives nothing", "no gain", "a", "b", "no gain")
WILD = Finding("a diverges", "diverges", "a", "b", "in epoch 4")


def results(recipe, *values):
    return [Result(recipe, seed, value) for seed, value in enumerate(values)]


CASES = {
    "clear gain": ((0.10, 0.11, 0.10), (0.20, 0.21, 0.20), "confirmed", "reversed"),
    "clear loss": ((0.20, 0.21, 0.20), (0.10, 0.11, 0.10), "reversed", "confirmed"),
    "lost in the spread": ((0.10, 0.20, 0.15), (0.12, 0.22, 0.17), "not confirmed", "confirmed"),
    "one seed, large": ((0.10,), (0.11,), "confirmed", "reversed"),
    "one seed, small": ((0.10,), (0.104,), "not confirmed", "confirmed"),
}


@pytest.mark.parametrize(("a", "b", "better", "vain"), CASES.values(), ids=CASES.keys())
def test_difference_of_means_is_judged_against_the_spread(a, b, better, vain):
    found = results("a", *a) + results("b", *b)
    assert judge(BETTER, found).word == better
    assert judge(VAIN, found).word == vain


def test_figures_are_gray_levels_with_their_spread():
    found = results("a", 10 / 255, 12 / 255) + results("b", 20 / 255)
    assert judge(BETTER, found).figures == "11.00 ± 1.41 against 20.00, one seed only"


def test_divergence_is_a_result():
    wild = [replace(r, diverged=7) for r in results("a", 0.1, math.inf)]
    assert judge(WILD, wild) == study.Verdict("confirmed", "2 of 2 runs diverged")
    assert judge(WILD, results("a", 0.1, 0.1)).word == "not confirmed"
    found = wild + results("b", 0.2, 0.2)
    assert judge(BETTER, found).word == "reversed" and "step 7" in judge(BETTER, found).figures


def test_finding_without_runs_is_not_judged():
    assert judge(BETTER, results("a", 0.1)).word == "not run"


@pytest.mark.parametrize("finding", FINDINGS, ids=lambda f: f.words)
def test_findings_are_about_recipes_that_exist(finding):
    assert recipes.find(PREFIX + finding.first) and recipes.find(PREFIX + finding.second)


def test_every_recipe_of_the_study_is_part_of_a_finding():
    used = {name for f in FINDINGS for name in (f.first, f.second)} | {"kbnet-2-y"}
    assert used == {n.removeprefix(PREFIX) for n in study.chosen("all")}


def test_patterns_choose_recipes():
    assert study.chosen("unet, kbnet-2-*") == ["study/unet", "study/kbnet-2-rgb", "study/kbnet-2-y"]
    with pytest.raises(UsageError, match="--recipes kbnt-4:") as caught:
        study.chosen("unet,kbnt-4")
    assert "kbnet-4" in str(caught.value.hint) and "release" not in str(caught.value.hint)


@pytest.fixture
def plan(pairs_folder, tmp_path):
    budget = {"steps": 4, "batch": 2, "patch": 32, "workers": 0, "evaluate_every": 2}

    def make(*names, seeds=(0,), **more):
        names = [PREFIX + name for name in names]
        return study.plan(pairs_folder, tmp_path / "study", names, seeds, budget | more)

    return make


def test_run_is_noted_and_holds_only_for_its_settings(plan):
    (config,) = plan("dncnn")
    assert study.finished(config) is None
    events = list(study.carry_out(config))
    scores = [event.rmse for event in events if isinstance(event, Evaluation)]
    found = study.finished(config)
    assert found.recipe == "dncnn" and found.rmse == min(scores)
    assert study.finished(replace(config, threads=3)) == found
    assert study.finished(plan("dncnn", steps=5)[0]) is None


def test_stopped_run_goes_on(plan):
    (config,) = plan("dncnn")
    events = study.carry_out(config)
    while next(events).step < 3:
        pass
    events.close()
    assert study.finished(config) is None
    assert [event.step for event in study.carry_out(config)][0] == 4


def test_diverged_run_is_finished(plan):
    (config,) = plan("dncnn", rate=1e30, steps=40, schedule="constant", evaluate_every=40)
    events = list(study.carry_out(config))
    assert isinstance(events[-1], Diverged)
    assert study.finished(config).diverged == events[-1].step


def test_filter_is_one_evaluation(plan):
    (config,) = plan("classical")
    (event,) = study.carry_out(config)
    assert study.finished(config).rmse == event.rmse > 0
    assert json.loads((Path(config.run) / "result.json").read_text())["recipe"] == "classical"
