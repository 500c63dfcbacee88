"""Keyed hashes: what stands for something in clear columns and tells nothing without the service's secret."""

import hashlib
import hmac

from .application.ports import Secrets


def nik_index(secrets: Secrets, nik: str) -> str:
    """What stands for a national identity number in lists: HMAC-SHA256, in hex."""
    return hmac.digest(secrets.secret("nik-index"), nik.encode("utf-8", "surrogatepass"), hashlib.sha256).hex()
