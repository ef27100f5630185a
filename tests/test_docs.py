"""The README must stay true: what it names exists, and nothing is missing."""

import re
from pathlib import Path

import pytest

from scanclean import plugins
from scanclean.cli import main
from scanclean.errors import ExitCode

README = (Path(__file__).parents[1] / "README.md").read_text("utf-8")


@pytest.fixture(scope="module")
def restore_help():
    import contextlib
    import io

    text = io.StringIO()
    with contextlib.redirect_stdout(text):
        main(["restore", "--help"])
    return text.getvalue()


@pytest.mark.parametrize("name", plugins.names("cli"))
def test_every_command_is_in_the_readme(name):
    assert f"scanclean {name}" in README


def test_every_option_of_the_table_exists(restore_help):
    table = README.split("| option | |")[1].split("\n\n")[0]
    options = set(re.findall(r"--[a-z][a-z-]+", table))
    assert len(options) > 8
    assert not [option for option in options if option not in restore_help]


def test_exit_codes_are_all_listed():
    table = README.split("| exit code | when |")[1].split("\n\n")[0]
    assert {int(n) for n in re.findall(r"^\| (\d+) \|", table, re.M)} == set(ExitCode)


def test_sample_is_small():
    sample = Path(__file__).parent / "data" / "sample.pdf"
    assert sample.stat().st_size < 300_000
