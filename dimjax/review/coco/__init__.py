"""Review items to COCO JSON and back, so that CVAT or Label Studio can stand for the review page.

Out go the items that wait as boxes in pictures; in comes the file that such a program made of it.
What was decided is told from the differences between the two files.

    export_items(book, "items.json")
    write_pictures("items.json", folder.sequence, "pictures")
    # load both into CVAT, review, and export as COCO
    import_items(book, "instances_default.json", "ann", exported="items.json", finished=True)

A picture is a frame, named SEQUENCE-FRAME.png. Each box has `attributes`: `role`, `item`, `place`,
`label`, and the item's `kind`, `probability` and `reason`. The roles are

    label        a label that the item concerns
    suggestion   what the item suggests instead of it, or as a new label
    place        where something was found that the item says is background
    other        a label that no item here concerns; it must stay as it is

The reviewer deletes what is wrong, of a label and its suggestion at least one, moves, resizes or
recategorises what is nearly right, and draws what lacks. An item of which no box was touched stays
open. Of an item that was touched, the boxes that stand are the labels from then on. With
`finished` that holds of all items, but for those where a label stands beside its suggestion, or a
box of the role "place" does: they stay open. An item also stays open while pictures of it lack.

Boxes are known again by their attribute `box`; where a program drops it, as Label Studio does, by
their places. Pictures are known by their names, with or without what Label Studio sets before them.
"""

from dimjax.review.coco.exporting import export_items, write_pictures
from dimjax.review.coco.importing import import_items

__all__ = ["export_items", "import_items", "write_pictures"]
