"""Intake: assign the folder's new sequences to the rounds that mine them.

The new sequences are divided equally among all rounds but the last. The share of a round is kept in
its directory; a sequence that joins the folder later is assigned to one of the remaining rounds.

    check_count(config.rounds.count, folder.splits)
    check_evidence_windows(context)
    check(context)
    assign_to_round(context)
    context.new_sequences                               # ["b", "c"]
"""

import itertools
from collections.abc import Collection, Mapping

import pandas as pd

from dimjax.chips import planning
from dimjax.data import splits
from dimjax.data.csv_files import write_csv
from dimjax.data.duplicates import check_splits, find_duplicates
from dimjax.data.sequences import clip_frames
from dimjax.data.splits import starts_without_labels
from dimjax.errors import InputError
from dimjax.motion import EvidenceConfig
from dimjax.motion.windows import check_length
from dimjax.runs.context import RoundContext
from dimjax.training import inputs
from dimjax.training.inputs import uses_evidence


def check_count(rounds: int, splits: Mapping[str, Collection | int]) -> None:
    """Check that a training follows the round that proposes labels, in a run that starts without.

    Args:
      rounds: Number of rounds.
      splits: Names of the sequences of each split, or their number.

    Raises:
      InputError: There is only one round.
    """
    if rounds == 1 and starts_without_labels(splits):
        rule = "without a sequence in train it must be 2 or more: round 0 only proposes labels"
        raise InputError("config.rounds.count", rule, rounds, "Raise it, or add labels.")


def check_stills(context: RoundContext) -> None:
    """Check that still images are only given to a network that takes single frames.

    Raises:
      InputError: A sequence has one frame, and the network compares frames.
    """
    folder, mode = context.folder, context.config.model.input
    for name in itertools.chain.from_iterable(context.splits.values()):
        subject = f"sequence {name} ({folder.files[name]})"
        inputs.check_length(folder.shapes[name][0], mode, subject)


def check_evidence_windows(context: RoundContext) -> None:
    """Check that every sequence is long enough for the motion evidence that it is searched with.

    The untrained detector uses it in every run; it searches the new sequences of round 0 in a run
    that starts without labels.

    Raises:
      InputError: A sequence that is cut, searched or mined is shorter than an evidence window.
    """
    folder, config = context.folder, context.config
    if not (uses_evidence(config.model.input) or context.proposes):
        return
    settings = EvidenceConfig(**config.evidence.to_dict())
    new = _unassigned(context) if _mining_rounds(context) else []
    splits = {} if context.proposes else context.splits
    for name in [*itertools.chain.from_iterable(splits.values()), *new]:
        subject = f"sequence {name} ({folder.files[name]})"
        check_length(folder.shapes[name][0], settings, subject)


def check(context: RoundContext) -> None:
    """Check before a training that every remaining new sequence can be searched and cut.

    Raises:
      InputError: There are fewer new sequences than rounds to mine them, a sequence has too few or
        too small frames, or it is in the data set already, or in two splits, under another name.
    """
    folder, config = context.folder, context.config
    if not (context.number or context.proposes):
        check_splits(folder, context.splits)
    names, rounds = _unassigned(context), _mining_rounds(context)
    if not rounds:
        return
    if names and len(names) < rounds:
        rule = f"each of the {rounds} rounds before the last needs a new sequence"
        remedy = "Give more new sequences, or lower rounds.count."
        raise InputError("split new", rule, f"{len(names)} sequences", remedy)
    for name in names:
        shape = folder.shapes[name]
        planning.check_frame_size(name, shape, config.chips.chip_px)
        clip_frames(0, shape[0], config.data.stride, f"sequence {name}")
    used = [
        name
        for split in (*splits.LABELLED_SPLITS, "all", "new")
        for name in folder.splits.get(split, [])
    ]
    used = [name for name in used if name not in names]
    for name, same in find_duplicates(
        map(folder.sequence, names), map(folder.sequence, used)
    ).items():
        rule, remedy = "a new sequence must not be there already", "Leave one of them out."
        raise InputError(f"sequence {name}", rule, f"the frames of sequence {same}", remedy)


def assign_to_round(context: RoundContext) -> None:
    """Write paths.new: the round's share of the new sequences that are not assigned yet."""
    names, rounds = _unassigned(context), _mining_rounds(context)
    share = names[: len(names) // rounds] if rounds else []
    write_csv(pd.DataFrame({"sequence": share}, dtype="str"), context.paths.new)


def _mining_rounds(context: RoundContext) -> int:
    """Number of rounds, from this one on, that mine new sequences: all but the last."""
    return context.config.rounds.count - 1 - context.number


def _unassigned(context: RoundContext) -> list[str]:
    """The new sequences that no earlier round was assigned."""
    assigned = {name for earlier in context.earlier_rounds() for name in earlier.new_sequences}
    return sorted(set(context.folder.splits.get("new", [])) - assigned)
