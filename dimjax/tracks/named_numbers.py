"""Names of the numbers of a track, and words for high and low ones.

NUMBERS["speed"].low                        # "it is slow"
list(NUMBERS)                               # their order in arrays [..., F]
"""

from typing import NamedTuple


class Number(NamedTuple):
    """Words for a number of a track that is higher or lower than usual."""

    high: str
    low: str


MOTION = {
    "speed": Number("it is fast", "it is slow"),
    "step": Number("it moves far from frame to frame", "it hardly moves from frame to frame"),
    "straightness": Number("its path is straight", "its path is crooked"),
    "turning": Number("its velocity changes", "its velocity is constant"),
    "climb": Number("it climbs or sinks", "it stays at one height"),
}
DETECTED = {
    "hits": Number("it is detected often", "it is detected in few frames"),
    "gaps": Number("it disappears now and then", "it is detected in every frame"),
}
MEANS = {
    "frame_contrast": Number("it is bright in its frame", "it is dim in its frame"),
    "change_contrast": Number("it is bright against other frames", "it is dim against others"),
    "frame_flux": Number("it has much light in its frame", "it has little light in its frame"),
    "change_flux": Number("it has much light against others", "it has little light against others"),
    "contrast_ratio": Number("it stands out against other frames", "it stands out in its frame"),
    "frame_area": Number("it is large", "it is small"),
    "change_area": Number("it is large against other frames", "it is small against others"),
    "frame_sharpness": Number("it is a single pixel", "it is blurred"),
    "change_sharpness": Number("a single pixel changes", "many pixels change"),
    "frame_length": Number("it is long", "it is short"),
    "frame_width": Number("it is wide", "it is narrow"),
    "change_length": Number("it is long against other frames", "it is short against others"),
    "change_width": Number("it is wide against other frames", "it is narrow against others"),
    "frame_elongation": Number("it is elongated", "it is round"),
    "change_elongation": Number("its change is elongated", "its change is round"),
    "frame_clutter": Number("its surroundings are rough", "its surroundings are smooth"),
    "change_clutter": Number("its surroundings change", "its surroundings are steady"),
    "standing": Number("the same place is bright in other frames", "its place is dark in others"),
    "dark": Number("it is darker than its surroundings", "it is brighter than its surroundings"),
}
VARIED = (
    *("frame_contrast", "change_contrast", "frame_flux", "change_flux", "frame_area"),
    *("change_area", "change_elongation", "frame_length", "change_length"),
)
_TOPICS = {
    "contrast": "brightness",
    "flux": "light",
    "area": "area",
    "elongation": "shape",
    "length": "length",
}


def _varied(name: str) -> dict[str, Number]:
    """Words for the spread of a number and for its steps from frame to frame."""
    image, _, measure = name.partition("_")
    topic = _TOPICS[measure] + ("" if image == "frame" else " against other frames")
    return {
        f"{name}_spread": Number(f"its {topic} varies", f"its {topic} is steady"),
        f"{name}_steps": Number(
            f"its {topic} jumps from frame to frame", f"its {topic} changes slowly"
        ),
    }


_SPREADS = {key: words for name in VARIED for key, words in _varied(name).items()}
NUMBERS: dict[str, Number] = MOTION | DETECTED | MEANS | _SPREADS
