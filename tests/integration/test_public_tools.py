"""What we sign and prove, read by tools that others wrote; and what they make, read by us.

`public_tools/` is a small program on golang.org/x/mod (note, tlog), filippo.io/torchwood (tlog-proof, policies, tiles)
and transparency-dev's merkle and formats (ML-DSA). Where there is no Go, or its modules cannot be had, this is skipped.
"""

import base64
import json
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from from_registries import fetch

from rujukan.consumers.evidence import merkle, tiles
from rujukan.consumers.evidence.checkpoints import Checkpoint, parse_checkpoint
from rujukan.consumers.evidence.forks import fork_path
from rujukan.consumers.evidence.notes import (
    COSIGNATURE,
    COSIGNATURE_ML_DSA,
    ED25519,
    Note,
    SigningKey,
    parse_note,
    parse_vkey,
    verify,
)
from rujukan.consumers.evidence.policies import parse_policy
from rujukan.consumers.evidence.proofs import Proof, parse_proof, verify_proof
from rujukan.consumers.evidence.refused import Malformed, NotConsistent, NotIncluded
from rujukan.consumers.evidence.tiles import ENTRIES, Tile, TiledTree, parse_path, tile_of

pytestmark = pytest.mark.timeout(600)  # the first build compiles cryptography

SOURCE = Path(__file__).parent / "public_tools"
ORIGIN = "rujukan.example/log"
NOW = 1_780_000_000
LOG = SigningKey(ORIGIN, ED25519, b"l" * 32)
LOG_PQ = SigningKey(ORIGIN, COSIGNATURE_ML_DSA, b"p" * 32)
WITNESS = SigningKey("kepolisian.example/witness", COSIGNATURE, b"w" * 32)
WITNESS_PQ = SigningKey("rumah-sakit.example/saksi-é", COSIGNATURE_ML_DSA, b"q" * 32)
KEYS = (LOG, LOG_PQ, WITNESS, WITNESS_PQ)
SIZE = 70_000
LEAVES = [b"entry %d" % n for n in range(SIZE)]

pytestmark = pytest.mark.thorough
Ask = Callable[..., dict[str, Any]]


@pytest.fixture(scope="module")
def ask(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ask]:
    """Asks the program, which runs as long as the tests do."""
    go = shutil.which("go")
    if go is None:
        pytest.skip("there is no Go here")
    program = tmp_path_factory.mktemp("public_tools") / "tools"
    fetch("Go's modules, for a Go that is new enough", [go, "mod", "download"], SOURCE)
    built = subprocess.run([go, "build", "-o", program, "."], cwd=SOURCE, capture_output=True, text=True, timeout=450)
    assert not built.returncode, built.stderr

    with subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as running:
        assert running.stdin is not None
        assert running.stdout is not None
        questions, answers = running.stdin, running.stdout

        def answer(op: str, **fields: Any) -> dict[str, Any]:
            print(json.dumps({"Op": op, **{k: encoded(v) for k, v in fields.items()}}), file=questions, flush=True)
            found: dict[str, Any] = json.loads(answers.readline())
            return found

        yield answer
        questions.close()


def encoded(value: Any) -> Any:
    """As Go's JSON has it: bytes in base64."""
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    return [encoded(v) for v in value] if isinstance(value, list) else value


def decoded(values: list[str]) -> list[bytes]:
    return [base64.b64decode(v) for v in values]


@pytest.fixture(scope="module")
def files() -> dict[str, bytes]:
    """A log's tiles and entry bundles, by path, as `tiles` names them."""
    found, level, hashes = {}, 0, [merkle.leaf_hash(e) for e in LEAVES]
    while hashes:
        for number in range(-(-len(hashes) // 256)):
            tile = tile_of(level, number, SIZE)
            found[tile.path] = b"".join(hashes[number * 256 : number * 256 + tile.width])
            if level == 0:
                entries = LEAVES[number * 256 : number * 256 + tile.width]
                found[tile._replace(level=ENTRIES).path] = tiles.bundle(entries)
        full = [hashes[i : i + 256] for i in range(0, len(hashes) - 255, 256)]
        level, hashes = level + 1, [merkle.root_of(h) for h in full]
    return found


@pytest.fixture(scope="module")
def tree(files: dict[str, bytes]) -> TiledTree:
    return TiledTree(SIZE, lambda tile: files[tile.path])


@pytest.fixture(scope="module")
def checkpoint(tree: TiledTree) -> Note:
    text = Checkpoint(ORIGIN, SIZE, tree.root).text
    return Note(text, tuple(key.sign(text, NOW) for key in KEYS))


# What we write ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", KEYS, ids=["log", "log, ML-DSA", "witness", "witness, ML-DSA"])
def test_a_note_that_we_signed_is_opened(ask: Ask, key: SigningKey, checkpoint: Note) -> None:
    name, key_id, _ = key.public.vkey.split("+", 2)
    opened = ask("open", Note=checkpoint.data.decode(), Vkeys=[key.public.vkey])
    assert opened["text"] == checkpoint.text
    assert list(opened["signed"]) == [f"{name}+{key_id}"]
    if key is not LOG:
        assert opened["signed"][f"{name}+{key_id}"] == NOW


@pytest.mark.parametrize("key", KEYS, ids=["log", "log, ML-DSA", "witness", "witness, ML-DSA"])
def test_a_note_that_was_changed_is_not(ask: Ask, key: SigningKey, checkpoint: Note) -> None:
    changed = checkpoint._replace(text=Checkpoint(ORIGIN, SIZE + 1, bytes(32)).text)
    assert "error" in ask("open", Note=changed.data.decode(), Vkeys=[key.public.vkey])


@pytest.mark.parametrize("index", [0, 1, 255, 256, 65_535, 65_536, SIZE - 1])
def test_a_proof_that_we_made_verifies(ask: Ask, index: int, tree: TiledTree, checkpoint: Note) -> None:
    policy = f"log {LOG.public.vkey}\nwitness w {WITNESS.public.vkey}\ngroup g all w\nquorum g\n"
    proof = Proof(index, tree.inclusion(index), checkpoint, b"for a court" if index % 2 else None)
    data = proof.data.decode()
    verify_proof(parse_proof(proof.data), LEAVES[index], parse_policy(policy.encode()))
    assert ask("proof", Proof=data, Policy=policy, Entry=LEAVES[index]) == {"ok": True}
    assert "error" in ask("proof", Proof=data, Policy=policy, Entry=b"another")
    unseen = proof._replace(checkpoint=checkpoint._replace(signatures=checkpoint.signatures[:2]))
    assert "error" in ask("proof", Proof=unseen.data.decode(), Policy=policy, Entry=LEAVES[index])


def test_proofs_of_all_small_trees_are_judged_the_same(ask: Ask) -> None:
    """Ours and theirs agree on good ones and on ones whose first or last hash is another's."""
    leaves = [merkle.leaf_hash(e) for e in LEAVES[:20]]
    for new in range(1, 20):
        root = merkle.root_of(leaves[:new])
        for old in range(1, new + 1):
            path = merkle.inclusion_proof(old - 1, new, lambda s, e: merkle.root_of(leaves[s:e]))
            steps = merkle.consistency_proof(old, new, lambda s, e: merkle.root_of(leaves[s:e]))
            for hashes in {tuple(path), tuple(path[1:]), tuple(path[::-1]), (*path, root)}:
                theirs = ask(
                    "inclusion", Index=old - 1, New=new, Leaf=leaves[old - 1], Hashes=list(hashes), NewRoot=root
                )
                assert ("error" not in theirs) == included(leaves[old - 1], old - 1, new, hashes, root)
            for hashes in {tuple(steps), tuple(steps[1:]), tuple(steps[::-1]), (*steps, root)}:
                was = merkle.root_of(leaves[:old])
                theirs = ask("consistency", Old=old, New=new, OldRoot=was, NewRoot=root, Hashes=list(hashes))
                assert ("error" not in theirs) == consistent(old, was, new, root, hashes)


def test_forks_at_every_two_sizes_to_300_are_judged_the_same(ask: Ask) -> None:
    """What shows a fork, made of the newer tree: it extends its own beginning, and not what was seen. Two tools say so
    too, and of the root that stands before it where the older size is a power of two."""
    honest = [merkle.leaf_hash(e) for e in LEAVES[:300]]
    forked = [merkle.leaf_hash(b"fork %d" % n) for n in range(300)]
    made: dict[tuple[int, int], bytes] = {}

    def subtree(start: int, end: int) -> bytes:
        if (start, end) not in made:
            whole = end - start == 1
            middle = start + (merkle.split(end - start) if not whole else 0)
            made[start, end] = (
                forked[start] if whole else merkle.node_hash(subtree(start, middle), subtree(middle, end))
            )
        return made[start, end]

    class Newer:
        def __init__(self, size: int) -> None:
            self.size = size

        def consistency(self, old: int) -> list[bytes]:
            return merkle.consistency_proof(old, self.size, subtree)

        def subtree(self, start: int, end: int) -> bytes:
            return subtree(start, end)

    for old in range(1, 301):
        seen = Checkpoint(ORIGIN, old, merkle.root_of(honest[:old]))
        for new in range(old, 301):
            root = subtree(0, new)
            path = fork_path(seen, Checkpoint(ORIGIN, new, root), Newer(new))
            assert path is not None
            steps = list(path)
            if merkle.is_power_of_two(old) and old < new:
                assert steps.pop(0) == subtree(0, old)
            asked = {"Old": old, "New": new, "NewRoot": root, "Hashes": steps}
            assert "error" in ask("consistency", OldRoot=seen.root, **asked), (old, new)
            assert "error" not in ask("consistency", OldRoot=subtree(0, old), **asked), (old, new)


def included(leaf: bytes, index: int, size: int, hashes: tuple[bytes, ...], root: bytes) -> bool:
    try:
        merkle.verify_inclusion(leaf, index, size, hashes, root)
    except NotIncluded:
        return False
    return True


def consistent(old: int, old_root: bytes, new: int, new_root: bytes, hashes: tuple[bytes, ...]) -> bool:
    try:
        merkle.verify_consistency(old, old_root, new, new_root, hashes)
    except NotConsistent:
        return False
    return True


def test_our_tiles_are_read_and_give_the_same_root_entries_and_proofs(
    ask: Ask, files: dict[str, bytes], tree: TiledTree, tmp_path: Path
) -> None:
    for name, data in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(data)
    for index, old in ((0, 1), (65_536, 65_537), (SIZE - 1, SIZE - 1)):
        read = ask("tiles", Dir=str(tmp_path), New=SIZE, NewRoot=tree.root, Index=index, Old=old)
        assert "error" not in read
        assert base64.b64decode(read["root"]) == tree.root
        assert decoded(read["entries"]) == LEAVES
        assert decoded(read["inclusion"]) == tree.inclusion(index)
        assert decoded(read["consistency"]) == tree.consistency(old)
    assert "error" in ask("tiles", Dir=str(tmp_path), New=SIZE, NewRoot=bytes(32), Index=0, Old=1)
    (tmp_path / "tile/1/000").write_bytes(bytes(8192))
    assert "error" in ask("tiles", Dir=str(tmp_path), New=SIZE, NewRoot=tree.root, Index=0, Old=1)


@pytest.mark.parametrize(
    "path",
    [
        *(Tile(level, number).path for level in (0, 1, 5, 63) for number in (0, 999, 1000, 1_234_067)),
        *(Tile(level, 1_234_067, width).path for level in (ENTRIES, 0, 2) for width in (1, 17, 255)),
        *("tile/0/0", "tile/00/000", "tile/0/x000", "tile/0/x000/000", "tile/0/000.p/0", "tile/0/000.p/256"),
        *("tile/0/000.p/999", "tile/0/000.p/01", "tile/0/001/234", "tile/x/000", "tile/0/000/"),
    ],
)
def test_paths_of_tiles_are_judged_the_same(ask: Ask, path: str) -> None:
    theirs = ask("path", Path=path)
    try:
        tile = parse_path(path)
    except Malformed:
        assert "error" in theirs
    else:
        assert theirs == {"level": tile.level, "number": tile.number, "width": tile.width, "path": path}


# What they write -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("size", "index", "old"), [(1, 0, 1), (7, 4, 3), (8, 7, 8), (300, 255, 256)])
def test_a_log_that_others_made_verifies_here(ask: Ask, size: int, index: int, old: int) -> None:
    made = ask("make", Name="other.example/log", Entries=LEAVES[:size], Index=index, Old=old)
    log, witnesses = parse_vkey(made["log"]), [parse_vkey(v) for v in made["witnesses"]]
    assert [key.vkey for key in (log, *witnesses)] == [made["log"], *made["witnesses"]]
    assert [key.kind for key in witnesses] == [COSIGNATURE, COSIGNATURE_ML_DSA]

    note = parse_note(made["checkpoint"].encode())
    assert note.data.decode() == made["checkpoint"]
    assert set(verify(note, [log, *witnesses])) == {log, *witnesses}
    checkpoint = parse_checkpoint(note.text)
    assert checkpoint == Checkpoint(
        "other.example/log", size, merkle.root_of([merkle.leaf_hash(e) for e in LEAVES[:size]])
    )

    policy = parse_policy(
        f"log {made['log']}\nwitness one {made['witnesses'][0]}\nwitness two {made['witnesses'][1]}\n"
        "group both all one two\nquorum both\n".encode()
    )
    for text, extra in ((made["proof"], None), (made["withExtra"], b"extraextraextra")):
        proof = parse_proof(text.encode())
        assert proof.data.decode() == text
        assert (proof.leaf, proof.extra) == (index, extra)
        assert set(verify_proof(proof, LEAVES[index], policy).witnesses) == {"one", "two"}
        with pytest.raises(NotIncluded):
            verify_proof(proof, b"another", policy)
    steps = decoded(made["consistency"])
    merkle.verify_consistency(old, base64.b64decode(made["oldRoot"]), size, checkpoint.root, steps)
