"""Encoding and line ends of text files."""

import numpy as np
import numpy.typing as npt

from train.data.findings import Findings, Source

_UTF8_BOM = b"\xef\xbb\xbf"
_UTF16_BOMS = (b"\xff\xfe", b"\xfe\xff")


def plain_text(data: bytes, source: Source, findings: Findings) -> bytes | None:
    r"""Return the text without a byte order mark and with ``\n`` as line ends; None, and a problem, if that fails."""
    if data.startswith(_UTF16_BOMS):
        findings.bad_file(source.name, "the file is UTF-16, or not text. Save it as UTF-8.")
        return None
    data = data.removeprefix(_UTF8_BOM)
    if b"\r" in data:
        data = data.replace(b"\r\n", b"\n")
        if b"\n" not in data:
            data = data.replace(b"\r", b"\n")
    if not data.strip():
        findings.bad_file(source.name, "the file is empty. Write at least one row, or remove the file.")
        return None
    return data


def bad_utf8(data: bytes, n_lines: int, source: Source, findings: Findings) -> npt.NDArray[np.bool_]:
    """Report the lines that are not UTF-8, and return a mask of them, bool ``[n_lines]``."""
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
