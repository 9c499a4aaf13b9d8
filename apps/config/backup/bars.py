"""A bar of progress on stderr, for long work whose end nobody knows; silent where nobody watches."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TransferSpeedColumn,
)


@contextmanager
def bars(totals: dict[str, int] | None = None) -> Iterator[Callable[[str, int], None]]:
    """Yields a function that is told what is done and how many bytes more of it are. `totals` where they are known."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description:<12}"), BarColumn(bar_width=32), DownloadColumn())
    with Progress(
        *columns,
        TransferSpeedColumn(),
        TimeElapsedColumn(),
        console=console,
        disable=not console.is_terminal,
        transient=True,
    ) as shown:
        tasks: dict[str, object] = {}

        def told(what: str, size_bytes: int) -> None:
            if what not in tasks:
                tasks[what] = shown.add_task(what.capitalize(), total=(totals or {}).get(what))
            shown.advance(tasks[what], size_bytes)  # type: ignore[arg-type]

        yield told
