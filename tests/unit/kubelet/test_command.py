"""The framing of exec, and commands with pipes and terminals (run directly here; the runtime would come before)."""

import asyncio

import pytest

from kybern.kubelet.server import channels
from kybern.kubelet.server.channels import V4, V5, Channel, Close, Data, ProtocolError, Resize
from kybern.kubelet.server.command import Command, Streams
from kybern.kubelet.server.outcome import exited


@pytest.mark.parametrize(
    ("message", "protocol", "expected"),
    [
        (b"\x00abc", V5, Data(Channel.STDIN, b"abc")),
        (b"\x00", V5, None),
        (b"\x04", V4, None),
        (b'\x04{"Width":80,"Height":24}', V4, Resize(80, 24)),
        (b"\xff\x00", V5, Close(Channel.STDIN)),
    ],
)
def test_decode(message: bytes, protocol: str, expected: channels.Message | None) -> None:
    assert channels.decode(message, protocol) == expected


@pytest.mark.parametrize(
    ("message", "protocol"),
    [
        (b"", V5),
        (b"\x01abc", V5),
        (b"\x09", V5),
        (b"\xff\x00", V4),
        (b"\xff\x01", V5),
        (b"\xff", V5),
        (b"\x04{}", V5),
        (b"\x04[1]", V5),
        (b'\x04{"Width":-1,"Height":24}', V5),
        (b'\x04{"Width":"a","Height":24}', V5),
    ],
)
def test_what_no_client_may_send(message: bytes, protocol: str) -> None:
    with pytest.raises(ProtocolError):
        channels.decode(message, protocol)


def test_how_a_command_ended() -> None:
    assert exited(0)["status"] == "Success"
    assert exited(3)["details"]["causes"] == [{"reason": "ExitCode", "message": "3"}]


def test_the_base64_protocols() -> None:
    assert channels.from_text(b"0aGk=") == b"\x00hi"
    assert channels.to_text(Channel.STDOUT, b"hi") == "1aGk="
    for message in (b"", b"x", b"0a", b"0%%%%"):
        with pytest.raises(ProtocolError):
            channels.from_text(message)


async def run(script: str, streams: Streams, *writes: bytes) -> tuple[bytes, bytes, int]:
    command = await Command.start(["sh", "-c", script], streams)
    for data in writes:
        await command.write(data)
    command.end_input()
    out: dict[Channel, bytes] = {Channel.STDOUT: b"", Channel.STDERR: b""}
    async with asyncio.timeout(60):
        async for piece in command.output():
            out[piece.channel] += piece.data
        return out[Channel.STDOUT], out[Channel.STDERR], await command.wait()


@pytest.mark.parametrize(
    ("script", "streams", "writes", "expected"),
    [
        ("echo a; echo b >&2; exit 3", Streams(), (), (b"a\n", b"b\n", 3)),
        ("cat; echo end", Streams(stdin=True), (b"x", b"y\n"), (b"xy\nend\n", b"", 0)),
        ("echo a; echo b >&2", Streams(stderr=False), (), (b"a\n", b"", 0)),
        ("kill -9 $$", Streams(), (), (b"", b"", 137)),
        ("read x; echo got $x", Streams(stdin=True, tty=True), (b"word\n",), (b"word\r\ngot word\r\n", b"", 0)),
    ],
)
async def test_commands(
    script: str, streams: Streams, writes: tuple[bytes, ...], expected: tuple[bytes, bytes, int]
) -> None:
    out, err, code = await run(script, streams, *writes)
    assert (out, err, code) == expected


async def test_a_terminal_has_the_size_of_the_users() -> None:
    command = await Command.start(["sh", "-c", "read x; stty size"], Streams(stdin=True, tty=True))
    command.resize(Resize(columns=132, rows=43))
    await command.write(b"\n")
    async with asyncio.timeout(60):
        out = b"".join([piece.data async for piece in command.output()])
        assert await command.wait() == 0
    assert b"43 132" in out


async def test_much_output_waits_for_a_slow_reader_and_is_whole() -> None:
    command = await Command.start(["sh", "-c", "head -c 5000000 /dev/zero"], Streams())
    total = 0
    async with asyncio.timeout(60):
        async for piece in command.output():
            total += len(piece.data)
            await asyncio.sleep(0)
        assert await command.wait() == 0
    assert total == 5_000_000


async def test_a_command_can_be_ended() -> None:
    command = await Command.start(["sleep", "1000"], Streams(stdin=True))
    command.kill()
    async with asyncio.timeout(60):
        assert [piece async for piece in command.output()] == []
        assert await command.wait() == 137
