"""The stages of a round, each a function of the configuration and the run's paths.

A stage reads what the stages before it wrote and writes its own files; it is done when its last
file stands under its final name, and is then skipped.

    simulate.run(config, paths)      paths.sky             raw sequences, where none are given
    build.run(config, paths, ...)    paths.examples        chips
    train.run(config, paths)         paths.checkpoints     a trained network, paths.losses
    evaluate.run(config, paths)      paths.evaluation      figures
    report.run(config, paths)        paths.report          one page to look at

Three verbs stand beside the rounds:

    check.run(config, paths)         paths.contact_sheet   what is wrong in a data folder
    detect.run(workdir, source)      paths.found           detections, pictures, videos
    export.run(workdir)              paths.exported        ONNX and StableHLO files
"""
