"""The command line, and its verbs beside the main job.

check.run(config, paths)         problems of a data folder, and paths.contact_sheet
score.run(workdir, split)        paths.scores(split): the loss of each example
review.run(config, paths)        serves the page on which a person decides
measure.run(workdir, config)     paths.evaluations: a trained run on another labelled folder
detect.run(workdir, source)      paths.detect: detections, tracks, pictures, videos
export.run(workdir)              paths.exported: ONNX and StableHLO files

start         the command `dimjax`: help and version, then a verb
flag_values   all flags, and the configuration that they choose
verbs         the function of each verb, and the flags that it uses
bundled       the folders configs and datasets, also of an installed dimjax
program       exit statuses, signals and the log of a failure
failures      any exception in one line
"""
