"""Keyed hashes: what stands for something in clear columns and tells nothing without the service's secret."""

from .application.ports import Macs


def nik_index(macs: Macs, nik: str) -> str:
    """What stands for a national identity number in lists: HMAC-SHA256, in hex."""
    return macs.mac("nik-index", nik.encode("utf-8", "surrogatepass")).hex()
