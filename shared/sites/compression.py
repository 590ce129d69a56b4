"""Compressed forms of a content: when they are worth an object of their own, and their bytes.

The gateway does not compress, it picks a form. A form is one more request at publishing and one
more object to keep; it saves bytes in every answer. So it must beat what would be sent without
it: gzip the file as it is, brotli the gzip form (who takes brotli takes gzip, too). What saves
less than a kilobyte does not save a packet worth the trouble.
"""

import zlib

from shared.sites.media_types import is_compressible
from shared.sites.models import MIB, Encoding

LEAST = 2 * 1024
MOST = 32 * MIB
_LEAST_SAVED = 1024
_LEAST_SHARE = 0.10
_GZIP_LEVEL = 6
# Brotli is at best so much smaller than gzip; where that is too little it is not even tried.
_BROTLI_MOST = 0.25
# Above these sizes the next lower brotli quality: a publish has a bounded time for one file.
_BROTLI = ((256 * 1024, 6), (2 * MIB, 5), (MOST, 4))


def encodings(path: str, size: int) -> tuple[Encoding, ...]:
    """The forms to try for a file, before its bytes are looked at."""
    return ("gzip", "br") if is_compressible(path) and LEAST <= size <= MOST else ()


def compress(data: bytes, encoding: Encoding, rival: int) -> bytes | None:
    """The form, the same bytes every time; None where it does not beat a rival of that size."""
    least = max(_LEAST_SAVED, round(_LEAST_SHARE * rival))
    if encoding == "br" and rival * _BROTLI_MOST < least:
        return None
    form = _gzip(data) if encoding == "gzip" else _brotli(data)
    return form if rival - len(form) >= least else None


def _gzip(data: bytes) -> bytes:
    # Not gzip.compress: its header names the time or, by Python's version, the system.
    work = zlib.compressobj(_GZIP_LEVEL, zlib.DEFLATED, 16 + zlib.MAX_WBITS)
    return work.compress(data) + work.flush()


def _brotli(data: bytes) -> bytes:
    import brotli

    quality = next(quality for most, quality in _BROTLI if len(data) <= most)
    return bytes(brotli.compress(data, quality=quality))
