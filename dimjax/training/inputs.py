"""Network inputs from raw frames: differencing, normalisation and augmentation, on the device.

The input of the network is computed from four frames and the scale of their sequence, without
statistics of the chip. Chips and full frames therefore give the same numbers at the same position.

    images = network_input(frames, scale, mode="difference")       # [B, H, W, 3]
    images = network_input(frames, scale, "difference+evidence", evidence)      # [B, H, W, 7]
    turns = random_turns(key, len(images))
    images, boxes = turn(turns, images, boxes)                     # augmented
    offsets = turn_back(turns, offsets)                            # [B, ..., 2], as before
"""

import jax
import jax.numpy as jnp

from dimjax.errors import InputError

_FRAME_CHANNELS = {"difference": 3, "sequence": 4, "single": 1}
_WITH_EVIDENCE = "+evidence"
MODES = (*_FRAME_CHANNELS, *(mode + _WITH_EVIDENCE for mode in _FRAME_CHANNELS))
# Mean and spread of the maxima over all paths where there is only noise, noise sigmas.
NOISE_PEAK, NOISE_SPREAD = 3.0, 1.5


def uses_evidence(mode: str) -> bool:
    """Whether an input mode, one of MODES, contains the motion evidence."""
    return mode.endswith(_WITH_EVIDENCE)


def frame_mode(mode: str) -> str:
    """Return the input mode without the motion evidence: "difference", "sequence" or "single"."""
    return mode.removesuffix(_WITH_EVIDENCE)


def check_length(length: int, mode: str, subject: object) -> None:
    """Raise if a still image is given to a network that compares frames.

    Args:
      length: Frames of the sequence.
      mode: Input of the network, one of MODES.
      subject: Subject of the error.

    Raises:
      InputError: The sequence has one frame, and the input is not "single".
    """
    if length == 1 and mode != "single":
        rule = "a still image, or a sequence of one frame, needs model.input=single"
        raise InputError(subject, rule, f"model.input={mode}", "Set it, or give a longer sequence.")


def channel_count(mode: str, evidence_channels: int) -> int:
    """Return the number of channels of the network's input.

    Args:
      mode: One of MODES.
      evidence_channels: Channels of an evidence map; they count only in the modes that use it.
    """
    return _FRAME_CHANNELS[frame_mode(mode)] + uses_evidence(mode) * evidence_channels


def skipped_channels(mode: str, evidence_channels: int) -> int:
    """Return the number of last channels whose extremes go past the backbone to the head.

    The motion evidence and the differences; frames have no bounded values. Arguments as of
    channel_count.
    """
    if not uses_evidence(mode):
        return 0
    with_frames = frame_mode(mode) == "difference"
    return channel_count(mode, evidence_channels) if with_frames else evidence_channels


def network_input(
    frames: jax.Array, scale: jax.Array, mode: str, evidence: jax.Array | None = None
) -> jax.Array:
    """Compute the network's input from clips.

    "difference" is G = F1-F2, F1-F3, F1-F4 (Eq. 1), "sequence" F1..F4 and "single" F1 (the three
    inputs of the paper's Fig. 12). Frames are expressed in noise sigmas from the sequence's level.
    Differences are expressed in noise sigmas and pass through asinh, which is linear for dim and
    logarithmic for bright values: a cloud edge of a thousand sigmas does not drown a target of
    five. Frames do not, since asinh would bury a dim target on a bright cloud. In the modes
    "...+evidence" the maps of dimjax.motion follow: the largest sums along paths, of bright and
    of dark targets, and the residual and the local contrast of the reference frame, which pass
    through asinh, and the sums of slow targets if there is a band for them.

    Args:
      frames: [B, 4, H, W] F1..F4, grey levels, any unsigned integer type.
      scale: [B, 2] level and noise sigma of each clip's sequence, grey levels.
      mode: One of MODES.
      evidence: [B, H, W, 4 or 6] motion evidence, noise sigmas, any float type; only for the modes
        that use it.

    Returns:
      [B, H, W, C] float32.
    """
    frames = jnp.moveaxis(frames, 1, -1).astype(jnp.float32)
    level, sigma = scale[:, None, None, :1], scale[:, None, None, 1:]
    of_frames = frame_mode(mode)
    if of_frames == "difference":
        image = jnp.arcsinh((frames[..., :1] - frames[..., 1:]) / sigma)
    else:
        image = ((frames if of_frames == "sequence" else frames[..., :1]) - level) / sigma
    if not uses_evidence(mode):
        return image
    evidence = evidence.astype(jnp.float32)
    sums = (evidence - NOISE_PEAK) / NOISE_SPREAD
    reference = jnp.arcsinh(evidence[..., 2:4])
    return jnp.concatenate([image, sums[..., :2], reference, sums[..., 4:]], axis=-1)


def add_noise(
    key: jax.Array, frames: jax.Array, scale: jax.Array, max_sigmas: float
) -> tuple[jax.Array, jax.Array]:
    """Return clips as from a noisier sensor, with the scale that would be measured on them.

    Args:
      key: Random key.
      frames: [B, 4, H, W] F1..F4, grey levels.
      scale: [B, 2] level and noise sigma, grey levels.
      max_sigmas: Largest sigma of the white noise that is added, in each clip's own noise sigmas.
        Half of the clips get less than an eighth of it.

    Returns:
      frames [B, 4, H, W] float32, scale [B, 2].
    """
    strength, noise = jax.random.split(key)
    times = max_sigmas * jax.random.uniform(strength, (len(frames),)) ** 3
    level, sigma = scale[:, 0], scale[:, 1]
    white = jax.random.normal(noise, frames.shape)
    frames = frames.astype(jnp.float32) + (times * sigma)[:, None, None, None] * white
    return frames, jnp.stack([level, sigma * jnp.sqrt(1 + times**2)], axis=-1)


def random_turns(key: jax.Array, count: int) -> jax.Array:
    """Draw one of the eight symmetries of the square for each of `count` examples.

    Returns:
      [count, 3] bool: mirrored left to right, mirrored top to bottom, then transposed.
    """
    return jax.random.bernoulli(key, shape=(count, 3))


def turn(turns: jax.Array, images: jax.Array, boxes: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Mirror and transpose examples.

    Args:
      turns: [B, 3] bool, from random_turns.
      images: [B, h, h, C] square chips.
      boxes: [B, M, 4] x, y, w, h in pixels; rows of absent labels may hold anything.

    Returns:
      The images and boxes, both turned. A centre at x = 0 may become x = h.
    """
    size = images.shape[1]
    left_right, up_down, transpose = jnp.moveaxis(turns, -1, 0)[..., None, None]
    images = jnp.where(left_right[..., None], images[:, :, ::-1], images)
    images = jnp.where(up_down[..., None], images[:, ::-1], images)
    images = jnp.where(transpose[..., None], images.swapaxes(1, 2), images)
    mirrored = size - boxes[..., :2]
    x = jnp.where(left_right[..., 0], mirrored[..., 0], boxes[..., 0])
    y = jnp.where(up_down[..., 0], mirrored[..., 1], boxes[..., 1])
    boxes = jnp.stack([x, y, boxes[..., 2], boxes[..., 3]], axis=-1)
    return images, jnp.where(transpose, boxes[..., jnp.array([1, 0, 3, 2])], boxes)


def turn_back(turns: jax.Array, offsets: jax.Array) -> jax.Array:
    """Undo `turn` for offsets from a chip's centre, [B, ..., 2] = x, y in pixels."""
    shape = (len(turns), *[1] * (offsets.ndim - 2), 1)
    transpose = turns[:, 2].reshape(shape)
    offsets = jnp.where(transpose, offsets[..., ::-1], offsets)
    sign = jnp.where(turns[:, :2].reshape(*shape[:-1], 2), -1.0, 1.0)
    return offsets * sign
