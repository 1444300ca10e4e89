"""Review items as COCO JSON and back, for review in CVAT or Label Studio instead of the page.

The waiting items are exported as boxes in images. Decisions are derived from the differences
between the exported file and the file that the annotation tool saved.

    export_items(db, "items.json")
    write_images("items.json", folder.sequence, "images")
    # load both into CVAT, review, and export as COCO
    import_items(db, "instances_default.json", "ann", exported="items.json", finished=True)

An image is a frame, named SEQUENCE-FRAME.png. Each box has `attributes`: `role`, `item`,
`frame_index`, `label`, and the item's `kind`, `probability` and `reason`. The roles are

    label        a label of the item
    suggestion   the suggested replacement of the label, or a suggested new label
    location     a location without a label that the item calls background
    other        a label of no exported item; it must stay unchanged

The reviewer deletes wrong boxes, and at least one of a label and its suggestion; moves, resizes or
recategorises inaccurate boxes; and draws missing ones. An item stays open if none of its boxes was
touched. If one was touched, the remaining boxes become the labels. With `finished`, this holds for
untouched items too, except those with a label beside its suggestion or a box of the role
"location": they stay open. An item also stays open if one of its images is missing.

Boxes are identified by their attribute `box` or, if the tool drops it as Label Studio does, by
their positions. Images are identified by name, with or without the prefix of Label Studio.
"""

from dimjax.review.coco.exporting import export_items, write_images
from dimjax.review.coco.importing import import_items

__all__ = ["export_items", "import_items", "write_images"]
