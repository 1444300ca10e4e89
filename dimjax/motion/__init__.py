"""Motion evidence: sums of a window of frames along straight paths.

A velocity filter bank (Reed, Gagliardi and Shao 1983) that needs no training. Its maps are extra
input channels of the network, and their peaks are detections without a network.

    settings = EvidenceConfig()           # 8 frames, reference in the middle
    scale = measure_scale(sequence)
    for evidence in evidence_of(sequence, scale, settings):
        ...                                     # [H, W, 4]: bright, dark, residual, contrast
    window = window_of(t, len(sequence), settings)          # frames, and their times
    window_evidence(frames, level, noise_sigma, window, settings)           # [B, H, W, 4]
    peaks = detect_untrained(sequence, scale, settings, max_false_alarms=0.5)
    peaks.frame, peaks.x, peaks.y, peaks.strength, peaks.sign, peaks.false_alarms   # [N] each

deflections and noise_places, imported from their modules, serve the bound of detection: how far
simulated objects stand out of the noise, and how often the bank exceeds a threshold in noise.
"""

from dimjax.motion.detections import Detections, detect_untrained
from dimjax.motion.maps import evidence_of, window_evidence
from dimjax.motion.settings import EvidenceConfig, check
from dimjax.motion.windows import Window, window_of

__all__ = [
    "Detections",
    "EvidenceConfig",
    "Window",
    "check",
    "detect_untrained",
    "evidence_of",
    "window_evidence",
    "window_of",
]
