"""Small folders in the layouts of public data sets, all of the same three sequences.

Frames are noisy clouds with a bright object of 3x3 pixels, whose centre pixel is known and the
brightest. Each function writes one layout, with boxes or masks of the size that its data set has.
"""

import json
from pathlib import Path

import numpy as np
from PIL import Image

LENGTH, HEIGHT, WIDTH = 6, 40, 48
SPLITS = ("train", "train", "test")
ABSENT = 3  # the frame without an object, in the layouts that can state it


def centre(k: int, t: int) -> tuple[int, int]:
    """Column and row of the centre pixel of the object in sequence k, frame t."""
    return 8 + 3 * t + k, 10 + 2 * t + 5 * k


def frames(k: int) -> np.ndarray:
    """Frames [T, H, W] uint8 of sequence k."""
    noise = np.random.default_rng(k).integers(0, 8, (LENGTH, HEIGHT, WIDTH))
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    clouds = 60 + 40 * np.sin(rows / 7 + k) * np.cos(columns / (9 + k))
    stack = (clouds + noise).astype(np.uint8)
    for t in range(LENGTH):
        x, y = centre(k, t)
        stack[t, y - 1 : y + 2, x - 1 : x + 2] += 60
        stack[t, y, x] += 40
    return stack


def mask(k: int, t: int) -> np.ndarray:
    x, y = centre(k, t)
    pixels = np.zeros((HEIGHT, WIDTH), np.uint8)
    pixels[y - 1 : y + 2, x - 1 : x + 2] = 255
    return pixels


def save(path: Path, pixels: np.ndarray, mode: str | None = None, **options) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.fromarray(pixels)
    (image.convert(mode) if mode else image).save(path, **options)


def text(path: Path, content: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)


def every_frame():
    """Sequence number, split, frame number and pixels of each frame."""
    for k, split in enumerate(SPLITS):
        for t, pixels in enumerate(frames(k)):
            yield k, split, t, pixels


def lists(folder: Path, names: str, line) -> None:
    """Write the lists of frames of both splits; `line` makes a line of sequence and frame."""
    for split in ("train", "test"):
        rows = [line(k, t) for k, of, t, _ in every_frame() if of == split]
        text(folder / names.format(split), "\n".join(rows) + "\n")


def nudt_mirsdt(folder):
    for k, _, t, pixels in every_frame():
        save(folder / f"Sequence{k + 1}/images/{t + 1:05d}.png", pixels)
        save(folder / f"Sequence{k + 1}/masks/{t + 1:05d}.png", mask(k, t))
        save(folder / f"Sequence{k + 1}/masks_centroid/{t + 1:05d}.png", mask(k, t))
    lists(folder, "{}.txt", lambda k, t: f"Sequence{k + 1}/Mix/{t + 1:05d}.mat")


def irdst(folder):
    for k, _, t, pixels in every_frame():
        save(folder / f"images/{k + 1}/{t + 1}.bmp", pixels, "RGB")
        save(folder / f"masks/{k + 1}/{t + 1}.bmp", mask(k, t), "RGB")
    lists(folder, "img_idx/{}_IRDST-simulation.txt", lambda k, t: f"{k + 1}/{t + 1}")


def irdst_real(folder):
    for k, _, t, pixels in every_frame():
        name = f"{k + 1}/{k + 1}({t + 1})"
        save(folder / f"real/images/{name}.png", pixels)
        save(folder / f"real/masks/{name}.png", mask(k, t))
    lists(folder, "real/{}.txt", lambda k, t: f"/{k + 1}/{k + 1}({t + 1})")


def irsatvideo(folder):
    names = ("AfricaWest-1_38", "Gobi-2", "Sea-7")
    for k, _, t, pixels in every_frame():
        save(folder / f"images/{names[k]}/{t:04d}.png", pixels)
        save(folder / f"masks/{names[k]}/{t:04d}.png", mask(k, t))
    text(folder / "video_idx/train_IRSatVideo-LEO.txt", "\n".join(names[:2]))
    text(folder / "video_idx/test_IRSatVideo-LEO.txt", names[2])


def satvideoirsdt(folder):
    for k, split, t, pixels in every_frame():
        save(folder / f"{split}/{k + 1:06d}/img/{t + 1:06d}.png", pixels)
        save(folder / f"{split}/{k + 1:06d}/mask/{t + 1:06d}.png", mask(k, t))


def daub(folder):
    kinds = [{"supercategory": "none", "id": 1, "name": "target"}]
    files = {split: {"images": [], "annotations": [], "categories": kinds} for split in SPLITS}
    for k, split, t, pixels in every_frame():
        name, (x, y) = f"images/{split}/data{k}/{t}.bmp", centre(k, t)
        save(folder / name, pixels, "RGB")
        content, key = files[split], len(files[split]["images"]) + 1
        content["images"].append({"id": key, "file_name": name, "height": HEIGHT, "width": WIDTH})
        box = {"bbox": [x - 3.5, y - 3.5, 8, 8], "area": 64, "category_id": 1, "iscrowd": 0}
        content["annotations"].append({"id": key, "image_id": key, **box})
    for split, content in files.items():
        text(folder / f"annotations/instances_{split}2017.json", json.dumps(content))


def itsdt(folder):
    rows = {"train": [], "test": []}
    for k, split, t, pixels in every_frame():
        save(folder / f"images/{k + 1}/{t}.bmp", pixels, "RGB")
        x, y = centre(k, t)
        box = "" if t == ABSENT else f" {x - 3},{y - 3},{x + 4},{y + 4},0"
        rows[split].append(f"/home/public/ITSDT/images/{k + 1}/{t}.bmp{box}")
    text(folder / "coco_train_ITSDT.txt", "\n".join(rows["train"]))
    text(folder / "coco_val_ITSDT.txt", "\n".join(rows["test"]))


def rectangles(k, empty):
    boxes = [[x - 3, y - 3, 7, 7] for x, y in (centre(k, t) for t in range(LENGTH))]
    boxes[ABSENT] = empty
    return {"exist": [int(t != ABSENT) for t in range(LENGTH)], "gt_rect": boxes}


def anti_uav(folder):
    import av

    for k, split in enumerate(SPLITS):
        place = folder / split / f"20190925_111757_1_{k}"
        text(place / "infrared.json", json.dumps(rectangles(k, [])))
        with av.open(str(place / "infrared.mp4"), "w") as container:
            stream = container.add_stream("libx264", rate=25, options={"qp": "0"})
            stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
            for pixels in frames(k):
                container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="gray")))
            container.mux(stream.encode())


def anti_uav410(folder):
    for k, split, t, pixels in every_frame():
        save(folder / split / f"0{k}_1667_0001-1500" / f"{t + 1:06d}.jpg", pixels)
    for k, split in enumerate(SPLITS):
        content, name = rectangles(k, [0, 0, 0, 0]), f"0{k}_1667_0001-1500"
        text(folder / split / name / "IR_label.json", json.dumps(content))
        rows = "\n".join(",".join(map(str, box)) for box in content["gt_rect"])
        text(folder / "annos" / split / f"{name}.txt", rows)


def got10k(folder):
    for k, split, t, pixels in every_frame():
        save(folder / split / f"clip{k}" / f"{t + 1:08d}.png", pixels)
    for k, split in enumerate(SPLITS):
        boxes = rectangles(k, [0, 0, 0, 0])["gt_rect"]
        rows = "\n".join(",".join(f"{number:.4f}" for number in box) for box in boxes)
        text(folder / split / f"clip{k}" / "groundtruth.txt", rows)


def mot(folder):
    rows = {k: [] for k in range(len(SPLITS))}
    for k, split, t, pixels in every_frame():
        save(folder / split / f"IR-{k:02d}/img1/{t + 1:06d}.png", pixels)
        x, y = centre(k, t)  # pixels are counted from 1
        rows[k].append(f"{t + 1},{k + 1},{x - 2},{y - 2},7,7,1,1,1.0")
    for k, split in enumerate(SPLITS):
        text(folder / split / f"IR-{k:02d}/gt/gt.txt", "\n".join(rows[k]))
        text(folder / split / f"IR-{k:02d}/seqinfo.ini", f"[Sequence]\nname=IR-{k:02d}\n")


def yolo_box(k, t):
    x, y = centre(k, t)
    box = (x + 0.5) / WIDTH, (y + 0.5) / HEIGHT, 7 / WIDTH, 7 / HEIGHT
    return "" if t == ABSENT else "0 " + " ".join(f"{number:.6f}" for number in box) + "\n"


def yolo(folder):
    for k, _, t, pixels in every_frame():
        save(folder / f"images/seq{k}/{t:05d}.png", pixels)
        text(folder / f"labels/seq{k}/{t:05d}.txt", yolo_box(k, t))


def yolo_flat(folder):
    for k, split, t, pixels in every_frame():
        save(folder / f"images/{split}/seq{k}_{t:05d}.png", pixels)
        text(folder / f"labels/{split}/seq{k}_{t:05d}.txt", yolo_box(k, t))
    text(folder / "data.yaml", "path: .\ntrain: images/train\nnames:\n  0: target\n  1: bird\n")


def voc(folder):
    for k, _, t, pixels in every_frame():
        save(folder / f"JPEGImages/seq{k}/{t:05d}.png", pixels)
        x, y = centre(k, t)  # pixels are counted from 1, the last one included
        keys = {"xmin": x - 2, "ymin": y - 2, "xmax": x + 4, "ymax": y + 4}
        box = "".join(f"<{key}>{value}</{key}>" for key, value in keys.items())
        thing = f"<object><name>target</name><bndbox>{box}</bndbox></object>"
        text(folder / f"Annotations/seq{k}/{t:05d}.xml", f"<annotation>{thing}</annotation>")


def coco(folder):
    content = {"images": [], "annotations": [], "categories": [{"id": 0, "name": "unused"}]}
    content["categories"].append({"id": 7, "name": "target"})
    for k, _, t, pixels in every_frame():
        save(folder / f"images/seq{k}/{t}.png", pixels)
        key, (x, y) = 1000 + LENGTH * k + t, centre(k, t)
        content["images"].append({"id": key, "file_name": f"seq{k}/{t}.png"})
        box = {"image_id": key, "category_id": 7, "bbox": [x - 3, y - 3, 7, 7]}
        content["annotations"].append({"id": key, **box})
    text(folder / "annotations/instances.json", json.dumps(content))


def spotgeo(folder):
    rows = []
    for k, _, t, pixels in every_frame():
        save(folder / f"train/{k + 1}/{t + 1}.png", pixels)
        points = [[float(number) for number in centre(k, t)]] if t != ABSENT else []
        rows.append({"sequence_id": k + 1, "frame": t + 1, "object_coords": points})
    text(folder / "train_anno.json", json.dumps(rows))


def hahamyt(folder):
    for k, _, t, pixels in every_frame():
        save(folder / f"data/seq{k}/{t + 1}.png", pixels)
    for k in range(len(SPLITS)):  # row, column, counted from 1
        points = [centre(k, t)[::-1] for t in range(LENGTH)]
        rows = "\n".join(f"{row + 1},{column + 1}" for row, column in points)
        text(folder / f"data/groundturth/seq{k}.txt", rows)


def sirst(folder):
    names = {}
    for k, split, t, pixels in every_frame():
        name = f"Misc_{LENGTH * k + t}"
        names.setdefault(split, []).append(name)
        save(folder / f"images/{name}.png", pixels)
        save(folder / f"masks/{name}.png", mask(k, t))
    for split, of_split in names.items():
        text(folder / f"50_50/{split}.txt", "\n".join(of_split))


# Name of the preset -> writer, width of a box, whether one frame has no object, and splits.
LAYOUTS = {
    "nudt-mirsdt": (nudt_mirsdt, 3, False, True),
    "irdst": (irdst, 3, False, True),
    "irdst-real": (irdst_real, 3, False, True),
    "irsatvideo": (irsatvideo, 3, False, True),
    "satvideoirsdt": (satvideoirsdt, 3, False, True),
    "daub": (daub, 8, False, True),
    "itsdt": (itsdt, 7, True, True),
    "anti-uav": (anti_uav, 7, True, True),
    "anti-uav410": (anti_uav410, 7, True, True),
    "got-10k": (got10k, 7, True, True),
    "mot": (mot, 7, False, True),
    "yolo": (yolo, 7, True, False),
    "yolo-flat": (yolo_flat, 7, True, True),
    "voc": (voc, 7, False, False),
    "coco": (coco, 7, False, False),
    "spotgeo": (spotgeo, 3, True, False),
    "hahamyt": (hahamyt, 3, False, False),
}
