"""Base64url (RFC 4648 § 5) without padding, as it is written everywhere on the wire."""

import base64


def b64(raw: bytes) -> str:
    """The text of these bytes."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def unb64(text: str) -> bytes:
    """The bytes of a text. Raises ValueError."""
    return base64.urlsafe_b64decode(text.encode() + b"=" * (-len(text) % 4))


def exactly(text: str) -> bytes:
    """The bytes, from the one text that they have. Raises ValueError for another (RFC 4648 § 3.5)."""
    raw = unb64(text)
    if b64(raw) != text:
        raise ValueError("not canonical")
    return raw
