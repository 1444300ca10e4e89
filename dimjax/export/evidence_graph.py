"""The motion evidence in ONNX's text format, with the arithmetic of dimjax.motion.

Height and width are free: sums over blocks are convolutions whose stride is the block, and values
of blocks become pixels by Resize. The paths are summed in a loop, because a graph with nodes for
each slice of each path takes minutes to convert and half a minute to load.

    text = evidence_text(EvidenceConfig())
    text.initializers, text.nodes           # window, level, sigma -> evidence, maps

The nodes of a second velocity band are those of the first, with names that begin with slow_.
"""

import re
from string import Template
from typing import NamedTuple

import numpy as np

from dimjax.export import evidence_nodes as nodes
from dimjax.motion import background, filtering
from dimjax.motion.bank import path_shifts, step_sigmas
from dimjax.motion.settings import EvidenceConfig, bands
from dimjax.motion.windows import Window, inner_window

_PREFIXES = ("", "slow_")  # of the names of each velocity band
_SUMS = ("bright", "dark")
_ASSIGNED = re.compile(r"^ *([\w, ]+?) = (?=\w+[<(])", re.MULTILINE)


class GraphText(NamedTuple):
    """A part of a graph in ONNX's text format."""

    initializers: str  # separated by commas
    nodes: str


def evidence_text(settings: EvidenceConfig) -> GraphText:
    """Write the part of a graph that computes the motion evidence.

    It reads window [b, N, h, w], grey levels, of a reference frame that is far from both ends of
    its sequence, and level and sigma [b, 1, 1, 1] of its sequence. It computes evidence
    [b, h, w, C], noise sigmas, and the same channels first, maps [b, C, h, w].
    """
    window = inner_window(settings)
    parts = [
        _with_prefix(prefix, _nodes_of_band(band), _values_of_band(band, window, n))
        for n, (band, prefix) in enumerate(zip(bands(settings), _PREFIXES, strict=False))
    ]
    main, *slow = (", ".join(prefix + name for name in _SUMS) for prefix in _PREFIXES[: len(parts)])
    text = nodes.FILTER + "".join(text for text, _ in parts) + nodes.CHANNELS
    text = Template(text).substitute(
        reach=len(filtering.gaussian_taps(settings.sigma_px)) // 2,
        fit_strides=[background.BLOCK_PX] * 2,
        fit_margins=[background.BLOCKS // 2] * 4,
        rms_strides=[filtering.RMS_BLOCK_PX] * 2,
        rms_margins=_rms_margins(settings),
        contrast=filtering.CONTRAST_PX,
        sums=", ".join([main, "reference, contrast", *slow]),
    )
    values = {**_shapes(settings, window), **_kernels(settings), **_numbers(settings)}
    for _, of_band in parts:
        values |= of_band
    initializers = ",\n ".join(_initializer(name, value) for name, value in values.items())
    return GraphText(initializers, text)


def _nodes_of_band(band: EvidenceConfig) -> str:
    """Write the nodes from the filtered frames to the sums of a velocity band."""
    passes = [_pass(number, band.frames) for number in range(background.PASSES)]
    local = Template(nodes.LOCAL_SIGMAS).safe_substitute(
        frames=band.frames, last=background.PASSES - 1
    )
    return "".join([nodes.FRAMES_OF_BAND, *passes, local, _bank(band.frames), nodes.SUMS])


def _with_prefix(prefix: str, text: str, values: dict) -> tuple[str, dict]:
    """Put a prefix before all names that the nodes of a band assign, and those of its values."""
    assigned = {name for names in _ASSIGNED.findall(text) for name in names.split(", ")}
    names = "|".join(sorted(assigned | values.keys(), key=len, reverse=True))
    renamed = re.sub(rf"\b({names})\b", rf"{prefix}\1", text) if prefix else text
    return renamed, {prefix + name: value for name, value in values.items()}


def _rms_margins(settings: EvidenceConfig) -> list[int]:
    """Padding before and after of the sums over the blocks of the local RMS."""
    blocks = filtering.rms_blocks(settings.box_px)
    before = (blocks - 1) // 2
    return [before, before, blocks - 1 - before, blocks - 1 - before]


def _pass(number: int, frames: int) -> str:
    means = [
        Template(nodes.BOX_MEAN).safe_substitute(
            value=f"{name}{number}",
            group=group,
            block=block,
            box=box,
        )
        for group, block, box, names in (
            (1, "fit_block", "fit_box", ("a", "d", "aa", "dd", "ad")),
            (frames, "fit_block_frames", "fit_box_frames", ("r", "ra", "rd")),
        )
        for name in names
    ]
    fields = [
        Template(nodes.FIELD).substitute(value=f"{name}{number}", name=name, p=number)
        for name in ("x", "y", "offset")
    ]
    return Template(nodes.PASS).substitute(
        p=number, next=number + 1, means="".join(means), fields="".join(fields)
    )


def _bank(frames: int) -> str:
    return Template(nodes.BANK).substitute(
        starts=", ".join(f"start{k}" for k in range(frames)),
        slices="".join(Template(nodes.SLICE).substitute(k=k) for k in range(frames)),
        parts=", ".join(f"part{k}" for k in range(frames)),
    )


def _shapes(settings: EvidenceConfig, window: Window) -> dict[str, np.ndarray]:
    """Sizes, axes and paddings."""
    values = {
        "any_channel": [-1, 1],
        "one_channel": [1, 1],
        "no_pads": [0] * 6,
        "fit_px": [background.BLOCK_PX],
        "rms_px": [filtering.RMS_BLOCK_PX],
        "frame_axis": [1],
        "row_axis": [2],
        "column_axis": [3],
        "row_border": [0, 0, 1, 0, 0, 0, 1, 0],
        "column_border": [0, 0, 0, 1, 0, 0, 0, 1],
        "contrast_border": [0, 0, *[filtering.CONTRAST_PX // 2] * 2] * 2,
        "from_first": [0],
        "from_third": [2],
        "to_third_last": [-2],
        "to_end": [np.iinfo(np.int64).max],
        "frame_origin": [0, 0],
        "one_frame": [1],
        "slice_axes": [1, 2, 3],
        "corner_sizes": [3] * settings.frames,
        "reference_frame": [window.index],
        "after_reference": [window.index + 1],
    }
    return {name: np.array(value) for name, value in values.items()}


def _kernels(settings: EvidenceConfig) -> dict[str, np.ndarray]:
    """Weights of convolutions, for single images and for the frames of a window."""
    taps = filtering.gaussian_taps(settings.sigma_px).astype(np.float32)
    used_rows = np.zeros((background.BLOCK_PX,) * 2, np.float32)
    used_rows[:: background.ROW_STEP] = 1
    images = {
        "fit_block": used_rows,
        "fit_box": np.ones((background.BLOCKS,) * 2, np.float32),
        "rms_block": np.ones((filtering.RMS_BLOCK_PX,) * 2, np.float32),
        "rms_box": np.ones((filtering.rms_blocks(settings.box_px),) * 2, np.float32),
    }
    frames = {
        name + "_frames": np.tile(k, (settings.frames, 1, 1, 1)) for name, k in images.items()
    }
    images |= {"taps_down": taps[:, None], "taps_across": taps[None]}
    return {**{name: kernel[None, None] for name, kernel in images.items()}, **frames}


def _numbers(settings: EvidenceConfig) -> dict[str, np.ndarray]:
    frames, clip = settings.frames, settings.clip_sigmas
    step = step_sigmas(frames, clip)
    scalars = {
        "inner_frames": frames - 2,
        "half_step": 0.5,
        "fit_limit": background.MAX_SIGMAS,
        "minus_fit_limit": -background.MAX_SIGMAS,
        "rms_limit": filtering.MAX_SIGMAS,
        "minus_rms_limit": -filtering.MAX_SIGMAS,
        "min_variance": background.MIN_VARIANCE,
        "gain": np.sqrt(frames / (frames - 1)),
        "one_sigma": 1,
        "clip": clip,
        "minus_clip": -clip,
        "step": step,
        "zero_sum": 0,
        "unit": step / np.sqrt(frames),
        "minus_unit": -step / np.sqrt(frames),
    }
    arrays = {
        "one_pixel": [1],
        "no_region": [],
        "fit_scales": [1, 1, *[background.BLOCK_PX] * 2],
        "rms_scales": [1, 1, *[filtering.RMS_BLOCK_PX] * 2],
    }
    return {name: np.array(value, np.float32) for name, value in (scalars | arrays).items()}


def _values_of_band(band: EvidenceConfig, window: Window, number: int) -> dict[str, np.ndarray]:
    """Places of its frames, and first frame, row and column of the slice of each, for each path."""
    places = window.bands[number]
    index = places.index(window.index)
    shifts = path_shifts(window.times_of(number), band)
    reach = int(np.abs(shifts).max())
    frames = np.broadcast_to(np.arange(band.frames)[:, None], (*shifts.shape[:2], 1))
    corners = np.concatenate([frames, shifts[..., ::-1] + reach], axis=-1)
    return {
        "band_frames": np.array(places),
        "reference_of_band": np.array([index]),
        "after_reference_of_band": np.array([index + 1]),
        "path_margins": np.array([0, 0, reach, reach] * 2),
        "paths": np.array(len(shifts)),
        "corners": corners.reshape(len(shifts), -1).astype(np.int64),
    }


def _initializer(name: str, value: np.ndarray) -> str:
    """Write an array of float32 or int64."""
    kind = "float" if value.dtype == np.float32 else "int64"
    shape = f"[{', '.join(map(str, value.shape))}]" if value.ndim else ""
    return f"{kind}{shape} {name} = {{{', '.join(map(str, value.ravel().tolist()))}}}"
