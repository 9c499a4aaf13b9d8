"""What the checker is told, and what it says. Values only."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

NAMED_AT_MOST = 20


@dataclass(frozen=True)
class Uploaded:
    """One product as its merchant made it: its number in the store, and the SHA-256 of its photos, in order."""

    store_url: str
    product: int
    photos: tuple[str, ...]


@dataclass(frozen=True)
class Given:
    """Where to look. `stores` maps a storefront's address to its folder (`store.sqlite3`, `uploads/`)."""

    database: str
    storage: Path
    stores: dict[str, Path]
    uploaded: tuple[Uploaded, ...]

    @classmethod
    def from_dict(cls, raw: dict[str, Any]) -> Given:
        return cls(
            database=str(raw["database"]),
            storage=Path(raw["storage"]),
            stores={url: Path(folder) for url, folder in raw["stores"].items()},
            uploaded=tuple(
                Uploaded(u["store_url"], int(u["product"]), tuple(u["photos"])) for u in raw["uploaded"]
            ),
        )


@dataclass
class Findings:
    """Counts, and for each kind the first cases in words. Everything but `failed` must be 0 for a sound house.

    `failed` counts what ended in a failure that a person can read: allowed, but told.
    """

    lost: int = 0
    doubled: int = 0
    orphans: int = 0
    usage_doubled: int = 0
    usage_missing: int = 0
    wrong: int = 0
    failed: int = 0
    audit_broken: int = 0
    cases: dict[str, list[str]] = field(default_factory=dict)

    def add(self, kind: str, cases: Iterator[str] | list[str]) -> None:
        """Count cases of a kind, and keep the first of them to read."""
        for case in cases:
            setattr(self, kind, getattr(self, kind) + 1)
            told = self.cases.setdefault(kind, [])
            if len(told) < NAMED_AT_MOST:
                told.append(case)

    @property
    def sound(self) -> bool:
        return not any(
            (self.lost, self.doubled, self.orphans, self.usage_doubled, self.usage_missing, self.wrong)
        ) and (self.audit_broken == 0)

    def as_dict(self) -> dict[str, Any]:
        return {**asdict(self), "audit_ok": self.audit_broken == 0}
