"""A run's directory, its configuration, and the context that its stages share.

workdir        paths of the parts of a run; reading and writing config.json (no JAX)
config_rules   rules for the values of a configuration
context        RoundContext: folder, splits, labels, ledger, camera motion and tracks of a round
intake         which new sequences each round mines
records        the JSON files of a round: figures, decisions, speed
threshold_choice   score thresholds, chosen on the validation split
detection_bound    the bound of detection in sequences of the run's own sky
run            Run: loss queries and detection from Python; `dimjax.load` opens one
"""
