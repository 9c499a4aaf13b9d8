"""Who names files: each room says at start which of its rows name files of which kinds. One line per table.

What no keeper names is deleted after a grace time, so whoever puts a new kind of file into storage adds its line here.
Files of a kind that nobody has declared are counted and never deleted.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

# Kinds of files that nothing but a request names and that are made again when they are missed.
_remade: set[str] = set()


@dataclass(frozen=True)
class Keeper:
    """`sql` selects (key, subject) for each file that a row names; a key that ends in a slash names a whole folder."""

    label: str
    kinds: frozenset[str]
    sql: str


_keepers: dict[str, Keeper] = {}


def keeps(label: str, *, kinds: Iterable[str], sql: str) -> None:
    """Declare rows that name files. Called from AppConfig.ready; the same label replaces."""
    _keepers[label] = Keeper(label, frozenset(kinds), sql)


def column(table: str, column: str, *, kinds: Iterable[str], subject: str = "") -> None:
    """The usual case: a text column that holds a key, or nothing. `subject` is what a person calls such a row."""
    name = subject or table.split("_", 1)[-1]
    sql = f"SELECT {column} AS key, '{name}:' || id AS subject FROM {table} WHERE {column} > ''"  # noqa: S608
    keeps(f"{table}.{column}", kinds=kinds, sql=sql)


def remade(*kinds: str) -> None:
    """Declare kinds that are made again when they are missed: previews and other copies. Only their age counts."""
    _remade.update(kinds)


def all_keepers() -> list[Keeper]:
    return list(_keepers.values())


def remade_kinds() -> list[str]:
    return sorted(_remade)


def known_kinds() -> list[str]:
    """Kinds that may be deleted when nobody names them."""
    return sorted(_remade.union(*(keeper.kinds for keeper in _keepers.values())))
