"""What can be seen in a file: thumbnails of an image, the text of a document. Runs in `child` alone.

Text is cut at TEXT_CHARACTERS_MAX; search reads no further.
"""

import warnings
import zipfile
from pathlib import Path
from typing import Any

TEXT_CHARACTERS_MAX = 200_000
TEXT_BYTES_MAX = 1 << 20
PIXELS_MAX = 50_000_000
"""A picture that says it is larger is not decoded (a decompression bomb, or as bad as one)."""
UNZIPPED_BYTES_MAX = 64 << 20
PAGES_MAX = 500
EDGES = (64, 80, 160, 360, 480, 720, 960, 1024)
SQUARE = (64, 80, 160)

Found = dict[str, Any]


def look(filetype: str, source: Path, folder: Path) -> Found:
    """Thumbnails go to `folder`. Raises whatever the decoders raise."""
    if filetype in ("png", "jpg", "gif", "webp", "bmp", "tiff", "ico", "avif"):
        return thumbnails(source, folder)
    if filetype == "pdf":
        return {"text": pdf(source)}
    if filetype == "docx":
        return {"text": docx(source)}
    return {"text": plain(source)}


def thumbnails(source: Path, folder: Path) -> Found:
    from PIL import Image, ImageOps

    Image.MAX_IMAGE_PIXELS = PIXELS_MAX
    warnings.simplefilter("error", Image.DecompressionBombWarning)
    with Image.open(source) as opened:
        width, height = opened.size
        if width * height > PIXELS_MAX:
            raise ValueError(f"{width} x {height} pixels are too many")
        opened.draft("RGB", (2 * EDGES[-1], 2 * EDGES[-1]))  # a JPEG is decoded no larger than needed
        image = ImageOps.exif_transpose(opened).convert("RGBA" if "A" in opened.getbands() or "transparency" in opened.info else "RGB")
    if (image.height > image.width) != (height > width):
        width, height = height, width
    thumbs = {}
    for edge in EDGES:
        if edge not in SQUARE and max(width, height) <= edge:
            continue
        small = ImageOps.fit(image, (edge, edge)) if edge in SQUARE else image.copy()
        small.thumbnail((edge, edge))
        path = folder / f"{edge}.png"
        small.save(path, "PNG")
        thumbs[str(edge)] = {"file": path.name, "width": small.width, "height": small.height}
    return {"width": width, "height": height, "thumbs": thumbs}


def pdf(source: Path) -> str:
    from pypdf import PdfReader

    reader, parts, size = PdfReader(source), [], 0
    for page in reader.pages[:PAGES_MAX]:
        part = page.extract_text()
        parts.append(part)
        size += len(part)
        if size > TEXT_CHARACTERS_MAX:
            break
    return _kept("\n".join(parts))


def docx(source: Path) -> str:
    """Raises ValueError where it would unfold to more than UNZIPPED_BYTES_MAX (a zip bomb)."""
    from docx import Document

    with zipfile.ZipFile(source) as zipped:
        if sum(entry.file_size for entry in zipped.infolist()) > UNZIPPED_BYTES_MAX:
            raise ValueError("it unfolds to too much")
    document = Document(str(source))
    cells = (cell.text for table in document.tables for row in table.rows for cell in row.cells)
    return _kept("\n".join([*(paragraph.text for paragraph in document.paragraphs), *cells]))


def plain(source: Path) -> str:
    with source.open("rb") as opened:
        return _kept(opened.read(TEXT_BYTES_MAX).decode("utf-8", "replace"))


def _kept(text: str) -> str:
    """PostgreSQL takes no NUL, JSON no lone surrogate."""
    return text.replace("\x00", "").encode("utf-8", "replace").decode()[:TEXT_CHARACTERS_MAX].strip()
