"""Evaluation: figures of detections against truths, by centre distance.

- metrics: the matcher, precision, recall, F1, false alarms, average precision, confusion.
- thresholds: the choice of a score threshold, and the detections that it accepts.
- figures: all figures of a set of images, overall and by slices.
- slices: the effective SNR or SCR of truths, and its slices.
- recall: recall at fixed false alarms per frame, with intervals over sequences.
- bound: the bound of that recall, for targets of known deflection in noise.
- pixel_figures: Pd and Fa in pixels of masks, by the rules of three other codes.
- box_precision: AP50 of COCO for boxes of several sizes.
- pairing: one-to-one pairs of nearby objects in a frame, by the same matcher.
- chip_tables: labels and truths of chips as tables.

    thresholds = choose_thresholds(truth, detections, match_px=3.0)     # on validation data
    figures = evaluate(truth, detections, frames, frame_pixels, 3.0, thresholds)
    figures["categories"]["target"]["f1"]
    recall_at(truth, detections, frames, "target", 3.0, (0.1, 0.65))[0]["recall"]

Import from the modules: chip_tables needs the reader of examples, the others only NumPy and pandas.
"""
