"""Tiles: named in one way only, and of no use to who puts a wrong one in the place of another."""

import pytest
from forest import Tree, grown, path, proof
from hypothesis import example, given, settings
from hypothesis import strategies as st
from some import examples

from rujukan.consumers.evidence import merkle, tiles
from rujukan.consumers.evidence.refused import Malformed, NotConsistent, NotIncluded
from rujukan.consumers.evidence.tiles import ENTRIES, WIDTH, Tile, TiledTree, parse_path, tile_of

MOST = 70_000
"""The example of C2SP tlog-tiles: 273 full tiles and a partial one of 112, 1 full and a partial one of 17, one of 1."""
LEAVES = [n.to_bytes(4, "big") for n in range(MOST)]
TREE = grown(LEAVES)


def stored(size: int, tree: Tree = TREE) -> dict[str, bytes]:
    """Every tile of a tree, by the formula of tlog-tiles: MTH(D[(n*256+i)*256^l : (n*256+i+1)*256^l])."""
    found: dict[str, bytes] = {}
    level, each = 0, 1
    while size // each:
        for number in range(-(-(size // each) // 256)):
            width = min(256, size // each - number * 256)
            name = f"tile/{level}/{number:03}" + (f".p/{width}" if width < 256 else "")
            start = number * 256
            found[name] = b"".join(tree((start + i) * each, (start + i + 1) * each) for i in range(width))
        level, each = level + 1, each * 256
    return found


def tiled(size: int, files: dict[str, bytes]) -> TiledTree:
    return TiledTree(size, lambda tile: files[tile.path])


def test_the_tree_of_the_specifications_example() -> None:
    files = stored(MOST)
    level0 = [name for name in files if name.startswith("tile/0/")]
    assert len(level0) == 274
    assert len(files["tile/0/273.p/112"]) == 112 * 32
    assert [name for name in files if not name.startswith("tile/0/")] == [
        "tile/1/000",
        "tile/1/001.p/17",
        "tile/2/000.p/1",
    ]
    tree = tiled(MOST, files)
    assert tree.root == TREE(0, MOST)
    for index in (0, 255, 256, 65_535, 65_536, 69_887, 69_888, MOST - 1):
        assert tree.inclusion(index) == path(index, 0, MOST, TREE)
    for old in (1, 255, 256, 257, 65_535, 65_536, 65_537, MOST - 1):
        assert tree.consistency(old) == proof(old, 0, MOST, TREE)
    for name in files:
        tile = parse_path(name)
        assert tile_of(tile.level, tile.number, MOST) == tile


@pytest.mark.parametrize("size", [1, 2, 3, 255, 256, 257, 511, 512, 513, 1000])
def test_proofs_from_tiles_are_those_of_the_definition(size: int) -> None:
    tree = tiled(size, stored(size))
    assert tree.root == TREE(0, size)
    for index in range(0, size, 7):
        assert tree.inclusion(index) == path(index, 0, size, TREE)
        assert tree.consistency(index + 1) == ([] if index + 1 == size else proof(index + 1, 0, size, TREE))


def test_the_empty_tree_has_no_tile() -> None:
    tree = tiled(0, {})
    assert tree.root == merkle.EMPTY_ROOT
    assert tree.consistency(0) == []
    with pytest.raises(ValueError, match="no leaf"):
        tree.inclusion(0)


SMALL = 600
FILES = stored(SMALL)


@given(st.sampled_from(sorted(FILES)), st.integers(0, SMALL - 1), st.data())
@settings(max_examples=examples(300))
def test_a_proof_that_a_wrong_tile_went_into_does_not_verify(name: str, index: int, data: st.DataObject) -> None:
    good = FILES[name]
    at = data.draw(st.integers(0, len(good) - 1))
    wrong = good[:at] + bytes((good[at] ^ data.draw(st.integers(1, 255)),)) + good[at + 1 :]
    tree = tiled(SMALL, FILES | {name: wrong})
    root, old = TREE(0, SMALL), index + 1
    hashes = tree.inclusion(index)
    if hashes == path(index, 0, SMALL, TREE):
        merkle.verify_inclusion(TREE(index, index + 1), index, SMALL, hashes, root)
    else:
        with pytest.raises(NotIncluded):
            merkle.verify_inclusion(TREE(index, index + 1), index, SMALL, hashes, root)
    hashes = tree.consistency(old)
    if hashes == merkle.consistency_proof(old, SMALL, TREE):
        merkle.verify_consistency(old, TREE(0, old), SMALL, root, hashes)
    else:
        with pytest.raises(NotConsistent):
            merkle.verify_consistency(old, TREE(0, old), SMALL, root, hashes)


def test_a_wrong_leaf_tile_is_in_every_proof_that_needs_it() -> None:
    """So that the test above cannot be passing over tiles that nobody reads."""
    used = 0
    for name, good in FILES.items():
        tree = tiled(SMALL, FILES | {name: bytes(len(good))})
        used += any(tree.inclusion(i) != path(i, 0, SMALL, TREE) for i in (0, 300, 599))
    assert used == len(FILES)


@pytest.mark.parametrize("change", [b"", bytes(32), bytes(1)], ids=["short", "a hash more", "a byte more"])
def test_a_tile_of_another_width_is_malformed(change: bytes) -> None:
    good = FILES["tile/0/000"]
    tree = tiled(SMALL, FILES | {"tile/0/000": good + change if change else good[:-32]})
    with pytest.raises(Malformed, match="tile/0/000"):
        tree.inclusion(3)


# Names ------------------------------------------------------------------------------------------------------

all_tiles = st.builds(
    Tile, st.integers(-1, 63), st.integers(0, 2000) | st.integers(0, (1 << 63) - 1), st.integers(1, 256)
)


@given(all_tiles)
def test_paths_round_trip(tile: Tile) -> None:
    assert parse_path(tile.path) == tile


@pytest.mark.parametrize(
    ("path", "tile"),
    [
        ("tile/0/x001/x234/067", Tile(0, 1_234_067)),
        ("tile/3/x001/x234/067.p/1", Tile(3, 1_234_067, 1)),
        ("tile/63/000.p/255", Tile(63, 0, 255)),
        ("tile/entries/999", Tile(ENTRIES, 999)),
        ("tile/entries/x001/000", Tile(ENTRIES, 1000)),
    ],
)
def test_the_paths_of_the_specification(path: str, tile: Tile) -> None:
    assert parse_path(path) == tile
    assert tile.path == path


MALFORMED = """
tile tile/ tile/0 tile/0/ /tile/0/000 tile/0/000/ tile//000 tile/0//000 tile/0/000/000
tile/00/000 tile/01/000 tile/64/000 tile/99/000 tile/100/000 tile/-1/000 tile/+1/000 tile/x/000 tile/0x1/000
tile/Entries/000 tile/entries tile/entry/000 Tile/0/000 tile/data/000
tile/0/0 tile/0/00 tile/0/0000 tile/0/1234067 tile/0/x000 tile/0/x001 tile/0/x000/000 tile/0/x000/x001/000
tile/0/001/234 tile/0/001/x234 tile/0/X001/234 tile/0/xx01/234 tile/0/x01/234 tile/0/x0001/234
tile/0/x001/23 tile/0/x001x234
tile/0/000.p tile/0/000.p/ tile/0/000.p/0 tile/0/000.p/00 tile/0/000.p/01 tile/0/000.p/007 tile/0/000.p/256
tile/0/000.p/257 tile/0/000.p/300 tile/0/000.p/999 tile/0/000.p/1000 tile/0/000.p/-1 tile/0/000.p/+1 tile/0/000.p/1/
tile/0/000.p/1.p/1 tile/0/000.P/1
tile/0/000p/1 tile/0/000./1 tile/0/x001.p/1/000
tile/0/../000 tile/../0/000 tile/0/000/.. tile/0/%30%30%30 tile/0/000?x tile/0/000#x tile\\0\\000
tile/٠/000 tile/0/٠٠٠ tile/0/000.p/١ tile/0/x۰۰۱/000 tile/0/０００ tile/²/000 tile/0/x001/²³⁴
"""


@pytest.mark.parametrize(
    "path",
    [
        "",
        " ",
        *MALFORMED.split(),
        " tile/0/000",
        "tile/0/000 ",
        "tile/0/000\n",
        "tile/0/000.p/1\n",
        "tile/0/ 00",
        "tile/0/000\0",
    ],
)
def test_every_other_path_is_refused(path: str) -> None:
    with pytest.raises(Malformed):
        parse_path(path)


@pytest.mark.parametrize("groups", [7, 20, 1000, 200_000])
def test_a_number_that_no_tree_reaches_is_refused(groups: int) -> None:
    with pytest.raises(Malformed):
        parse_path("tile/0/" + "x999/" * groups + "999")


parts = st.sampled_from(
    ["tile", "/", "0", "1", "63", "64", "entries", "000", "001", "x001", "x000", "067", ".p", "256", "12"]
)


@given(st.text(max_size=40) | st.lists(parts, max_size=12).map("".join))
@example("tile/0/000.p/999")
def test_a_path_is_read_as_it_is_written_or_refused(path: str) -> None:
    try:
        tile = parse_path(path)
    except Malformed:
        return
    assert tile.path == path
    assert 1 <= tile.width <= WIDTH


@pytest.mark.parametrize(
    ("level", "index", "size"), [(0, 0, 0), (0, 1, 256), (1, 0, 255), (0, -1, 600), (0, 1 << 70, 600), (2, 0, 65_535)]
)
def test_a_tree_has_no_tile_beyond_its_size(level: int, index: int, size: int) -> None:
    with pytest.raises(ValueError, match="no such tile"):
        tile_of(level, index, size)


# Entry bundles ----------------------------------------------------------------------------------------------


@given(st.lists(st.binary(max_size=70), min_size=1, max_size=256))
def test_bundles_round_trip(entries: list[bytes]) -> None:
    tile = Tile(ENTRIES, 0, len(entries))
    data = tiles.bundle(entries)
    assert tiles.entries_in(data, tile) == entries
    for wrong in (data[:-1], data + b"\0", data + b"\0\0"):
        with pytest.raises(Malformed):
            tiles.entries_in(wrong, tile)
    if len(entries) > 1:
        with pytest.raises(Malformed, match="entries"):
            tiles.entries_in(data, Tile(ENTRIES, 0, len(entries) - 1))


@given(st.binary(max_size=600), st.integers(1, 256))
def test_any_bytes_are_a_bundle_as_it_is_written_or_refused(data: bytes, width: int) -> None:
    try:
        assert tiles.bundle(tiles.entries_in(data, Tile(ENTRIES, 0, width))) == data
    except Malformed:
        return


def test_the_largest_entry_that_a_bundle_can_hold() -> None:
    entry = bytes(65_535)
    assert tiles.entries_in(tiles.bundle([entry]), Tile(ENTRIES, 0, 1)) == [entry]
    with pytest.raises(OverflowError):
        tiles.bundle([entry + b"\0"])
