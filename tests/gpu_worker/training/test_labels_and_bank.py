"""Which pictures the network may learn from, and what is kept away from it."""

import json

import numpy as np
import pytest
from PIL import Image

from gpu_worker.engines.base import Matte
from gpu_worker.training import bank, labels


@pytest.mark.parametrize(
    "licence", ["CC0-1.0", "CC BY 4.0", "BSD-3-Clause (repo licence)", "MIT-0", "Apache-2.0"]
)
def test_free_pictures_may_be_learnt_from(licence):
    assert labels.free(licence)


@pytest.mark.parametrize(
    "licence", ["OSL-3.0", "Unsplash Licence", "CC BY-NC 4.0", "CC BY-SA 4.0", "CC-BY-ND-4.0", ""]
)
def test_pictures_that_are_not_free_are_left_out(licence):
    assert not labels.free(licence)


def picture(path, colour=(200, 30, 40)):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (60, 60), colour).save(path)


def test_a_manifest_decides_picture_by_picture(tmp_path):
    for name in ("free.png", "closed.png", "unlisted.png"):
        picture(tmp_path / "pool" / "plain" / name)
    entries = [
        {"file": "plain/free.png", "licence": "CC0-1.0"},
        {"file": "plain/closed.png", "licence": "OSL-3.0"},
    ]
    (tmp_path / "pool" / "MANIFEST.json").write_text(json.dumps({"files": entries}))
    assert [photo.path.name for photo in labels.listed(tmp_path / "pool" / "plain")] == ["free.png"]


def test_a_folder_without_a_manifest_is_the_operators_own(tmp_path):
    picture(tmp_path / "mine" / "a.png")
    assert len(labels.listed(tmp_path / "mine")) == 1


def test_a_label_needs_every_cue_to_agree():
    alpha = np.ones((4, 4), np.float32)
    agreed = {"agreement": 0.97, "mirrored": 0.96, "nearer": 1.0}
    assert labels.trusted(Matte(alpha, 0.2, agreed))
    assert not labels.trusted(Matte(alpha, 0.99, agreed | {"mirrored": 0.8}))
    assert labels.trusted(Matte(alpha, 0.95, {"steady": 0.9}))
    assert not labels.trusted(Matte(alpha, 0.85, {"steady": 0.9}))


def test_the_joints_of_a_tiled_floor_spoil_a_label_but_a_strap_does_not():
    mask = np.zeros((300, 300), bool)
    mask[100:200, 100:200] = True
    assert not labels.stringy(mask)
    joints = mask.copy()
    joints[148:150, 5:295] = True
    joints[5:295, 60:62] = True
    assert labels.stringy(joints)


def test_a_broken_file_in_a_pool_does_not_stop_the_others(tmp_path):
    picture(tmp_path / "good.png")
    (tmp_path / "broken.png").write_bytes(b"not a picture")

    class Everything:
        def cutout(self, rgb):
            return Matte(np.ones(rgb.shape[:2], np.float32), 1.0, {})

    kept = {
        photo.path.name: rgba is not None
        for photo, rgba in labels.label(labels.listed(tmp_path), Everything())
    }
    assert kept == {"broken.png": False, "good.png": True}


@pytest.mark.parametrize(
    ("file", "product"),
    [
        ("saleor18__demo_cl_boot01_3.png", "demo_cl_boot01"),
        ("a/b/paints_01.png", "paints"),
        ("shop__blue-plimsolls-2.png", "blue-plimsolls"),
        ("mug.png", "mug"),
    ],
)
def test_all_views_of_a_product_are_one_product(file, product):
    assert bank.product_of(file) == product


def test_products_that_are_measured_with_are_never_learnt(tmp_path):
    for name in ("boot01_1.png", "boot01_2.png", "hat_1.png"):
        rgba = np.zeros((80, 80, 4), np.uint8)
        rgba[20:60, 20:60] = 255
        (tmp_path / "cut").mkdir(exist_ok=True)
        Image.fromarray(rgba).save(tmp_path / "cut" / name)
    index = tmp_path / "index.json"
    index.write_text(json.dumps([{"name": "white_00", "kind": "white", "cut": "cut/boot01_3.png"}]))
    found = [product for product, _ in bank.read_cutouts(tmp_path / "cut", bank.products_in(index))]
    assert found == ["hat"]


def test_a_whole_product_is_held_out_or_none_of_it():
    held = [name for name in (f"product{i}" for i in range(500)) if bank.held_out(name)]
    assert 20 < len(held) < 70
    assert bank.held_out(held[0])


def test_a_cut_out_made_small_keeps_the_colour_at_its_edge():
    rgba = np.zeros((900, 900, 4), np.uint8)
    rgba[..., 1] = 255  # a green backdrop under the transparent part
    rgba[200:700, 200:700] = (180, 20, 30, 255)
    small = bank.cropped(rgba, 100)
    assert max(small.shape[:2]) == 100
    solid = small[..., 3] > 60
    assert np.abs(small[..., :3][solid].astype(int) - (180, 20, 30)).max() <= 3
