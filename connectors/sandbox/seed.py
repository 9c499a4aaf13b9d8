"""A few products, so that a sandbox started by hand is not bare."""

from __future__ import annotations

import io

from PIL import Image, ImageDraw, ImageFilter

from connectors.sandbox.media import BY_UPLOAD
from connectors.sandbox.site import Site

SIZE_PX = 1200
PRODUCTS = (
    (
        "Stoneware mug",
        "18.00",
        "#b5563c",
        "Holds a large coffee and keeps it warm. Thrown by hand, glazed twice.",
    ),
    (
        "Linen cushion",
        "34.50",
        "#5d7f8c",
        "Washed linen with a feather filling. The cover comes off for the wash.",
    ),
    ("Oak tray", "42.00", "#b98b4e", "One piece of oak, oiled, with a rim that keeps the glasses in."),
)


def seed(site: Site) -> None:
    """Fill an empty store; one that has products is left alone."""
    if site.state.count("kind = 'product'"):
        return
    for name, price, color, description in PRODUCTS:
        data = picture(color, round_top=name.endswith("mug"))
        photo = site.media_library.add(data, f"{name}.jpg", accepts=BY_UPLOAD)
        doc = {"type": "simple", "name": name, "regular_price": price, "description": description}
        slug = name.lower().replace(" ", "-")
        site.state.add_post("product", doc | {"image_ids": [photo.id]}, status="publish", slug=slug)


def picture(color: str, *, round_top: bool) -> bytes:
    """A plain object on a light ground with a soft shadow."""
    canvas = Image.new("RGB", (SIZE_PX, SIZE_PX), "#e9e6e1")
    shadow = Image.new("L", canvas.size, 0)
    box = (SIZE_PX * 0.28, SIZE_PX * 0.3, SIZE_PX * 0.72, SIZE_PX * 0.74)
    ImageDraw.Draw(shadow).ellipse((box[0] - 20, box[3] - 50, box[2] + 40, box[3] + 50), fill=120)
    canvas.paste("#6f6a63", mask=shadow.filter(ImageFilter.GaussianBlur(30)))
    draw = ImageDraw.Draw(canvas)
    draw.rounded_rectangle(box, radius=60, fill=color)
    if round_top:
        draw.ellipse((box[0], box[1] - 60, box[2], box[1] + 60), fill="#3b2a22", outline=color, width=18)
    out = io.BytesIO()
    canvas.save(out, "JPEG", quality=90)
    return out.getvalue()
