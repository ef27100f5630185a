"""JPEG 2000: lossy without blocks; exact at quality 100."""

from __future__ import annotations

import io

from scanclean.codecs import Stream
from scanclean.page import Pixels


def encode(pixels: Pixels, quality: int) -> Stream:
    """Encode pixels at a quality from 1 to 100; 100 is lossless.

    Quality q aims at a signal-to-noise ratio of 20 + q / 4 dB: 80 gives 40 dB, about what a JPEG of
    quality 80 has on a scan.
    """
    from PIL import Image

    height, width = pixels.shape[:2]
    lossless = quality >= 100
    # Each resolution level halves the picture; it must not be halved away.
    levels = min(6, min(height, width).bit_length())
    file = io.BytesIO()
    image = Image.fromarray(pixels)
    if lossless:
        image.save(file, "JPEG2000", irreversible=False, num_resolutions=levels)
    else:
        image.save(
            file,
            "JPEG2000",
            irreversible=True,
            quality_mode="dB",
            quality_layers=[20 + quality / 4],
            num_resolutions=levels,
        )
    return Stream(
        data=file.getvalue(),
        filter="JPXDecode",
        width=width,
        height=height,
        bits=8,
        color_space="/DeviceGray" if pixels.ndim == 2 else "/DeviceRGB",
        lossless=lossless,
    )
