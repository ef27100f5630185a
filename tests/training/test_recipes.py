import pytest

from scanclean import checkpoint, plugins
from scanclean.config import TrainConfig
from scanclean.errors import UsageError
from scanclean.spec import ModelSpec
from scanclean.training import recipes
from scanclean.training.losses import LOSSES
from scanclean.training.schedule import learning_rate

DEFAULTS = TrainConfig(data="data", run="run", steps=200)
TRAINED = [r for r in recipes.RECIPES.values() if r.trains]


@pytest.mark.parametrize("recipe", TRAINED, ids=lambda r: r.name)
def test_recipe_is_a_network_and_a_loss_that_exist(recipe):
    config = recipes.applied(DEFAULTS, recipe)
    assert config.recipe == recipe.name and config.loss in LOSSES
    assert config.model in plugins.names("models")
    net = checkpoint.build(
        ModelSpec(config.model, dict(config.network) | {"channels": config.channels})
    )
    assert net.config.channels == config.channels


def test_trial_four_is_pinned_when_the_cosine_is_about_to_climb():
    config = recipes.applied(DEFAULTS, recipes.find("study/kbnet-4"))
    rates = [learning_rate(step, config) for step in range(config.steps)]
    assert min(rates[:118]) < 1.1e-4 and set(rates[118:]) == {2e-4}


def test_recipes_scale_with_the_budget():
    budget = {"steps": 10, "batch": 2, "patch": 64}
    config = recipes.applied(DEFAULTS, recipes.find("study/kbnet-3-patch"), budget)
    assert (config.steps, config.batch, config.patch) == (10, 2, 128)
    config = recipes.applied(DEFAULTS, recipes.find("study/kbnet-3-batch"), budget)
    assert (config.steps, config.batch, config.patch) == (10, 4, 64)


def test_unknown_recipe_tells_all_names():
    with pytest.raises(UsageError, match="kbnet-5") as caught:
        recipes.find("study/kbnet-5")
    assert "did you mean study/kbnet-" in caught.value.hint
    assert all(name in caught.value.hint for name in recipes.RECIPES)
