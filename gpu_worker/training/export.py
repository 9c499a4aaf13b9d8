"""From a checkpoint to the file that ships: ONNX, batch norm folded in, weights of eight bits. Needs torch, onnx."""

from __future__ import annotations

import copy
import io
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import numpy_helper
from torch import nn

from gpu_worker.training.network import SalientNetwork

OPSET = 17
# Smaller tensors are biases: packing them saves nothing and costs accuracy.
LEAST_PACKED = 256
PACKED, SCALE = ".int8", ".scale"


def export(network: SalientNetwork, file: Path) -> float:
    """Writes `file` and returns the largest difference of a logit from the network's own, on noise, as a check.

    Input ``photo``: 1 × 5 × H × W float32, sides multiples of 32; output ``logits``: 1 × 1 × H/2 × W/2.
    """
    network = copy.deepcopy(network).cpu().float().eval()
    folded = _folded(network)
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        # The newer exporter would ask for one more package and writes what this one does.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            folded,
            (torch.zeros(1, 5, 256, 320),),
            buffer,  # type: ignore[arg-type]  # it takes any file
            dynamo=False,
            input_names=["photo"],
            output_names=["logits"],
            dynamic_axes={"photo": {2: "height", 3: "width"}, "logits": {2: "half_height", 3: "half_width"}},
            opset_version=OPSET,
        )
    model = _small(onnx.load_from_string(buffer.getvalue()))
    onnx.checker.check_model(model)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(model.SerializeToString())
    return _difference(network, file)


def _folded(network: nn.Module) -> nn.Module:
    """Each batch norm multiplied into the convolution before it."""
    for parent in network.modules():
        if isinstance(parent, nn.Sequential) and len(parent) > 1 and isinstance(parent[1], nn.BatchNorm2d):
            convolution, norm = parent[0], parent[1]
            assert isinstance(convolution, nn.Conv2d)
            parent[0] = torch.nn.utils.fusion.fuse_conv_bn_eval(convolution, norm)
            parent[1] = nn.Identity()
    return network


def _small(model: Any) -> Any:
    """Large weights stored as int8 with a scale per output channel; the runtime multiplies once, when it loads them.

    Symmetric, rounded to nearest: a weight is off by 1/254 of the largest of its channel at most.
    """
    graph = model.graph
    unpacking = []
    for index, tensor in enumerate(graph.initializer):
        values = numpy_helper.to_array(tensor)
        if values.dtype != np.float32 or values.size < LEAST_PACKED:
            continue
        name, beside = tensor.name, tuple(range(1, values.ndim))
        scale = np.maximum(np.abs(values).max(axis=beside, keepdims=True) / 127, 1e-12).astype(np.float32)
        packed = np.round(values / scale).astype(np.int8)
        graph.initializer[index].CopyFrom(numpy_helper.from_array(packed, name + PACKED))
        graph.initializer.append(numpy_helper.from_array(scale, name + SCALE))
        unpacking += [
            onnx.helper.make_node("Cast", [name + PACKED], [f"{name}.cast"], to=onnx.TensorProto.FLOAT),
            onnx.helper.make_node("Mul", [f"{name}.cast", name + SCALE], [name]),
        ]
    nodes = [*unpacking, *graph.node]
    del graph.node[:]
    graph.node.extend(nodes)
    return model


def weights(file: Path) -> dict[str, NDArray[np.float32]]:
    """The weights that `export` wrote to `file`, by their names in the network."""
    stored = {tensor.name: numpy_helper.to_array(tensor) for tensor in onnx.load(str(file)).graph.initializer}
    return {
        name.removesuffix(PACKED): np.asarray(
            values * stored.get(name.removesuffix(PACKED) + SCALE, 1), np.float32
        )
        for name, values in stored.items()
        if not name.endswith(SCALE)
    }


def _difference(network: nn.Module, file: Path) -> float:
    import onnxruntime

    photo = np.random.default_rng(0).uniform(-1, 1, (1, 5, 160, 224)).astype(np.float32)
    session = onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
    ours = np.asarray(session.run(None, {"photo": photo})[0])
    with torch.no_grad():
        theirs = network(torch.from_numpy(photo)).numpy()
    return float(np.abs(ours - theirs).max())
