"""Training: the steps of the optimiser on chips, the losses, and the record of each epoch.

- inputs: network inputs from raw frames; noise and symmetries for augmentation.
- losses, label_outputs: the loss of each example, Eqs. (2)-(4); the network's outputs at labels.
- chip_feed, meshes: chips on the devices, resident or streamed; devices of one or many processes.
- train_state, steps: the train state and its optimiser; the training step and the loss query.
- step_programs: the compiled step, which trainings of one kind share.
- loss_query: losses in evaluation mode, as a table.
- checkpoints, training_log: the files of a training.
- interrupts: the running step of an interrupted training, and the file of its epoch.
- memory: huge pages for training on a CPU.
- processes: several processes that train one run.

    chips = chip_feed.chips_of(examples, mesh)
    state = train_state.initial_state(model, optimizer, mesh, channels=3, stride=8, key=key)
    train_steps = steps.make_train_steps(model, optimizer, mesh, mode="difference", ...)
    order = steps.epoch_order(len(examples), batch_size=128, seed=(0, 0, epoch))
    state, recorded = steps.train_epoch(train_steps, state, chips, order)
    recorded["total"]                                   # [N] loss of each example
"""
