"""How long a WAV file plays, by its first bytes. Asterisk's `wav` format is 8 kHz, 16 bit, one channel. Pure.

Called by whoever holds the file of a voicemail.
"""

from __future__ import annotations

import struct

HEADER_BYTES = 44


def seconds_of_header(head: bytes, size_bytes: int) -> float | None:
    """How long a file with these first bytes plays, by its own header and what is really there of it.

    None when it is no WAV file. A length that the header does not know yet (the recording was cut off by a crash) is
    reckoned from the size.
    """
    if len(head) < HEADER_BYTES or head[:4] != b"RIFF" or head[8:12] != b"WAVE" or head[12:16] != b"fmt ":
        return None
    fmt_bytes: int = struct.unpack_from("<I", head, 16)[0]
    bytes_a_second: int = struct.unpack_from("<I", head, 28)[0]
    if not bytes_a_second or not 16 <= fmt_bytes <= 40:
        return None
    begins = 20 + fmt_bytes + 8
    there = max(0, size_bytes - begins)
    said: int = struct.unpack_from("<I", head, begins - 4)[0] if len(head) >= begins else 0
    return round((min(said, there) or there) / bytes_a_second, 3)
