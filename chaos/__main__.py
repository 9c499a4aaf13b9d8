"""The command line: `python -m chaos [--seeds N] [--jobs N]`. One JSON object per seed on stdout."""

from __future__ import annotations

import argparse
import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from chaos.monkey import ALL
from chaos.run import Asked, run, sound

OUT = Path("build/chaos")
SHORT_JOBS = 100


def main(arguments: list[str] | None = None) -> int:
    """0 where every seed came out clean, 1 where one did not, 130 when interrupted."""
    asked = _parser().parse_args(arguments)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _interrupted)
    seeds = [asked.seed] if asked.seed is not None else list(range(1, asked.seeds + 1))
    clean = True
    try:
        for seed in seeds:
            try:
                told = run(_asked(asked, seed), _say)
            except (RuntimeError, subprocess.SubprocessError) as error:  # no house, or no checker
                _say(f"seed {seed}: {error}")
                clean = False
                continue
            clean &= sound(told)
            sys.stdout.write(json.dumps(told) + "\n")
            sys.stdout.flush()
    except KeyboardInterrupt:
        _say("stopped")
        return 130
    return 0 if clean else 1


def _asked(given: argparse.Namespace, seed: int) -> Asked:
    short = given.jobs <= SHORT_JOBS
    return Asked(
        seed=seed,
        jobs=given.jobs,
        acts=given.acts if given.acts is not None else max(40, given.jobs),
        pace_s=given.pace,
        settle_s=given.settle,
        stores=given.stores or (1 if short else 2),
        render_workers=given.workers or (1 if short else 2),
        poll_s=8.0 if short else 30.0,
        out=given.out,
        keep=given.keep,
        kinds=given.kinds,
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m chaos", description=__doc__)
    add = parser.add_argument
    add("--seeds", type=int, default=5, help="run the seeds 1 to N (5)")
    add("--seed", type=int, help="run this one alone")
    add("--jobs", type=int, default=1000, help="photos, and so jobs, of one run (1000)")
    add("--acts", type=int, help="the monkey stops after so many at the latest")
    add("--pace", type=float, default=12.0, help="seconds between two acts, on average (12)")
    add("--kinds", type=_kinds, default=ALL, metavar="a,b", help="only these acts; all without")
    add("--stores", type=int, help="storefronts, each with its own merchant (2; 1 for up to 100 jobs)")
    add("--workers", type=int, help="render workers (the same)")
    add(
        "--settle",
        type=float,
        default=240.0,
        help="seconds within which all must be quiet once the monkey has gone (240)",
    )
    add("--out", type=Path, default=OUT, help="where the monkey's logs go (build/chaos)")
    add("--keep", action="store_true", help="leave the installation's folder for a look")
    return parser


def _kinds(text: str) -> tuple[str, ...]:
    kinds = tuple(part.strip() for part in text.split(",") if part.strip())
    unknown = [kind for kind in kinds if kind not in ALL]
    if unknown or not kinds:
        raise argparse.ArgumentTypeError(f"must be of {', '.join(ALL)}")
    return kinds


def _interrupted(*_: Any) -> None:
    # A second one must not break off the clearing up.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt


def _say(words: str) -> None:
    sys.stderr.write(f"{time.strftime('%H:%M:%S')} {words}\n")
    sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(main())
