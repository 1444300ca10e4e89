"""Masks of all frames of a sequence in one file, see dimjax.data.mask_stacks.

Each connected component of set pixels is one label, as in `masks`.

    read_mask_marks(Path("masks/flight3.tif"), Options(), raise_error)
"""

from pathlib import Path

from dimjax.data.formats.marks import Mark, Options
from dimjax.data.formats.masks import check_share, component_marks
from dimjax.data.mask_stacks import open_mask_stack, read_mask_stack
from dimjax.errors import OnError


def read_mask_marks(path: Path, options: Options, on_error: OnError) -> list[Mark]:
    """Read the components of the masks as boxes whose x, y is the top-left corner."""
    marks = []
    for t, pixels in enumerate(read_mask_stack(path)):
        check_share(pixels, pixels, f"{path} frame {t}")
        marks += [it._replace(frame=t, place=f"frame {t} {it.place}")
                  for it in component_marks(pixels)]  # fmt: skip
    return marks


def count_masks(path: Path) -> int:
    """Count the masks of a stack."""
    return len(open_mask_stack(path))
