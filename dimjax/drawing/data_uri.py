"""Images as data URIs, so that a page needs no file beside it.

grey_uri(np.zeros((32, 32), np.uint8))      # "data:image/png;base64,iVBOR..."
data_uri(animation, "webp")
"""

import base64
import io

import numpy as np
from PIL import Image


def data_uri(data: bytes, image_format: str) -> str:
    """Return an encoded image as a data URI; the format is that of its media type, e.g. webp."""
    return f"data:image/{image_format};base64,{base64.b64encode(data).decode()}"


def png_uri(image: Image.Image) -> str:
    """Encode an image as PNG and return its data URI."""
    buffer = io.BytesIO()
    image.save(buffer, "PNG", optimize=True)
    return data_uri(buffer.getvalue(), "png")


def grey_uri(grey: np.ndarray) -> str:
    """Encode a grey image [H, W] uint8 as PNG and return its data URI."""
    return png_uri(Image.fromarray(grey))
