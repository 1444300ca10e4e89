"""A contact sheet: labels in the middle of small windows of their frames, side by side."""

import errno
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image, ImageDraw

from dimjax.atomic_files import atomic_write
from dimjax.data.folders import Folder
from dimjax.drawing import pictures
from dimjax.progress import say

_CHIPS = 40
_NO_ACCESS = (errno.EACCES, errno.EPERM, errno.EROFS)
_COLUMNS = 8
_WINDOW_PX = 40
_SCALE = 4
_GAP = 8
_CAPTION_HEIGHT = 40
_FONT_PX = 13


def write_sheet(folder: Folder, labels: pd.DataFrame, path: Path) -> int:
    """Write a contact sheet of labels that are spread evenly over each category.

    Args:
      folder: Data folder.
      labels: Label table.
      path: PNG file. If it must not be written, as in a run of somebody else, a note says so.

    Returns:
      The number of labels shown; 0 if there is no file.
    """
    groups = [group for _, group in labels.groupby("category") if len(group)]
    parts = []
    for group in groups:
        count = min(len(group), _CHIPS // len(groups))
        parts.append(group.iloc[np.linspace(0, len(group) - 1, count).round().astype(int)])
    if not parts:
        return 0
    chosen = pd.concat(parts)
    sheet = contact_sheet(folder, chosen)
    try:
        with atomic_write(path) as partial:
            sheet.save(partial, "png")
    except OSError as error:
        if error.errno not in _NO_ACCESS:
            raise
        say(f"note: {path} could not be written: {error.strerror}")
        return 0
    return len(chosen)


def contact_sheet(folder: Folder, labels: pd.DataFrame) -> Image.Image:
    """Draw labels with a caption each; the grey range of each window is its own.

    Args:
      folder: Data folder.
      labels: Label table of the labels to show, in this order.
    """
    rows = -(-len(labels) // _COLUMNS)
    across = _WINDOW_PX * _SCALE + _GAP
    down = across + _CAPTION_HEIGHT
    sheet = Image.new("RGB", (_COLUMNS * across + _GAP, rows * down + _GAP), pictures.BACKGROUND)
    draw, font = ImageDraw.Draw(sheet), pictures.font(_FONT_PX)
    sequences = {name: folder.sequence(name) for name in labels.sequence.unique()}
    for k, label in enumerate(labels.itertuples()):
        left, top = _GAP + k % _COLUMNS * across, _GAP + k // _COLUMNS * down
        sheet.paste(_window(sequences[label.sequence].frame(label.frame), label), (left, top))
        bottom = top + _WINDOW_PX * _SCALE
        draw.text((left, bottom + 2), label.sequence[:24], pictures.FOREGROUND, font)
        text = f"frame {label.frame}  {label.w:.3g}x{label.h:.3g} px"
        draw.text((left, bottom + 18), text, pictures.COLOURS[label.category], font)
    return sheet


def _window(frame: np.ndarray, label) -> Image.Image:
    """Enlarge the window round a label of a frame [H, W], and mark the label."""
    window, (x0, y0) = pictures.crop(frame, label.x, label.y, _WINDOW_PX)
    image = pictures.enlarge(pictures.to_grey8(window, *pictures.grey_range(window)), _SCALE)
    box = (label.x - x0, label.y - y0, label.w, label.h)
    pictures.draw_mark(image, box, label.category, _SCALE, margin_px=0.0)
    return image
