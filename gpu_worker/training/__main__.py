"""The training's command line: label, train, export, calibrate, rounds, evaluate. README.md beside this tells more."""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path

from gpu_worker.training import bank, gather, labels
from gpu_worker.training.bank import Bank

# Large enough for the size at which the engine decides.
CALIBRATION_PX = 520
# By then the network is good enough to teach itself what the weight-free engine could not cut out.
FIRST_ROUND_SHARE = 0.47
DEFAULT_DESIGN = "wide"


def main(arguments: list[str] | None = None) -> int:
    """Runs one door and returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m gpu_worker.training", description=__doc__)
    door = parser.add_subparsers(required=True, metavar="DOOR")
    one = door.add_parser("label", help="cut out photos without masks; keep those that engines agree on")
    one.add_argument("photos", type=Path, nargs="+", metavar="DIR")
    one.add_argument("--out", type=Path, required=True, metavar="DIR")
    one.add_argument(
        "--with",
        dest="network",
        type=Path,
        metavar="FILE.onnx",
        help="ask this network and the colours instead of walls and the mirror",
    )
    one.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    one.set_defaults(door=_label)
    one = door.add_parser("train", help="train the network, or go on where it was left")
    one.add_argument(
        "--out", type=Path, required=True, metavar="DIR", help="checkpoints and the exported network"
    )
    _sources(one)
    one.add_argument(
        "--start",
        type=Path,
        nargs="+",
        metavar="FILE.onnx",
        help="go on from these weights, one file per design, with the plan for that",
    )
    one.add_argument(
        "--teacher",
        type=Path,
        metavar="FILE.onnx",
        help='weights of the design "teacher", whose answers are learned beside the truth',
    )
    one.add_argument(
        "--designs",
        nargs="+",
        default=[DEFAULT_DESIGN],
        metavar="NAME",
        help="shapes of `network.DESIGNS` that learn from the same pictures, each in its own folder under --out",
    )
    one.add_argument("--steps", type=int, help="scale the plan to so many steps in all")
    one.add_argument("--until", type=int, help="stop at this step, to go on later")
    one.add_argument("--workers", type=int, default=1, help="processes that make pictures")
    one.add_argument(
        "--threads", type=int, default=0, help="threads that train; 0: all cores that make no pictures"
    )
    one.set_defaults(door=_train)
    one = door.add_parser("export", help="write a checkpoint's averaged weights as ONNX")
    one.add_argument("folder", type=Path, metavar="DIR", help="of one design: OUT/NAME")
    one.add_argument("file", type=Path, metavar="FILE.onnx")
    one.set_defaults(door=_export)
    one = door.add_parser(
        "calibrate", help="fit the confidence on composites of products held out from training"
    )
    one.add_argument("--out", type=Path, required=True, metavar="DIR", help="where drawn pictures are kept")
    _sources(one)
    one.add_argument("--network", type=Path, metavar="FILE.onnx", help="instead of the one that ships")
    one.add_argument("--count", type=int, default=600)
    one.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    one.set_defaults(door=_calibrate)
    one = door.add_parser(
        "rounds", help="all of it: label, train, label what was too hard, train on, calibrate"
    )
    one.add_argument("--out", type=Path, required=True, metavar="DIR", help="all that is made")
    one.add_argument(
        "--pool", type=Path, nargs="+", required=True, metavar="DIR", help="photos without masks"
    )
    one.add_argument("--cutouts", nargs="*", default=[], metavar="DIR")
    one.add_argument("--never", nargs="*", default=[], metavar="index.json")
    one.add_argument("--seed", default="0")
    one.add_argument("--steps", type=int, help="scale the plan to so many steps in all")
    one.add_argument("--drawn", default="2500", help="how many products to draw")
    one.add_argument("--scenes", default="1200", help="how many backdrops to draw")
    one.add_argument("--count", default="600", help="composites that the confidence is fitted to")
    one.set_defaults(door=_rounds)
    one = door.add_parser(
        "evaluate", help="the network alone on a bench folder (index.json, NAME.jpg, NAME.gt.png)"
    )
    one.add_argument("data", type=Path, metavar="DIR")
    one.add_argument("--network", type=Path, metavar="FILE.onnx")
    one.add_argument("--size", type=int, default=192)
    one.set_defaults(door=_evaluate)
    asked = parser.parse_args(arguments)
    gather.one_thread()
    code: int = asked.door(asked)
    return code


def _sources(one: argparse.ArgumentParser) -> None:
    one.add_argument("--photos", type=Path, nargs="*", default=[], metavar="DIR", help="what `label` wrote")
    one.add_argument("--cutouts", type=Path, nargs="*", default=[], metavar="DIR", help="RGBA cut-outs")
    one.add_argument("--backdrops", type=Path, nargs="*", default=[], metavar="DIR")
    one.add_argument(
        "--never",
        type=Path,
        nargs="*",
        default=[],
        metavar="index.json",
        help="products that are measured with",
    )
    one.add_argument("--drawn", type=int, default=2500, help="how many products to draw")
    one.add_argument("--scenes", type=int, default=1200, help="how many backdrops to draw")
    one.add_argument("--seed", type=int, default=0)


def _gathered(asked: argparse.Namespace, longest_px: int, *, held_only: bool = False) -> tuple[Bank, Bank]:
    return gather.gather(
        gather.Sources(
            photos=tuple(asked.photos),
            cutouts=tuple(asked.cutouts),
            backdrops=tuple(asked.backdrops),
            never=tuple(asked.never),
            drawn=asked.drawn,
            scenes=asked.scenes,
            seed=asked.seed,
            keep=asked.out / f"drawn-{longest_px}",
            longest_px=longest_px,
            held_only=held_only,
        )
    )


def _label(asked: argparse.Namespace) -> int:
    photos = [photo for folder in asked.photos for photo in labels.listed(folder)]
    for kept in gather.label_all(photos, asked.out, asked.network, asked.workers):
        print(json.dumps({"kept": kept, "of": len(photos)}), file=sys.stderr, flush=True)
    return 0


def _train(asked: argparse.Namespace) -> int:
    from dataclasses import replace

    from gpu_worker.training import export, network, train
    from gpu_worker.training.composite import Mix

    train.torch.set_num_threads(asked.threads or max(1, (os.cpu_count() or 2) - asked.workers))
    device = "cuda" if train.torch.cuda.is_available() else "cpu"
    plan = replace(train.plan_for(device, further=bool(asked.start)), seed=asked.seed)
    if asked.steps:
        share = asked.steps / plan.steps
        plan = replace(
            plan, parts=tuple(replace(part, until=round(part.until * share)) for part in plan.parts)
        )
    runs = [train.Training(asked.out / name, plan, network.DESIGNS[name]) for name in asked.designs]
    resumed = [run.resume() for run in runs]
    learned, held = _gathered(asked, bank.FOREGROUND_PX)
    for run, known, file in zip(runs, resumed, asked.start or [None] * len(runs), strict=True):
        if file and not known:
            run.start_from(file, learned, Mix())
        if asked.teacher:
            run.taught_by(asked.teacher, network.DESIGNS["teacher"], learned, Mix())
    train.train(runs, learned, held, Mix(), workers=asked.workers, until=asked.until)
    for run in runs:
        file = run.folder / "salient.onnx"
        off = export.export(run.average, file)
        print(
            json.dumps({"file": str(file), "bytes": file.stat().st_size, "largest_difference": round(off, 5)})
        )
    return 0


def _export(asked: argparse.Namespace) -> int:
    from gpu_worker.training import export, train

    run = train.Training.left(asked.folder)
    if run is None:
        print(f"error: {asked.folder} holds no {train.CHECKPOINT}.", file=sys.stderr)
        return 2
    off = export.export(run.average, asked.file)
    print(
        json.dumps(
            {
                "file": str(asked.file),
                "step": run.step,
                "bytes": asked.file.stat().st_size,
                "largest_difference": round(off, 5),
            }
        )
    )
    return 0


def _calibrate(asked: argparse.Namespace) -> int:
    from gpu_worker.training import calibrate

    _, held = _gathered(asked, CALIBRATION_PX, held_only=True)
    seen = list(calibrate.look(held, asked.count, asked.network, asked.workers))
    half = len(seen) // 2
    print(json.dumps({"on the other half": calibrate.report(seen[half:], calibrate.fit(seen[:half]))}))
    weights = calibrate.fit(seen)
    print(json.dumps({"on all": calibrate.report(seen, weights)}))
    print("WEIGHTS =", tuple(round(float(w), 3) for w in weights))
    return 0


def _rounds(asked: argparse.Namespace) -> int:
    from gpu_worker.training import train

    pool, first, second = (
        [str(folder) for folder in asked.pool],
        asked.out / "labels",
        asked.out / "more-labels",
    )
    given = ["--cutouts", *asked.cutouts, "--never", *asked.never, "--backdrops", *pool, "--seed", asked.seed]
    given += ["--drawn", asked.drawn, "--scenes", asked.scenes]
    taught, network = asked.out / "first.onnx", asked.out / DEFAULT_DESIGN / "salient.onnx"
    out = ["--out", str(asked.out)]
    device = "cuda" if train.torch.cuda.is_available() else "cpu"
    steps = asked.steps or train.plan_for(device, further=False).steps
    # A single training thread with a core of its own learned twice as fast as two that others disturb; a GPU waits for
    # pictures, so that all other cores make them.
    makers = max(1, (os.cpu_count() or 2) - 1) if device == "cuda" else 1
    plan = ["--steps", str(steps), "--threads", "1", "--workers", str(makers)]
    pause = max(1, round(FIRST_ROUND_SHARE * steps))
    doors = (
        ["label", *pool, "--out", str(first)],
        ["train", *out, "--photos", str(first), *given, *plan, "--until", str(pause)],
        ["export", str(asked.out / DEFAULT_DESIGN), str(taught)],
        ["label", *pool, "--out", str(second), "--with", str(taught)],
        ["train", *out, "--photos", str(first), str(second), *given, *plan],
        [
            *["calibrate", *out, "--photos", str(first), str(second), *given],
            *["--network", str(network), "--count", asked.count],
        ],
    )
    return next((code for door in doors if (code := main(door))), 0)


def _evaluate(asked: argparse.Namespace) -> int:
    from gpu_worker.training import evaluate

    for line in evaluate.evaluate(asked.data, asked.network, asked.size):
        print(json.dumps(line))
    return 0


if __name__ == "__main__":
    sys.exit(main())
