"""Base64 and decimals, each value in one way only: what can be written in two ways can be changed unseen."""

import base64
import binascii

from .refused import Malformed


def to_base64(data: bytes) -> str:
    """RFC 4648 § 4, with padding."""
    return base64.b64encode(data).decode("ascii")


def from_base64(text: str) -> bytes:
    """The bytes. Raises Malformed for what `to_base64` would have written in another way."""
    try:
        data = base64.b64decode(text, validate=True)
    except (ValueError, binascii.Error):
        raise Malformed("not base64") from None
    if to_base64(data) != text:
        raise Malformed("base64 that has bits to spare")
    return data


def decimal(text: str) -> int:
    """A number from 0 to 2^63 - 1, without leading zeros. Raises Malformed."""
    if not (text.isascii() and text.isdigit()) or len(text) > 19 or (text[0] == "0" and len(text) > 1):
        raise Malformed("not a decimal number")
    number = int(text)
    if number >= 1 << 63:
        raise Malformed("a number that is too large")
    return number
