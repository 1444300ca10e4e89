"""Configuration of an existing run, in the form of a configuration file: saved_config.py:runs/demo.

With it, `--config.KEY=VALUE` alone changes a key of the run's own configuration.
"""

from ml_collections import config_dict

from dimjax.runs.workdir import read_config


def get_config(workdir: str):
    """Return the configuration of a run, with the types that a flag may override.

    JSON has neither tuples nor keys that are empty but typed.
    """
    config = config_dict.ConfigDict(_typed(read_config(workdir).to_dict()))
    layout = config.data.layout
    if "first_pixel" in layout:  # a number or a mapping
        pixels = layout.first_pixel
        del layout.first_pixel
        layout.first_pixel = config_dict.FieldReference(pixels, field_type=object)
    return config.lock()


def _typed(values: dict) -> dict:
    return {key: _TYPED.get(type(value), lambda same: same)(value) for key, value in values.items()}


_TYPED = {
    dict: _typed,
    list: tuple,
    type(None): lambda _: config_dict.placeholder(object),
}
