"""The command line: the only place that knows typer and rich.

Every module here without an underscore is a command of its name. A command parses, builds values,
makes one call, prints. `main` is the one place that turns errors into messages and exit codes.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence


def main(args: Sequence[str] | None = None) -> int:
    """Run the command line.

    Args:
        args: words behind the program's name; None takes those of the process.

    Returns:
        The exit code: see `scanclean.errors.ExitCode`.
    """
    words = sys.argv[1:] if args is None else list(args)
    if words == ["--version"]:
        from scanclean import __version__

        sys.stdout.write(f"scanclean {__version__}\n")
        return 0
    from scanclean.cli._app import run

    try:
        return run(words)
    except SystemError:  # Python itself, refused the memory to come back from `run`
        return 6
