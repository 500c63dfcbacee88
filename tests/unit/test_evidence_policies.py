"""Policies: what they say is what counts, and nothing else is a policy."""

import sys
import time
from hashlib import sha256
from itertools import combinations, count

import pytest
from damage import damaged
from hypothesis import example, given, settings
from hypothesis import strategies as st
from some import examples

from rujukan.consumers.evidence.checkpoints import Checkpoint
from rujukan.consumers.evidence.notes import COSIGNATURE, COSIGNATURE_ML_DSA, ED25519, Note, PublicKey, SigningKey
from rujukan.consumers.evidence.policies import LARGEST, Group, Policy, parse_policy, read_policy
from rujukan.consumers.evidence.refused import (
    Malformed,
    NoQuorum,
    NotProven,
    NoTrustedSignature,
    UnknownLog,
    WrongSignature,
)

ORIGIN = "rujukan.example/log"
NOW = 1_780_000_000
LOG = SigningKey(ORIGIN, ED25519, b"l" * 32)
LOG_PQ = SigningKey(ORIGIN, COSIGNATURE_ML_DSA, b"p" * 32)
WITNESSES = {
    name: SigningKey(f"{name}.example/w", COSIGNATURE_ML_DSA if n % 2 else COSIGNATURE, bytes((n,)) * 32)
    for n, name in enumerate("ABCDEF")
}
CHECKPOINT = Checkpoint(ORIGIN, 9, b"r" * 32)


def lines(*rest: str, witnesses: str = "ABCDEF", logs: tuple[SigningKey, ...] = (LOG,)) -> bytes:
    """A policy of this log and these witnesses, with the rest of its lines."""
    head = [f"log {log.public.vkey}" for log in logs]
    head += [f"witness {name} {WITNESSES[name].public.vkey}" for name in witnesses]
    return ("\n".join([*head, *rest]) + "\n").encode()


def signed(witnesses: str = "", *logs: SigningKey, checkpoint: Checkpoint = CHECKPOINT) -> Note:
    by = [*(logs or (LOG,)), *(WITNESSES[name] for name in witnesses)]
    return Note(checkpoint.text, tuple(key.sign(checkpoint.text, NOW) for key in by))


def accepts(policy: Policy, note: Note) -> bool:
    try:
        policy.check(note)
    except NoQuorum:
        return False
    return True


# What a policy accepts --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rest", "enough"),
    [
        (["quorum none"], lambda seen: True),
        (["quorum A"], lambda seen: "A" in seen),
        (["group g any A B", "quorum g"], lambda seen: bool(seen & {"A", "B"})),
        (["group g all A B C", "quorum g"], lambda seen: seen >= {"A", "B", "C"}),
        (["group g 2 A B C", "quorum g"], lambda seen: len(seen & set("ABC")) >= 2),
        (
            ["group g 2 A B C", "group h any D E F", "group i all g h", "quorum i"],
            lambda seen: len(seen & set("ABC")) >= 2 and bool(seen & set("DEF")),
        ),
        (["group g 2 A B C", "group h any g D", "quorum h"], lambda seen: "D" in seen or len(seen & set("ABC")) >= 2),
    ],
    ids=["none", "one", "any", "all", "two of three", "all of two groups", "a group or one"],
)
def test_a_quorum_is_met_by_those_sets_of_witnesses_and_no_others(rest: list[str], enough: object) -> None:
    policy = parse_policy(lines(*rest))
    for how_many in range(7):
        for seen in combinations("ABCDEF", how_many):
            assert policy._is_met({name.encode() for name in seen}) == enough(set(seen))  # type: ignore[operator]
    for seen in ("", "A", "AB", "ABD", "BCF"):
        assert accepts(policy, signed(seen)) == enough(set(seen))  # type: ignore[operator]


def test_what_is_accepted_says_who_saw_it_and_when() -> None:
    accepted = parse_policy(lines("group g 2 A B C", "quorum g")).check(signed("CA"))
    assert accepted.checkpoint == CHECKPOINT
    assert accepted.log == (LOG.public,)
    assert accepted.witnesses == {"A": NOW, "C": NOW}


def test_one_witness_counts_once_however_often_it_signs() -> None:
    policy = parse_policy(lines("group g 2 A B C", "quorum g"))
    assert not accepts(policy, signed("AAAA"))
    assert accepts(policy, signed("AAB"))


def test_a_stranger_or_another_kind_of_signature_does_not_count() -> None:
    policy = parse_policy(lines("quorum A", witnesses="A"))
    plain = SigningKey(WITNESSES["A"].public.name, ED25519, b"\0" * 32)
    assert plain.public.public == WITNESSES["A"].public.public
    for key in (WITNESSES["B"], plain, SigningKey(WITNESSES["A"].public.name, COSIGNATURE, b"x" * 32)):
        with pytest.raises(NoQuorum):
            policy.check(Note(CHECKPOINT.text, (*signed().signatures, key.sign(CHECKPOINT.text, NOW))))


def test_a_false_signature_of_a_known_witness_is_refused_even_where_it_is_not_needed() -> None:
    policy = parse_policy(lines("quorum none"))
    false = WITNESSES["A"].sign(Checkpoint(ORIGIN, 8, b"r" * 32).text, NOW)
    with pytest.raises(WrongSignature):
        policy.check(Note(CHECKPOINT.text, (*signed().signatures, false)))


def test_the_log_must_be_named_and_must_have_signed() -> None:
    policy = parse_policy(lines("quorum A"))
    with pytest.raises(UnknownLog):
        policy.check(signed("A", checkpoint=CHECKPOINT._replace(origin="other.example/log")))
    with pytest.raises(NoTrustedSignature):
        policy.check(signed("A", WITNESSES["B"]))
    with pytest.raises(NoTrustedSignature):
        policy.check(signed("A", SigningKey(ORIGIN, ED25519, b"x" * 32)))
    with pytest.raises(UnknownLog):
        parse_policy(b"quorum none\n").check(signed())
    with pytest.raises(Malformed):
        policy.check(Note("no checkpoint\n", signed("A").signatures))


def test_another_logs_key_does_not_sign_for_this_one() -> None:
    """Two logs in one policy: each signs under its own origin only."""
    other = SigningKey("other.example/log", ED25519, b"o" * 32)
    policy = parse_policy(lines("quorum none", logs=(LOG, other)))
    with pytest.raises(NoTrustedSignature):
        policy.check(signed("", other))
    assert accepts(policy, signed("", other, checkpoint=CHECKPOINT._replace(origin="other.example/log")))


def test_either_key_of_a_log_will_do_and_both_are_named() -> None:
    policy = parse_policy(lines("quorum none", logs=(LOG, LOG_PQ)))
    for keys in ((LOG,), (LOG_PQ,), (LOG, LOG_PQ)):
        assert set(policy.check(signed("", *keys)).log) == {key.public for key in keys}


def test_extension_lines_that_no_signature_of_the_log_covers_are_refused() -> None:
    """ML-DSA cosignatures do not sign them: who takes the Ed25519 line away could write what they like there."""
    policy = parse_policy(lines("quorum B", logs=(LOG, LOG_PQ)))
    extended = CHECKPOINT._replace(extensions=("written by anybody",))
    assert accepts(policy, signed("B", LOG, LOG_PQ, checkpoint=extended))
    forged = Note(extended.text, signed("B", LOG_PQ).signatures)
    with pytest.raises(NoTrustedSignature, match="extension"):
        policy.check(forged)
    assert accepts(policy, forged._replace(text=CHECKPOINT.text))


def test_a_witness_and_a_policys_name_may_be_any_octets() -> None:
    vkeys = [WITNESSES[name].public.vkey for name in "ABC"]
    policy = parse_policy(
        b"log %b\nwitness \xff %b\nwitness \xfe %b\nwitness \xe2\x84\xaa %b\n"
        b"group K 2 \xff \xfe \xe2\x84\xaa\nquorum K\n" % tuple(v.encode() for v in (LOG.public.vkey, *vkeys))
    )
    assert policy.groups[b"K"] == Group(2, (b"\xff", b"\xfe", b"\xe2\x84\xaa"))
    assert policy.check(signed("ABC")).witnesses == {"\\xff": NOW, "\\xfe": NOW, "\u212a": NOW}


# What is a policy -------------------------------------------------------------------------------------------


def test_white_space_comments_urls_and_any_order_of_lines() -> None:
    log, a, b = LOG.public.vkey, WITNESSES["A"].public.vkey, WITNESSES["B"].public.vkey
    text = (
        f"# a policy\n\n \t \n\t witness\t A  {a} https://a.example/é \t\n"
        f"witness B {b}\n   # group g any nobody\ngroup g any A B\nquorum g\nlog {log} https://x/#y"
    )
    policy = parse_policy(text.encode())
    assert policy == Policy(
        (LOG.public,),
        {b"A": WITNESSES["A"].public, b"B": WITNESSES["B"].public},
        {b"g": Group(1, (b"A", b"B"))},
        b"g",
    )


A, B = WITNESSES["A"].public, WITNESSES["B"].public
HEAD = lines(witnesses="ABC").decode()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n",
        HEAD,
        HEAD + "quorum",
        HEAD + "quorum none none",
        HEAD + "quorum none\nquorum none",
        HEAD + "quorum A\nquorum A",
        HEAD + "quorum nobody",
        HEAD + "quorum g\ngroup g any A",
        "quorum A\n" + HEAD,
        HEAD + "quorum a",
        HEAD + "quorum None",
        HEAD + "Quorum none",
        HEAD + "quorum none # no comment",
        HEAD + "quorum\xa0none",
        HEAD + "quorum none\u2003",
        HEAD + "quorum none\r",
        HEAD + "quorum none\r\n",
        HEAD + "quorum none\n\x00",
        HEAD + "quorum none\n# \x7f",
        HEAD + "quorum none\n# \x0b",
        HEAD + "rule none\nquorum none",
        HEAD + "log\nquorum none",
        HEAD + f"log {LOG_PQ.public.vkey} u v\nquorum none",
        HEAD + f"log {LOG.public.vkey}\nquorum none",
        HEAD + f"log {LOG.public._replace(name='other').vkey}\nquorum none",
        HEAD + f"log {WITNESSES['E'].public.vkey}\nquorum none",
        HEAD + "log vkey\nquorum none",
        HEAD + "witness X\nquorum none",
        HEAD + f"witness {A.vkey}\nquorum none",
        HEAD + f"witness A {WITNESSES['E'].public.vkey}\nquorum none",
        HEAD + f"witness none {WITNESSES['E'].public.vkey}\nquorum none",
        HEAD + f"witness X {A.vkey}\nquorum none",
        HEAD + f"witness X {A._replace(name='other').vkey}\nquorum none",
        HEAD + f"witness X {SigningKey('w', ED25519, bytes(32)).public.vkey}\nquorum none",
        HEAD + f"witness X {A.vkey[:-4]}\nquorum none",
        HEAD + "group g\nquorum none",
        HEAD + "group g any\nquorum none",
        HEAD + "group g 1\nquorum none",
        HEAD + "group g A B\nquorum none",
        HEAD + "group g any nobody\nquorum none",
        HEAD + "group g any none\nquorum none",
        HEAD + "group g any g\nquorum none",
        HEAD + "group g any A A\nquorum none",
        HEAD + "group g any A B\ngroup h any B C\nquorum none",
        HEAD + "group g any A\ngroup h any g B\ngroup i any g\nquorum none",
        HEAD + "group g any A\ngroup g any B\nquorum none",
        HEAD + "group A any B\nquorum none",
        HEAD + "group none any B\nquorum none",
        HEAD + "group g any A\nwitness g " + WITNESSES["E"].public.vkey + "\nquorum none",
        *(
            HEAD + f"group g {how} A B C\nquorum none"
            for how in (
                "0",
                "00",
                "01",
                "4",
                "-1",
                "+1",
                "1.0",
                "0x1",
                "Any",
                "ALL",
                "²",
                "٢",
                "10",
                "9999",
                "9" * 5000,
            )
        ),
    ],
)
def test_what_is_no_policy_is_refused(text: str) -> None:
    with pytest.raises(Malformed):
        parse_policy(text.encode())


def test_a_refusal_says_the_line() -> None:
    with pytest.raises(Malformed, match="line 5: "):
        parse_policy((HEAD + "quorum nobody\n").encode())


def test_two_witnesses_of_one_name_and_id_are_refused() -> None:
    """Ids have four bytes, so two keys of one id are found in a moment; one would stand in the other's way."""
    seen: dict[bytes, bytes] = {}
    for n in count():
        key = n.to_bytes(32, "big")
        key_id = sha256(b"w.example\n\x04" + key).digest()[:4]
        if key_id in seen:
            break
        seen[key_id] = key
    one, two = (PublicKey("w.example", COSIGNATURE, k) for k in (seen[key_id], key))
    assert one.key_id == two.key_id
    with pytest.raises(Malformed, match="name and id"):
        parse_policy(f"witness one {one.vkey}\nwitness two {two.vkey}\nquorum one\n".encode())


WORDS = (
    b" any ",
    b" all ",
    b"\ngroup ",
    b"\nquorum ",
    b"\nlog ",
    b"\nwitness ",
    b" none",
    b"#",
    b"\n",
    b" 2 ",
    b"A",
    b"g",
)
POLICIES = st.sampled_from(
    [
        lines("group g 2 A B C", "group h any D g", "quorum h", witnesses="ACE").replace(b" D g", b" g"),
        lines("group g 2 A C E", "quorum g", witnesses="ACE"),
        lines("quorum none", witnesses=""),
    ]
)


@given(
    st.binary(max_size=300) | damaged(POLICIES, *WORDS) | st.lists(st.sampled_from(WORDS), max_size=12).map(b"".join)
)
@settings(max_examples=examples(400))
@example(b"group g " + b"9" * 5000 + b" A")
def test_any_bytes_are_a_policy_or_refused(data: bytes) -> None:
    try:
        policy = parse_policy(data)
    except Malformed:
        return
    assert policy.quorum == b"none" or policy.quorum in {*policy.witnesses, *policy.groups}
    everybody = set(policy.witnesses)
    assert policy._is_met(everybody)
    assert policy._is_met(set()) == (policy.quorum == b"none")
    for note in (signed(), signed("ACE"), signed("A", checkpoint=CHECKPOINT._replace(size=3))):
        try:
            policy.check(note)
        except NotProven:
            continue


def test_the_limits_of_a_policy() -> None:
    """The specification asks for 32 logs, 32 witnesses and 32 groups at least."""
    logs = [SigningKey(f"log{n}", ED25519, bytes((1, n)) * 16).public.vkey for n in range(32)]
    keys = [SigningKey(f"w{n}", COSIGNATURE, bytes((2, n)) * 16).public.vkey for n in range(32)]
    text = [f"log {v}" for v in logs] + [f"witness w{n} {v}" for n, v in enumerate(keys)]
    text += [f"group g{n} any w{n}" for n in range(32)] + ["quorum g31"]
    policy = parse_policy("\n".join(text).encode())
    assert [len(part) for part in policy[:3]] == [32, 32, 32]
    with pytest.raises(Malformed, match="too large"):
        parse_policy(b"\n" * (256 * 1024 + 1))
    nested = lines("group g0 any A", *(f"group g{n} any g{n - 1}" for n in range(1, 400)), "quorum g399")
    with pytest.raises(Malformed, match="too large"):
        parse_policy(nested)


def test_groups_in_groups_need_no_deep_stack() -> None:
    rest = ["group g0 any A", *(f"group g{n} any g{n - 1}" for n in range(1, 240)), "quorum g239"]
    policy = parse_policy(lines(*rest, witnesses="A"))
    depth, limit = 0, sys.getrecursionlimit()
    frame = sys._getframe()
    while frame is not None:
        depth, frame = depth + 1, frame.f_back  # type: ignore[assignment]
    try:
        sys.setrecursionlimit(depth + 60)
        met = policy._is_met({b"A"}), policy._is_met(set())
    finally:
        sys.setrecursionlimit(limit)
    assert met == (True, False)


@pytest.mark.parametrize(
    "unit", [b"\n", b" ", b"#", b"\t\n", b"a ", b"group g any A\n", b"witness a b\n", b"group g any " + b"a " * 99]
)
def test_hostile_policies_are_refused_at_once(unit: bytes) -> None:
    began = time.process_time()
    with pytest.raises(Malformed):
        parse_policy(unit * (250_000 // len(unit)))
    assert time.process_time() - began < 5


WORDS = f"# kebijakan kota – saksi\n{HEAD}quorum A\n"
SAVED = {
    "as it is": WORDS.encode(),
    "a mark before it": WORDS.encode("utf-8-sig"),
    "CRLF": WORDS.replace("\n", "\r\n").encode(),
    "CRLF and a mark": WORDS.replace("\n", "\r\n").encode("utf-8-sig"),
    "UTF-16, as PowerShell and Notepad write it": b"\xff\xfe" + WORDS.replace("\n", "\r\n").encode("utf-16-le"),
    "UTF-16, the other way round": b"\xfe\xff" + WORDS.encode("utf-16-be"),
}


@pytest.mark.parametrize("how", SAVED)
def test_a_policy_is_read_however_an_editor_saved_it(how: str) -> None:
    assert read_policy(SAVED[how]) == parse_policy(WORDS.encode())


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (WORDS.encode("utf-16-le"), "UTF-16"),
        (b"\xff\xfe" + WORDS.encode("utf-16-le") + b"x", "UTF-16"),
        (WORDS.replace("\n", "\r").encode(), "line 1: a control character"),
        (WORDS.encode() + b"#" * 2 * LARGEST, "too large"),
    ],
)
def test_a_policy_that_cannot_be_read_says_what_it_is(data: bytes, says: str) -> None:
    with pytest.raises(Malformed, match=says):
        read_policy(data)
