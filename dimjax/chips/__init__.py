"""Chips: small windows of clips that the network is trained on, from the plan to arrays.

`planning` chooses the chips, for labels and for the background; `cutting` cuts them and computes
their differential images; `shards` and `shard_writing` make the examples of a TFDS data set from
them, one by one; `examples` reads a prepared data set back into arrays.

    plan = plan_chips(labels, shapes, chip_px=80, frame_step=1, backgrounds_per_label=1.5, seed=0)
    window = cut(sequence.clip(frame, stride=1), x0, y0, chip_px=80)      # [4, 80, 80]
    examples = load("prepared/dim_targets/chips80/1.0.0", "train")
    examples.frames                                                     # [N, 4, 80, 80]
"""
