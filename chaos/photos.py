"""Product photos to upload, 320 px, all different, drawn in a millisecond."""

from __future__ import annotations

import io
import random

from PIL import Image, ImageDraw, ImageFilter

SIZE_PX = 320


def photo(name: str) -> bytes:
    """A plain product on white as JPEG; the same name is the same photo."""
    draw = random.Random(name)  # noqa: S311 - a picture, not a secret
    image = Image.new("RGB", (SIZE_PX, SIZE_PX), "#ffffff")
    left, top = draw.randrange(60, 90), draw.randrange(50, 80)
    right, bottom = SIZE_PX - draw.randrange(60, 90), SIZE_PX - draw.randrange(50, 80)
    body = tuple(draw.randrange(15, 180) for _ in range(3))
    label = tuple(draw.randrange(15, 180) for _ in range(3))
    pen = ImageDraw.Draw(image)
    pen.rounded_rectangle((left, top, right, bottom), radius=draw.randrange(8, 48), fill=body)
    pen.ellipse((left + 30, top + 40, left + 70 + draw.randrange(40), top + 90), fill=label)
    out = io.BytesIO()
    image.filter(ImageFilter.GaussianBlur(0.6)).save(out, "JPEG", quality=92)
    return out.getvalue()
