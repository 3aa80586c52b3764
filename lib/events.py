"""Event files, which TensorBoard draws the curves of a training from."""

from collections.abc import Iterable, Mapping
from pathlib import Path

from tensorboardX.proto.event_pb2 import Event
from tensorboardX.proto.summary_pb2 import Summary
from tensorboardX.record_writer import RecordWriter

from lib.files import atomic_path


def write_events(path: str | Path, steps: Iterable[tuple[int, Mapping[str, float | None]]]) -> None:
    """Write scalars by step; times are left out, so that the same curves are the same bytes.

    Args:
        path: TensorBoard reads only files with "tfevents" in their name.
        steps: (step, values by tag); what is None has no point in its curve.
    """
    with atomic_path(path) as temporary:
        writer = RecordWriter(str(temporary))
        writer.write(Event(file_version="brain.Event:2").SerializeToString())
        for step, values in steps:
            scalars = [
                Summary.Value(tag=tag, simple_value=value)
                for tag, value in values.items()
                if value is not None
            ]
            writer.write(Event(step=step, summary=Summary(value=scalars)).SerializeToString())
        writer.close()
