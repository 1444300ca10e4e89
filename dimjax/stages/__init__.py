"""The stages of a round, each a function of the configuration and the run's paths.

A stage reads what the stages before it wrote and writes its own files; it is done when its last
file stands under its final name, and is then skipped.

    simulate.run(config, paths)      paths.sky             raw sequences, where none are given
    build.run(config, paths, ...)    paths.examples        chips
    train.run(config, paths)         paths.checkpoints     a trained network, paths.losses
    evaluate.run(config, paths)      paths.evaluation      figures
    predict.run(config, paths)       paths.predictions     detections in labelled and new sequences
    refine.run(config, paths)        paths.suspects        review items: labels that may be wrong
    mine.run(config, paths)          paths.mined           review items: misses and false alarms
    decide.run(config, paths)        paths.reviewed        the items decided, or a word of waiting
    report.run(config, paths)        paths.report          one page to look at

Other verbs stand beside the rounds:

    check.run(config, paths)         paths.contact_sheet   what is wrong in a data folder
    score.run(workdir, split)        paths.scores(split)   the loss of each example
    review.run(config, paths)                              the page on which a person decides
    detect.run(workdir, source)      paths.found           detections, tracks, pictures, videos
    export.run(workdir)              paths.exported        ONNX and StableHLO files
"""
