"""The training loop: growing pictures, an average of the weights, checkpoints to go on from. Needs torch."""

from __future__ import annotations

import copy
import json
import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from gpu_worker.training.bank import Bank
from gpu_worker.training.composite import Mix, sample
from gpu_worker.training.network import SalientNetwork, Shape, parameters
from gpu_worker.training.start import take_up

CHECKPOINT = "checkpoint.pt"
VALIDATION_SEED = 1_000_003
MOST_IN_A_BATCH = 512
VALIDATED_PX = 256


@dataclass(frozen=True)
class Part:
    """A stretch of the curriculum: pictures of `size_px`, up to but not including step `until`."""

    size_px: int
    until: int
    batch: int


@dataclass(frozen=True)
class Plan:
    """Everything that decides the weights, beside the bank. `rate` falls to zero over the last `settle` of it."""

    parts: tuple[Part, ...] = (Part(128, 9_000, 16), Part(192, 15_500, 16), Part(256, 18_500, 12))
    rate: float = 2e-3
    warm_up: int = 200
    settle: float = 0.35
    weight_decay: float = 1e-3
    averaging: float = 0.998
    validation: int = 150
    seed: int = 0

    @property
    def steps(self) -> int:
        return self.parts[-1].until

    def part(self, step: int) -> Part:
        """The part that `step` belongs to."""
        return next(part for part in self.parts if step < part.until)

    def rate_at(self, step: int) -> float:
        """Learning rate: up in a line, level, then down along half a cosine."""
        begin = self.steps * (1 - self.settle)
        late = max(0.0, (step - begin) / max(1.0, self.steps - begin))
        return (
            self.rate * min(1.0, (step + 1) / self.warm_up) * 0.5 * (1 + math.cos(math.pi * min(1.0, late)))
        )


# Goes on from finished weights: no small pictures any more, a lower rate, and half of the way down to zero.
FURTHER = Plan(parts=(Part(192, 6_000, 16), Part(256, 7_500, 12)), rate=8e-4, settle=0.6)
# With a GPU the processor's cores only make pictures: a million of them in a quarter of an hour of sixteen cores.
LARGE = Plan(
    parts=(Part(192, 3_500, 128), Part(256, 9_000, 128)),
    rate=2.5e-3,
    warm_up=300,
    settle=0.5,
    averaging=0.999,
)
LARGE_FURTHER = Plan(
    parts=(Part(192, 1_500, 128), Part(256, 6_000, 128)), rate=1e-3, settle=0.9, averaging=0.999
)
STARTING_PICTURES = 192
TAUGHT = 0.5


def plan_for(device: str, *, further: bool) -> Plan:
    """The plan that suits a device ("cuda" or "cpu"), from chance or `further` from finished weights."""
    if device == "cuda":
        return LARGE_FURTHER if further else LARGE
    return FURTHER if further else Plan()


Batch = tuple[Tensor, Tensor]  # pictures N × H × W × 3 and coverage N × H × W, both bytes


class _Pictures(Dataset[tuple[NDArray[np.uint8], NDArray[np.uint8]]]):
    """The composites of the steps from `step` to the end of its part, numbered by step: the same in every run."""

    def __init__(self, bank: Bank, mix: Mix, plan: Plan, step: int) -> None:
        self.bank, self.mix, self.seed, self.step, self.part = bank, mix, plan.seed, step, plan.part(step)

    def __len__(self) -> int:
        return (self.part.until - self.step) * self.part.batch

    def __getitem__(self, index: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        steps, place = divmod(index, self.part.batch)
        return sample(
            (self.seed, (self.step + steps) * MOST_IN_A_BATCH + place), self.bank, self.part.size_px, self.mix
        )


def _one_thread(_: int) -> None:
    cv2.setNumThreads(0)


def batches(bank: Bank, mix: Mix, plan: Plan, step: int, workers: int) -> Iterator[Batch]:
    """The batches of the part that `step` is in, from that step to the part's end."""
    yield from DataLoader(
        _Pictures(bank, mix, plan, step),
        plan.part(step).batch,
        num_workers=workers,
        worker_init_fn=_one_thread,
        collate_fn=_stacked,
        prefetch_factor=4 if workers else None,
    )


def _stacked(pairs: list[tuple[NDArray[np.uint8], NDArray[np.uint8]]]) -> Batch:
    return (
        torch.from_numpy(np.stack([rgb for rgb, _ in pairs])),
        torch.from_numpy(np.stack([alpha for _, alpha in pairs])),
    )


def prepared(rgb: Tensor, device: str) -> Tensor:
    """N × H × W × 3 bytes to what the network takes; the same numbers as `gpu_worker.models.salient.prepared`."""
    colours = rgb.to(device, non_blocking=True).permute(0, 3, 1, 2).float() * (2 / 255) - 1
    count, _, height_px, width_px = colours.shape
    across = torch.linspace(-1, 1, width_px, device=device) ** 2
    down = torch.linspace(-1, 1, height_px, device=device) ** 2
    where = torch.stack([across.expand(height_px, -1), down[:, None].expand(-1, width_px)])
    x = torch.cat([colours, where.expand(count, -1, -1, -1)], dim=1)
    return x.contiguous(memory_format=torch.channels_last)


def wanted(alpha: Tensor, device: str) -> Tensor:
    """N × H × W bytes to the coverage at half the size, N × 1 × H/2 × W/2."""
    return F.avg_pool2d(alpha.to(device, non_blocking=True)[:, None].float() / 255, 2)


def loss(logits: Tensor, truth: Tensor) -> Tensor:
    """Cross-entropy, thrice as heavy near the outline, plus one minus the soft overlap of each picture."""
    blurred = F.avg_pool2d(truth, 9, stride=1, padding=4, count_include_pad=False)
    weight = 1 + 2 * ((blurred > 0.02) & (blurred < 0.98)).float()
    entropy = F.binary_cross_entropy_with_logits(logits, truth, weight)
    p = torch.sigmoid(logits)
    both = (p * truth).sum((1, 2, 3))
    either = (p + truth - p * truth).sum((1, 2, 3))
    return entropy + 1 - ((both + 8) / (either + 8)).mean()


def held_pictures(held: Bank, mix: Mix, count: int, size_px: int = VALIDATED_PX) -> Batch:
    """`count` composites of products that are never trained on, the same ones each time."""
    return _stacked([sample((VALIDATION_SEED, index), held, size_px, mix) for index in range(count)])


@torch.no_grad()
def validate(network: nn.Module, pictures: Batch, device: str) -> dict[str, float]:
    """Mean overlap, share of pictures over 0.9, and mean absolute error; pictures with next to no product left out."""
    network.eval()
    overlaps, errors = [], []
    for rgb, alpha in zip(pictures[0].split(32), pictures[1].split(32), strict=True):
        truth = wanted(alpha, device)
        p = torch.sigmoid(network(prepared(rgb, device)).float())
        inside, meant = p > 0.5, truth > 0.5
        both, either = (inside & meant).sum((1, 2, 3)), (inside | meant).sum((1, 2, 3))
        seen = meant.sum((1, 2, 3)) > 40
        overlaps.append((both / either.clamp_min(1))[seen])
        errors.append((p - truth).abs().mean((1, 2, 3))[seen])
    taken = torch.cat(overlaps)
    return {
        "iou": float(taken.mean()),
        "share_over_90": float((taken > 0.9).float().mean()),
        "mae": float(torch.cat(errors).mean()),
    }


class Training:
    """A run that can be left and gone on with: everything it needs stands in `folder`."""

    def __init__(self, folder: Path, plan: Plan, shape: Shape | None = None) -> None:
        self.folder, self.plan = folder, plan
        self.teacher: SalientNetwork | None = None
        self.device = "cuda" if torch.cuda.is_available() else "cpu"
        torch.manual_seed(plan.seed)
        network = SalientNetwork(shape).to(self.device)
        self.network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.average = copy.deepcopy(self.network)
        self.optimiser = torch.optim.AdamW(
            self.network.parameters(), plan.rate, weight_decay=plan.weight_decay, fused=self.device == "cuda"
        )
        self.step = 0
        self.halved = self.device == "cuda" or _halves_faster()

    @classmethod
    def left(cls, folder: Path) -> Training | None:
        """The run that was left in `folder`, whatever its design; None where there is none."""
        file = folder / CHECKPOINT
        if not file.is_file():
            return None
        shape = torch.load(file, map_location="cpu", weights_only=True)["shape"]
        run = cls(folder, Plan(), Shape(tuple(shape["channels"]), tuple(shape["blocks"]), int(shape["head"])))
        run.resume()
        return run

    def start_from(self, file: Path, bank: Bank, mix: Mix) -> None:
        """Takes up the weights of an exported network instead of chance; only sense before the first step."""
        take_up(self.network, file, self._pictures(bank, mix))
        self.average.load_state_dict(self.network.state_dict())

    def taught_by(self, file: Path, shape: Shape, bank: Bank, mix: Mix) -> None:
        """A larger, exported network whose answers are learned beside the truth (G. Hinton et al., 2015)."""
        self.teacher = SalientNetwork(shape).to(self.device)
        take_up(self.teacher, file, self._pictures(bank, mix))
        self.teacher = self.teacher.to(memory_format=torch.channels_last).eval()  # type: ignore[call-overload]

    def _pictures(self, bank: Bank, mix: Mix) -> Iterator[Tensor]:
        size_px, seed = self.plan.parts[0].size_px, VALIDATION_SEED - 1
        pictures = (sample((seed, index), bank, size_px, mix)[0] for index in range(STARTING_PICTURES))
        return (prepared(torch.from_numpy(np.stack(group)), self.device) for group in _grouped(pictures, 16))

    def resume(self) -> bool:
        """Takes up the checkpoint in the folder, if there is one."""
        file = self.folder / CHECKPOINT
        if not file.is_file():
            return False
        kept: dict[str, Any] = torch.load(file, map_location=self.device, weights_only=True)
        self.network.load_state_dict(kept["network"])
        self.average.load_state_dict(kept["average"])
        self.optimiser.load_state_dict(kept["optimiser"])
        self.step = int(kept["step"])
        return True

    def keep(self) -> None:
        """Writes the checkpoint; a crash in the middle leaves the one before."""
        self.folder.mkdir(parents=True, exist_ok=True)
        fresh = self.folder / f"{CHECKPOINT}.new"
        state = {
            "network": self.network.state_dict(),
            "average": self.average.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "step": self.step,
            "shape": asdict(self.network.shape),
        }
        torch.save(state, fresh)
        fresh.replace(self.folder / CHECKPOINT)
        (self.folder / "plan.json").write_text(json.dumps(asdict(self.plan), indent=1))

    def learn(self, rgb: Tensor, alpha: Tensor) -> Tensor:
        """One step on one batch; returns its loss, which is not waited for."""
        self.network.train()
        for group in self.optimiser.param_groups:
            group["lr"] = self.plan.rate_at(self.step)
        photo = prepared(rgb, self.device)
        with torch.autocast(self.device, torch.bfloat16, enabled=self.halved):
            logits = self.network(photo)
        taken = loss(logits.float(), wanted(alpha, self.device))
        if self.teacher is not None:
            with torch.no_grad(), torch.autocast(self.device, torch.bfloat16, enabled=self.halved):
                told = torch.sigmoid(self.teacher(photo).float())
            taken = taken + TAUGHT * F.binary_cross_entropy_with_logits(logits.float(), told)
        self.optimiser.zero_grad(set_to_none=True)
        taken.backward()
        nn.utils.clip_grad_norm_(self.network.parameters(), 5.0)
        self.optimiser.step()
        self._follow()
        self.step += 1
        return taken.detach()

    @torch.no_grad()
    def _follow(self) -> None:
        """The average of past weights measures better than any of them (B. Polyak, A. Juditsky, 1992)."""
        keep = min(self.plan.averaging, (1 + self.step) / (10 + self.step))
        pairs = zip(self.average.state_dict().values(), self.network.state_dict().values(), strict=True)
        means, now = zip(*((mean, now) for mean, now in pairs if mean.dtype.is_floating_point), strict=True)
        torch._foreach_lerp_(list(means), list(now), 1 - keep)


def train(
    runs: Sequence[Training],
    bank: Bank,
    held: Bank,
    mix: Mix,
    *,
    workers: int = 2,
    every: int = 250,
    until: int | None = None,
) -> None:
    """Trains to the end of the plan (or step `until`), telling its progress and keeping checkpoints.

    Several runs of one plan learn from the same pictures: making those is what takes the time where there is a GPU.
    Raises ValueError where they stand at different steps.
    """
    plan, first = runs[0].plan, runs[0].step
    if any(run.step != first or run.plan != plan for run in runs):
        raise ValueError("Designs trained side by side must stand at one step of one plan.")
    for run in runs:
        print(
            f"{run.folder.name}: {parameters(run.network):,} parameters on {run.device}, step {first} of {plan.steps}",
            flush=True,
        )
    last = min(plan.steps, until or plan.steps)
    pictures = held_pictures(held, mix, plan.validation)
    recent: list[Tensor] = [torch.zeros(())] * len(runs)
    step, started = first, time.perf_counter()
    while step < last:
        for rgb, alpha in batches(bank, mix, plan, step, workers):
            now = [run.learn(rgb, alpha) for run in runs]
            recent = now if step == first else [0.98 * a + 0.02 * b for a, b in zip(recent, now, strict=True)]
            step += 1
            if step % every == 0 or step == last:
                rate = (step - first) / (time.perf_counter() - started)
                for run, taken in zip(runs, recent, strict=True):
                    run.keep()
                    said: dict[str, object] = {
                        "design": run.folder.name,
                        "step": step,
                        "steps_per_s": round(rate, 2),
                    }
                    found = {"loss": float(taken)} | validate(run.average, pictures, run.device)
                    print(json.dumps(said | {k: round(v, 4) for k, v in found.items()}), flush=True)
            if step >= last:
                break


def _grouped(pictures: Iterator[NDArray[np.uint8]], size: int) -> Iterator[list[NDArray[np.uint8]]]:
    while group := list(islice(pictures, size)):
        yield group


def _halves_faster() -> bool:
    """Whether this processor learns faster in bfloat16: a third faster where it has the instructions, ten times
    slower where it has not (measured on AVX-512 BF16 and on AVX2). Asked, not timed: a run that was left goes on alike.
    """
    asked = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
    return any(getattr(torch.cpu, name, bool)() for name in asked)
