"""TensorBoard's event files, read back record by record."""

from lib.events import write_events
from tests.event_files import read_events


def test_scalars_are_those_written(tmp_path):
    path = tmp_path / "events.out.tfevents.test"
    steps = [(1, {"loss": 0.5, "lr": 0.25}), (2, {"loss": 0.125, "validation": None})]
    write_events(path, steps)
    first, *others = read_events(path)
    assert first.file_version == "brain.Event:2"
    found = [(e.step, {v.tag: v.simple_value for v in e.summary.value}) for e in others]
    assert found == [(1, {"loss": 0.5, "lr": 0.25}), (2, {"loss": 0.125})]
    again = tmp_path / "again.tfevents"
    write_events(again, steps)
    assert again.read_bytes() == path.read_bytes()
