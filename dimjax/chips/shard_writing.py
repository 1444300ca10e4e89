"""Writing of the shards of a data set, by this process or by workers of Apache Beam.

The bytes of a file depend only on its shard, not on the process or the number of workers. The code
that a worker runs must be installed on its machine, so it lies here and not in datasets/.

    writer = ShardWriter(features, file_format)
    write_shards(writer, [(path, shard), ...])
    write_shards_with_beam(writer, [(path, shard), ...], runner, options)
"""

import pickle
import zlib
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from array_record.python.array_record_module import ArrayRecordWriter
from tensorflow_datasets.core.example_serializer import ExampleSerializer
from tensorflow_datasets.core.features import FeaturesDict
from tensorflow_datasets.core.file_adapters import ADAPTER_FOR_FORMAT, FileFormat

from dimjax.chips.shards import Shard


class ShardWriter(NamedTuple):
    """Writes the examples of a shard to a file."""

    features: FeaturesDict  # features of the data set
    file_format: FileFormat

    def write(self, path, shard: Shard) -> None:
        """Write a shard to a new file; its examples are cut one by one."""
        if self.file_format != FileFormat.ARRAY_RECORD:
            ADAPTER_FOR_FORMAT[self.file_format].write_examples(path, self._records(shard))
            return
        # Twice as fast as the default of array_record, zstd:3, with 6% larger files.
        writer = ArrayRecordWriter(str(path), "group_size:1,zstd:1")
        for _, record in self._records(shard):
            writer.write(record)
        writer.close()

    def _records(self, shard: Shard) -> Iterator[tuple[str, bytes]]:
        serializer = ExampleSerializer(self.features.get_serialized_info())
        for name, example in shard.examples():
            record = serializer.get_tf_example(self.features.encode_example(example))
            # Protobuf maps have no fixed order, and it differs between processes.
            yield name, record.SerializeToString(deterministic=True)


def write_shards(writer: ShardWriter, shards: Iterable[tuple[Any, Shard]]) -> None:
    """Write each shard to its path, in this process and one after the other."""
    for path, shard in shards:
        writer.write(path, shard)


def write_shards_with_beam(
    writer: ShardWriter, shards: Iterable[tuple[Any, Shard]], runner: Any, options: Any
) -> None:
    """Write each shard to its path with Apache Beam, in any order.

    All shards are written in one stage. The pipeline of TFDS has one stage per shard, which Beam's
    direct runner executes one after the other, with a single worker.

    Args:
      writer: Writer for the features of the data set.
      shards: Path and shard.
      runner: Runner of Beam, or its name; None for the runner that the options name.
      options: PipelineOptions of Beam, or None.
    """
    import apache_beam as beam  # takes seconds to import; only in the extra tfds

    # Beam compresses its input with bz2, twice, before a worker starts; for tables that takes
    # seconds.
    packed = [zlib.compress(pickle.dumps(pair), level=1) for pair in shards]
    with beam.Pipeline(runner=runner, options=options) as pipeline:
        _ = (
            pipeline
            | "Shards" >> beam.Create(packed)
            | "Distribute" >> beam.Reshuffle()
            | "Write" >> beam.Map(_write_packed, writer)
        )


def _write_packed(packed: bytes, writer: ShardWriter) -> None:
    writer.write(*pickle.loads(zlib.decompress(packed)))
