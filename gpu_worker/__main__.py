"""The command line: python -m gpu_worker cutout | render | inspect | doctor | models | samples | work."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from gpu_worker.errors import WorkerError
from gpu_worker.files import Wrong
from gpu_worker.threads import BadSetting

FAILED, PARTLY_FAILED, INTERRUPTED = 2, 1, 130


def main(arguments: list[str] | None = None) -> int:
    """Runs one door. Returns the exit code: 0, 1 where some of several files failed, 2 for an error."""
    asked = _parser().parse_args(arguments)
    try:
        code: int = asked.door(asked)
        return code
    except (WorkerError, Wrong, BadSetting) as error:
        print(f"error: {error}", file=sys.stderr)
        return FAILED
    except MemoryError:
        print("error: There is not enough memory for this photo. Export it smaller.", file=sys.stderr)
        return FAILED
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever read our output has gone (`| head`); the interpreter must not try to flush to it again.
        sys.stdout = None
        return FAILED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m gpu_worker", description="Renders product photos.")
    door = parser.add_subparsers(required=True, metavar="DOOR")
    one = door.add_parser(
        "cutout", help="cut the product out: RGBA PNG; IN may be a folder, then OUT is one too"
    )
    one.add_argument("source", type=Path, metavar="IN")
    one.add_argument("target", type=Path, metavar="OUT")
    one.add_argument("--json", action="store_true", help="one JSON object per photo")
    one.add_argument(
        "--workers", type=int, metavar="N", help="processes for a folder (default: one per core)"
    )
    _hint_options(one.add_argument_group("hints", "what you know about the product; the engine obeys"))
    one.set_defaults(door=_cutout)
    one = door.add_parser(
        "render",
        help="run a pipeline on FILE … (one render each, photos of one product) or ROLE=FILE … (one render)",
    )
    one.add_argument("pipeline", metavar="PIPELINE")
    one.add_argument("inputs", nargs="+", metavar="IN")
    one.add_argument("--recipe", type=Path, required=True, metavar="FILE.json")
    one.add_argument("--out", type=Path, required=True, metavar="DIR")
    one.add_argument("--seed", type=int, default=0)
    one.add_argument("--json", action="store_true")
    one.set_defaults(door=_render)
    one = door.add_parser("inspect", help="measure any picture, and hold it against a channel's rules")
    one.add_argument("image", type=Path, metavar="IMAGE")
    one.add_argument("--channel", metavar="amazon-main")
    one.add_argument("--json", action="store_true")
    one.set_defaults(door=_inspect)
    for name, run, said in (
        ("doctor", _doctor, "say what this machine has and lacks"),
        ("models", _models, "list model weights and their licences"),
    ):
        one = door.add_parser(name, help=said)
        one.add_argument("--json", action="store_true")
        one.set_defaults(door=run)
    one = door.add_parser("samples", help="draw sample photos with exact mattes")
    one.add_argument("folder", type=Path, metavar="DIR")
    one.add_argument("--size", type=int, default=1600, metavar="PX")
    one.add_argument("--json", action="store_true")
    one.set_defaults(door=_samples)
    one = door.add_parser("work", help="take jobs from the broker until stopped")
    one.add_argument("--log-level", default="INFO")
    one.set_defaults(door=_work)
    return parser


def _line(shown: dict[str, Any]) -> None:
    print(json.dumps(shown, sort_keys=False), flush=True)


def _hint_options(group: Any) -> None:
    group.add_argument(
        "--box",
        metavar="L,T,R,B",
        help="the product lies inside: shares of the photo, or pixels where one number exceeds 1",
    )
    group.add_argument(
        "--click",
        action="append",
        metavar="X,Y[,-]",
        help="a point on the product, or with ,- one that is not; may be repeated",
    )
    group.add_argument(
        "--trimap", type=Path, metavar="FILE", help="black: backdrop, white: product, grey: you decide"
    )
    holes = group.add_mutually_exclusive_group()
    for option, keep, said in (("--keep-holes", True, "leave open"), ("--fill-holes", False, "fill")):
        holes.add_argument(
            option,
            dest="holes",
            action="store_const",
            const=keep,
            help=f"{said} what is seen through handles",
        )
    group.add_argument(
        "--see-through",
        action="store_true",
        help="glass or clear plastic: take the plain backdrop out of it, keep what it mirrors",
    )


def _cutout(asked: argparse.Namespace) -> int:
    from gpu_worker import cutting, hints, screen

    if not asked.source.exists():
        raise Wrong(f"{asked.source}: no such file or folder.")
    if asked.workers is not None and asked.workers < 1:
        raise Wrong(f"--workers {asked.workers}: at least one is needed.")
    try:
        said = hints.asked(asked.box, asked.click, asked.trimap, asked.holes, asked.see_through)
    except hints.WrongHint as error:
        raise Wrong(str(error)) from None
    steps = cutting.cutouts(asked.source, asked.target, said, asked.workers)
    if asked.source.is_dir():
        return PARTLY_FAILED if screen.folder(asked.source, steps, as_json=asked.json) else 0
    for _, shown in steps:
        screen.one(asked.target, shown, as_json=asked.json)
    return 0


def _render(asked: argparse.Namespace) -> int:
    from gpu_worker import doors

    recipe = doors.recipe_file(asked.recipe, asked.pipeline)
    todo = doors.jobs(asked.inputs)
    failed = 0
    for job in todo:
        try:
            shown = doors.render(recipe, job, asked.out, asked.seed)
        except (WorkerError, Wrong) as error:
            if len(todo) == 1:
                raise
            failed += 1
            print(f"error: {job.inputs['main']}: {error}", file=sys.stderr)
            continue
        if asked.json:
            _line(shown)
        else:
            print(f"{shown['file']}: confidence {shown['confidence']:.2f}, {shown['seconds']:.2f} s")
    return PARTLY_FAILED if failed else 0


def _inspect(asked: argparse.Namespace) -> int:
    from gpu_worker import doors

    shown = doors.inspect(asked.image, asked.channel)
    if asked.json:
        _line(shown)
        return 0
    for name, value in shown["measures"].items():
        print(f"{name:24} {value}")
    for check in shown.get("checks", ()):
        print(
            f"{'pass' if check['passed'] else 'FAIL'}  {check['rule']}: {check['value']} (wanted: {check['wanted']})"
        )
    return 0


def _doctor(asked: argparse.Namespace) -> int:
    from dataclasses import asdict

    from gpu_worker import doctor

    findings = doctor.examine()
    well = doctor.can_render(findings)
    if asked.json:
        _line({"can_render": well, "findings": [asdict(f) for f in findings]})
        return 0 if well else FAILED
    signs = {True: "ok  ", False: "FAIL", None: "-   "}
    for finding in findings:
        print(f"{signs[finding.ok]} {finding.name:15} {finding.value}")
        if finding.hint:
            print(f"     {'':15} → {finding.hint}")
    print("The classic engine can run here." if well else "The classic engine can't run here.")
    return 0 if well else FAILED


def _models(asked: argparse.Namespace) -> int:
    from gpu_worker.models.registry import WEIGHTS, accepted

    if asked.json:
        for weights in WEIGHTS:
            _line({"id": weights.id, "revision": weights.revision, "sha256": dict(weights.sha256),
                   "licence": weights.licence, "commercial_use": weights.commercial_use.value,
                   "purpose": weights.purpose, "accepted": weights.id in accepted()})  # fmt: skip
        return 0
    if not WEIGHTS:
        print("No weights are listed. The classic engine needs none.")
    for weights in WEIGHTS:
        print(
            f"{weights.key}  {weights.licence}  commercial use: {weights.commercial_use.value}  {weights.purpose}"
        )
    return 0


def _samples(asked: argparse.Namespace) -> int:
    from gpu_worker import doors

    for shown in doors.samples(asked.folder, asked.size):
        if asked.json:
            _line(shown)
        else:
            print(f"{shown['file']}  {shown['title']} ({shown['backdrop']})")
    return 0


def _work(asked: argparse.Namespace) -> int:
    from gpu_worker import app
    from gpu_worker.storage import open_storage

    if not app.SETTINGS.storage_url:
        raise Wrong("STORAGE_URL is not set: the worker would not know where photos are.")
    try:
        open_storage(app.SETTINGS.storage_url)
    except ValueError as error:
        raise Wrong(str(error)) from None
    app.work(asked.log_level)
    return 0


if __name__ == "__main__":
    sys.exit(main())
