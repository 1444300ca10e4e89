"""Any of the 24 cells of the paper's Table 2: a backbone and a chip size.

python main.py --config=configs/backbone.py:resnet18,64 --workdir=runs/resnet18-64
"""

from configs import default

BACKBONES = ("darknet19", "resnet18", "googlenet", "squeezenet", "mobilenet", "efficientnet_b0")
CHIP_PX = (16, 32, 64, 80)


def get_config(cell: str = "darknet19,80"):
    """Return the default configuration with the backbone and chip size of a cell.

    Args:
      cell: "backbone,pixels".

    Raises:
      ValueError: There is no such cell.
    """
    backbone, _, chip_px = cell.partition(",")
    if backbone not in BACKBONES or chip_px not in map(str, CHIP_PX):
        raise ValueError(
            f"configs/backbone.py:{cell}: name a cell as backbone,pixels, with a backbone among "
            f"{', '.join(BACKBONES)} and pixels among {', '.join(map(str, CHIP_PX))}."
        )
    config = default.get_config()
    config.model.backbone = backbone
    config.chips.chip_px = int(chip_px)
    return config
