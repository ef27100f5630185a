import json


def test_every_way_is_shown_with_its_distance_to_fp32(run):
    code, out, _ = run("devices", "--json", "-")
    ways = json.loads(out)["ways"]
    assert code == 0 and {(w["engine"], w["device"]) for w in ways} >= {("onnx", "cpu")}
    assert all(w["largest"] == 0 for w in ways if w["precision"] == "fp32")
    assert ways[0]["nodes"]["CPU"] > 100


def test_words_say_what_auto_takes(run):
    code, out, _ = run("devices")
    assert code == 0 and "auto takes onnx on" in out
