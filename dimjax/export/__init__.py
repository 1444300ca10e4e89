"""Export: a trained detector as one file for other programs, checked against the detector itself.

- detector_files: ONNX and StableHLO files; a detector that ONNX Runtime computes.
- onnx_graph: the detector as an ONNX graph, from raw frames to boxes, scores and categories.
- detection_graph, evidence_graph: its parts after and before the network.
- onnx_runtime: an exported ONNX file opened in ONNX Runtime.
- parity: the largest difference between two implementations of a detector.
- packages: import of the optional packages, installed by the extra `export`.

    from dimjax.export.detector_files import export_onnx
    from dimjax.export.onnx_runtime import open_onnx

    export_onnx(run.detector, Path("detector.onnx"))
    detections = open_onnx("detector.onnx").detect(frames, scale)
"""
