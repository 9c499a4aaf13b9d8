"""The contact sheet: before | cut-out | after, one row per product."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from gpu_worker import pixels

CELL_PX, GAP_PX, HEAD_PX, CAPTION_PX = 380, 14, 46, 64
INK, PAPER, MUTED = "#1d1d1f", "#f4f3f1", "#6b6b70"
CHECKS = ("#ffffff", "#dcdcdc")
STATES = {"approved": "#1a7f4b", "pending": "#a86400", "rejected": "#b3261e"}


@dataclass(frozen=True)
class Row:
    """One product: the bytes of its photo, cut-out and result (None where there is none), and how it went."""

    title: str
    store: str
    before: bytes
    cutout: bytes | None
    after: bytes | None
    state: str
    words: str
    reason: str = ""


def draw(rows: list[Row], path: Path, *, columns: int = 2) -> Path:
    """Write the sheet as JPEG; two products side by side."""
    lines = -(-len(rows) // columns)
    block_w, block_h = 3 * CELL_PX + 4 * GAP_PX, CELL_PX + CAPTION_PX + GAP_PX
    sheet = Image.new("RGB", (columns * block_w, HEAD_PX + lines * block_h + GAP_PX), PAPER)
    pen = ImageDraw.Draw(sheet)
    font, small = ImageFont.load_default(22), ImageFont.load_default(17)
    for column in range(columns):
        for place, head in enumerate(("before", "cut-out", "after")):
            pen.text(
                (column * block_w + GAP_PX + place * (CELL_PX + GAP_PX), 14), head, fill=MUTED, font=font
            )
    for number, row in enumerate(rows):
        x, y = (number % columns) * block_w + GAP_PX, HEAD_PX + (number // columns) * block_h
        for place, data in enumerate((row.before, row.cutout, row.after)):
            cell = _cell(data, checks=place == 1)
            sheet.paste(cell, (x + place * (CELL_PX + GAP_PX), y))
        pen.text((x, y + CELL_PX + 6), row.title, fill=INK, font=small)
        pen.text((x, y + CELL_PX + 30), row.store, fill=MUTED, font=small)
        left, color = x + CELL_PX + GAP_PX, STATES.get(row.state, MUTED)
        pen.text((left, y + CELL_PX + 6), row.words, fill=color, font=small)
        pen.text((left, y + CELL_PX + 30), _fitting(row.reason, small), fill=MUTED, font=small)
    path.parent.mkdir(parents=True, exist_ok=True)
    sheet.save(path, "JPEG", quality=90)
    return path


def _fitting(text: str, font: ImageFont.ImageFont | ImageFont.FreeTypeFont) -> str:
    """As much of a sentence as two cells hold. The built-in font has no Greek."""
    text = text.replace("Δ", "delta ")
    while text and font.getlength(text) > 2 * CELL_PX:
        text = text[:-2].rstrip(" .,…") + "…"
    return text


def _cell(data: bytes | None, *, checks: bool) -> Image.Image:
    cell = _checkered() if checks else Image.new("RGB", (CELL_PX, CELL_PX), "#ffffff")
    if data is None:
        ImageDraw.Draw(cell).text(
            (20, CELL_PX // 2), "no picture", fill=MUTED, font=ImageFont.load_default(20)
        )
        return cell
    image = pixels.upright(pixels.open_safely(data)).convert("RGBA")
    image.thumbnail((CELL_PX, CELL_PX), Image.Resampling.LANCZOS)
    cell.paste(image, ((CELL_PX - image.width) // 2, (CELL_PX - image.height) // 2), image)
    return cell


def _checkered(size_px: int = 19) -> Image.Image:
    cell = Image.new("RGB", (CELL_PX, CELL_PX), CHECKS[0])
    pen = ImageDraw.Draw(cell)
    for y in range(0, CELL_PX, size_px):
        for x in range(0, CELL_PX, size_px):
            if (x // size_px + y // size_px) % 2:
                pen.rectangle((x, y, x + size_px - 1, y + size_px - 1), fill=CHECKS[1])
    return cell
