"""Train lightweight detectors of dim, small infrared targets from raw image sequences.

Letters of array shapes, everywhere in this package:

    T frames of a sequence    H, W height and width in pixels    C input channels
    B examples of a batch     N examples of a data set           M labels of an example
    K detections of a frame   h, w height and width of a chip or of the output grid
"""

__version__ = "0.1.0"


def load(workdir, round=None, epoch=None, runtime="jax"):
    """Open a run's directory, for loss queries and detection.

    Args:
      workdir: Directory of a run that has a checkpoint.
      round: Round; None for the newest that has one.
      epoch: Epoch of the checkpoint, from 1; None for that of the round's detector.
      runtime: "jax", or "onnx" for ONNX Runtime, which needs the extra export.

    Returns:
      A dimjax.runs.run.Run.
    """
    from dimjax.runs import run

    return run.load(workdir, round, epoch, runtime)


def detect_untrained(frames, max_false_alarms=0.5, align=None, rotation=False):
    """Detect moving targets without a run: `dimjax.detection.untrained.detect`.

    Args:
      frames: [T, H, W] uint8 or uint16, or a sequence from dimjax.data.sequences.
      max_false_alarms: Number of false alarms to expect in a frame, above 0.
      align: Whether the motion of the camera is taken out of the frames; None: if it is notable.
      rotation: Whether its rotation and scale are taken out beside the shift, notable or not.

    Returns:
      Table of detections with sequence, frame, x, y, w, h, category and score.
    """
    from dimjax.detection import untrained

    return untrained.detect(frames, max_false_alarms, align, rotation)
