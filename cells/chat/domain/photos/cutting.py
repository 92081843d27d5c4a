"""From what somebody sends to small square pictures. Blocking and bounded: run in a thread."""

import io
import warnings
from collections.abc import Mapping

from PIL import Image, ImageOps, UnidentifiedImageError

from cells.chat.domain.photos.errors import BadImage, ImageTooLarge, TooManyFrames

SIZES_PX = (24, 32, 48, 72, 192, 512, 1024)
EDGE_PX_MAX = 4_096
IMAGE_BYTES_MAX = 1_000_000
FORMATS = ("PNG", "JPEG", "GIF", "WEBP")


def cut(image: bytes, crop: tuple[int, int, int] | None) -> Mapping[int, bytes]:
    """PNG by edge in pixels; what was around the picture (EXIF, comments) is gone. `crop`: left, top, width of a square.

    Raises BadImage, ImageTooLarge, TooManyFrames.
    """
    if len(image) > IMAGE_BYTES_MAX:
        raise ImageTooLarge
    try:
        with warnings.catch_warnings(action="error", category=Image.DecompressionBombWarning):
            square = _square(image, crop)
    except (
        UnidentifiedImageError,
        OSError,
        ValueError,
        SyntaxError,
        Image.DecompressionBombError,
        Image.DecompressionBombWarning,
    ) as error:
        raise BadImage from error
    return {size: _png(square, size) for size in SIZES_PX}


def _square(image: bytes, crop: tuple[int, int, int] | None) -> Image.Image:
    with Image.open(io.BytesIO(image), formats=FORMATS) as opened:
        if max(opened.size) > EDGE_PX_MAX:
            raise ImageTooLarge
        if getattr(opened, "n_frames", 1) > 1:
            raise TooManyFrames
        upright = ImageOps.exif_transpose(opened).convert("RGBA")
    left, top, edge = crop or (0, 0, 0)
    if edge > 0:
        upright = upright.crop((max(left, 0), max(top, 0), min(left + edge, upright.width), min(top + edge, upright.height)))
    return upright


def _png(square: Image.Image, size_px: int) -> bytes:
    out = io.BytesIO()
    ImageOps.fit(square, (size_px, size_px)).save(out, "PNG", optimize=True)
    return out.getvalue()
