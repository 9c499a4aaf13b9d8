"""A progress bar on stderr, where a person looks at a terminal; silence in a log."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

Item = TypeVar("Item")


def followed(items: Iterable[Item], words: str, total: int) -> Iterable[Item]:
    """`items`, counted on stderr as they come."""
    from rich.console import Console
    from rich.progress import track

    console = Console(stderr=True)
    return track(items, words, total, console=console, disable=not console.is_terminal, transient=True)
