"""How the shards of a data set are written: by this process, or by many workers of Apache Beam.

The bytes of a file are those of its shard alone, whoever writes it and whatever the number of
workers. What a worker runs must be installed where it runs, so this is no part of the builder in
datasets/.

    writer = ShardWriter(features, file_format)
    write(writer, [(path, shard), ...])
    write_with_beam(writer, [(path, shard), ...], runner, options)
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
    """Writes the examples of a shard."""

    features: FeaturesDict  # of the data set
    file_format: FileFormat

    def write(self, path, shard: Shard) -> None:
        """Write a shard, whose examples are made one by one, to a new file."""
        if self.file_format != FileFormat.ARRAY_RECORD:
            ADAPTER_FOR_FORMAT[self.file_format].write_examples(path, self._records(shard))
            return
        # Twice as fast as the default of array_record, zstd:3; the files are 6% larger.
        writer = ArrayRecordWriter(str(path), "group_size:1,zstd:1")
        for _, record in self._records(shard):
            writer.write(record)
        writer.close()

    def _records(self, shard: Shard) -> Iterator[tuple[str, bytes]]:
        serializer = ExampleSerializer(self.features.get_serialized_info())
        for name, example in shard.examples():
            record = serializer.get_tf_example(self.features.encode_example(example))
            # The fields are a map, whose order is another one in each process.
            yield name, record.SerializeToString(deterministic=True)


def write(writer: ShardWriter, shards: Iterable[tuple[Any, Shard]]) -> None:
    """Write each shard to its path, one after the other."""
    for path, shard in shards:
        writer.write(path, shard)


def write_with_beam(
    writer: ShardWriter, shards: Iterable[tuple[Any, Shard]], runner: Any, options: Any
) -> None:
    """Write each shard to its path, all in one stage of a pipeline and in any order.

    The pipeline of TFDS has a stage for each shard; Beam's direct runner takes one stage after the
    other, and so would use one worker.

    Args:
      writer: Of the data set's features.
      shards: Path and shard.
      runner: Of Apache Beam, or its name; None for the one that the options name.
      options: Its PipelineOptions, or None.
    """
    import apache_beam as beam  # seconds to import, and only in the extra tfds

    # Beam compresses what it is given by bz2, twice, before a worker starts: tables take seconds.
    packed = [zlib.compress(pickle.dumps(pair), level=1) for pair in shards]
    with beam.Pipeline(runner=runner, options=options) as pipeline:
        _ = (
            pipeline
            | "Shards" >> beam.Create(packed)
            | "Deal out" >> beam.Reshuffle()
            | "Write" >> beam.Map(_write_packed, writer)
        )


def _write_packed(packed: bytes, writer: ShardWriter) -> None:
    writer.write(*pickle.loads(zlib.decompress(packed)))
