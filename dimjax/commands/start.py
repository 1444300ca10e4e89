"""dimjax: from raw infrared sequences to a lightweight detector of dim, small targets.

    dimjax --config=configs/demo.py --workdir=runs/demo        all rounds, all stages
    dimjax train --workdir=runs/demo                            up to a stage of a run
    dimjax check --config=configs/drone_ir.py --workdir=runs/drone
    dimjax review --workdir=runs/demo --reviewer=ann
    dimjax detect --workdir=runs/demo --input=flight3.mp4 --video
    dimjax detect --untrained --input=flight3.mp4               without any training

The first word chooses the verb. A stage stops the main job after it: simulate, build, train,
evaluate, predict, refine, mine or report. The other verbs are

    check       list every problem of a data folder, and draw some of its labels;
                with --input=FOLDER alone, recognise its layout and print the keys that read it
    evaluate --input=FOLDER    measure a trained run on any labelled folder
    refine --input=FOLDER      rank the labels of another folder by a trained run, for review in a
                run of their own, --output; with mine, also search its new sequences
    implant     write the sequences of a folder with simulated targets and interference, and labels
    score       write the loss of each example of a split as a table
    review      serve the page on which a person decides the items that wait
    items       write the items that wait, for CVAT or Label Studio; with --input=FILE, take the
                decisions from the COCO file that was edited there
    detect      write detections, overlay pictures and videos of sequences; with --input=-, an
                address such as rtsp://camera/1 or a device, print those of a live stream
    export      write the detector as ONNX and StableHLO; with --labels=FORM, instead the labels of
                the run, as its reviews corrected them: csv, coco, yolo, mot, masks or regions

If --workdir holds a run already, --config may be left out; keys such as --config.data.stride=2 then
refer to the run's own configuration. Without --workdir, `detect` does as with --untrained. From the
repository, `python main.py` is the same as `dimjax`.

Exit status: 0 done, 1 a fault or problems found, 2 wrong usage, 3 the run waits for a person's
review, 130 interrupted. A failure is described in one line; its traceback is in error.log.
"""

import sys
from typing import NoReturn

import dimjax
from dimjax.commands import program
from dimjax.training.process_settings import restart_with_settings

_HELP = {"--help", "-help", "-h", "--helpshort", "--helpfull", "help"}
_VERSION = {"--version", "-version"}


def main() -> NoReturn:
    """Run the command line and exit with its status."""
    program.exit_on_signals()
    words = set(sys.argv[1:])
    if words & _VERSION:
        print(f"dimjax {dimjax.__version__}")
        sys.exit(program.DONE)
    if words & _HELP:
        from dimjax.commands import flag_values

        print(f"{__doc__}\n{flag_values.describe()}")
        sys.exit(program.DONE)
    restart_with_settings()  # before slow imports
    from dimjax.commands import verbs

    program.run(verbs.main, verbs.log_folder)
