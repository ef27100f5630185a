import pytest

from scanclean.errors import WeightsError
from scanclean.spec import KEY, ModelSpec, from_metadata


def test_spec_survives_its_metadata():
    spec = ModelSpec("kbnet", {"width": 8, "encoder": [1, 2]}, tile=96, trained_on="müll")
    assert from_metadata(spec.to_metadata(), "x") == spec


def test_file_without_description_has_none():
    assert from_metadata({"other": "words"}, "x") is None


@pytest.mark.parametrize("text", ["{", "[1]", '{"arch": "a", "unknown": 1}'])
def test_unreadable_description_is_a_weights_error(text):
    with pytest.raises(WeightsError, match="file.onnx"):
        from_metadata({KEY: text}, "file.onnx")
