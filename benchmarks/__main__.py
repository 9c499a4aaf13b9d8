"""The command line: python -m benchmarks [PART …] | sheets DIR… --out FILE."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

from benchmarks.asked import Asked
from benchmarks.errors import BenchError
from benchmarks.folder import KINDS
from benchmarks.lines import say
from gpu_worker.errors import WorkerError

# Name → (module, function taking Asked, returning an exit code). A new part is a module and one line here.
PARTS = {
    "cutout": ("benchmarks.cutout", "run"),
    "intake": ("benchmarks.house.intake", "run"),
    "batch": ("benchmarks.house.batch", "run"),
    "pages": ("benchmarks.house.pages", "run"),
    "catalog": ("benchmarks.house.catalog", "run"),
    "burst": ("benchmarks.house.burst", "run"),
    "shopify": ("benchmarks.house.shopify", "run"),
    "embedded": ("benchmarks.house.embedded", "run"),
}
OUT = Path("build/bench")
FAILED = 2


def main(arguments: list[str] | None = None) -> int:
    """Runs what is asked. Returns 0, 1 where an engine broke on some photo, 2 for an error, 130 when interrupted."""
    given = sys.argv[1:] if arguments is None else arguments
    try:
        if given[:1] == ["sheets"]:
            return _sheets(given[1:])
        return _parts(given)
    except (BenchError, WorkerError) as error:
        say(f"error: {error}")
        return FAILED
    except KeyboardInterrupt:
        return 130


def _parts(given: list[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="Measures what this checkout can do: one JSON object per figure on stdout, a report beside it.",
        epilog="python -m benchmarks sheets --help: contact sheets of a folder of photos",
    )
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)}; all without")
    parser.add_argument("--data", type=Path, metavar="DIR", help="a bench folder; without, photos are drawn")
    parser.add_argument("--report", type=Path, default=OUT / "report", metavar="DIR")
    parser.add_argument("--cache", type=Path, default=OUT / "drawn", metavar="DIR", help="keeps drawn photos")
    parser.add_argument("--limit", type=_count, metavar="N", help="at most N photos, each kind in turn")
    parser.add_argument("--only-kinds", type=_kinds, default=KINDS, metavar="white,room")
    parser.add_argument(
        "--workers", type=_count, metavar="N", help="processes for quality; every core without"
    )
    parser.add_argument("--engine", default="classic")
    parser.add_argument("--seed", type=int, default=0, help="of the drawn photos")
    parser.add_argument("--size", type=_side, default=1024, metavar="PX", help="of the drawn photos")
    parser.add_argument("--sizes-mp", type=_sizes, default=(1, 4, 12, 25), metavar="1,4,12,25")
    parser.add_argument("--quality-only", action="store_true", help="time nothing and run no yardstick")
    parser.add_argument("--quick", action="store_true", help="all but cutout at toy size")
    asked = parser.parse_args(given)
    unknown = [part for part in asked.parts if part not in PARTS]
    if unknown:
        raise BenchError(f"There is no part {unknown[0]!r} to measure; there are: {', '.join(PARTS)}.")
    wanted = Asked(
        report=asked.report,
        cache=asked.cache,
        data=asked.data,
        kinds=asked.only_kinds,
        limit=asked.limit,
        workers=asked.workers,
        engine=asked.engine,
        seed=asked.seed,
        size_px=asked.size,
        sizes_mp=asked.sizes_mp,
        quality_only=asked.quality_only,
        quick=asked.quick,
    )
    return max(_part(name)(wanted) for name in asked.parts or PARTS)


def _part(name: str) -> Callable[[Asked], int]:
    module, function = PARTS[name]
    found: Callable[[Asked], int] = getattr(import_module(module), function)
    return found


def _sheets(given: list[str]) -> int:
    from benchmarks.sheets import run

    parser = argparse.ArgumentParser(
        prog="python -m benchmarks sheets",
        description="Contact sheets of real photos: photo, cut-out, white packshot, confidence.",
    )
    parser.add_argument("folders", nargs="+", type=Path, metavar="DIR")
    parser.add_argument(
        "--out", type=Path, required=True, metavar="FILE", help="a .jpg or .png; pages are numbered"
    )
    parser.add_argument("--limit", type=_count, metavar="N", help="at most N photos of each folder")
    parser.add_argument("--workers", type=_count, metavar="N")
    parser.add_argument("--engine", default="classic")
    asked = parser.parse_args(given)
    return run(asked.folders, asked.out, limit=asked.limit, workers=asked.workers, engine=asked.engine)


def _count(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("must be 1 or more")
    return number


def _side(text: str) -> int:
    number = int(text)
    if not 64 <= number <= 8192:
        raise argparse.ArgumentTypeError("must lie between 64 and 8192")
    return number


def _kinds(text: str) -> tuple[str, ...]:
    kinds = tuple(part.strip() for part in text.split(",") if part.strip())
    unknown = [kind for kind in kinds if kind not in KINDS]
    if unknown or not kinds:
        raise argparse.ArgumentTypeError(f"must be of {', '.join(KINDS)}")
    return kinds


def _sizes(text: str) -> tuple[float, ...]:
    try:
        sizes = tuple(float(part) for part in text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError("must be numbers of megapixels, such as 1,4,12") from None
    if min(sizes) < 0.01 or max(sizes) > 100:
        raise argparse.ArgumentTypeError("must lie between 0.01 and 100 megapixels")
    return sizes


if __name__ == "__main__":
    sys.exit(main())
