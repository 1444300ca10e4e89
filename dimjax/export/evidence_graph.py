"""The motion evidence in ONNX's text format, with the arithmetic of dimjax.motion.

Height and width are free: sums over blocks are convolutions whose stride is the block, and values
of blocks become pixels by Resize. The paths are summed in a loop, because a graph with nodes for
each slice of each path takes minutes to convert and half a minute to load.

    text = evidence_text(EvidenceConfig())
    text.initializers, text.nodes           # window, level, sigma -> evidence, maps
"""

from string import Template
from typing import NamedTuple

import numpy as np

from dimjax.export import evidence_nodes as nodes
from dimjax.motion import background, filtering
from dimjax.motion.bank import path_shifts, step_sigmas
from dimjax.motion.settings import EvidenceConfig
from dimjax.motion.windows import inner_times, reference_index


class GraphText(NamedTuple):
    """A part of a graph in ONNX's text format."""

    initializers: str  # separated by commas
    nodes: str


def evidence_text(settings: EvidenceConfig) -> GraphText:
    """Write the part of a graph that computes the motion evidence.

    It reads window [b, K, h, w], grey levels, with its reference frame at the configured place,
    and level and sigma [b, 1, 1, 1] of its sequence. It computes evidence [b, h, w, 4], noise
    sigmas, and the same channels first, maps [b, 4, h, w].
    """
    rms_blocks = filtering.rms_blocks(settings.box_px)
    before = (rms_blocks - 1) // 2
    after = rms_blocks - 1 - before
    passes = [_pass(number, settings.frames) for number in range(background.PASSES)]
    text = "".join(
        [nodes.FILTER, *passes, nodes.LOCAL_SIGMAS, _bank(settings.frames), nodes.CHANNELS]
    )
    text = Template(text).substitute(
        reach=len(filtering.gaussian_taps(settings.sigma_px)) // 2,
        frames=settings.frames,
        fit_strides=[background.BLOCK_PX] * 2,
        fit_margins=[background.BLOCKS // 2] * 4,
        rms_strides=[filtering.RMS_BLOCK_PX] * 2,
        rms_margins=[before, before, after, after],
        last=background.PASSES - 1,
        contrast=filtering.CONTRAST_PX,
    )
    values = {**_shapes(settings), **_kernels(settings), **_numbers(settings), **_paths(settings)}
    initializers = ",\n ".join(_initializer(name, value) for name, value in values.items())
    return GraphText(initializers, text)


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


def _shapes(settings: EvidenceConfig) -> dict[str, np.ndarray]:
    """Sizes, axes and paddings."""
    index = reference_index(settings)
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
        "reference_frame": [index],
        "after_reference": [index + 1],
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


def _paths(settings: EvidenceConfig) -> dict[str, np.ndarray]:
    """First frame, row and column of the slice of each frame, for each path."""
    shifts = path_shifts(inner_times(settings), settings)
    reach = int(np.abs(shifts).max())
    frames = np.broadcast_to(np.arange(settings.frames)[:, None], (*shifts.shape[:2], 1))
    corners = np.concatenate([frames, shifts[..., ::-1] + reach], axis=-1)
    return {
        "path_margins": np.array([0, 0, reach, reach] * 2),
        "paths": np.array(len(shifts)),
        "corners": corners.reshape(len(shifts), -1).astype(np.int64),
    }


def _initializer(name: str, value: np.ndarray) -> str:
    """Write an array of float32 or int64."""
    kind = "float" if value.dtype == np.float32 else "int64"
    shape = f"[{', '.join(map(str, value.shape))}]" if value.ndim else ""
    return f"{kind}{shape} {name} = {{{', '.join(map(str, value.ravel().tolist()))}}}"
