"""The stages of a round, each a function of the round's context.

A stage reads what earlier stages wrote and writes its own files; it is done when its last file
stands under its final name, and is then skipped. Only `rounds` knows the stages; they do not import
each other.

    simulate.run(context)            paths.sky             raw sequences, if none are given; or
                                     paths.implants        objects in those that are
    propose.run(context)             paths.predictions     without labels: untrained detections
    build.run(context, ...)          paths.examples        chips
    train.run(context)               paths.checkpoints     a trained network, and its losses
    evaluate.run(context)            paths.evaluation      figures
    predict.run(context)             paths.predictions     detections in labelled and new sequences
    refine.run(context)              paths.suspects        review items: labels that may be wrong
    mine.run(context)                paths.mined           review items: misses and false alarms
    decide.run(context)              paths.reviewed        decisions on these items
    rounds.run(config, workdir, ...)                       all of them, and the report
"""

# Names of the stages at which the main job can stop.
STAGES = (
    "simulate",
    "propose",
    "build",
    "train",
    "evaluate",
    "predict",
    "refine",
    "mine",
    "report",
)
