"""Formats of label files: one module each, and the table of all.

A reader states labels in the numbers of its file; `dimjax.data.label_conventions` converts these to
the label table, by the keys first_pixel, first_frame, box_point and category of a layout.

    FORMATS["mot"].read(Path("gt.txt"), Options(), raise_error)
"""

from dimjax.data.formats.boxes import read_boxes
from dimjax.data.formats.centroids import count_centroids, read_centroids
from dimjax.data.formats.class_names import read_classes
from dimjax.data.formats.coco import read_coco
from dimjax.data.formats.exist_rect import count_rectangles, read_exist_rect
from dimjax.data.formats.lines import read_lines
from dimjax.data.formats.marks import BOX_SHIFTS, Format, Options, count_lines
from dimjax.data.formats.mask_stacks import count_masks, read_mask_marks
from dimjax.data.formats.masks import read_masks
from dimjax.data.formats.mot import read_mot
from dimjax.data.formats.rectangles import read_rectangles
from dimjax.data.formats.spotgeo import read_spotgeo
from dimjax.data.formats.table import read_label_table
from dimjax.data.formats.xml_files import read_centroid_xml, read_voc
from dimjax.data.formats.yolo import read_yolo

__all__ = ["BOX_SHIFTS", "FORMATS", "Format", "Options", "read_classes"]

FORMATS = {
    "table": Format(read_label_table, "folder", True, is_numbered=True, box_point="centre"),
    "boxes": Format(read_boxes, "sequence"),
    "centroids": Format(read_centroids, "sequence", is_point=True, count=count_centroids),
    "masks": Format(read_masks, "frame"),
    "mask-stacks": Format(read_mask_marks, "sequence", count=count_masks),
    "coco": Format(read_coco, "folder", has_classes=True),
    "yolo": Format(
        read_yolo, "frame", True, is_numbered=True, box_point="centre", is_normalised=True
    ),
    "voc": Format(read_voc, "frame", has_classes=True, is_inclusive=True),
    "mot": Format(read_mot, "sequence", has_classes=True),
    "lines": Format(
        read_lines, "folder", True, is_numbered=True, is_inclusive=True, count=count_lines
    ),
    "rectangles": Format(read_rectangles, "sequence", count=count_lines),
    "exist-rect": Format(read_exist_rect, "sequence", count=count_rectangles),
    "centroid-xml": Format(read_centroid_xml, "frame", has_classes=True, is_point=True),
    "spotgeo": Format(read_spotgeo, "folder", is_point=True),
}
