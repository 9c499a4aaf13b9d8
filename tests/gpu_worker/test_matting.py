"""The soft edge: where it lies, how clean it is, what it keeps, and what it costs."""

import subprocess
import sys

import cv2
import numpy as np
import pytest

from gpu_worker.engines.classic import matting, matting_outline

PLUM, IVORY = (90, 30, 70), (238, 234, 225)
MATTING_12_MP = """
import numpy as np
from gpu_worker.engines.classic import matting

def most_mib():
    with open("/proc/self/status") as status:
        return int(next(line for line in status if line.startswith("VmHWM")).split()[1]) // 1024

y, x = np.mgrid[0:3000, 0:4000]
rgb = np.full((3000, 4000, 3), 235, np.uint8)
rgb[(x - 2000) ** 2 + (y - 1500) ** 2 < 1100**2] = 60
rgb += np.random.default_rng(1).integers(0, 6, (3000, 4000, 1), np.uint8)
mask = (rgb[::8, ::8, 0] < 150).copy()
del x, y
matting.refine(rgb[:400, :400], mask[:50, :50] | True)
before = most_mib()
alpha = matting.refine(rgb, mask)
assert 0.30 < alpha.mean() < 0.33
print(most_mib() - before)
"""


def coverage(distance_px, blur_px=1.0):
    """Exact alpha of an edge with the signed distance `distance_px` (negative inside)."""
    return np.clip(0.5 - distance_px / blur_px, 0, 1).astype(np.float32)


def photo_of(alpha, product=PLUM, backdrop=IVORY, quality=95, noise=2.0):
    """A JPEG of a product of one colour before a backdrop (a colour or a picture)."""
    mixed = alpha[..., None] * np.float32(product) + (1 - alpha[..., None]) * np.asarray(backdrop, np.float32)
    mixed += np.random.default_rng(7).normal(0, noise, mixed.shape)
    taken = np.clip(np.round(mixed), 0, 255).astype(np.uint8)
    _, data = cv2.imencode(".jpg", taken, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return cv2.imdecode(data, cv2.IMREAD_COLOR)


def disc(size_px, radius_px):
    y, x = np.mgrid[0:size_px, 0:size_px]
    return (np.hypot(x - 0.493 * size_px, y - 0.507 * size_px) - radius_px).astype(np.float32)


def at_work_size(alpha, work_px=640):
    scale = work_px / max(alpha.shape)
    size = round(alpha.shape[1] * scale), round(alpha.shape[0] * scale)
    return cv2.resize(alpha, size, interpolation=cv2.INTER_AREA) > 0.5


def displaced(alpha, work_px=640):
    """The mask a cut leaves: its outline wanders by one or two pixels."""
    mask = at_work_size(alpha, work_px).astype(np.uint8)
    depth = cv2.distanceTransform(mask, cv2.DIST_L2, 5) - cv2.distanceTransform(1 - mask, cv2.DIST_L2, 5)
    wander = cv2.GaussianBlur(np.random.default_rng(3).normal(size=mask.shape), (0, 0), 5)
    return depth + 1.3 * wander / wander.std() > 0


@pytest.mark.parametrize("size_px", [700, 1024, 2400])
def test_a_round_product_is_cut_along_its_true_edge_at_every_size(size_px):
    distance_px = disc(size_px, 0.3127 * size_px)
    truth = coverage(distance_px, blur_px=2.0)
    alpha = matting.refine(photo_of(truth), displaced(truth))
    band = np.abs(distance_px) < 6
    assert np.abs(alpha - truth)[band].mean() < 0.02
    assert alpha.dtype == np.float32 and alpha.shape == truth.shape


def test_a_mask_that_is_two_pixels_too_small_all_around_still_finds_the_edge():
    distance_px = disc(1024, 300.3)
    truth = coverage(distance_px, blur_px=2.0)
    small = at_work_size(coverage(distance_px + 3.2, blur_px=2.0))
    alpha = matting.refine(photo_of(truth), small)
    assert np.abs(alpha - truth)[np.abs(distance_px) < 6].mean() < 0.02


def test_a_thin_strap_stays_in_one_piece():
    y, x = np.mgrid[0:1024, 0:1024].astype(np.float32)
    bag = np.maximum(np.abs(x - 512) - 250, np.abs(y - 700) - 200)
    strap = np.abs(np.hypot(x - 512, y - 520) - 230) - 1.5
    distance_px = np.minimum(bag, np.maximum(strap, y - 520))
    truth = coverage(distance_px)
    alpha = matting.refine(photo_of(truth), at_work_size(truth))
    middle = (np.abs(strap + 1.5) < 0.5) & (y < 495)
    assert np.mean(alpha[middle] > 0.8) > 0.97
    hole = (np.hypot(x - 512, y - 520) < 220) & (y < 490)
    assert alpha[hole].max() < 0.02


def test_the_backdrop_seen_through_a_narrow_handle_stays_open():
    distance_px = np.abs(disc(1024, 0) - 60) - 55.0
    truth = coverage(distance_px, blur_px=2.0)
    alpha = matting.refine(photo_of(truth), at_work_size(truth))
    assert alpha[disc(1024, 0) < 3].max() < 0.1


@pytest.mark.parametrize("quality", [60, 90])
def test_no_haze_is_left_beyond_four_pixels_of_the_edge_in_a_noisy_jpeg(quality):
    distance_px = disc(1024, 310.4)
    truth = coverage(distance_px, blur_px=2.0)
    alpha = matting.refine(photo_of(truth, quality=quality, noise=4.0), displaced(truth))
    assert alpha[distance_px > 4].max() < 0.04
    assert alpha[(distance_px > 4) & (distance_px < 8)].mean() < 0.0005
    assert alpha[distance_px < -4].min() > 0.96


def test_a_contact_shadow_is_not_taken_for_half_transparent_product():
    distance_px = disc(1024, 310.4)
    truth = coverage(distance_px, blur_px=2.0)
    shade = 1 - 0.5 * np.exp(-np.maximum(distance_px, 0) / 10)
    backdrop = np.float32(IVORY) * shade[..., None]
    alpha = matting.refine(photo_of(truth, backdrop=backdrop), displaced(truth))
    assert alpha[(distance_px > 2.5) & (distance_px < 30)].mean() < 0.004
    assert np.abs(alpha - truth)[np.abs(distance_px) < 6].mean() < 0.045


def test_a_white_product_on_white_keeps_a_smooth_outline():
    distance_px = disc(1024, 310.4)
    truth = coverage(distance_px, blur_px=2.0)
    photo = photo_of(truth, product=IVORY, noise=3.0)
    alpha = matting.refine(photo, at_work_size(truth))
    outline, _ = cv2.findContours((alpha > 0.5).astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    assert len(outline) == 1
    x, y = outline[0][:, 0].T
    radius_px = np.hypot(x - 0.493 * 1024, y - 0.507 * 1024)
    assert radius_px.std() < 0.8
    assert abs(radius_px.mean() - 310.4) < 1.0


def test_a_pale_hem_at_the_edge_of_a_dark_garment_stays_with_the_garment():
    distance_px = disc(1024, 310.4)
    truth = coverage(distance_px, blur_px=2.0)
    cloth = np.where((distance_px > -4)[..., None], np.float32((60, 120, 230)), np.float32((40, 40, 45)))
    photo = photo_of(truth, product=cloth, backdrop=(150, 150, 148))
    alpha = matting.refine(photo, at_work_size(truth))
    assert alpha[(distance_px > -3) & (distance_px < -1.5)].mean() > 0.9


def test_a_product_that_runs_out_of_the_photo_is_solid_up_to_the_frame():
    x = np.arange(800, dtype=np.float32)[None].repeat(800, axis=0)
    truth = coverage(np.abs(x - 400) - 150.3, blur_px=2.0)
    alpha = matting.refine(photo_of(truth), displaced(truth))
    assert alpha[[0, -1], 260:540].min() > 0.98
    assert np.abs(alpha - truth)[:, 240:260].mean() < 0.06


@pytest.mark.parametrize("value", [True, False])
def test_a_mask_without_an_outline_is_kept(value):
    alpha = matting.refine(np.full((90, 120, 3), 128, np.uint8), np.full((45, 60), value))
    assert (alpha == float(value)).all()


def test_how_many_points_are_worked_on_at_once_does_not_show(monkeypatch):
    truth = coverage(disc(900, 260.2), blur_px=2.0)
    photo, mask = photo_of(truth), displaced(truth)
    whole = matting.refine(photo, mask)
    monkeypatch.setattr(matting_outline, "BLOCK_POINTS", 300)
    monkeypatch.setattr(matting, "PIXELS_AT_ONCE", 1000)
    assert np.abs(matting.refine(photo, mask) - whole).max() < 1e-3


def test_the_same_photo_gives_the_same_edge():
    truth = coverage(disc(700, 210.2), blur_px=2.0)
    photo, mask = photo_of(truth), displaced(truth)
    assert (matting.refine(photo, mask) == matting.refine(photo, mask)).all()


def test_twelve_megapixels_take_less_than_300_megabytes_on_top_of_the_photo():
    done = subprocess.run([sys.executable, "-c", MATTING_12_MP], capture_output=True, timeout=120)
    assert done.returncode == 0, done.stderr.decode()
    assert int(done.stdout) < 300
