"""All keys of a run, with their units. The other configurations call this one and change a few."""

from ml_collections import config_dict

from dimjax.data.layouts import DIMJAX
from dimjax.label_noise import ErrorRates
from dimjax.motion import EvidenceConfig
from dimjax.sky import SkyConfig
from dimjax.sky.implants import ImplantConfig


def get_config() -> config_dict.ConfigDict:
    """Return the paper's run: simulated sky, DarkNet-19 at width 1, chips of 80 px."""
    config = config_dict.ConfigDict()
    config.seed = 0
    _add_data(config)
    _add_model(config)
    _add_training(config)
    _add_rounds(config)
    _add_detection(config)
    return config


def _add_data(config: config_dict.ConfigDict) -> None:
    """Add the keys of the data: a folder or the simulated sky, and the chips."""
    config.data = config_dict.ConfigDict()
    config.data.folder = ""  # of raw sequences and labels; "" simulates the sky below
    # Keys: dimjax/data/layouts.py. first_pixel may be a number or a mapping.
    first_pixel = config_dict.FieldReference(DIMJAX.first_pixel, field_type=object)
    layout = DIMJAX._asdict() | {"first_pixel": first_pixel}
    config.data.layout = config_dict.ConfigDict(layout)
    config.data.stride = 1  # frames from F1 to F2, F2 to F3, F3 to F4
    config.data.reference = "first"  # F1, the frame that is judged: before F2..F4; or "last": after
    config.data.align = False  # take the motion of the camera out of clips and evidence windows
    config.data.align_rotation = False  # with data.align: its rotation and scale beside the shift
    config.data.val_share = 0.15  # of the training sequences, if the folder has no val split

    # Simulated objects in training sequences of the folder; units: dimjax/sky/implants.py
    config.data.implant = config_dict.ConfigDict(ImplantConfig()._asdict())

    config.sky = config_dict.ConfigDict()  # simulated if data.folder is ""
    config.sky.sequences = config_dict.ConfigDict({"train": 100, "val": 5, "test": 5, "new": 0})
    config.sky.settings = config_dict.ConfigDict(SkyConfig()._asdict())  # dimjax/sky/settings.py
    config.sky.training = config_dict.ConfigDict()  # of the training sequences; None: as settings
    config.sky.training.interference_per_frame = config_dict.placeholder(float)
    config.sky.training.birds = config_dict.placeholder(float)
    config.sky.errors = config_dict.ConfigDict(ErrorRates()._asdict())  # shares of all labels

    config.chips = config_dict.ConfigDict()
    config.chips.chip_px = 80  # height and width, pixels
    config.chips.frame_step = 1  # chips are cut from every frame_step-th frame
    config.chips.backgrounds_per_label = 54_489 / 35_021  # the paper's mix


def _add_model(config: config_dict.ConfigDict) -> None:
    """Add the keys of the network, its input and its loss."""
    config.model = config_dict.ConfigDict()
    config.model.backbone = "darknet19"
    config.model.width = 1.0  # factor on all channels
    config.model.output_stride = 8  # pixels per cell of the output grid
    # Or "sequence", "single", or one of these with the motion evidence: "difference+evidence", ...
    config.model.input = "difference"
    config.model.bf16 = False  # compute in bfloat16; parameters and losses stay float32

    # Motion evidence, for the inputs that contain it; units: dimjax/motion/settings.py
    config.evidence = config_dict.ConfigDict(EvidenceConfig()._asdict())

    config.loss = config_dict.ConfigDict()
    config.loss.location_weight = 1.0  # weight of the location, Eq. (2)
    config.loss.classification_weight = 1.0  # weight of the classification, Eq. (2)


def _add_training(config: config_dict.ConfigDict) -> None:
    """Add the keys of one training, and of the processes that share it."""
    config.training = config_dict.ConfigDict()
    config.training.epochs = 100
    config.training.batch_size = 128  # chips, over all devices
    config.training.optimizer = "adamw"  # or "adam"
    config.training.learning_rate = 1e-3
    config.training.weight_decay = 1e-2
    config.training.warmup_epochs = 1.0
    config.training.augment = True  # rotate and flip chips at random
    config.training.device_gb = 8.0  # 10^9 bytes of chips kept on each device; more are streamed
    config.training.start = ""  # run or checkpoint whose weights it starts from; "": random ones
    config.training.checkpoint = "last"  # the detector's, or "best": highest F1 in validation
    config.training.noise = 0.0  # largest random noise added to a chip, in its own noise sigmas

    config.distributed = config_dict.ConfigDict()  # of one start, not saved with the run
    config.distributed.coordinator_address = ""  # host:port of process 0, if there are others
    config.distributed.num_processes = 1  # processes that train together: docs/scaling.md
    config.distributed.process_id = 0  # this process, from 0


def _add_rounds(config: config_dict.ConfigDict) -> None:
    """Add the keys of the rounds and their reviews."""
    config.rounds = config_dict.ConfigDict()
    config.rounds.count = 1  # all but the last end with a review
    config.rounds.later_epochs = 50  # of the rounds after the first
    config.rounds.start = "last"  # weights of the last round, or "scratch"
    config.rounds.max_items_per_frame = 2.0  # mined items queued per frame of new sequences
    config.rounds.reviewer = "human"  # or "oracle" (truth or labels of the folder), "auto"
    config.rounds.oracle_error = 0.0  # share of the items that the oracle gets wrong
    # Probability from which "auto" accepts a suggestion, and from which a false alarm that was not
    # queued becomes a background chip.
    config.rounds.auto_probability = 0.9

    config.refinement = config_dict.ConfigDict()
    config.refinement.planted_share = 0.03  # of the labels, for calibration; 0: no refinement
    config.refinement.target_recall = 0.9  # share of the planted errors that a review finds
    config.refinement.min_probability = 0.05  # of an item queued for review
    config.refinement.loss_threshold = 0.0  # above 0: queue labels with a higher last loss
    config.refinement.max_items_per_label = 0.2  # labels and places queued, per label


def _add_detection(config: config_dict.ConfigDict) -> None:
    """Add the keys of detection on full frames and of its evaluation."""
    config.detection = config_dict.ConfigDict()
    config.detection.match_px = 3.0  # a detection nearer than this to a truth is a hit
    config.detection.suppress_px = 4.0  # of two detections nearer than this, keep the stronger
    config.detection.max_detections = 100  # detections per frame, before suppression
    config.detection.tile_px = 0  # detect in tiles of this size; 0: whole frames
    config.detection.margin_px = 64  # overlap of tiles on each side
    config.detection.camera_motion = False  # measure and compensate it before linking

    config.evaluation = config_dict.ConfigDict()
    config.evaluation.false_alarms_per_frame = (0.1, 0.65)  # at which the recall is reported
