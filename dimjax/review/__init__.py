"""Review: how the items of a ledger are decided, by a person or by a program.

    web         a page on this machine, on which a person decides items
    coco        export of the items to COCO JSON, and import of the edited file
    simulated   an oracle that sees the truth, and a reviewer that trusts confident suggestions
    decisions   the verb of a decision, from the changes that coco and simulated derive

Each takes an open ledger or its file and appends decisions to it.

    from dimjax import ledger
    from dimjax.review import simulated

    with ledger.open_ledger("runs/demo/ledger.sqlite") as db:
        simulated.auto(db, min_probability=0.97).waiting    # items left for a person
"""
