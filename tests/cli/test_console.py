import io
import json
import math

import pytest

from scanclean.cli._console import write_json


@pytest.mark.parametrize("name", ["plain", "no text \udc80"], ids=["text", "no text"])
def test_a_report_is_json_whatever_its_figures_are(name):
    """Python alone reads `Infinity` and `NaN`."""
    report = {"name": name, "worst": math.inf, "pages": [{"gain": -math.inf}, (math.nan, 1.5, 2)]}
    out = io.BytesIO()
    write_json("-", report, out)
    found = json.loads(out.getvalue(), parse_constant=pytest.fail)
    assert found == {"name": name, "worst": None, "pages": [{"gain": None}, [None, 1.5, 2]]}
