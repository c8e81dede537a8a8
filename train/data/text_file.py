"""What CSV and JSON lines have in common: the encoding, the line ends."""

import numpy as np
import numpy.typing as npt

from train.data.findings import Findings, Source

_UTF8_MARK = b"\xef\xbb\xbf"
_UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")


def plain_text(data: bytes, source: Source, findings: Findings) -> bytes | None:
    r"""Return the bytes without a byte order mark and with ``\n`` alone; None, and a problem, if it is no such text."""
    if data.startswith(_UTF16_MARKS):
        findings.refuse(source.name, "the file is UTF-16, or no text at all. Save it as UTF-8.")
        return None
    data = data.removeprefix(_UTF8_MARK)
    if b"\r" in data:
        data = data.replace(b"\r\n", b"\n")
        if b"\n" not in data:
            data = data.replace(b"\r", b"\n")
    if not data.strip():
        findings.refuse(source.name, "the file is empty. Write at least one row, or remove the file.")
        return None
    return data


def bad_utf8(data: bytes, n_lines: int, source: Source, findings: Findings) -> npt.NDArray[np.bool_]:
    """Return which of the lines are not UTF-8, bool ``[n_lines]``, and note them."""
    bad = np.zeros(n_lines, dtype=np.bool_)
    if _is_utf8(data):
        return bad
    for index, line in enumerate(data.split(b"\n")[:n_lines]):
        bad[index] = not _is_utf8(line)
    numbers = np.flatnonzero(bad) + 1
    message = "the line is not UTF-8. Save the file as UTF-8 (it may be Latin-1)."
    findings.bad_rows(source, "not UTF-8", numbers, message)
    return bad


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True
