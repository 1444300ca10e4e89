"""Times of the paper's Table 2 (24 trainings), compared with projections of measured rates.

figures = summary({"matrix": {...}, "train darknet19 80": {...}})       # from benchmarks/gpu.py
figures["projected_minutes"], figures["paper_minutes"]
"""

EPOCHS, TRAINED, SCORED = 100, 85_010, 89_510  # chips in an epoch, and in the last round

# Minutes for 100 epochs on a GV100, by backbone and chip size in pixels.
MINUTES = {
    "darknet19": {16: 356, 32: 398, 64: 517, 80: 546},
    "resnet18": {16: 359, 32: 391, 64: 467, 80: 516},
    "googlenet": {16: 360, 32: 369, 64: 505, 80: 544},
    "squeezenet": {16: 356, 32: 400, 64: 460, 80: 506},
    "mobilenet": {16: 361, 32: 398, 64: 532, 80: 590},
    "efficientnet_b0": {16: 380, 32: 440, 64: 722, 80: 963},
}


def summary(measured: dict[str, dict]) -> dict:
    """Compute shares of the attainable rate and projected times of the paper's trainings.

    Args:
      measured: Name of a part -> its figures; must contain "matrix".
    """
    cells = {name: cell for name, cell in measured.items() if name.startswith("train ")}
    attainable = measured["matrix"]["flops_per_second"]
    seconds = {name: EPOCHS * TRAINED / cell["chips_per_second"] for name, cell in cells.items()}
    paper = [MINUTES[cell["backbone"]].get(cell["chip_px"]) for cell in cells.values()]
    return {
        "share_of_attainable": {
            name: cell["flops_per_chip"] * cell["chips_per_second"] / attainable
            for name, cell in cells.items()
        },
        "projected_minutes": {name: value / 60 for name, value in seconds.items()},
        "paper_minutes": dict(zip(cells, paper, strict=True)),
        "cells": len(cells),
        "projected_hours": sum(seconds.values()) / 3600,
        "paper_hours": sum(filter(None, paper)) / 60,
    }
