import pytest

from dimjax.data.splits import with_validation
from dimjax.errors import InputError

NAMES = [f"s{k}" for k in range(40)]


def test_a_validation_split_of_the_folder_is_kept():
    splits = {"train": ["b", "a"], "val": ["c"], "test": [], "new": ["d"]}
    assert with_validation(splits, 0.5, seed=0) == {"train": ["a", "b"], "val": ["c"]}


def test_a_share_of_the_training_sequences_is_set_aside():
    splits = with_validation({"train": NAMES, "val": [], "test": ["t"], "new": []}, 0.15, seed=0)
    assert list(splits) == ["train", "val", "test"]
    assert len(splits["val"]) == 6 and splits["test"] == ["t"]
    assert sorted(splits["train"] + splits["val"]) == sorted(NAMES)


def test_choice_is_stable():
    # Recorded once: another machine, Python or order of names must give the same choice.
    assert with_validation({"train": NAMES[:8]}, 0.25, seed=0)["val"] == ["s2", "s3"]
    assert with_validation({"train": NAMES[:8][::-1]}, 0.25, seed=0)["val"] == ["s2", "s3"]
    chosen = {tuple(with_validation({"train": NAMES}, 0.1, seed)["val"]) for seed in range(5)}
    assert len(chosen) == 5


@pytest.mark.parametrize(("count", "share", "aside"), [(1, 0.5, 0), (2, 0.01, 1), (3, 0.99, 2)])
def test_at_least_one_sequence_on_each_side(count, share, aside):
    splits = with_validation({"train": NAMES[:count]}, share, seed=0)
    assert len(splits.get("val", [])) == aside and len(splits["train"]) == count - aside


def test_a_share_of_0_sets_none_aside():
    assert with_validation({"train": NAMES}, 0.0, seed=0) == {"train": sorted(NAMES)}


def test_a_folder_without_splits_is_used_for_training():
    splits = with_validation({"all": ["a", "b"]}, 0.15, seed=0)
    assert sorted(splits["train"] + splits["val"]) == ["a", "b"]


@pytest.mark.parametrize(
    ("splits", "value"),
    [
        ({"train": [], "new": ["a"]}, "none in train, new. Name sequences in the file"),
        ({"train": [], "test": ["a"]}, "none in train, test. Name"),
        ({}, "no splits. Name"),
    ],
)
def test_without_a_training_sequence_there_is_an_error(splits, value):
    with pytest.raises(InputError, match=f"splits: train must contain a sequence; found {value}"):
        with_validation(splits, 0.15, seed=0)


@pytest.mark.parametrize("share", [-0.1, 1.0])
def test_a_share_out_of_range_is_refused(share):
    with pytest.raises(InputError, match=f"0 <= val_share < 1; found {share}"):
        with_validation({"train": NAMES}, share, seed=0)
