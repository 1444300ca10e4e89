import json

import numpy as np
import pandas as pd
import pytest
from conftest import real_folder
from PIL import Image

from dimjax.data.folders import open_folder
from dimjax.data.labels import COLUMNS, TRUTH_COLUMNS, write_table
from dimjax.data.layouts import DIMJAX, Layout, layout_from
from dimjax.data.presets import PRESETS
from dimjax.errors import InputError, Note

NAMES = ["s1", "s2", "s10"]
BOXES = Layout(
    labels="labels/{sequence}.csv",
    label_format="boxes",
    category={"s1*": "interference", "*": "target"},
)


def row(sequence="s2", frame=3, x=4.5, y=2.5):
    return [sequence, frame, x, y, 3.0, 3.0, "target", "", "simulator"]


@pytest.fixture
def data(tmp_path):
    """A folder in the default layout, with sequences of 6 frames of 7 rows and 9 columns."""
    for k, name in enumerate(NAMES):
        (tmp_path / "sequences" / name).mkdir(parents=True)
        np.save(tmp_path / "sequences" / name / "frames.npy", np.full((6, 7, 9), k, np.uint16))
    write_table(pd.DataFrame([row(), row("s10")], columns=COLUMNS), tmp_path / "labels.csv")
    truth = pd.DataFrame([[*row(), 5.0, 0.4]], columns=TRUTH_COLUMNS)
    write_table(truth, tmp_path / "truth.csv")
    (tmp_path / "splits").mkdir()
    for split, text in {"train": "s10\ns1\n", "val": "s2\n", "test": "", "new": "\n"}.items():
        (tmp_path / "splits" / f"{split}.txt").write_text(text)
    return tmp_path


def box_files(folder, **texts):
    (folder / "labels").mkdir()
    for name in NAMES:
        text = "frame,x,y,w,h\n" + texts.get(name, "")
        (folder / "labels" / f"{name}.csv").write_text(text)


def test_the_default_layout(data):
    folder = open_folder(data)
    assert folder.names == NAMES and folder.path == data and folder.layout is DIMJAX
    assert folder.shapes == {name: (6, 7, 9) for name in NAMES}
    assert folder.sequence("s10").name == "s10" and folder.sequence("s10").frame(5)[0, 0] == 2
    assert folder.labels.sequence.tolist() == ["s2", "s10"]
    assert folder.truth[["snr", "visible"]].to_numpy().tolist() == [[5.0, 0.4]]
    assert folder.splits == {"train": ["s10", "s1"], "val": ["s2"], "test": [], "new": []}


def test_without_truth_and_splits(data):
    (data / "truth.csv").unlink()
    folder = open_folder(data, Layout())
    assert folder.truth is None and folder.splits == {"all": NAMES}


def test_the_reference_is_the_truth_or_else_the_labels(data):
    assert open_folder(data).reference.sequence.tolist() == ["s2"]  # only the truth has one row
    (data / "truth.csv").unlink()
    assert open_folder(data).reference.sequence.tolist() == ["s2", "s10"]


def test_a_split_without_a_file_is_empty(data):
    for split in ("val", "test", "new"):
        (data / "splits" / f"{split}.txt").unlink()
    assert open_folder(data).splits == {"train": ["s10", "s1"], "val": [], "test": [], "new": []}
    (data / "splits" / "train.txt").unlink()
    assert open_folder(data).splits == {"all": NAMES}


def test_names_are_listed_without_labels_and_frames(data):
    (data / "labels.csv").unlink()
    (data / "sequences" / "s1" / "frames.npy").write_bytes(b"")
    assert open_folder(data).names == NAMES


@pytest.mark.parametrize(
    ("spoil", "ask", "message"),
    [
        (lambda d: (d / "splits/train.txt").unlink(), "splits", r"train\.txt: the file must exist"),
        (
            lambda d: (d / "splits/val.txt").write_text("s2\ns3\n"),
            "splits",
            r"val\.txt line 2: a split must name sequences at sequences/\*; found 's3'\.",
        ),
        (
            lambda d: (d / "splits/val.txt").write_text("s2\ns1\n"),
            "splits",
            r"val\.txt line 2: s1 must be in one split, once; found it in .*train\.txt line 2 too",
        ),
        (lambda d: (d / "labels.csv").unlink(), "labels", r"labels\.csv: the file must exist"),
        (
            lambda d: write_table(
                pd.DataFrame([row(), row(x=9.5)], columns=COLUMNS), d / "labels.csv"
            ),
            "labels",
            r"labels\.csv line 3: x must lie in 0 <= x < 9; found 9\.5\.",
        ),
        (
            lambda d: write_table(
                pd.DataFrame([[*row("s3"), 5.0, 1.0]], columns=TRUTH_COLUMNS), d / "truth.csv"
            ),
            "truth",
            r"truth\.csv line 2: sequence must be a known one",
        ),
        (lambda d: (d / "sequences/s1/frames.npy").unlink(), "shapes", "s1: .*an empty folder"),
    ],
)
def test_an_invalid_file_is_named(data, spoil, ask, message):
    spoil(data)
    folder = open_folder(data)
    with pytest.raises(InputError, match=message):
        getattr(folder, ask)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda d: (d / "sequences/notes.txt").touch(), r"notes\.txt: sequences/\* must match"),
        (
            lambda d: (d / "sequences/s1.npy").touch(),
            r"s1\.npy: names must be unique; found .*s1\.",
        ),
        (
            lambda d: (d / "sequences").rename(d / "data"),
            r"there must be sequences at sequences/\*",
        ),
    ],
)
def test_an_invalid_listing_is_refused_when_the_folder_is_opened(data, spoil, message):
    spoil(data)
    with pytest.raises(InputError, match=message):
        open_folder(data)


def test_unknown_names_are_refused(data):
    with pytest.raises(InputError, match="must be one of the 3 in the folder; found 's3'"):
        open_folder(data).sequence("s3")
    with pytest.raises(InputError, match="nowhere: a data folder must exist"):
        open_folder(data / "nowhere")


def test_one_label_file_for_each_sequence(data):
    box_files(data, s2="3,1,2,4,4\n", s10="0,1,2,2,2\n5,2,3,2,2\n")
    labels = open_folder(data, BOXES).labels
    assert labels.index.tolist() == [0, 1, 2]
    assert labels[["sequence", "frame", "x", "y", "category"]].to_numpy().tolist() == [
        ["s2", 3, 3.0, 4.0, "target"],
        ["s10", 0, 2.0, 3.0, "interference"],
        ["s10", 5, 3.0, 4.0, "interference"],
    ]


def test_a_table_for_each_sequence_names_no_other_one(data):
    (data / "labels").mkdir()
    for name in NAMES:
        table = pd.DataFrame([row("s2")], columns=COLUMNS)
        write_table(table, data / "labels" / f"{name}.csv")
    folder = open_folder(data, Layout(labels="labels/{sequence}.csv"))
    with pytest.raises(InputError, match=r"s1\.csv line 2: .*known one \(s1\); found 's2'"):
        folder.labels  # noqa: B018


def test_label_files_and_sequences_must_match(data):
    box_files(data)
    (data / "labels" / "s3.csv").write_text("frame,x,y,w,h\n")
    message = r"1 label file at labels/{sequence}\.csv without a frame or sequence .*s3\.csv"
    with pytest.warns(UserWarning, match=message):
        open_folder(data, BOXES).labels  # noqa: B018
    (data / "labels" / "s3.csv").unlink()
    (data / "labels" / "s1.csv").unlink()
    with pytest.raises(InputError, match=r"s1\.csv: the file must exist"):
        open_folder(data, BOXES).labels  # noqa: B018


def test_new_sequences_need_no_label_file(data):
    box_files(data, s1="0,1,2,2,2\n", s10="0,1,2,2,2\n")
    (data / "labels" / "s2.csv").unlink()
    splits = {name: f"splits/{name}.txt" for name in ("train", "new")}
    (data / "splits" / "new.txt").write_text("s2\n")
    layout = BOXES._replace(splits=splits)
    assert open_folder(data, layout).labels.sequence.tolist() == ["s1", "s10"]
    (data / "labels" / "s2.csv").write_text("frame,x,y,w,h\n0,1,2,2,2\n")
    assert open_folder(data, layout).labels.sequence.tolist() == NAMES
    (data / "labels" / "s10.csv").unlink()
    with pytest.raises(InputError, match=r"s10\.csv: the file must exist"):
        open_folder(data, layout).labels  # noqa: B018


@pytest.mark.parametrize(
    ("form", "short", "full"),
    [
        ("centroids", "5 3\nNone\n6 4\n", "5 3\n\n\n\n\n\n"),
        ("rectangles", "5,3,2,2\n\n6,4,2,2", "5,3,2,2\n" * 6),
        ("exist-rect", '{"exist": [1, 0, 0], "gt_rect": [[5, 3, 2, 2], [], []]}',
         '{"exist": [1, 0, 0, 0, 0, 0], "gt_rect": [[5, 3, 2, 2], [], [], [], [], []]}'),
        ("centroids", "frame,x,y\n0,5,3\n", "frame,x,y\n0,5,3\n"),
    ],
)  # fmt: skip
def test_frames_behind_the_last_line_are_counted(data, form, short, full):
    box_files(data)
    layout = BOXES._replace(label_format=form)
    for name in NAMES:
        (data / "labels" / f"{name}.csv").write_text(full)
    count = len(open_folder(data, layout).labels)  # without a warning
    for name in NAMES[:2]:
        (data / "labels" / f"{name}.csv").write_text(short)
    if short == full:
        assert len(open_folder(data, layout).labels) == count
        return
    message = (
        r"6 frames behind the last entry of 2 label files, .*s1\.csv with 3 for 6 frames: taken"
    )
    with pytest.warns(UserWarning, match=message):
        open_folder(data, layout).labels  # noqa: B018


@pytest.mark.parametrize("form", ["masks", "coco"])
def test_labels_of_images_of_another_size_are_one_problem(data, form):
    """The frames have 9x7 pixels, the images of the labels 18x14."""
    if form == "masks":
        mask = np.zeros((14, 18), np.uint8)
        mask[4:8, 10:12] = 255
        for name in NAMES:
            (data / "masks" / name).mkdir(parents=True)
            for t in range(6):
                Image.fromarray(mask).save(data / "masks" / name / f"{t}.png")
    else:
        files = {k: f"images/{name}/0.png" for k, name in enumerate(NAMES)}
        size = {"width": 18, "height": 14}
        images = [{"id": k, "file_name": file} | size for k, file in files.items()]
        boxes = [{"image_id": k, "category_id": 0, "bbox": [10, 4, 2, 4]} for k in range(3)]
        content = {"images": images, "annotations": boxes}
        content["categories"] = [{"id": 0, "name": "target"}]
        (data / "coco.json").write_text(json.dumps(content))
        for name in NAMES:
            (data / "images" / name).mkdir(parents=True)
            Image.new("L", (9, 7)).save(data / "images" / name / "0.png")
    where = {"labels": "masks/{sequence}/{frame}.png"}
    if form == "coco":
        where = {"labels": "coco.json", "sequences": "images/{sequence}"}
    problems = []
    folder = open_folder(data, Layout(label_format=form, category={"*": "target"}, **where))
    labels = folder.read_labels(folder.shapes, problems.append)
    (problem,) = map(str, problems)
    assert "of an image of 18x14 for the frames of 9x7 of sequence s1. Scale" in problem
    assert {tuple(row) for row in labels[["x", "y", "w", "h"]].to_numpy()} == {(5.5, 3, 1, 2)}


def test_surplus_rows_are_an_error_or_dropped_with_a_warning(data):
    box_files(data, s2="6,1,2,4,4\n3,1,2,4,4\n7,1,2,4,4\n")
    with pytest.raises(InputError, match=r"s2\.csv line 2: frame must lie in 0 <= frame < 6"):
        open_folder(data, BOXES).labels  # noqa: B018
    dropping = BOXES._replace(surplus_rows="drop")
    with pytest.warns(UserWarning, match=r"s2\.csv: 2 rows beyond the last frame are left out"):
        assert open_folder(data, dropping).labels.frame.tolist() == [3]
    (data / "labels" / "s2.csv").write_text("frame,x,y,w,h\n7,1,2,4,4\n3,99,2,4,4\n")
    with pytest.warns(UserWarning), pytest.raises(InputError, match=r"s2\.csv line 3: x must"):
        open_folder(data, dropping).labels  # noqa: B018


def test_the_longest_matching_pattern_applies_in_any_order(data):
    box_files(data, s1="0,1,1,2,2\n", s2="0,1,1,2,2\n")
    for order in (("*", "s2*"), ("s2*", "*")):
        patterns = {key: "target" if key == "*" else "interference" for key in order}
        labels = open_folder(data, BOXES._replace(category=patterns)).labels
        category = dict(zip(labels.sequence, labels.category, strict=True))
        assert category == {"s1": "target", "s2": "interference"}


def test_a_category_must_match_each_sequence(data):
    box_files(data)
    layout = BOXES._replace(category={"s1*": "target"})
    with pytest.raises(InputError, match=r"a pattern of category must match sequence s2; found"):
        open_folder(data, layout).labels  # noqa: B018


def test_a_layout_is_restored_from_a_mapping():
    assert layout_from(BOXES._asdict(), "config.layout") == BOXES
    assert layout_from({}, "config.layout") == Layout()
    for layout in PRESETS.values():
        assert layout_from(layout._asdict(), "config.layout") == layout


POINTS = {"label_format": "centroids", "labels": "{sequence}.txt", "category": {"*": "target"}}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"label": "x.csv"}, "a layout's keys are sequences, labels, .*; found 'label'. Correct"),
        ({"label_format": "mat"}, r"label_format must be one of \('table', .*; found 'mat'"),
        ({"centroid_order": "yx"}, "centroid_order must be one of"),
        ({"surplus_rows": "keep"}, "surplus_rows must be one of"),
        ({"first_pixel": {"*": 2}}, r"values of first_pixel must be one of \(0, 1\)"),
        ({"category": {"*": "bird"}}, "values of category must be one of"),
        (POINTS | {"box_point": "corner"}, "box_point must be empty for centroids"),
        ({"first_frame": 2}, r"first_frame must be one of \(0, 1\); found 2"),
        ({"labels": "{sequence}/{frame}.csv"}, "labels must not contain {frame} for table"),
        ({"splits": "train.txt"}, "splits must be a mapping; found 'train.txt'"),
        ({"label_format": "boxes"}, "category must be given for boxes, which contains no classes"),
        ({"label_format": "boxes", "category": {"*": "target"}}, "labels must contain {sequence}"),
    ],
)
def test_an_invalid_layout_is_refused(changes, message):
    with pytest.raises(InputError, match=f"config.layout: {message}"):
        layout_from(changes, "config.layout")


def test_an_invalid_layout_is_refused_by_open_folder(data):
    with pytest.raises(InputError, match="layout of .*: label_format must be one of"):
        open_folder(data, Layout(label_format="mat"))


def brightness(folder, sequence, frame, x, y):
    """Difference of the pixel at x, y to the median of the 9x9 pixels around it, grey levels."""
    pixels = folder.sequence(sequence).frame(frame).astype(float)
    row, column = int(y), int(x)
    window = pixels[max(row - 4, 0) : row + 5, max(column - 4, 0) : column + 5]
    return abs(pixels[row, column] - np.median(window))


def test_drone_ir():
    folder = open_folder(real_folder("drone-ir").path, PRESETS["drone-ir"])  # whose notes are new
    assert len(folder.names) == 113
    assert sum(length for length, _, _ in folder.shapes.values()) == 35325
    assert {shape[1:] for shape in folder.shapes.values()} == {(256, 320)}
    text = "of 4 of 113 sequences, such as IR_BIRD_030 from frame 0 to 120"
    with pytest.warns(Note, match=text) as notes:
        assert len(folder.labels) == 34946
    assert len(notes) == 1  # no file has surplus rows
    assert {split: len(names) for split, names in folder.splits.items()} == {
        "train": 90,
        "val": 23,
    }
    birds = folder.labels.sequence.str.startswith("IR_BIRD_")
    assert ((folder.labels.category == "interference") == birds).all()
    counted = pd.read_csv(folder.path / "sequence_stats.csv").set_index("sequence").frames_decoded
    assert counted.to_dict() == {name: shape[0] for name, shape in folder.shapes.items()}


@pytest.mark.filterwarnings("ignore:no label in 8 frames")
def test_drone_ir_labels_lie_on_the_peak():
    folder = real_folder("drone-ir")
    sequence = folder.sequence("IR_AIRPLANE_022")
    distances = []
    for label in folder.labels.query("sequence == 'IR_AIRPLANE_022'")[::20].itertuples():
        x0, y0 = int(label.x) - 9, int(label.y) - 9
        window = sequence.frame(label.frame)[y0 : y0 + 19, x0 : x0 + 19].astype(float)
        contrast = np.abs(window - np.median(window))
        row, column = np.unravel_index(contrast.argmax(), contrast.shape)
        distances.append(np.hypot(x0 + column + 0.5 - label.x, y0 + row + 0.5 - label.y))
    assert len(distances) > 10 and np.median(distances) < 2


@pytest.mark.parametrize("name", ["easy1", "easy2", "easy3", "sequence1", "sequence4", "sequence8"])
def test_cloud_seqs_centroids_need_their_origin(name):
    folder = real_folder("cloud-seqs")
    assert len(folder.names) == 11 and sum(s[0] for s in folder.shapes.values()) == 920
    labels = folder.labels
    assert len(labels) == 920
    contrasts = {-1: [], 0: [], 1: []}  # for an origin 1 too high, the right one, 1 too low
    for label in labels[labels.sequence == name][::4].itertuples():
        for shift, values in contrasts.items():
            x, y = label.x + shift, label.y + shift
            values.append(brightness(folder, name, label.frame, x, y))
    low, right, high = (np.median(contrasts[shift]) for shift in (-1, 0, 1))
    assert right > 1.05 * max(low, high)


def test_sky_seqs():
    folder = real_folder("sky-seqs")
    assert folder.shapes == {"seq1_101-200": (100, 512, 640), "seq3_102-200": (99, 512, 640)}
    assert len(folder.labels) == 199
    labels = folder.labels[::9].itertuples()
    assert np.median([brightness(folder, s.sequence, s.frame, s.x, s.y) for s in labels]) > 50


def test_a_folder_of_new_sequences_alone_needs_no_labels(data):
    (data / "labels.csv").unlink()
    for name in ("train", "val", "test"):
        (data / "splits" / f"{name}.txt").unlink()
    (data / "splits" / "new.txt").write_text("s1\ns2\ns10\n")
    folder = open_folder(data)
    assert folder.splits == {"train": [], "val": [], "test": [], "new": NAMES}
    assert folder.labels.empty and list(folder.labels.columns) == list(COLUMNS)
    (data / "splits" / "new.txt").write_text("s1\n")
    (data / "splits" / "test.txt").write_text("s2\n")
    with pytest.raises(InputError, match=r"labels\.csv: the file must exist.* only in splits/new"):
        _ = open_folder(data).labels
