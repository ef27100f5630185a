"""Made pages on which the bundled weights fail: the scan, what comes out, the clean page.

python tests/bench/failures.py failures.jpg
"""

import argparse
from pathlib import Path

import numpy as np
from PIL import Image

from scanclean.config import RestoreOptions
from scanclean.engine import open_engine
from scanclean.evaluation import frozen

HEIGHT, WIDTH = 170, 330
GAP = 4
WINDOWS = (
    (98, 60, 460),  # a blurred picture that fills the page
    (51, 210, 0),  # a pale picture with white print
    (119, 500, 0),  # a dirty orange sheet
    (237, 560, 380),  # a table with gray rows on stained paper
    (312, 150, 0),  # letters out of focus, a box in bright light
    (24, 240, 120),  # pale, noisy and out of focus
)
"""Pages of the frozen set, and where to look."""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("out", type=Path)
    out = parser.parse_args().out
    engine = open_engine(RestoreOptions(device="cpu"))
    rows = []
    for number, top, left in WINDOWS:
        page, scan, _ = frozen.make(number)
        pictures = (scan, engine.clean(scan).pixels, page.pixels)
        window = np.s_[top : top + HEIGHT, left : left + WIDTH]
        row = [
            np.pad(p[window], ((0, GAP), (0, GAP), (0, 0)), constant_values=255) for p in pictures
        ]
        rows.append(np.concatenate(row, axis=1))
    engine.close()
    Image.fromarray(np.concatenate(rows)[:-GAP, :-GAP]).save(out, quality=70, optimize=True)


if __name__ == "__main__":
    main()
