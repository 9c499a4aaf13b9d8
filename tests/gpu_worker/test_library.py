"""The worker is a library: it runs without Django, and heavy things are imported only where they are used."""

import ast
import subprocess
import sys
from pathlib import Path

import gpu_worker

HOUSE = Path(gpu_worker.__file__).parents[1]
BLOCKER = """
import sys

class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {blocked}:
            raise ImportError(name + " is blocked")

sys.meta_path.insert(0, Blocked())
"""


def python(code: str, blocked: set[str]) -> subprocess.CompletedProcess[str]:
    program = BLOCKER.replace("{blocked}", repr(blocked)) + code
    return subprocess.run(
        [sys.executable, "-c", program], cwd=HOUSE, capture_output=True, text=True, timeout=60
    )


def test_every_module_imports_and_a_photo_renders_without_django_or_torch():
    code = """
import importlib, io, pkgutil
import numpy as np
from PIL import Image
import gpu_worker
names = [m.name for m in pkgutil.walk_packages(gpu_worker.__path__, "gpu_worker.") if not m.name.endswith("__main__")]
names = [name for name in names if not name.startswith("gpu_worker.training")]
for name in names:
    importlib.import_module(name)
from gpu_worker import runner
picture = np.full((120, 120, 3), 255, np.uint8)
picture[30:90, 40:80] = (30, 80, 150)
out = io.BytesIO()
Image.fromarray(picture).save(out, "PNG")
made = runner.render({"framing": {"canvas_px": [100, 100]}}, {"main": out.getvalue()})
assert made.files["main"].width_px == 100
assert "django" not in sys.modules and "torch" not in sys.modules
print(len(names))
"""
    done = python(code, {"django", "apps", "torch", "rest_framework"})
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 40


# What trains and exports the network itself; torch is an extra that a shop's server never has.
NEEDS_TORCH = {"network", "train", "export", "start"}
TRAINING = sorted(path.stem for path in (HOUSE / "gpu_worker/training").glob("*.py"))


def test_products_are_drawn_and_photos_composed_for_training_without_torch():
    torchless = [name for name in TRAINING if name not in NEEDS_TORCH and not name.startswith("__")]
    assert {"bank", "composite", "evaluate", "gather", "labels", "products", "scenes"} <= set(torchless)
    code = "import importlib, sys\n" + "".join(
        f"importlib.import_module('gpu_worker.training.{name}')\n" for name in torchless
    )
    done = python(code + "assert 'torch' not in sys.modules", {"django", "apps", "torch", "onnx"})
    assert done.returncode == 0, done.stderr


def test_only_what_trains_the_network_names_torch_at_its_top():
    naming = set()
    for name in TRAINING:
        tree = ast.parse((HOUSE / f"gpu_worker/training/{name}.py").read_text(encoding="utf-8"))
        for node in tree.body:
            if isinstance(node, ast.ImportFrom):
                modules = [node.module or ""]
            else:
                modules = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            if any(module.partition(".")[0] == "torch" for module in modules):
                naming.add(name)
    assert naming == NEEDS_TORCH


def test_what_django_imports_of_the_worker_needs_no_numpy_and_no_opencv():
    done = python(
        "import gpu_worker.contract, gpu_worker.pixels", {"numpy", "cv2", "scipy", "celery", "redis"}
    )
    assert done.returncode == 0, done.stderr


def test_the_workers_parent_process_imports_neither_numpy_nor_opencv():
    done = python(
        "import gpu_worker.app; assert 'numpy' not in sys.modules and 'cv2' not in sys.modules", set()
    )
    assert done.returncode == 0, done.stderr
