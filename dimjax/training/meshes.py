"""Meshes: the devices that a training is shared out to, in one process or in many.

mesh = make_mesh()                       # of all processes
arrays = on_mesh(arrays, mesh)           # whole on each device
arrays = on_own_devices(arrays)          # for what this process computes without the others
"""

import functools
from typing import Any

import jax
import numpy as np
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec

REPLICATED, BY_EXAMPLE = PartitionSpec(), PartitionSpec("data")


def make_mesh() -> Mesh:
    """All devices, of all processes, in one row: each takes its share of every batch."""
    return jax.make_mesh((jax.device_count(),), ("data",), axis_types=(AxisType.Auto,))


def own_mesh() -> Mesh:
    """The devices of this process in one row; all there are where it is the only one."""
    devices = jax.local_devices()
    return jax.make_mesh((len(devices),), ("data",), axis_types=(AxisType.Auto,), devices=devices)


def on_mesh(tree: Any, mesh: Mesh) -> Any:
    """Put arrays on every device of the mesh; every process has the same ones to give."""
    everywhere = NamedSharding(mesh, REPLICATED)
    if not mesh.is_multi_process:
        return jax.device_put(tree, everywhere)
    # device_put would send all of it from process to process, to see whether it is the same.
    place = functools.partial(jax.make_array_from_process_local_data, everywhere)
    return jax.tree.map(lambda values: place(np.asarray(values)), tree)


def on_own_devices(tree: Any) -> Any:
    """Arrays that are on every device of a mesh, on those of this process alone."""
    if jax.process_count() == 1:
        return tree
    return jax.device_put(jax.device_get(tree), NamedSharding(own_mesh(), REPLICATED))
