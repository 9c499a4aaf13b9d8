"""The training loop: growing pictures, an average of the weights, checkpoints to go on from. Needs torch."""

from __future__ import annotations

import copy
import json
import math
import time
from collections.abc import Iterator
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
MOST_IN_A_BATCH = 64


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
    validation: int = 100
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
STARTING_PICTURES = 192


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


def batches(
    bank: Bank, mix: Mix, plan: Plan, step: int, workers: int
) -> Iterator[tuple[NDArray[np.uint8], NDArray[np.uint8]]]:
    """The batches of the part that `step` is in, from that step to the part's end."""
    yield from DataLoader(
        _Pictures(bank, mix, plan, step),
        plan.part(step).batch,
        num_workers=workers,
        worker_init_fn=_one_thread,
        collate_fn=_stacked,
        prefetch_factor=4 if workers else None,
    )


def _stacked(
    pairs: list[tuple[NDArray[np.uint8], NDArray[np.uint8]]],
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    return np.stack([rgb for rgb, _ in pairs]), np.stack([alpha for _, alpha in pairs])


def prepared(rgb: NDArray[np.uint8], device: str) -> Tensor:
    """N × H × W × 3 bytes to what the network takes; the same numbers as `gpu_worker.models.salient.prepared`."""
    colours = torch.from_numpy(rgb).to(device).permute(0, 3, 1, 2).float() * (2 / 255) - 1
    count, _, height_px, width_px = colours.shape
    across = torch.linspace(-1, 1, width_px, device=device) ** 2
    down = torch.linspace(-1, 1, height_px, device=device) ** 2
    where = torch.stack([across.expand(height_px, -1), down[:, None].expand(-1, width_px)])
    x = torch.cat([colours, where.expand(count, -1, -1, -1)], dim=1)
    return x.contiguous(memory_format=torch.channels_last)


def wanted(alpha: NDArray[np.uint8], device: str) -> Tensor:
    """N × H × W bytes to the coverage at half the size, N × 1 × H/2 × W/2."""
    return F.avg_pool2d(torch.from_numpy(alpha).to(device)[:, None].float() / 255, 2)


def loss(logits: Tensor, truth: Tensor) -> Tensor:
    """Cross-entropy, thrice as heavy near the outline, plus one minus the soft overlap of each picture."""
    blurred = F.avg_pool2d(truth, 9, stride=1, padding=4, count_include_pad=False)
    weight = 1 + 2 * ((blurred > 0.02) & (blurred < 0.98)).float()
    entropy = F.binary_cross_entropy_with_logits(logits, truth, weight)
    p = torch.sigmoid(logits)
    both = (p * truth).sum((1, 2, 3))
    either = (p + truth - p * truth).sum((1, 2, 3))
    return entropy + 1 - ((both + 8) / (either + 8)).mean()


@torch.no_grad()
def validate(
    network: nn.Module, bank: Bank, mix: Mix, size_px: int, count: int, device: str
) -> dict[str, float]:
    """Mean overlap, share of pictures over 0.9, and mean absolute error on composites of products never trained on."""
    network.eval()
    overlaps, errors = [], []
    for index in range(count):
        rgb, alpha = sample((VALIDATION_SEED, index), bank, size_px, mix)
        truth = wanted(alpha[None], device)
        p = torch.sigmoid(network(prepared(rgb[None], device)).float())
        both, either = ((p > 0.5) & (truth > 0.5)).sum(), ((p > 0.5) | (truth > 0.5)).sum()
        if (truth > 0.5).sum() > 40:
            overlaps.append(float(both / either))
            errors.append(float((p - truth).abs().mean()))
    taken = np.array(overlaps)
    return {
        "iou": float(taken.mean()),
        "share_over_90": float((taken > 0.9).mean()),
        "mae": float(np.mean(errors)),
    }


class Training:
    """A run that can be left and gone on with: everything it needs stands in `folder`."""

    def __init__(self, folder: Path, plan: Plan, shape: Shape | None = None) -> None:
        self.folder, self.plan = folder, plan
        self.device = "cuda" if torch.cuda.is_available() else "cpu"
        torch.manual_seed(plan.seed)
        network = SalientNetwork(shape).to(self.device)
        self.network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.average = copy.deepcopy(self.network)
        self.optimiser = torch.optim.AdamW(
            self.network.parameters(), plan.rate, weight_decay=plan.weight_decay
        )
        self.step = 0
        self.halved = self.device == "cuda" or _halves_faster()

    def start_from(self, file: Path, bank: Bank, mix: Mix) -> None:
        """Takes up the weights of an exported network instead of chance; only sense before the first step."""
        size_px, seed = self.plan.parts[0].size_px, VALIDATION_SEED - 1
        pictures = (sample((seed, index), bank, size_px, mix)[0] for index in range(STARTING_PICTURES))
        batches = (prepared(np.stack(group), self.device) for group in _grouped(pictures, 16))
        take_up(self.network, file, batches)
        self.average.load_state_dict(self.network.state_dict())

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
        }
        torch.save(state, fresh)
        fresh.replace(self.folder / CHECKPOINT)
        (self.folder / "plan.json").write_text(json.dumps(asdict(self.plan), indent=1))

    def learn(self, rgb: NDArray[np.uint8], alpha: NDArray[np.uint8]) -> float:
        """One step on one batch; returns its loss."""
        self.network.train()
        for group in self.optimiser.param_groups:
            group["lr"] = self.plan.rate_at(self.step)
        with torch.autocast(self.device, torch.bfloat16, enabled=self.halved):
            logits = self.network(prepared(rgb, self.device))
        taken = loss(logits.float(), wanted(alpha, self.device))
        self.optimiser.zero_grad(set_to_none=True)
        taken.backward()
        nn.utils.clip_grad_norm_(self.network.parameters(), 5.0)
        self.optimiser.step()
        self._follow()
        self.step += 1
        return float(taken.item())

    @torch.no_grad()
    def _follow(self) -> None:
        """The average of past weights measures better than any of them (B. Polyak, A. Juditsky, 1992)."""
        keep = min(self.plan.averaging, (1 + self.step) / (10 + self.step))
        for mean, now in zip(
            self.average.state_dict().values(), self.network.state_dict().values(), strict=True
        ):
            if mean.dtype.is_floating_point:
                mean.lerp_(now, 1 - keep)
            else:
                mean.copy_(now)

    def run(
        self,
        bank: Bank,
        held: Bank,
        mix: Mix,
        *,
        workers: int = 2,
        every: int = 250,
        until: int | None = None,
    ) -> None:
        """Trains to the end of the plan (or step `until`), telling its progress and keeping checkpoints."""
        print(
            f"{parameters(self.network):,} parameters on {self.device}, from step {self.step} of {self.plan.steps}",
            flush=True,
        )
        last = min(self.plan.steps, until or self.plan.steps)
        recent, started, first = 0.0, time.perf_counter(), self.step
        while self.step < last:
            for rgb, alpha in batches(bank, mix, self.plan, self.step, workers):
                now = self.learn(rgb, alpha)
                recent = now if self.step == first + 1 else 0.98 * recent + 0.02 * now
                if self.step % every == 0 or self.step == last:
                    self.keep()
                    found = validate(self.average, held, mix, 192, self.plan.validation, self.device)
                    rate = (self.step - first) / (time.perf_counter() - started)
                    said = {"step": self.step, "loss": round(recent, 4), "steps_per_s": round(rate, 2)}
                    print(json.dumps(said | {k: round(v, 4) for k, v in found.items()}), flush=True)
                if self.step >= last:
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
