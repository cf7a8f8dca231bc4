"""SPDY frames: what was encoded comes back, however the bytes are cut, and what is broken is refused."""

import struct
import zlib

import pytest

from kybern.kubelet.server import spdy
from kybern.kubelet.server.spdy import (
    Data,
    Decoder,
    Encoder,
    Frame,
    GoAway,
    Headers,
    Ping,
    RstStream,
    SpdyError,
    SynReply,
    SynStream,
    WindowUpdate,
)

FRAMES: list[Frame] = [
    SynStream(1, {"streamtype": "error", "port": "80", "requestid": "0"}, fin=True),
    SynStream(3, {"streamtype": "data", "port": "80", "requestid": "0"}),
    SynReply(3),
    Data(3, b"hello"),
    Data(3, b"", fin=True),
    Headers(3, {"a": "b"}),
    RstStream(3, spdy.CANCEL),
    Ping(7),
    WindowUpdate(3, 65536),
    GoAway(3),
]


def test_the_dictionary_is_that_of_the_draft() -> None:
    assert zlib.adler32(spdy.DICTIONARY) == 0xE3C6A7C2


@pytest.mark.parametrize("size", [1, 3, 8, 1000])
def test_frames_come_back(size: int) -> None:
    encoder, decoder = Encoder(), Decoder()
    data = b"".join(encoder.encode(frame) for frame in FRAMES)
    found = [frame for start in range(0, len(data), size) for frame in decoder.feed(data[start : start + size])]
    assert found == FRAMES


@pytest.mark.parametrize(
    ("frame", "expected"),
    [
        (Data(1, b"ab", fin=True), "00000001 01000002 6162"),
        (Ping(1), "80030006 00000004 00000001"),
        (RstStream(5, 1), "80030003 00000008 00000005 00000001"),
        (GoAway(5, 0), "80030007 00000008 00000005 00000000"),
    ],
)
def test_on_the_wire(frame: Frame, expected: str) -> None:
    assert Encoder().encode(frame) == bytes.fromhex(expected)


def test_names_of_headers_are_in_lower_case() -> None:
    data = Encoder().encode(SynStream(1, {"Streamtype": "Data"}))
    assert list(Decoder().feed(data)) == [SynStream(1, {"streamtype": "Data"})]


def test_settings_are_passed_over() -> None:
    settings = struct.pack(">II", 1 << 31 | 3 << 16 | spdy.SETTINGS, 4) + bytes(4)
    assert list(Decoder().feed(settings + Encoder().encode(Ping(1)))) == [Ping(1)]


def packed(block: bytes) -> bytes:
    deflate = zlib.compressobj(zdict=spdy.DICTIONARY)
    payload = struct.pack(">IIH", 1, 0, 0) + deflate.compress(block) + deflate.flush(zlib.Z_SYNC_FLUSH)
    return struct.pack(">II", 1 << 31 | 3 << 16 | spdy.SYN_STREAM, len(payload)) + payload


@pytest.mark.parametrize(
    "data",
    [
        struct.pack(">II", 1, spdy.FRAME_BYTES + 1),
        struct.pack(">II", 1 << 31 | 2 << 16 | spdy.PING, 4) + bytes(4),
        struct.pack(">II", 1 << 31 | 3 << 16 | spdy.PING, 3) + bytes(3),
        struct.pack(">II", 1 << 31 | 3 << 16 | spdy.SYN_STREAM, 12) + bytes(12),
        packed(struct.pack(">I", spdy.HEADER_COUNT + 1)),
        packed(struct.pack(">II", 1, 100) + b"short"),
        packed(struct.pack(">II", 1, 1) + b"a"),
        packed(b""),
        packed(bytes(spdy.HEADER_BYTES + 1)),
    ],
)
def test_what_is_broken(data: bytes) -> None:
    with pytest.raises(SpdyError):
        list(Decoder().feed(data))
