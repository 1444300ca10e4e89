"""dimjax: from raw infrared sequences to a light detector of dim, small targets.

    python main.py --config=configs/demo.py --workdir=runs/demo        all rounds, all stages
    python main.py train --workdir=runs/demo                            up to a stage of a run
    python main.py check --config=configs/drone_ir.py --workdir=runs/drone
    python main.py review --workdir=runs/demo --reviewer=ann
    python main.py detect --workdir=runs/demo --input=flight3.mp4 --video

A word after main.py chooses what is done: up to a stage, simulate, build, train, evaluate, predict,
refine, mine or report; or one of

    check       look a data folder over: all that is wrong in it, and some labels as a picture
    score       the loss of each example of a split as a table
    review      the page on which a person decides what waits for him
    detect      sequences in; detections, overlay pictures and videos out
    export      the detector as ONNX and StableHLO

Where --workdir holds a run already, --config may be left out.
"""

import os
import sys
from functools import partial
from pathlib import Path

from absl import app, flags, logging
from ml_collections import config_flags

from dimjax.errors import InputError
from dimjax.runs.workdir import Paths, read_config

_CONFIG = config_flags.DEFINE_config_file("config", None, "Configuration, e.g. configs/demo.py.")
_WORKDIR = flags.DEFINE_string("workdir", None, "The run's directory.")
_ROUND = flags.DEFINE_integer("round", None, "score, export: which round; the newest.")
_EPOCH = flags.DEFINE_integer("epoch", None, "score: of which epoch the checkpoint is; the newest.")
_INPUT = flags.DEFINE_string("input", None, "detect: a sequence, or a data folder.")
_OUTPUT = flags.DEFINE_string("output", None, "detect, export: folder to write to.")
_PICTURES = flags.DEFINE_integer("pictures", 6, "detect: number of overlay pictures.")
_VIDEO = flags.DEFINE_bool("video", False, "detect: write an overlay video of each sequence.")
_RUNTIME = flags.DEFINE_enum("runtime", "jax", ["jax", "onnx"], "detect: what runs the network.")
_SPLIT = flags.DEFINE_string("split", "train", "score: train, val or test.")
_REVIEWER = flags.DEFINE_string("reviewer", None, "review: your name; else the page asks.")
_PORT = flags.DEFINE_integer("port", 0, "review: port on this machine; 0 takes a free one.")


def make_builder(data_dir: Path, **config):
    """The TFDS builder of datasets/dim_targets."""
    sys.path.insert(0, str(Path(__file__).parent / "datasets"))
    import tensorflow_datasets as tfds  # takes seconds
    from dim_targets import dim_targets_dataset_builder as dim_targets

    tfds.display_progress_bar(sys.stderr.isatty())
    return dim_targets.Builder(config=dim_targets.DimTargetsConfig(**config), data_dir=data_dir)


def main(argv: list[str]) -> None:
    """Run the verb; bad input ends with one line that says what to do."""
    logging.set_verbosity(logging.ERROR)  # JAX and TFDS warn of what is meant to be so here
    if len(argv) > 2:
        remedy = "Leave the others out; what a verb is to know is told by flags: main.py --help."
        rule, found = "one word at most says what is done", " ".join(argv[1:])
        raise InputError("main.py", rule, found, remedy)
    verb = argv[1] if len(argv) > 1 else "rounds"
    _VERBS.get(verb, partial(_go_on, last=verb))(_WORKDIR.value)


# Each verb imports what it needs: a page that opens must not wait for JAX. A configuration's file
# does load it, with the settings of the sky: `review` without --config takes the run's own keys.


def _review(workdir: str) -> None:
    from dimjax.commands import review

    review.run(_config(workdir), Paths(workdir), _REVIEWER.value, _PORT.value)


def _check(workdir: str) -> None:
    from dimjax.commands import check

    sys.exit(1 if check.run(_config(workdir), Paths(workdir)) else 0)


def _score(workdir: str) -> None:
    from dimjax.commands import score

    _keep_what_is_compiled()
    score.run(workdir, _SPLIT.value, _ROUND.value, _EPOCH.value)


def _export(workdir: str) -> None:
    from dimjax.commands import export

    _keep_what_is_compiled()
    export.run(workdir, _OUTPUT.value, _ROUND.value)


def _detect(workdir: str) -> None:
    from dimjax.commands import detect

    _keep_what_is_compiled()
    detect.run(workdir, _INPUT.value, _OUTPUT.value, _PICTURES.value, _VIDEO.value, _RUNTIME.value)


_VERBS = {
    "check": _check,
    "detect": _detect,
    "export": _export,
    "review": _review,
    "score": _score,
}


def _go_on(workdir: str, last: str) -> None:
    """The main job, up to a stage."""
    from dimjax.stages import rounds

    known = ("rounds", *rounds.STAGES, *_VERBS)
    if last not in known:
        rule = f"the word after it must be one of {', '.join(known)}"
        raise InputError("main.py", rule, last, "Correct it.")
    _keep_what_is_compiled()
    rounds.run(_config(workdir), workdir, make_builder, last)


def _config(workdir: str):
    return _CONFIG.value or read_config(workdir)


def _parsed(argv: list[str]) -> list[str]:
    """The flags; a key of the configuration that does not exist is bad input like any other."""
    try:
        return app.parse_flags_with_usage(argv)
    except (KeyError, AttributeError) as error:
        said = error.args[0]  # of an AttributeError the KeyError that it comes from
        said = said.args[0] if isinstance(said, KeyError) else said
        key, _, hint = said.partition("\n")
        rule = "every key must stand in configs/default.py"
        raise InputError("--config", rule, key, hint or "Correct the key.") from error


def _keep_what_is_compiled() -> None:
    """Compiled programs are kept for the next start, unless JAX has been told where."""
    import jax

    if jax.config.jax_compilation_cache_dir is None:
        cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "dimjax" / "xla"
        jax.config.update("jax_compilation_cache_dir", str(cache))


def _with_huge_pages() -> None:
    """Start again with huge pages that are kept for what is allocated later.

    Only at a start glibc takes such settings. A training step on a CPU otherwise spends a quarter
    of its time on page faults; with huge pages that are given back after each step still up to a
    sixth.
    """
    if sys.platform == "linux" and "GLIBC_TUNABLES" not in os.environ:
        kept = f"glibc.malloc.mmap_threshold={2**34}:glibc.malloc.trim_threshold={2**34}"
        os.environ["GLIBC_TUNABLES"] = f"glibc.malloc.hugetlb=1:{kept}"
        os.execv(sys.executable, [sys.executable, *sys.argv])


if __name__ == "__main__":
    _with_huge_pages()
    flags.mark_flag_as_required("workdir")
    try:
        app.run(main, flags_parser=_parsed)
    except InputError as error:
        sys.exit(f"error: {error}")
