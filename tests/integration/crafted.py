"""Streams of `zfs send` taken apart and put together again as no `zfs send` would make them. See module_utils/src/stream/record.rs."""

import struct
from dataclasses import dataclass, replace

HEADER = 312
BEGIN, OBJECT, WRITE, END, SPILL, EMBEDDED = 0, 1, 3, 5, 7, 8
MAGIC = 0x2F5BACBAC
SUBSTREAM, COMPOUND = 1, 2


@dataclass(frozen=True)
class Record:
    """A header and the payload behind it."""

    header: bytes
    payload: bytes = b""

    @property
    def kind(self) -> int:
        return int(struct.unpack_from("<I", self.header)[0])

    def number(self, at: int, size: str = "Q") -> int:
        return int(struct.unpack_from("<" + size, self.header, at)[0])

    def set(self, at: int, value: int | bytes, size: str = "Q") -> "Record":
        """The same record with another field."""
        packed = value if isinstance(value, bytes) else struct.pack("<" + size, value)
        return replace(self, header=self.header[:at] + packed + self.header[at + len(packed) :])

    def renamed(self, name: str) -> "Record":
        return self.set(56, name.encode().ljust(256, b"\0"))


def records(stream: bytes) -> list[Record]:
    """Takes a stream apart."""
    found, at = [], 0
    while at < len(stream):
        record = Record(stream[at : at + HEADER])
        size = _payload(record)
        found.append(replace(record, payload=stream[at + HEADER : at + HEADER + size]))
        at += HEADER + size
    return found


def _payload(record: Record) -> int:
    match record.kind:
        case 0:
            return record.number(4, "I")
        case 1:
            raw = record.number(36, "I")
            return raw or -record.number(28, "I") // 8 * -8
        case 3:
            return record.number(96) if record.number(50, "B") else record.number(32)
        case 7:
            return record.number(40) or record.number(16)
        case 8:
            return -record.number(52, "I") // 8 * -8
    return 0


def sealed(stream: list[Record]) -> bytes:
    """Puts records together, with checksums as the receiver wants them."""
    whole = b""
    start = 0
    for record in stream:
        if record.kind == BEGIN:
            start = len(whole)
        elif record.kind == END:
            record = record.set(8, _fletcher4(whole[start:])).set(HEADER - 32, bytes(32))
        else:
            record = record.set(HEADER - 32, bytes(32))
        whole += record.header + record.payload
    return whole


def package(name: str, *streams: bytes, head: bytes = b"") -> bytes:
    """A package of streams, with `head` as the list in front."""
    begin = Record(bytes(HEADER)).set(8, MAGIC).set(16, COMPOUND | 4 << 2).renamed(name).set(4, len(head), "I")
    return sealed([replace(begin, payload=head), Record(bytes(HEADER)).set(0, END, "I")]) + b"".join(streams) + struct.pack("<I", END).ljust(HEADER, b"\0")


def with_pair(stream: bytes, name: bytes, kind: int, value: bytes) -> bytes:
    """A package whose list has one more pair, as XDR writes it."""
    first, end, *rest = records(stream)
    padded = name.ljust(-len(name) // 4 * -4, b"\0")
    encoded = struct.pack(">II", 16 + len(padded) + 4 + len(value), 40) + struct.pack(">I", len(name)) + padded + struct.pack(">II", kind, 1) + value
    head = first.payload[:12] + encoded + first.payload[12:]
    begun = sealed([replace(first, payload=head).set(4, len(head), "I"), end])
    return begun + b"".join(record.header + record.payload for record in rest)


def _fletcher4(data: bytes) -> bytes:
    a = b = c = d = 0
    mask = 2**64 - 1
    for word in struct.unpack(f"<{len(data) // 4}I", data):
        a = (a + word) & mask
        b = (b + a) & mask
        c = (c + b) & mask
        d = (d + c) & mask
    return struct.pack("<4Q", a, b, c, d)
