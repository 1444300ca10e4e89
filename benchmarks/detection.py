"""Full-frame detection on a CPU: dimjax through JAX and through ONNX Runtime, beside PyTorch.

    python benchmarks/detection.py --out=benchmarks/results/detection.json

Frames of 640x512 pixels of 16 bit go in, detections come out. The rival is the same network in
PyTorch (extra compare), exported by torch.onnx and run by ONNX Runtime too, with its normalisation
and decoding inside but without the suppression of duplicates. The networks alone, normalised images
in and grids out, are timed as well. All take turns in one process (A B C A B C ...), with a pause
between, since threads of one may still be busy.
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
from machine import about
from ratios import summary

from dimjax.detection.detector import Detector, create_model, make_detector
from dimjax.export.files import export_onnx
from dimjax.export.onnx_graph import network_graph
from dimjax.export.onnx_runtime import open_onnx
from dimjax.export.packages import needed
from dimjax.export.parity import planted_frames
from dimjax.models import BACKBONES

HEIGHT, WIDTH = 512, 640
PAUSE_S = 0.05
WARM_UP = 2


def main() -> None:
    """Measure, print a table, write the JSON file."""
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--out", type=Path, required=True, help="JSON file to write")
    arguments.add_argument("--backbones", nargs="+", default=list(BACKBONES), choices=BACKBONES)
    arguments.add_argument("--widths", nargs="+", type=float, default=[1.0, 0.25])
    arguments.add_argument("--batch", type=int, default=4, help="frames of a call")
    arguments.add_argument("--rounds", type=int, default=15, help="timed calls of each")
    given = arguments.parse_args()

    networks = []
    for backbone, width in itertools.product(given.backbones, given.widths):
        networks.append(measure(backbone, width, given.batch, given.rounds))
        print(_row(networks[-1]) if networks[1:] else _table(networks), flush=True)
    result = {
        **about("dimjax", "jax", "jaxlib", "onnxruntime", "jax2onnx", "torch", "numpy"),
        "frames": {"height": HEIGHT, "width": WIDTH, "batch": given.batch},
        "networks": networks,
        "summary": summary(networks),
    }
    print(json.dumps(result["summary"], indent=2))
    given.out.parent.mkdir(parents=True, exist_ok=True)
    given.out.write_text(json.dumps(result, indent=2) + "\n")


def measure(backbone: str, width: float, batch: int, rounds: int) -> dict:
    """Seconds of each call by contender, with medians and ratios."""
    detector = _detector(backbone, width)
    frames, scale = planted_frames(batch, HEIGHT, WIDTH, seed=0)
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
        "input": "difference", "stride": 1, "threshold": {"target": 0.5, "interference": 0.5},
        "match_px": 3.0, "suppress_px": 4.0, "max_detections": 100, "tile_px": 0, "margin_px": 64,
    }  # fmt: skip
    model = create_model(description)
    images = jnp.zeros((1, 80, 80, 3))
    variables = jax.jit(lambda key: model.init(key, images, train=False))(jax.random.key(0))
    return make_detector(model, variables, description)


def _contenders(detector: Detector, frames, scale) -> dict[str, Callable]:
    """Name -> a call that ends when the result is there."""
    shape = (len(frames), 3, HEIGHT, WIDTH)
    images = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "detector.onnx"
        export_onnx(detector, path, checked=((1, 64, 96),))
        through_onnx = open_onnx(path).detect
    alone = _session(network_graph(detector).SerializeToString())
    calls = {
        "jax": lambda: jax.block_until_ready(detector.detect(detector.variables, frames, scale)),
        "onnx": lambda: through_onnx(frames, scale),
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
        _check_rival(through_onnx(frames, scale), rival())
    calls["torch"] = rival
    calls["torch network"] = lambda: network.run(None, {"images": images})
    return calls


def _torch_sessions(torch, detector: Detector):
    """ONNX Runtime on what torch.onnx exports: the detector, and the network alone."""
    from torch_networks import torch_detector

    network = torch_detector(detector.description, jax.device_get(detector.variables))
    most, stride = detector.description["max_detections"], detector.description["output_stride"]

    class Whole(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.network = network

        def forward(self, frames, scale):
            sigmas = (frames[:, :1] - frames[:, 1:]) / scale[:, 1, None, None, None]
            # The exporter knows no asinh.
            logarithm = torch.log(sigmas.abs() + torch.sqrt(sigmas * sigmas + 1))
            cells = self.network(torch.sign(sigmas) * logarithm)
            columns, cells = cells.shape[3], cells.flatten(2)
            odds = torch.sigmoid(cells[:, 4:])
            best, category = (odds[:, :1] * odds[:, 1:]).max(dim=1)
            score, index = best.topk(most)
            chosen = cells[:, :4].gather(2, index[:, None].expand(-1, 4, -1))
            place = torch.stack([index % columns, index // columns], dim=1)
            centre = (chosen[:, :2] + place + 0.5) * stride
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
        return _session(path.read_bytes())


def _session(model: bytes):
    """As dimjax opens its own."""
    runtime = needed("onnxruntime")
    options = runtime.SessionOptions()
    options.log_severity_level = 3
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return runtime.InferenceSession(model, options, ["CPUExecutionProvider"])


def _check_rival(own, others: list) -> None:
    """Of DarkNet-19 the rival must find the same, before duplicates are suppressed."""
    kept = own.score > 0
    np.testing.assert_allclose(others[0][kept], own.boxes[kept], rtol=1e-3)
    np.testing.assert_allclose(others[1][kept], own.score[kept], atol=1e-4)


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
