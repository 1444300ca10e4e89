"""Full-frame detection on a CPU: dimjax by JAX and by ONNX Runtime, compared with PyTorch.

    python benchmarks/detection.py --out=benchmarks/results/detection.json

Measures detections from frames of 640x512 pixels with 16 bits. The rival is the same network in
PyTorch (extra compare), exported by torch.onnx and also computed by ONNX Runtime, with
normalisation and decoding but without the suppression of duplicates. The networks alone, from
normalised images to grids, are timed as well. All take turns in one process (A B C A B C ...), with
a pause before each, because threads of one may still be busy.
"""

import argparse
import itertools
import json
import statistics
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from machine import describe, write_record
from ratios import summary

from dimjax.detection.detector import Detector, create_model, make_detector
from dimjax.export.detector_files import export_onnx
from dimjax.export.onnx_graph import network_graph
from dimjax.export.onnx_runtime import create_session, open_onnx
from dimjax.export.parity import frames_with_targets
from dimjax.models import BACKBONES

HEIGHT, WIDTH = 512, 640
PAUSE_S = 0.05
WARM_UP = 2


def main() -> None:
    """Measure, print a table and write the JSON file."""
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--out", type=Path, required=True, help="JSON file to write")
    arguments.add_argument("--backbones", nargs="+", default=list(BACKBONES), choices=BACKBONES)
    arguments.add_argument("--widths", nargs="+", type=float, default=[1.0, 0.25])
    arguments.add_argument("--batch", type=int, default=4, help="frames per call")
    arguments.add_argument("--rounds", type=int, default=15, help="timed calls of each contender")
    given = arguments.parse_args()

    networks = []
    for backbone, width in itertools.product(given.backbones, given.widths):
        networks.append(measure(backbone, width, given.batch, given.rounds))
        print(_row(networks[-1]) if networks[1:] else _table(networks), flush=True)
    record = {
        **describe("dimjax", "jax", "jaxlib", "onnxruntime", "jax2onnx", "torch", "numpy"),
        "frames": {"height": HEIGHT, "width": WIDTH, "batch": given.batch},
        "networks": networks,
        "summary": summary(networks),
    }
    print(json.dumps(record["summary"], indent=2))
    write_record(given.out, record)


def measure(backbone: str, width: float, batch: int, rounds: int) -> dict:
    """Measure the seconds of each call by contender, with medians and ratios."""
    detector = _detector(backbone, width)
    frames, scale = frames_with_targets(batch, HEIGHT, WIDTH, seed=0)
    calls = _contenders(detector, frames, scale)
    seconds = {name: [] for name in calls}
    for turn in range(WARM_UP + rounds):
        for name, call in calls.items():
            time.sleep(PAUSE_S)
            start = time.perf_counter()
            call()
            if turn >= WARM_UP:
                seconds[name].append(time.perf_counter() - start)
    rates = {name: batch / statistics.median(values) for name, values in seconds.items()}
    return {
        "backbone": backbone,
        "width": width,
        "seconds": seconds,
        "frames_per_second": rates,
        "ratios": _ratios(rates),
    }


def _detector(backbone: str, width: float) -> Detector:
    description = {
        "backbone": backbone, "width": width, "output_stride": 8, "context_px": 80, "bf16": False,
        "input": "difference", "evidence": None, "rescoring": None, "stride": 1, "align": False,
        "threshold": {"target": 0.5, "interference": 0.5}, "match_px": 3.0, "suppress_px": 4.0,
        "max_detections": 100, "tile_px": 0, "margin_px": 64,
    }  # fmt: skip
    model = create_model(description)
    images = jnp.zeros((1, 80, 80, 3))
    variables = jax.jit(lambda key: model.init(key, images, train=False))(jax.random.key(0))
    return make_detector(model, variables, description)


def _contenders(detector: Detector, frames, scale) -> dict[str, Callable]:
    """Name -> a call that returns when its result is ready."""
    shape = (len(frames), 3, HEIGHT, WIDTH)
    images = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "detector.onnx"
        export_onnx(detector, path, check_shapes=((1, 64, 96),))
        detect_by_onnx = open_onnx(path).detect
    alone = create_session(network_graph(detector).SerializeToString())
    calls = {
        "jax": lambda: jax.block_until_ready(detector.detect(detector.variables, frames, scale)),
        "onnx": lambda: detect_by_onnx(frames, scale),
        "onnx network": lambda: alone.run(None, {"images": images}),
    }
    try:
        import torch
    except ImportError:
        return calls
    whole, network = _torch_sessions(torch, detector)

    def rival():
        return whole.run(None, {"frames": frames.astype(np.float32), "scale": scale})

    if detector.description["backbone"] == "darknet19":
        _check_rival(detect_by_onnx(frames, scale), rival())
    calls["torch"] = rival
    calls["torch network"] = lambda: network.run(None, {"images": images})
    return calls


def _torch_sessions(torch, detector: Detector):
    """ONNX Runtime sessions of torch.onnx exports: the detector, and the network alone."""
    from torch_networks import torch_detector

    network = torch_detector(detector.description, jax.device_get(detector.variables))
    count, stride = detector.description["max_detections"], detector.description["output_stride"]

    class Whole(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.network = network

        def forward(self, frames, scale):
            sigmas = (frames[:, :1] - frames[:, 1:]) / scale[:, 1, None, None, None]
            # The exporter does not support asinh.
            logarithm = torch.log(sigmas.abs() + torch.sqrt(sigmas * sigmas + 1))
            cells = self.network(torch.sign(sigmas) * logarithm)
            columns, cells = cells.shape[3], cells.flatten(2)
            odds = torch.sigmoid(cells[:, 4:])
            best, category = (odds[:, :1] * odds[:, 1:]).max(dim=1)
            score, index = best.topk(count)
            chosen = cells[:, :4].gather(2, index[:, None].expand(-1, 4, -1))
            cell = torch.stack([index % columns, index // columns], dim=1)
            centre = (chosen[:, :2] + cell + 0.5) * stride
            boxes = torch.cat([centre, torch.exp(chosen[:, 2:]) * stride], dim=1)
            return boxes.transpose(1, 2), score, category.gather(1, index)

    clip = torch.rand(1, 4, HEIGHT, WIDTH), torch.tensor([[0.0, 1.0]])
    return (
        _exported(torch, Whole().eval(), clip, ["frames", "scale"], detector),
        _exported(torch, network, (torch.rand(1, 3, HEIGHT, WIDTH),), ["images"], detector),
    )


def _exported(torch, module, example: tuple, names: list[str], detector: Detector):
    axes = {name: {0: "b"} if name == "scale" else {0: "b", 2: "h", 3: "w"} for name in names}
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        path = Path(folder) / "torch.onnx"
        torch.onnx.export(
            module, example, str(path), input_names=names, dynamic_axes=axes, opset_version=18,
            dynamo=False,
        )  # fmt: skip
        return create_session(path.read_bytes())


def _check_rival(detections, outputs: list) -> None:
    """Check that the rival's boxes and scores of DarkNet-19 equal those that are not suppressed."""
    kept = detections.score > 0
    np.testing.assert_allclose(outputs[0][kept], detections.boxes[kept], rtol=1e-3)
    np.testing.assert_allclose(outputs[1][kept], detections.score[kept], atol=1e-4)


def _ratios(rates: dict[str, float]) -> dict[str, float]:
    pairs = {"onnx / jax": ("onnx", "jax"), "onnx / torch": ("onnx", "torch"),
             "jax / torch": ("jax", "torch"),
             "network: onnx / torch": ("onnx network", "torch network")}  # fmt: skip
    return {
        name: rates[one] / rates[other] for name, (one, other) in pairs.items() if other in rates
    }


def _table(networks: list[dict]) -> str:
    columns = ["network", "width", *networks[0]["frames_per_second"], *networks[0]["ratios"]]
    head = ["| " + " | ".join(columns) + " |", "| --- " * len(columns) + "|"]
    return "\n".join([*head, *map(_row, networks)])


def _row(network: dict) -> str:
    rates = [f"{rate:.1f}" for rate in network["frames_per_second"].values()]
    ratios = [f"{ratio:.2f}" for ratio in network["ratios"].values()]
    return f"| {network['backbone']} | {network['width']:g} | " + " | ".join(rates + ratios) + " |"


if __name__ == "__main__":
    main()
