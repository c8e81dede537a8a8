"""The kernel reports each system call that could send something, and waits for the answer: seccomp, from user space.

A filter is bound to the thread that installs it and to all that it starts, for good, and needs no privilege. The
process that watches answers for each reported call whether it goes on (``seccomp_unotify(2)``, Linux 5.0).
Linux only; import it after :func:`edge_runtime.audit.watch.can_watch` says so.
"""

import ctypes
import fcntl
import os
import platform
import struct
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

# Numbers: asm/unistd_64.h of x86-64, and the generic table of arm64. Order: as in NAMES.
# Listening takes no bind: the kernel then chooses a port, on all addresses.
NAMES: Final = ("connect", "bind", "listen", "sendto", "sendmsg", "sendmmsg")
_TABLES: Final = {
    "x86_64": (0xC000003E, (42, 49, 50, 44, 46, 307), 317),
    "aarch64": (0xC00000B7, (203, 200, 201, 206, 211, 269), 277),
}
# Calls by which the others could be had unreported: io_uring_setup, and entering the memory or the files of others.
_IO_URING_SETUP: Final = 425
_PIDFD_GETFD: Final = 438

_LOAD, _EQUAL, _AT_LEAST, _RETURN = 0x20, 0x15, 0x35, 0x06
_ALLOW, _REFUSE, _REPORT = 0x7FFF0000, 0x00050000 | 38, 0x7FC00000  # 38: ENOSYS
_NUMBER, _ARCHITECTURE = 0, 4
_X32: Final = 0x40000000

_SET_NO_NEW_PRIVILEGES: Final = 38
_SET_FILTER, _NEW_LISTENER = 1, 8
_RECEIVE, _SEND = 0xC0502100, 0xC0182101
_CALL: Final = struct.Struct("=QIIiIQ6Q")
_ANSWER: Final = struct.Struct("=QqiI")
_CONTINUE: Final = 1


@dataclass(frozen=True, slots=True)
class Call:
    """A system call that waits for an answer.

    Attributes:
        number: which one waits, for :func:`answer`.
        thread: id of the thread that makes it.
        name: one of :data:`NAMES`.
        arguments: the six numbers that it was called with.
    """

    number: int
    thread: int
    name: str
    arguments: tuple[int, ...]


def is_known_machine() -> bool:
    """Return whether the numbers of this processor's system calls are known."""
    return platform.machine() in _TABLES


def report_calls() -> int:
    """Report the calls of this thread, and of all that it starts, from now on; return the descriptor to read them from.

    Raises:
        OSError: the kernel is too old, or does not permit it here.
    """
    _, _, seccomp = _TABLES[platform.machine()]
    program = _filter()
    lines = (ctypes.c_uint64 * len(program))(*(_packed(line) for line in program))
    header = struct.pack("@HP", len(program), ctypes.addressof(lines))
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_SET_NO_NEW_PRIVILEGES, 1, 0, 0, 0) != 0:
        raise _error("prctl")
    libc.syscall.restype = ctypes.c_long
    listener = libc.syscall(ctypes.c_long(seccomp), _SET_FILTER, _NEW_LISTENER, ctypes.c_char_p(header))
    if listener < 0:
        raise _error("seccomp")
    return int(listener)


def next_call(listener: int) -> Call | None:
    """Return the next call that waits; None if its thread has ended.

    Raises:
        OSError: the listener is closed.
    """
    room = bytearray(_CALL.size)
    try:
        fcntl.ioctl(listener, _RECEIVE, room)
    except FileNotFoundError:  # it was killed meanwhile
        return None
    number, thread, _, call, _, _, *arguments = _CALL.unpack(room)
    _, numbers, _ = _TABLES[platform.machine()]
    return Call(number, thread, NAMES[numbers.index(call)], tuple(arguments))


def answer(listener: int, call: Call, error: int) -> None:
    """Let a call go on (``error`` 0), or fail with an error number."""
    room = _ANSWER.pack(call.number, 0, -error, 0 if error else _CONTINUE)
    with suppress(FileNotFoundError):  # its thread was killed meanwhile
        fcntl.ioctl(listener, _SEND, bytearray(room))


def read_memory(thread: int, address: int, n_bytes: int) -> bytes:
    """Return bytes of a waiting thread's memory; fewer, or none, where it cannot be read."""
    try:
        with Path(f"/proc/{thread}/mem").open("rb", buffering=0) as memory:
            memory.seek(address)
            return memory.read(n_bytes) or b""
    except (OSError, OverflowError, ValueError):
        return b""


def _filter() -> list[tuple[int, int, int, int]]:
    """Return the filter's lines: what it does, how many lines to skip if true and if false, and its operand."""
    architecture, numbers, _ = _TABLES[platform.machine()]
    refused = (_IO_URING_SETUP, _PIDFD_GETFD)
    n_tests = len(numbers) + len(refused)
    # Behind the tests: allow, report, refuse. Calls of another architecture, and of x32, have other numbers.
    lines = [
        (_LOAD, 0, 0, _ARCHITECTURE),
        (_EQUAL, 0, n_tests + 4, architecture),
        (_LOAD, 0, 0, _NUMBER),
        (_AT_LEAST, n_tests + 2, 0, _X32),
    ]
    for place, number in enumerate((*numbers, *refused)):
        left = n_tests - 1 - place
        lines.append((_EQUAL, left + (2 if number in refused else 1), 0, number))
    return [*lines, (_RETURN, 0, 0, _ALLOW), (_RETURN, 0, 0, _REPORT), (_RETURN, 0, 0, _REFUSE)]


def _packed(line: tuple[int, int, int, int]) -> int:
    (number,) = struct.unpack("=Q", struct.pack("=HBBI", *line))
    return int(number)


def _error(what: str) -> OSError:
    number = ctypes.get_errno()
    return OSError(number, f"{what}: {os.strerror(number)}")
