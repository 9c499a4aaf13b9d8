"""What an operator sees while photos are cut out: JSON lines for programs, a bar and a last line for people."""

from __future__ import annotations

import json
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

from gpu_worker.files import photos_in, skipped_in

# DESIGN of the recipes: from here on a render may be published unseen.
LOOK_BELOW = 0.9
NAMED_AT_MOST = 10


def line(shown: dict[str, Any]) -> None:
    """One JSON object on a line of its own, at once."""
    sys.stdout.write(json.dumps(shown, sort_keys=False) + "\n")
    sys.stdout.flush()


def one(target: Path, shown: dict[str, Any], *, as_json: bool) -> None:
    """One photo's result."""
    if as_json:
        line(shown)
        return
    sys.stdout.write(f"{target}: confidence {shown['confidence']:.2f}, {shown['seconds']:.2f} s\n")
    for note in shown.get("notes", ()):
        _aside(f"note: {note}")


def folder(source: Path, steps: Iterator[tuple[Path, dict[str, Any]]], *, as_json: bool) -> int:
    """A folder's results as they come; returns how many failed. Ends every worker when it is interrupted."""
    total = len(photos_in(source))
    for left_out in skipped_in(source):
        _aside(f"skipped: {left_out.path.name}: {left_out.reason}")
    started, failed, unsure = time.perf_counter(), 0, []
    with _endable() as asked_to_end, _bar(total, shown=not as_json and sys.stderr.isatty()) as bar:
        for photo, shown in steps:
            failed += "error" in shown
            if shown.get("confidence", 1.0) < LOOK_BELOW:
                unsure.append(photo.name)
            if as_json:
                line(shown)
            bar.step(failed, *_asides(photo, shown, as_json))
            if asked_to_end:
                raise KeyboardInterrupt
    if not as_json:
        seconds = time.perf_counter() - started
        sys.stdout.write(
            f"{total - failed} of {total} cut out in {seconds:.1f} s ({total / seconds:.2f} per second)\n"
        )
        if unsure:
            more = f" and {len(unsure) - NAMED_AT_MOST} more" if len(unsure) > NAMED_AT_MOST else ""
            sys.stdout.write(f"Look at {len(unsure)}: {', '.join(sorted(unsure)[:NAMED_AT_MOST])}{more}\n")
    return failed


def _asides(photo: Path, shown: dict[str, Any], as_json: bool) -> list[str]:
    """What is told on stderr; JSON readers have it in the line already."""
    if as_json:
        return []
    errors = [f"error: {photo.name}: {shown['error']}"] if "error" in shown else []
    return errors + [f"note: {photo.name}: {note}" for note in shown.get("notes", ())]


def _aside(text: str) -> None:
    sys.stderr.write(text + "\n")


@contextmanager
def _endable() -> Iterator[list[int]]:
    """SIGTERM and Ctrl-C end the command at once, so that no worker is left behind; yields the signals that came.

    Python drops an exception that is raised while it tidies up an object: whoever loops looks at the list as well.
    """
    came: list[int] = []

    def interrupt(number: int, frame: FrameType | None) -> None:
        came.append(number)
        raise KeyboardInterrupt

    try:
        before = {number: signal.signal(number, interrupt) for number in (signal.SIGTERM, signal.SIGINT)}
    except ValueError:  # not the main thread: whoever runs it there decides
        yield came
        return
    try:
        yield came
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class _Quiet:
    """No terminal, no bar: only what went wrong."""

    def step(self, failed: int, *asides: str) -> None:
        for text in asides:
            _aside(text)


@contextmanager
def _bar(total: int, *, shown: bool) -> Iterator[Any]:
    if not shown:
        yield _Quiet()
        return
    from rich import progress
    from rich.console import Console

    columns = (
        progress.TextColumn("cutting out"),
        progress.BarColumn(),
        progress.MofNCompleteColumn(),
        progress.TextColumn("{task.fields[rate]}"),
        progress.TimeRemainingColumn(),
        progress.TextColumn("[red]{task.fields[failures]}"),
    )
    with progress.Progress(*columns, console=Console(stderr=True)) as drawn:
        task = drawn.add_task("", total=total, rate="", failures="")

        class Bar:
            def step(self, failed: int, *asides: str) -> None:
                for text in asides:
                    drawn.console.print(text, markup=False, highlight=False)
                speed = drawn.tasks[task].speed
                drawn.update(
                    task,
                    advance=1,
                    rate=f"{speed:.2f}/s" if speed else "",
                    failures=f"{failed} failed" if failed else "",
                )

        yield Bar()
