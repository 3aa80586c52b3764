"""Reading TensorBoard's event files record by record."""

import struct

from tensorboardX.crc32c import crc32c
from tensorboardX.proto.event_pb2 import Event


def mask(checksum):
    """As TFRecord stores a CRC32C."""
    return ((checksum >> 15 | checksum << 17) + 0xA282EAD8) & 0xFFFFFFFF


def read_events(path):
    """All events of a file in TFRecord's form: length, its checksum, content, its checksum."""
    content, place, events = path.read_bytes(), 0, []
    while place < len(content):
        (length,) = struct.unpack_from("<Q", content, place)
        data = content[place + 12 : place + 12 + length]
        assert struct.unpack_from("<I", content, place + 8)[0] == mask(crc32c(content[place:][:8]))
        assert struct.unpack_from("<I", content, place + 12 + length)[0] == mask(crc32c(data))
        events.append(Event.FromString(data))
        place += 16 + length
    return events
