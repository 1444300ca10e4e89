"""Device meshes for data-parallel training, in one process or in many.

mesh = make_mesh()                       # all devices of all processes
arrays = on_mesh(arrays, mesh)           # replicated on each device
arrays = on_own_devices(arrays)          # for what this process computes alone
"""

import functools
from typing import Any

import jax
import numpy as np
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec

REPLICATED, BY_EXAMPLE = PartitionSpec(), PartitionSpec("data")


def make_mesh() -> Mesh:
    """Make the mesh of all devices of all processes; each device takes its share of a batch."""
    return jax.make_mesh((jax.device_count(),), ("data",), axis_types=(AxisType.Auto,))


def own_mesh() -> Mesh:
    """Make the mesh of this process's devices; if it is the only process, of all devices."""
    devices = jax.local_devices()
    return jax.make_mesh((len(devices),), ("data",), axis_types=(AxisType.Auto,), devices=devices)


def on_mesh(tree: Any, mesh: Mesh) -> Any:
    """Replicate arrays on every device of the mesh; they must be identical in all processes."""
    everywhere = NamedSharding(mesh, REPLICATED)
    if not mesh.is_multi_process:
        return jax.device_put(tree, everywhere)
    # device_put would send every array between the processes, to check that they are identical.
    put = functools.partial(jax.make_array_from_process_local_data, everywhere)
    return jax.tree.map(lambda values: put(np.asarray(values)), tree)


def on_own_devices(tree: Any) -> Any:
    """Copy arrays that are replicated on a mesh to the devices of this process alone."""
    if jax.process_count() == 1:
        return tree
    return jax.device_put(jax.device_get(tree), NamedSharding(own_mesh(), REPLICATED))
