"""One render, several files; and byte limits that are met with few encodings."""

import io
import itertools

import numpy as np
import pytest
from PIL import Image

from gpu_worker import runner
from gpu_worker.errors import OutputTooLarge
from gpu_worker.recipe import Output
from gpu_worker.stages import encode as encoding
from gpu_worker.stages.encode import encode, reduced


@pytest.fixture
def counted(monkeypatch):
    """Collects how many pixels each encoding had."""
    calls = []
    save = encoding.save

    def counting(image, *args, **kwargs):
        calls.append(image.width * image.height)
        return save(image, *args, **kwargs)

    monkeypatch.setattr(encoding, "save", counting)
    return calls


def textured(seed: int, grain: float, size_px: tuple[int, int] = (300, 240)) -> np.ndarray:
    """Waves and grain in the middle of a white picture."""
    rng = np.random.default_rng(seed)
    width_px, height_px = size_px
    y, x = np.mgrid[0:height_px, 0:width_px]
    waves = 128 + 70 * np.sin(x / 9) * np.cos(y / 6)
    picture = np.clip(waves[..., None] + rng.normal(0, grain, (height_px, width_px, 3)), 0, 255)
    outside = np.maximum(abs(x / width_px - 0.5), abs(y / height_px - 0.5)) > 0.42
    picture[outside] = 255
    return picture.astype(np.uint8)


@pytest.mark.parametrize(
    ("format", "share", "grain"),
    [
        *itertools.product(("jpeg", "webp"), (0.9, 0.75, 0.6), (5.0, 14.0)),
        # The way to the quality is the same; each encoding takes many times as long.
        ("avif", 0.9, 5.0),
        ("avif", 0.6, 14.0),
    ],
)
def test_a_byte_limit_is_met_at_the_best_quality_with_few_encodings(counted, format, share, grain):
    picture = textured(3, grain, (640, 600))
    free = encode(picture, Output(format=format))
    limit = int(len(free.data) * share)
    counted.clear()
    tight = encode(picture, Output(format=format, max_bytes=limit))
    assert len(tight.data) <= limit
    assert sum(counted) <= 6.2 * 640 * 600, [round(n / 640 / 600, 2) for n in counted]
    assert len(encode(picture, Output(format=format, quality=tight.quality + 1)).data) > limit


def test_an_own_quality_below_the_usual_lowest_is_kept(counted):
    picture = textured(4, 10.0)
    free = encode(picture, Output(quality=20))
    assert free.quality == 20
    with pytest.raises(OutputTooLarge):
        encode(picture, Output(quality=20, max_bytes=len(free.data) - 1))


def test_one_render_gives_the_main_picture_a_zoom_and_a_thumbnail(sample, encoded):
    photo = encoded(sample("bottle").rgb, "PNG")
    raw = {
        "engine": "fake",
        "framing": {"canvas_px": [300, 400]},
        "output": {"disclose": True},
        "outputs": [
            {"name": "zoom", "longest_px": 800},
            {"name": "thumb", "longest_px": 100, "format": "webp", "max_bytes": 2500},
        ],
    }
    made = runner.render(raw, {"main": photo})
    assert set(made.files) == {"main", "zoom", "thumb", "cutout"}
    sizes = {name: (f.width_px, f.height_px, f.format) for name, f in made.files.items() if name != "cutout"}
    assert sizes == {"main": (300, 400, "jpeg"), "zoom": (600, 800, "jpeg"), "thumb": (75, 100, "webp")}
    assert len(made.files["thumb"].data) <= 2500
    assert (
        b"DigitalSourceType" in made.files["zoom"].data and b"DigitalSourceType" in made.files["thumb"].data
    )
    main, zoom = (
        np.asarray(Image.open(io.BytesIO(made.files[n].data)), np.float32) for n in ("main", "zoom")
    )
    shrunk = np.asarray(
        Image.fromarray(zoom.astype(np.uint8)).resize((300, 400), Image.Resampling.BOX), np.float32
    )
    assert np.abs(shrunk - main).mean() < 3
    alone = runner.render({**raw, "outputs": []}, {"main": photo})
    assert alone.files["main"].data == made.files["main"].data


def test_a_zoom_is_composed_from_the_photo_and_not_blown_up_from_the_main_picture(encoded, block):
    """Stripes of two pixels vanish in a small main picture; the zoom must still show them."""
    photo = np.full((600, 600, 3), 255, np.uint8)
    photo[60:540, 60:540] = 30
    photo[60:540, 60:540:4] = photo[60:540, 61:540:4] = 190
    raw = {
        "engine": "fake",
        "framing": {"canvas_px": [120, 120], "fill": 0.8},
        "shadow": {"kind": "none"},
        "outputs": [{"name": "zoom", "longest_px": 600, "format": "png"}],
    }
    made = runner.render(raw, {"main": encoded(photo)})
    zoom = np.asarray(Image.open(io.BytesIO(made.files["zoom"].data)).convert("L"), np.float32)
    assert zoom[300, 200:400].std() > 40


def test_without_a_canvas_no_file_is_larger_than_the_photo(encoded, block):
    raw = {"engine": "fake", "framing": {"canvas_px": None}, "outputs": [{"name": "zoom", "longest_px": 900}]}
    made = runner.render(raw, {"main": encoded(block(240, 200))})
    assert (made.files["zoom"].width_px, made.files["zoom"].height_px) == (240, 200)


def test_a_see_through_picture_is_made_smaller_without_a_dark_rim():
    picture = np.zeros((90, 90, 4), np.uint8)
    picture[20:70, 20:70] = (250, 240, 230, 255)
    small = reduced(picture, 45)
    assert small.shape == (45, 45, 4)
    seen = small[small[..., 3] > 8]
    assert np.abs(seen[:, :3].astype(int) - (250, 240, 230)).max() <= 4


def test_lossless_webp_keeps_colours_that_lossy_webp_would_move(encoded):
    """Lossy WebP halves colour resolution at every quality; strong colour grain needs the other way."""
    rng = np.random.default_rng(1)
    picture = np.full((200, 200, 3), 255, np.uint8)
    picture[40:160, 40:160] = rng.integers(0, 255, (120, 120, 3), dtype=np.uint8)
    raw = {"engine": "fake", "framing": {"canvas_px": None}, "output": {"format": "webp"}}
    made = runner.render(raw, {"main": encoded(picture)})
    assert made.measures["quality"] == 100
    assert made.measures["fidelity_delta_e_p95"] == 0
