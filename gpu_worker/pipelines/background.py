"""A packshot: the product on a new backdrop."""

from __future__ import annotations

from gpu_worker.pipelines.base import Pipeline
from gpu_worker.stages.backdrop import Backdrop
from gpu_worker.stages.compose import Compose
from gpu_worker.stages.correct import Correct
from gpu_worker.stages.cutout import Cutout
from gpu_worker.stages.encode import Encode
from gpu_worker.stages.frame import Frame
from gpu_worker.stages.glass import SeeThrough
from gpu_worker.stages.group import Group
from gpu_worker.stages.load import Load
from gpu_worker.stages.normalise import Normalise
from gpu_worker.stages.place import Place
from gpu_worker.stages.reflection import Reflection
from gpu_worker.stages.shadow import Shadow

BACKGROUND = Pipeline(
    "background",
    (
        Group(),
        Load(),
        Normalise(),
        Cutout(),
        SeeThrough(),
        Correct(),
        Frame(),
        Backdrop(),
        Shadow(),
        Place(),
        Reflection(),
        Compose(),
        Encode(),
    ),
)
