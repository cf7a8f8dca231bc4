"""The pause program: a static ELF made here, so that a cluster starts with no compiler and no registry.

It does three things as process 1 of a Pod: it holds the namespaces, lets the kernel reap orphans (SIGCHLD is ignored
with SA_NOCLDWAIT), and leaves at once on SIGTERM and SIGINT. Both machines use the same data: two `struct sigaction`
of the kernel (handler, flags, restorer, mask; eight bytes each) behind the code.
"""

import struct

SIGINT, SIGTERM, SIGCHLD = 2, 15, 17
SIG_IGN = 1
SA_NOCLDWAIT = 0x2
SA_RESTORER = 0x04000000
SIGACTION_BYTES = 32
BASE = 0x400000
"""Where the program is mapped."""
HEADER_BYTES = 64 + 56
"""One ELF header and one program header."""
EM_X86_64, EM_AARCH64 = 62, 183


def pause_program(machine: str) -> bytes:
    """The ELF for `machine` (as `platform.machine()` names it: x86_64 or aarch64). Raises ValueError for another."""
    if machine in ("x86_64", "amd64"):
        return _elf(EM_X86_64, *_x86_64())
    if machine in ("aarch64", "arm64"):
        return _elf(EM_AARCH64, *_aarch64())
    raise ValueError(f"no pause program for machine {machine!r}")


def _elf(machine: int, code: bytes, exit_offset: int, flags: int) -> bytes:
    exit_address = BASE + HEADER_BYTES + exit_offset
    ignore_children = struct.pack("<QQQQ", SIG_IGN, SA_NOCLDWAIT, 0, 0)
    leave = struct.pack("<QQQQ", exit_address, flags, exit_address if flags else 0, 0)
    body = code + ignore_children + leave
    size = HEADER_BYTES + len(body)
    identity = b"\x7fELF\x02\x01\x01" + bytes(9)
    header = identity + struct.pack("<HHIQQQIHHHHHH", 2, machine, 1, BASE + HEADER_BYTES, 64, 0, 0, 64, 56, 1, 0, 0, 0)
    segment = struct.pack("<IIQQQQQQ", 1, 5, 0, BASE, BASE, size, size, 0x1000)
    return header + segment + body


def _x86_64() -> tuple[bytes, int, int]:
    """Code, offset of the exit routine, flags of the leaving handlers (x86-64 demands a restorer)."""

    def program(table: int) -> tuple[bytes, int]:
        code = b""
        for signal, action in ((SIGCHLD, table), (SIGTERM, table + SIGACTION_BYTES), (SIGINT, table + SIGACTION_BYTES)):
            code += b"\xb8" + struct.pack("<I", 13)  # mov eax, rt_sigaction
            code += b"\xbf" + struct.pack("<I", signal)  # mov edi, signal
            code += b"\xbe" + struct.pack("<I", action)  # mov esi, action
            code += b"\x31\xd2"  # xor edx, edx
            code += b"\x41\xba" + struct.pack("<I", 8)  # mov r10d, sizeof(sigset_t)
            code += b"\x0f\x05"  # syscall
        code += b"\xb8" + struct.pack("<I", 34) + b"\x0f\x05" + b"\xeb\xf7"  # pause; jump back 9 bytes
        exit_offset = len(code)
        code += b"\xb8" + struct.pack("<I", 60) + b"\x31\xff" + b"\x0f\x05"  # exit(0)
        return code, exit_offset

    length = len(program(0)[0])
    return *program(BASE + HEADER_BYTES + length), SA_RESTORER


def _aarch64() -> tuple[bytes, int, int]:
    """The same for 64-bit ARM, whose kernel brings its own restorer and has `ppoll` instead of `pause`."""

    def movz(register: int, value: int) -> int:
        return 0xD2800000 | value << 5 | register

    def movk_16(register: int, value: int) -> int:
        return 0xF2A00000 | value << 5 | register

    svc = 0xD4000001
    x0, x1, x2, x3, x8 = 0, 1, 2, 3, 8

    def program(table: int) -> tuple[list[int], int]:
        words: list[int] = []
        for signal, action in ((SIGCHLD, table), (SIGTERM, table + SIGACTION_BYTES), (SIGINT, table + SIGACTION_BYTES)):
            words += [movz(x0, signal), movz(x1, action & 0xFFFF), movk_16(x1, action >> 16), movz(x2, 0), movz(x3, 8)]
            words += [movz(x8, 134), svc]  # rt_sigaction
        loop = len(words)
        words += [movz(x0, 0), movz(x1, 0), movz(x2, 0), movz(x3, 0), movz(x8, 73), svc]  # ppoll(0, 0, 0, 0)
        words.append(0x14000000 | (loop - len(words)) & 0x3FFFFFF)  # branch to the loop
        exit_offset = 4 * len(words)
        words += [movz(x0, 0), movz(x8, 93), svc]  # exit(0)
        if len(words) % 2:
            words.append(0xD503201F)  # nop: the table stays aligned to eight bytes
        return words, exit_offset

    length = 4 * len(program(0)[0])
    words, exit_offset = program(BASE + HEADER_BYTES + length)
    return struct.pack(f"<{len(words)}I", *words), exit_offset, 0
