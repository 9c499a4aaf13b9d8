"""How full the storage is, in numbers and in words, and whether work may begin."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from django.conf import settings
from django.core.files.storage import FileSystemStorage, default_storage
from django.db.models import Sum

from apps.accounts.models import Workspace
from apps.lib import wire
from apps.lib.sizes import human
from apps.storage.models import Holding, Keeping

# Free space below so many times what has to stay free is worth a warning.
WARN_FREE_TIMES = 3


@dataclass(frozen=True)
class Level:
    """`warn` tells, `stop` lets nothing begin that writes files. `sentence` says why and what to do; empty when ok."""

    state: Literal["ok", "warn", "stop"] = "ok"
    sentence: str = ""

    @property
    def stops(self) -> bool:
        return self.state == "stop"


OK = Level()
_WEIGHT = {"ok": 0, "warn": 1, "stop": 2}


@dataclass(frozen=True)
class Fill:
    """The whole storage at this moment. `of` are bytes per workspace: counted, and written since."""

    of: dict[int, int]
    budgets: dict[int, int]
    free_bytes: int | None

    @property
    def used_bytes(self) -> int:
        return sum(self.of.values())

    def level(self, workspace: int) -> Level:
        """The worst that holds for this workspace: its own budget, the installation's, the disk."""
        found = [
            self.everywhere(),
            _of_budget(
                self.of.get(workspace, 0),
                self.budgets.get(workspace),
                "The files of this workspace",
                "Shorten how long pictures are kept, or ask whoever runs Vitrine for more room.",
            ),
        ]
        return max(found, key=lambda level: _WEIGHT[level.state])

    def everywhere(self) -> Level:
        """What holds for every workspace."""
        found = [
            _of_budget(
                self.used_bytes,
                settings.STORAGE_BUDGET,
                "All files together",
                "Shorten how long pictures are kept, or raise STORAGE_BUDGET.",
            ),
            _of_disk(self.free_bytes),
        ]
        return max(found, key=lambda level: _WEIGHT[level.state])


def fill() -> Fill:
    """Two small queries, one question to Redis, one to the disk."""
    of = {
        row["workspace"]: row["size"]
        for row in Holding.objects.values("workspace").annotate(size=Sum("size_bytes")).order_by()
    }
    for name, size_bytes in wire.stored_since().items():
        if name.isdigit():
            of[int(name)] = max(0, of.get(int(name), 0) + size_bytes)
    budgets = dict(
        Keeping.objects.exclude(budget_bytes=None).values_list("workspace", "budget_bytes").order_by()
    )
    return Fill(of, {w: b for w, b in budgets.items() if b is not None}, free_bytes())


def level(workspace: int) -> Level:
    return fill().level(workspace)


def stopped_workspaces() -> list[int]:
    """Workspaces for which nothing may begin that writes files."""
    now = fill()
    if now.everywhere().stops:
        return list(Workspace.objects.values_list("pk", flat=True))
    return [w for w in now.budgets if now.level(w).stops]


def free_bytes() -> int | None:
    """Free space of the disk that the storage folder lies on; None for a bucket."""
    if not isinstance(default_storage._wrapped, FileSystemStorage):  # type: ignore[attr-defined]
        return None
    place = Path(default_storage.path(""))
    while not place.exists() and place != place.parent:
        place = place.parent
    return shutil.disk_usage(place).free


def holdings(workspace: int | None = None) -> list[Holding]:
    """Largest kind first; of all workspaces where none is given."""
    found = Holding.objects.order_by("-size_bytes")
    return list(found if workspace is None else found.filter(workspace=workspace))


def keeping_of(workspace: int) -> Keeping:
    """What the workspace's owner said, or the defaults; the row is made when something is changed."""
    return Keeping.objects.filter(workspace=workspace).first() or Keeping(workspace_id=workspace)


def _of_budget(used: int, budget: int | None, what: str, do: str) -> Level:
    if not budget:
        return OK
    if used >= budget:
        return Level("stop", f"{what} take up {human(used)} of {human(budget)}, so nothing new begins. {do}")
    if used >= budget * settings.STORAGE_WARN_SHARE:
        return Level("warn", f"{what} take up {human(used)} of {human(budget)}. {do}")
    return OK


def _of_disk(free: int | None) -> Level:
    keep = settings.STORAGE_KEEP_FREE
    if free is None or not keep:
        return OK
    do = "Delete something on that disk, move the storage to a larger one, or shorten how long pictures are kept."
    if free < keep:
        return Level("stop", f"The disk has {human(free)} left, so nothing new begins. {do}")
    if free < keep * WARN_FREE_TIMES:
        return Level("warn", f"The disk has {human(free)} left. {do}")
    return OK
