"""Raw data: sequences of frames, label tables, and folders that contain both.

`folders` opens a data folder by a layout (`layouts`); `sequences` reads frames of any supported
file format (`frame_files`, `image_folders`, `video_files`), cuts clips and measures the grey scale.
`labels` reads, checks and writes label tables, on top of `csv_files`. `splits` sets validation
sequences aside, `duplicates` finds sequences that occur twice, and `scr` measures the contrast of
labelled objects. All of it is NumPy and pandas; nothing here loads JAX or TensorFlow.

    folder = open_folder("data/sky")
    flight = folder.sequence("flight3")
    flight.clip(10, stride=1)                           # [4, H, W] grey levels
    folder.labels                                       # sequence, frame, x, y, w, h, category, ...
"""
