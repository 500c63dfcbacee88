"""The tree in tiles: C2SP tlog-tiles. A tile is up to 256 hashes of one level, 8 levels of the tree apart."""

import re
from collections.abc import Callable, MutableMapping, Sequence
from typing import NamedTuple

from . import merkle
from .refused import Malformed

WIDTH = 256
HEIGHT = 8
ENTRIES = -1
"""The level that stands for entry bundles."""

_PATH = re.compile(r"tile/(entries|0|[1-9][0-9]?)/((?:x[0-9]{3}/)*[0-9]{3})(?:\.p/([1-9][0-9]{0,2}))?\Z", re.ASCII)


Levels = list[list[bytes]]
"""The hashes of a tile, and above them what can be computed of them."""


class Tile(NamedTuple):
    """Which tile: its level (ENTRIES for an entry bundle), its number in the level, and how many hashes it has."""

    level: int
    number: int
    width: int = WIDTH

    @property
    def path(self) -> str:
        """`tile/<L>/<N>[.p/<W>]`, relative to the log's prefix."""
        digits = f"{self.number:03}"
        digits = digits.zfill(-(-len(digits) // 3) * 3)
        parts = [digits[i : i + 3] for i in range(0, len(digits), 3)]
        number = "/".join([*(f"x{p}" for p in parts[:-1]), parts[-1]])
        level = "entries" if self.level == ENTRIES else str(self.level)
        return f"tile/{level}/{number}" + ("" if self.width == WIDTH else f".p/{self.width}")


def parse_path(path: str) -> Tile:
    """The tile of a path. Raises Malformed for one that is not exactly as `Tile.path` writes it."""
    match = _PATH.match(path)
    if match is None or len(path) > 100:
        raise Malformed("not the path of a tile")
    level, number, width = match.groups()
    tile = Tile(
        ENTRIES if level == "entries" else int(level),
        int(number.replace("x", "").replace("/", "")),
        WIDTH if width is None else int(width),
    )
    if tile.level > 63 or not 1 <= tile.width <= WIDTH or tile.number >= 1 << 63 or tile.path != path:
        raise Malformed("not the path of a tile")
    return tile


def tile_of(level: int, index: int, size: int) -> Tile:
    """The tile with that number as it is in a tree of that size. Raises ValueError where there is none."""
    width = min(WIDTH, (size >> (HEIGHT * max(level, 0))) - index * WIDTH)
    if width < 1 or index < 0:
        raise ValueError("the tree has no such tile")
    return Tile(level, index, width)


def hashes_in(data: bytes, tile: Tile) -> list[bytes]:
    """The hashes of a tile. Raises Malformed for one of another width."""
    if len(data) != tile.width * merkle.HASH_BYTES:
        raise Malformed(f"{tile.path} has {len(data)} bytes")
    return [data[i : i + 32] for i in range(0, len(data), 32)]


def bundle(entries: Sequence[bytes]) -> bytes:
    """An entry bundle: each entry with its length before it, in two bytes."""
    return b"".join(len(e).to_bytes(2, "big") + e for e in entries)


def entries_in(data: bytes, tile: Tile) -> list[bytes]:
    """The entries of a bundle. Raises Malformed for another number of them."""
    found: list[bytes] = []
    at = 0
    while at < len(data):
        end = at + 2 + int.from_bytes(data[at : at + 2], "big")
        if end > len(data) or at + 2 > len(data):
            raise Malformed(f"{tile.path} ends within an entry")
        found.append(data[at + 2 : end])
        at = end
    if len(found) != tile.width:
        raise Malformed(f"{tile.path} has {len(found)} entries")
    return found


class TiledTree:
    """A tree of a size, whose tiles `read` gives; what is read once is kept. The proofs it makes are to be verified
    against a signed root: a wrong tile gives a proof that does not verify."""

    def __init__(
        self, size: int, read: Callable[[Tile], bytes], full: MutableMapping[tuple[int, int], Levels] | None = None
    ) -> None:
        """`full` keeps full tiles, which never change, from one tree to the next."""
        self.size = size
        self._read = read
        self._full = full if full is not None else {}
        self._partial: dict[tuple[int, int], Levels] = {}

    @property
    def root(self) -> bytes:
        """The root hash."""
        return self.subtree(0, self.size) if self.size else merkle.EMPTY_ROOT

    def inclusion(self, index: int) -> list[bytes]:
        """The inclusion proof of a leaf."""
        return merkle.inclusion_proof(index, self.size, self.subtree)

    def consistency(self, old: int) -> list[bytes]:
        """The proof that this tree extends the one of that size."""
        return merkle.consistency_proof(old, self.size, self.subtree)

    def subtree(self, start: int, end: int) -> bytes:
        """MTH(D[start:end])."""
        width = end - start
        if width & (width - 1):
            middle = start + merkle.split(width)
            return merkle.node_hash(self.subtree(start, middle), self.subtree(middle, end))
        level, height = divmod(width.bit_length() - 1, HEIGHT)
        index, offset = divmod(start >> (HEIGHT * level), WIDTH)
        return self._levels(level, index)[height][offset >> height]

    def _levels(self, level: int, index: int) -> Levels:
        """A tile with the levels above its hashes, as far as they are complete."""
        tile = tile_of(level, index, self.size)
        kept = self._full if tile.width == WIDTH else self._partial
        known = kept.get((level, index))
        if known is None:
            known = kept[level, index] = complete(hashes_in(self._read(tile), tile))
        return known


def complete(hashes: list[bytes]) -> Levels:
    """Hashes, and above them level by level what can be computed of them."""
    levels = [hashes]
    while len(hashes) > 1:
        hashes = [merkle.node_hash(hashes[i], hashes[i + 1]) for i in range(0, len(hashes) - 1, 2)]
        levels.append(hashes)
    return levels
