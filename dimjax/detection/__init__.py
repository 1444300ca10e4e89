"""Detection: a trained network applied to chips and to full frames.

- detector: a model with its weights and its description; tracks of its detections.
- grid: detections from the network's output grid, whole or in tiles; suppression of duplicates.
- rescoring: scores from the network's scores and the motion evidence around detections.
- clips: the clips of a sequence, batch by batch; each frame is read once.
- inference: tables of detections in sequences and in chips.

    detector = restore_detector("runs/demo/rounds/0/checkpoints")
    table = detect_in_sequence(detector, open_sequence("flight3.mp4"))
    accepted = detector.accept(detector.link(table))
"""
