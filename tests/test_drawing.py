import base64
import io
import re
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from PIL import Image, ImageColor

from dimjax.data.labels import CATEGORIES
from dimjax.data.sequences import as_sequence, open_sequence
from dimjax.drawing import charts, data_uri, overlay, pictures
from dimjax.drawing.charts import Axis, Point, Series
from dimjax.drawing.text_tables import Table, as_text

# Far from the centre of a frame that is not square, so that a flip or a swap is seen.
X, Y, T = 80.5, 20.5, 5
SCALE = 11  # of a frame of 96 pixels
COLUMNS = ["sequence", "frame", "x", "y", "w", "h", "category", "score"]
SHARE = Axis("share", 0.0, 1.0)


def sky(length=8):
    frames = np.random.default_rng(0).integers(900, 1100, (length, 64, 96)).astype(np.uint16)
    frames[:, 20, 80] = 2000
    return as_sequence(frames, "sky")


def detection_table(*rows):
    return pd.DataFrame([("sky", *row) for row in rows], columns=COLUMNS)


def colour(category):
    return np.array(ImageColor.getrgb(pictures.COLOURS[category]))


def coloured(image, category):
    """Rows and columns of the pixels that have exactly the category's colour."""
    return np.nonzero((np.asarray(image) == colour(category)).all(axis=-1))


def test_a_mark_surrounds_its_box_and_covers_none_of_it():
    image = pictures.enlarge(np.full((64, 96), 100, np.uint8), 4)
    pictures.draw_mark(image, (X, Y, 3.0, 5.0), "target", 4, margin_px=0.0)
    rows, columns = coloured(image, "target")
    # The box reaches from 79 to 82 and from 18 to 23; the line is 3 pixels wide.
    assert (columns.min(), columns.max()) == (4 * 79 - 3, 4 * 82 + 2)
    assert (rows.min(), rows.max()) == (4 * 18 - 3, 4 * 23 + 2)
    assert (np.asarray(image)[4 * 18 : 4 * 23, 4 * 79 : 4 * 82] == 100).all()


def test_marks_of_both_categories_differ_in_form_too():
    filled = {}
    for category in CATEGORIES:
        image = pictures.enlarge(np.zeros((64, 96), np.uint8), 4)
        pictures.draw_mark(image, (X, Y, 3.0, 3.0), category, 4)
        rows, columns = coloured(image, category)
        filled[category] = len(rows)
        middle = columns[rows == rows.min()]
        assert (np.diff(middle).max() > 1) == (category == "interference")  # corners have gaps
    assert filled["interference"] < filled["target"]


def test_a_crop_stays_inside_and_says_where_it_is():
    frames = np.arange(2 * 64 * 96).reshape(2, 64, 96)
    window, origin = pictures.crop(frames, X, Y, 32)
    assert origin == (64, 4) and window.shape == (2, 32, 32)  # 80 - 16 = 64 just fits
    assert window[0, 20 - 4, 80 - 64] == frames[0, 20, 80]
    assert pictures.crop(frames, 95.5, 0.5, 32)[1] == (64, 0)
    assert pictures.crop(frames, 95.5, 63.5, 500)[0].shape == (2, 64, 96)


def test_grey_levels_by_hand():
    assert pictures.to_grey8(np.array([9, 10, 15, 20, 21]), 10, 20).tolist() == [
        0,
        0,
        128,
        255,
        255,
    ]
    low, high = pictures.grey_range(np.full((8, 8), 7, np.uint16))
    assert high > low == 7


def test_tiles_are_frames_and_differences_with_zero_in_the_middle():
    clip = np.full((4, 8, 8), 1000, np.uint16)
    clip[0, 3, 5] = 1040
    tiles = pictures.clip_tiles(clip, noise_sigma=10.0)
    assert list(tiles.images) == ["F1", "F2", "F3", "F4", "F1 - F2", "F1 - F3", "F1 - F4"]
    difference = tiles.images["F1 - F3"]
    assert tiles.max_difference == 80.0
    assert difference[0, 0] == 128 and difference[3, 5] == round(255 * 0.75)


def test_picture_marks_the_box_and_enlarges_the_strongest():
    detections = detection_table(
        (T, X, Y, 3.0, 3.0, "target", 0.9),
        (T, 10.5, 50.5, 3.0, 3.0, "interference", 0.4),
        (T + 1, 48.0, 32.0, 3.0, 3.0, "target", 0.99),
    )
    image = overlay.draw_frame(sky(), T, detections)
    frame = np.asarray(image)[: 64 * SCALE, : 96 * SCALE]
    box = np.asarray(image)[20 * SCALE : 21 * SCALE, 80 * SCALE : 81 * SCALE]
    assert (box == 255).all()  # the bright pixel itself is not covered
    rows, columns = coloured(frame, "target")
    assert abs(columns.min() - SCALE * (X - 4.5)) < 4 and abs(rows.min() - SCALE * (Y - 4.5)) < 4
    _, columns = coloured(frame[40 * SCALE :], "interference")
    assert abs(columns.min() - SCALE * (10.5 - 4.5)) < 4
    # One inset for each of the two detections of this frame, in the colour of its category.
    right = np.asarray(image)[:, 96 * SCALE + 1 :]
    third = 64 * SCALE // 3
    assert len(coloured(right[:third], "target")[0]) and not len(
        coloured(right[:third], "interference")[0]
    )
    assert len(coloured(right[third : 2 * third], "interference")[0])
    assert (right[2 * third + 32 : 64 * SCALE] == ImageColor.getrgb(pictures.BACKGROUND)).all()


def test_picture_without_detections_is_the_frame():
    image = overlay.draw_frame(sky(), T, detection_table())
    assert image.width == 96 * SCALE
    frame = np.asarray(image)[: 64 * SCALE]  # its name is below and covers nothing
    grey = pictures.to_grey8(sky().frame(T), *pictures.grey_range(sky().frame(T)))
    np.testing.assert_array_equal(frame[::SCALE, ::SCALE], np.repeat(grey[..., None], 3, -1))
    assert np.ptp(np.asarray(image)[64 * SCALE :]) > 100


def test_a_line_of_pixels_is_drawn_with_its_detections():
    line = as_sequence(np.random.default_rng(0).integers(90, 120, (4, 1, 40)).astype(np.uint8))
    image = overlay.draw_frame(line, 1, detection_table((1, 8.5, 0.5, 3.0, 3.0, "target", 0.9)))
    assert len(coloured(np.asarray(image), "target")[0])


@pytest.mark.parametrize("length", [4, 9])
def test_video_has_all_frames(tmp_path, length):
    overlay.write_video(
        tmp_path / "sky.mp4", sky(length), detection_table((2, X, Y, 3.0, 3.0, "target", 0.9))
    )
    video = open_sequence(tmp_path / "sky.mp4")
    assert video.shape == (length, 64 * SCALE, 96 * SCALE)
    marked, plain = video.frame(2).astype(int), video.frame(3).astype(int)
    edge = slice(round(SCALE * (Y - 4)), round(SCALE * (Y + 4))), round(SCALE * (X - 4.5)) - 2
    assert np.abs(marked[edge] - plain[edge]).mean() > 20


def test_a_grey_image_as_a_data_uri():
    grey = np.arange(12, dtype=np.uint8).reshape(3, 4)
    kind, _, text = data_uri.grey_uri(grey).partition(",")
    assert kind == "data:image/png;base64"
    assert (np.asarray(Image.open(io.BytesIO(base64.b64decode(text)))) == grey).all()


def test_a_table_for_a_terminal():
    table = Table([("on", ""), ("F1", "0-1")], [["full frames", "0.5"]], text_columns=1)
    assert as_text(table).split("\n") == ["on            F1", "             0-1", "-" * 16,
                                          "full frames  0.5"]  # fmt: skip


def test_a_chart_has_series_names_labels_and_scales():
    x, y = Axis("alarms a frame", 0.01, 100.0, log=True), Axis("Pd", 0.0, 1.0)
    lines = [Series("target", [0.01, 1.0], [0.2, 0.9]), Series("", [1.0], [0.5], 1, dashed=True)]
    figure = charts.chart(lines, x, y, (Point("0.61", 1.0, 0.5),))
    axes = figure.axes[0]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("alarms a frame", "Pd")
    assert (axes.get_xscale(), axes.get_yscale()) == ("log", "linear")
    assert axes.get_xlim() == (0.01, 100.0) and axes.get_ylim() == (0.0, 1.0)
    first, second, point = axes.lines
    assert first.get_xydata().tolist() == [[0.01, 0.2], [1.0, 0.9]]
    assert first.get_color() != second.get_color()
    assert (first.get_linestyle(), second.get_linestyle()) == ("-", "--")
    assert first.get_marker() == "None" and second.get_marker() == "o"  # one point is visible too
    assert point.get_xydata().tolist() == [[1.0, 0.5]]
    svg = charts.to_svg(figure)
    for text in ("alarms a frame", "Pd", "target", "0.61", "0.01", "0.1", "100"):
        assert f">{text}</text>" in svg
    assert "<title>Pd against alarms a frame</title>" in svg


def test_values_outside_the_axes_are_moved_to_their_ends():
    line = Series("a", [0.0, 1.0, 1000.0], [-5.0, 0.5, 2.0])
    point = Point("0.5", 0.0, 1.5)
    figure = charts.chart([line], Axis("", 0.01, 100.0, log=True), SHARE, (point,))
    drawn_line, drawn_point = (drawn.get_xydata().tolist() for drawn in figure.axes[0].lines)
    assert drawn_line == [[0.01, 0], [1, 0.5], [100, 1]] and drawn_point == [[0.01, 1]]
    assert ">0.5</text>" in charts.to_svg(figure)
    open_axis = charts.chart([line], Axis(""), Axis("", 0.0)).axes[0]
    assert open_axis.lines[0].get_xdata().tolist() == line.x
    assert open_axis.get_ylim()[0] == 0 and open_axis.get_ylim()[1] >= 2


def test_ticks_of_whole_numbers():
    axis = Axis("epoch", 1, 2, whole=True)
    figure = charts.chart([Series("", [1, 2], [0.0, 1.0])], axis, SHARE)
    assert figure.axes[0].get_xticks().tolist() == [1, 2]


def test_ticks_have_the_separators_of_the_tables():
    axis = Axis("examples", 1, 10_000, log=True)
    assert ">10,000<" in charts.to_svg(charts.chart([Series("", [1], [0.0])], axis, SHARE))


def test_a_long_legend_takes_several_rows():
    def rows_of(names):
        svg = charts.to_svg(charts.chart([Series(n, [0], [0]) for n in names], SHARE, SHARE))
        return len({re.search(rf' y="([\d.]+)"[^>]*>{name}<', svg)[1] for name in names})

    assert rows_of(["total", "confidence", "location", "category"]) == 1
    assert rows_of(["one of some length", "another of some length", "a third"]) == 2
    assert not charts.chart([Series("", [0], [0])], SHARE, SHARE).legends


def test_bars_have_the_length_of_their_shares():
    figure = charts.bars(["0 to 3", "3 to 5"], [0.25, 0.5], ["25 % of 4", "50 % of 6"], "recall")
    axes = figure.axes[0]
    background, bars = axes.containers
    assert [bar.get_width() for bar in bars] == [0.25, 0.5]
    assert [bar.get_width() for bar in background] == [1.0, 1.0]
    assert axes.yaxis_inverted()  # the first bar is on top
    svg = charts.to_svg(figure)
    assert all(f">{text}</text>" in svg for text in ("0 to 3", "50 % of 6", "recall"))


def test_texts_in_charts_are_escaped_and_never_mathematics():
    axis = Axis("a<b $x$", 0.0, 1.0)
    svg = charts.to_svg(charts.chart([Series("c<d", [0], [0])], axis, axis))
    assert "a<b" not in svg and "c<d" not in svg and ">a&lt;b $x$</text>" in svg


def test_a_chart_is_the_same_text_each_time_and_takes_its_colours_from_the_page():
    figures = [charts.chart([Series("a", [0, 1], [0, 1])], SHARE, SHARE) for _ in range(2)]
    first, second = map(charts.to_markup, figures)
    assert first == second
    assert "stroke: var(--c0)" in first and "fill: var(--ink)" in first
    assert not any(f": {colour}" in first for pair in charts.COLOURS.values() for colour in pair)
    assert "<style" not in first and "Date" not in first and "id=" not in first.split("<defs>")[0]
    assert charts.COLOURS["c0"][0] in charts.to_svg(figures[0])


def test_matplotlib_is_imported_when_a_chart_is_drawn():
    code = (
        "import sys, dimjax.report, dimjax.drawing.charts; assert 'matplotlib' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
