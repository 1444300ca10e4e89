"""Train lightweight detectors of dim, small infrared targets from raw image sequences.

Letters of array shapes, everywhere in this package:

    T frames of a sequence    H, W height and width in pixels    C input channels
    B examples of a batch     N examples of a data set           M labels of an example
    K detections of a frame   h, w height and width of a chip or of the output grid
"""

__version__ = "0.1.0"


def load(workdir, round=None, epoch=None, runtime="jax"):
    """Open a run's directory: `dimjax.runs.run.load`."""
    from dimjax.runs import run

    return run.load(workdir, round, epoch, runtime)


def detect_untrained(frames, max_false_alarms=0.5):
    """Detect moving targets without a run: `dimjax.detection.untrained.detect`."""
    from dimjax.detection import untrained

    return untrained.detect(frames, max_false_alarms)
