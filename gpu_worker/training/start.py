"""Goes on from the weights that ship: the batch norms that export folded away are unfolded again. Needs torch, onnx."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import torch
from torch import Tensor, nn

from gpu_worker.training import export
from gpu_worker.training.network import SalientNetwork


def take_up(network: SalientNetwork, file: Path, pictures: Iterable[Tensor]) -> None:
    """Gives `network` the weights of `file`, as `export` wrote it, so that training can go on from them.

    A folded convolution has no batch norm any more. `pictures` (batches as `train.prepared` makes them) tell the mean
    and spread of what each one puts out; a norm that takes these away and gives them back changes no answer, and
    learns like any other. Raises ValueError where `file` holds a network of another shape.
    """
    folded = _weights(file)
    network.eval()
    norms = list(_normed(network))
    plain = {
        name: value
        for name, value in network.state_dict().items()
        if not any(name.startswith(f"{parent}.") for parent, _, _ in norms)
    }
    for name, value in plain.items():
        value.copy_(_as(folded, name, value))
    for name, convolution, norm in norms:
        convolution.weight.data.copy_(_as(folded, f"{name}.0.weight", convolution.weight))
        norm.bias.data.copy_(_as(folded, f"{name}.0.bias", norm.bias))
        norm.weight.data.fill_(1.0)
        assert norm.running_mean is not None and norm.running_var is not None
        norm.running_mean.zero_()
        norm.running_var.fill_(1.0 - norm.eps)
    seen = _seen(network, norms, pictures)
    for (_, _, norm), (mean, variance) in zip(norms, seen, strict=True):
        assert norm.running_mean is not None and norm.running_var is not None
        norm.running_mean.copy_(mean)
        norm.running_var.copy_(variance)
        norm.weight.data.copy_((variance + norm.eps).sqrt())
        norm.bias.data.add_(mean)


def _weights(file: Path) -> dict[str, Tensor]:
    return {name: torch.from_numpy(values) for name, values in export.weights(file).items()}


def _as(folded: dict[str, Tensor], name: str, like: Tensor) -> Tensor:
    found = folded.get(name)
    if found is None or found.shape != like.shape:
        has = "none" if found is None else f"one of {list(found.shape)}"
        raise ValueError(f"The network has {name} of {list(like.shape)}; the file has {has}.")
    return found


def _normed(network: nn.Module) -> Iterator[tuple[str, nn.Conv2d, nn.BatchNorm2d]]:
    for name, parent in network.named_modules():
        if isinstance(parent, nn.Sequential) and len(parent) > 1 and isinstance(parent[1], nn.BatchNorm2d):
            convolution, norm = parent[0], parent[1]
            assert isinstance(convolution, nn.Conv2d)
            yield name, convolution, norm


@torch.no_grad()
def _seen(
    network: nn.Module, norms: list[tuple[str, nn.Conv2d, nn.BatchNorm2d]], pictures: Iterable[Tensor]
) -> list[tuple[Tensor, Tensor]]:
    """Mean and variance per channel of what each convolution puts out over all pictures."""
    sums = [(torch.zeros_like(norm.bias), torch.zeros_like(norm.bias)) for _, _, norm in norms]
    count = [0] * len(norms)

    def watch(index: int) -> object:
        def hook(_module: nn.Module, _inputs: object, out: Tensor) -> None:
            sums[index][0].add_(out.sum((0, 2, 3)))
            sums[index][1].add_((out * out).sum((0, 2, 3)))
            count[index] += out.numel() // out.shape[1]

        return norms[index][1].register_forward_hook(hook)

    hooks = [watch(index) for index in range(len(norms))]
    for batch in pictures:
        network(batch)
    for hook in hooks:
        hook.remove()  # type: ignore[attr-defined]
    means = [(one / n, two / n) for (one, two), n in zip(sums, count, strict=True)]
    return [(mean, (square - mean * mean).clamp_min(1e-8)) for mean, square in means]
