"""A contact sheet of labelled chips."""

import numpy as np
import pandas as pd
from PIL import Image, ImageDraw

from dimjax.data.folders import Folder
from dimjax.drawing import pictures

_COLUMNS = 8


_CHIP_PX = 40


_SCALE = 4


_CAPTION_PX = 40


def contact_sheet(folder: Folder, labels: pd.DataFrame) -> Image.Image:
    """Labels in the middle of small windows of their frames, each stretched by itself."""
    rows = -(-len(labels) // _COLUMNS)
    side, gap = _CHIP_PX * _SCALE, 8
    size = (_COLUMNS * (side + gap) + gap, rows * (side + gap + _CAPTION_PX) + gap)
    sheet = Image.new("RGB", size, pictures.BACKGROUND)
    draw = ImageDraw.Draw(sheet)
    sequences = {name: folder.sequence(name) for name in labels.sequence.unique()}
    for k, label in enumerate(labels.itertuples()):
        left = gap + k % _COLUMNS * (side + gap)
        top = gap + k // _COLUMNS * (side + gap + _CAPTION_PX)
        sheet.paste(_chip(sequences[label.sequence].frame(label.frame), label), (left, top))
        draw.text(
            (left, top + side + 2), label.sequence[:24], pictures.FOREGROUND, pictures.font(13)
        )
        text = f"frame {label.frame}  {label.w:.3g}x{label.h:.3g} px"
        draw.text(
            (left, top + side + 18), text, pictures.COLOURS[label.category], pictures.font(13)
        )
    return sheet


def _chip(frame: np.ndarray, label) -> Image.Image:
    window, (x0, y0) = pictures.crop(frame, label.x, label.y, _CHIP_PX)
    image = pictures.enlarged(pictures.grey8(window, *pictures.grey_range(window)), _SCALE)
    box = (label.x - x0, label.y - y0, label.w, label.h)
    pictures.mark(image, box, label.category, _SCALE, margin_px=0.0)
    return image
