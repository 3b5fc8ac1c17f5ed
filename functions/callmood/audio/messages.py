"""Messages between the analysis and its decoder process: a kind, a length, and content."""

from __future__ import annotations

import struct

HEADER = struct.Struct("<cI")
"""struct.Struct: kind of the message, and length of its content in bytes."""

READ_REQUEST = struct.Struct("<QI")
"""struct.Struct: content of a `READ`: offset and length."""

MAX_READ = 2**18
"""int: maximum number of bytes of a recording in a message."""

JOB, DATA = b"J", b"D"
"""bytes: kinds from the analysis: a recording to decode (JSON), and bytes that a `READ` requested."""

READ, INFO, CHUNK, END, BAD = b"R", b"I", b"C", b"E", b"B"
"""bytes: kinds from the decoder: a request for bytes of the recording, its format (JSON), float32 samples, the end
(JSON), and a BadRecording (JSON)."""


def pack(kind: bytes, content: bytes = b"") -> bytes:
    """Return a message."""
    return HEADER.pack(kind, len(content)) + content
