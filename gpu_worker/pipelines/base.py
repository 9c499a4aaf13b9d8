"""What a pipeline is: a name and an ordered list of stages, checked for gaps when it is made."""

from __future__ import annotations

from dataclasses import dataclass

from gpu_worker.stages.base import Stage


@dataclass(frozen=True)
class Pipeline:
    """Stages in order. Raises ValueError where a stage needs what none before it gives."""

    name: str
    stages: tuple[Stage, ...]

    def __post_init__(self) -> None:
        known = {"inputs"}
        for stage in self.stages:
            missing = set(stage.needs) - known
            if missing:
                raise ValueError(
                    f"pipeline {self.name}: {stage.name} needs {sorted(missing)}, which nothing before it gives"
                )
            known |= set(stage.gives)
