"""Notes, their keys and signatures: read in one way, and signed by who they say."""

import base64
import time
from collections.abc import Callable

import pytest
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PublicKey
from damage import damaged
from hypothesis import example, given, settings
from hypothesis import strategies as st
from some import examples

from rujukan.consumers.evidence import notes
from rujukan.consumers.evidence.checkpoints import Checkpoint, parse_checkpoint
from rujukan.consumers.evidence.coding import decimal, from_base64, to_base64
from rujukan.consumers.evidence.notes import (
    COSIGNATURE,
    COSIGNATURE_ML_DSA,
    ED25519,
    KEY_BYTES,
    Note,
    PublicKey,
    Signature,
    SigningKey,
    parse_note,
    parse_signature,
    parse_vkey,
    verify,
)
from rujukan.consumers.evidence.refused import Malformed, NotProven, NoTrustedSignature, WrongSignature

NAME = "rujukan.example/log"
CHECKPOINT = Checkpoint(NAME, 109_482, bytes(range(32)))
TEXT = CHECKPOINT.text
NOW = 1_780_000_000
KEYS = {kind: SigningKey(NAME, kind, bytes((kind,)) * 32) for kind in KEY_BYTES}
KNOWN = [key.public for key in KEYS.values()]
NOTE = Note(TEXT, tuple(key.sign(TEXT, NOW) for key in KEYS.values()))
SPACES = "\t\n\v\f\r\x1c\x1d\x1e\x1f \x85\xa0\u1680\u2000\u2003\u200a\u2028\u2029\u202f\u205f\u3000"
"""What Unicode calls a space (White_Space), and what ASCII has beside it."""

kinds = pytest.mark.parametrize("kind", KEY_BYTES)
names = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cc", "Zs", "Zl", "Zp"], exclude_characters="+"),
    min_size=1,
    max_size=20,
)
texts = st.text(st.characters(codec="utf-8", min_codepoint=32) | st.just("\n"), max_size=80).map(
    lambda text: text + "\n"
)
signatures = st.builds(Signature, names, st.binary(min_size=4, max_size=4), st.binary(min_size=1, max_size=80))


def refused(parse: Callable[[], object]) -> bool:
    """Whether it is, as what is not proven; what else is raised is a fault."""
    try:
        parse()
    except NotProven:
        return True
    return False


# Numbers and base64 -----------------------------------------------------------------------------------------


@given(st.integers(0, (1 << 63) - 1))
def test_decimals_round_trip(number: int) -> None:
    assert decimal(str(number)) == number


@pytest.mark.parametrize(
    "text",
    [
        "",
        "-1",
        "+1",
        "00",
        "01",
        " 1",
        "1 ",
        "1\n",
        "1_0",
        "1e3",
        "0x1",
        "1.0",
        "٣",
        "²",
        "１",
        str(1 << 63),
        "9" * 19,
        "9" * 5000,
    ],
)
def test_a_number_is_written_in_one_way_only(text: str) -> None:
    with pytest.raises(Malformed):
        decimal(text)


@given(st.binary(max_size=60))
def test_base64_round_trips(data: bytes) -> None:
    assert from_base64(to_base64(data)) == data == base64.b64decode(to_base64(data))


@pytest.mark.parametrize(
    "text",
    ["A", "AA", "AAA", "AA=", "AB==", "AAB=", "AA==\n", " AA==", "AA = =", "A-_=", "AA==AA==", "====", "é", "AAAA="],
)
def test_base64_is_written_in_one_way_only(text: str) -> None:
    with pytest.raises(Malformed):
        from_base64(text)


@given(st.text(max_size=30) | st.text("AB/+=", max_size=9))
def test_any_text_is_base64_or_a_number_as_it_is_written_or_refused(text: str) -> None:
    assert refused(lambda: from_base64(text)) or to_base64(from_base64(text)) == text
    assert refused(lambda: decimal(text)) or str(decimal(text)) == text


# Notes ------------------------------------------------------------------------------------------------------


@given(texts, st.lists(signatures, min_size=1, max_size=5))
@example("\n", [Signature("a", b"abcd", b"x")])
@example("\n\n\n", [Signature("a", b"abcd", b"x")])
@example("a\n\n\u2014 not a signature\n\nb\n", [Signature("\u2014", b"abcd", b"x")])
def test_notes_round_trip(text: str, signed: list[Signature]) -> None:
    """Also those whose text has empty lines, or lines like signatures: the last empty line parts them."""
    note = Note(text, tuple(signed))
    assert parse_note(note.data) == note


@given(
    st.binary(max_size=300) | damaged(st.just(NOTE.data), b"\n", b"\n\n", "\u2014 ".encode(), b" ", b"+", b"=", b"\r")
)
@settings(max_examples=examples(300))
def test_any_bytes_are_a_note_as_it_is_written_or_refused(data: bytes) -> None:
    try:
        note = parse_note(data)
    except NotProven:
        return
    assert note.data == data
    assert refused(lambda: parse_checkpoint(note.text)) or parse_checkpoint(note.text).text == note.text
    if data != NOTE.data:
        assert refused(lambda: verify(note, KNOWN)) or note.text == TEXT


LINE = f"\u2014 {NAME} {to_base64(b'abcd' + bytes(64))}\n"


@pytest.mark.parametrize(
    "data",
    [
        "",
        "\n",
        "\n\n",
        TEXT,
        TEXT + "\n",
        LINE,
        "\n" + LINE,
        TEXT + LINE,
        TEXT[:-1] + LINE,
        TEXT + "\n" + LINE + "\n",
        TEXT + "\n" + LINE[:-1],
        TEXT + "\n" + LINE + "\n" + LINE[:-1],
        TEXT + "\n" + LINE.replace("\u2014", "-"),
        TEXT + "\n" + LINE.replace("\u2014", "\u2013"),
        TEXT + "\n" + LINE.replace("\u2014", "--"),
        TEXT + "\n" + LINE.replace("\u2014 ", "\u2014"),
        TEXT + "\n" + LINE.replace("\u2014 ", "\u2014\xa0"),
        TEXT + "\n" + LINE.replace("\u2014 ", "\u2014  "),
        TEXT + "\n" + LINE.replace(" " + to_base64(b"abcd")[:3], "  " + to_base64(b"abcd")[:3]),
        TEXT + "\n " + LINE,
        TEXT + "\n" + LINE[:-1] + " \n",
        TEXT + "\n" + LINE[:-1] + " #\n",
        TEXT + "\n" + f"\u2014 {NAME}\n",
        TEXT + "\n" + f"\u2014 {NAME} \n",
        TEXT + "\n" + f"\u2014 {NAME} YWJjZA==\n",
        TEXT + "\n" + f"\u2014  {to_base64(bytes(68))}\n",
        TEXT + "\n" + f"\u2014 {to_base64(bytes(68))}\n",
        TEXT + "\n" + f"\u2014 a+b {to_base64(bytes(68))}\n",
        TEXT.replace("\n", "\r\n") + "\n" + LINE,
        "\0" + TEXT + "\n" + LINE,
        "\t" + TEXT + "\n" + LINE,
        TEXT + "\n" + LINE.replace("rujukan", "ruju\x1bkan"),
    ],
)
def test_what_is_no_note_is_refused(data: str) -> None:
    with pytest.raises(Malformed):
        parse_note(data.encode())


@pytest.mark.parametrize("bytes_", [b"\xff", b"\xc0\xaf", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xe2\x80"])
def test_what_is_not_utf_8_is_refused(bytes_: bytes) -> None:
    """Also overlong forms, surrogates, and what is beyond Unicode."""
    with pytest.raises(Malformed, match="UTF-8"):
        parse_note(bytes_ + NOTE.data)


def test_the_limits_of_a_note() -> None:
    """The specification asks for 16 signatures at least, and each may have nearly 5 kB."""
    line = Signature(NAME, b"abcd", bytes(5000)).line
    assert len(parse_note((TEXT + "\n" + line * 16).encode()).signatures) == 16
    short = Signature(NAME, b"abcd", bytes(64)).line
    assert len(parse_note((TEXT + "\n" + short * 128).encode()).signatures) == 128
    with pytest.raises(Malformed, match="too many"):
        parse_note((TEXT + "\n" + short * 129).encode())
    with pytest.raises(Malformed, match="too large"):
        parse_note(("x" * (512 * 1024 - len(short)) + "\n\n" + short).encode())


@pytest.mark.parametrize(
    "unit", ["\n", "\n\n", "\u2014 ", LINE, LINE + "\n", " ", "\x80", "A", "=", "+", "\u2014 a AAAA\n"]
)
def test_hostile_notes_are_refused_at_once(unit: str) -> None:
    data = (unit * (400_000 // len(unit.encode()))).encode()
    began = time.process_time()
    assert refused(lambda: parse_note(data + b"x"))
    assert refused(lambda: parse_note(b"\n" + data + b"\n\n"))
    refused(lambda: parse_checkpoint(data.decode() + "\n"))
    refused(lambda: parse_vkey(data.decode()))
    refused(lambda: parse_signature(data.decode()))
    assert time.process_time() - began < 5


# Names and keys ---------------------------------------------------------------------------------------------


def vkey_of(name: str, kind: int = ED25519) -> str:
    """The verifier key that somebody careless would make for that name."""
    return PublicKey(name, kind, bytes(KEY_BYTES[kind])).vkey


@pytest.mark.parametrize(
    "name", ["", "+", "a+b", "+a", "a+", *(f"a{space}b" for space in SPACES), *SPACES, "a\0", "\x1b[2J", "\x08"]
)
def test_a_name_with_a_space_plus_or_control_character_is_none(name: str) -> None:
    with pytest.raises(Malformed):
        parse_vkey(vkey_of(name))
    with pytest.raises(Malformed):
        parse_signature(f"\u2014 {name} {to_base64(bytes(68))}")
    with pytest.raises(ValueError, match="name"):
        SigningKey(name, ED25519, bytes(32))


@pytest.mark.parametrize("name", ["\ud800", "a\udfff", "\udc80log"])
def test_a_name_that_no_note_can_carry_is_none(name: str) -> None:
    with pytest.raises(Malformed):
        parse_vkey(f"{name}+00000000+{to_base64(bytes((1, *bytes(32))))}")
    with pytest.raises(Malformed):
        parse_signature(f"\u2014 {name} {to_base64(bytes(68))}")
    with pytest.raises(ValueError, match="name"):
        SigningKey(name, ED25519, bytes(32))


@given(names, st.sampled_from(sorted(KEY_BYTES)), st.data())
def test_vkeys_round_trip(name: str, kind: int, data: st.DataObject) -> None:
    key = PublicKey(name, kind, data.draw(st.binary(min_size=1, max_size=4)) * KEY_BYTES[kind])
    key = key._replace(public=key.public[: KEY_BYTES[kind]])
    assert parse_vkey(key.vkey) == key


VKEYS = st.sampled_from([key.vkey.encode() for key in KNOWN[:2]])


@given(st.text(max_size=100) | damaged(VKEYS, b"+", b" ", b"=").map(lambda b: b.decode("utf-8", "replace")))
@settings(max_examples=examples(300))
def test_any_text_is_a_vkey_as_it_is_written_or_refused(text: str) -> None:
    assert refused(lambda: parse_vkey(text)) or parse_vkey(text).vkey == text


def test_a_vkey_says_its_own_id_in_lower_case_and_is_of_a_known_kind() -> None:
    good = KEYS[ED25519].public
    name, key_id, coded = good.vkey.split("+", 2)
    assert any(c in "abcdef" for c in key_id)
    wrong = [
        f"{name}+{key_id.upper()}+{coded}",
        f"{name}+0{key_id[1:]}+{coded}",
        f"{name}+{key_id}0+{coded}",
        f"{name}+0x{key_id}+{coded}",
        f"{name}+{key_id}+{coded}+",
        f"{name}+{key_id}+",
        f"{name}++{coded}",
        f"{name}+{key_id}",
        f"x{name}+{key_id}+{coded}",
        f" {good.vkey}",
        f"{good.vkey}\n",
    ]
    for kind in (0, 2, 3, 5, 7, 0xFA, 0xFF):
        wrong.append(good._replace(kind=kind).vkey)
    for length in (0, 31, 33, 1312):
        wrong.append(good._replace(public=bytes(length)).vkey)
    wrong.append(KEYS[COSIGNATURE_ML_DSA].public._replace(public=bytes(1311)).vkey)
    for text in wrong:
        with pytest.raises(Malformed):
            parse_vkey(text)


# Signatures -------------------------------------------------------------------------------------------------


@kinds
def test_a_signature_verifies_with_its_key_and_says_when(kind: int) -> None:
    key = KEYS[kind]
    note = parse_note(Note(TEXT, (key.sign(TEXT, NOW),)).data)
    assert verify(note, [key.public]) == {key.public: None if kind == ED25519 else NOW}
    assert len(note.signatures[0].blob) == notes.SIGNATURE_BYTES[kind]


@kinds
def test_no_changed_byte_of_a_signature_or_text_passes(kind: int) -> None:
    key = KEYS[kind]
    good = key.sign(TEXT, NOW)
    for at in range(0, len(good.blob), 1 if kind != COSIGNATURE_ML_DSA else 37):
        blob = good.blob[:at] + bytes((good.blob[at] ^ 1,)) + good.blob[at + 1 :]
        with pytest.raises(WrongSignature):
            verify(Note(TEXT, (good._replace(blob=blob),)), [key.public])
    for text in (
        Checkpoint(NAME, 109_483, CHECKPOINT.root).text,
        Checkpoint(NAME, 109_482, bytes(32)).text,
        Checkpoint(NAME + "2", 109_482, CHECKPOINT.root).text,
    ):
        with pytest.raises(WrongSignature):
            verify(Note(text, (good,)), [key.public])
    for blob in (good.blob[:-1], good.blob + b"\0", b"\0", good.blob[8:]):
        with pytest.raises(WrongSignature):
            verify(Note(TEXT, (good._replace(blob=blob),)), [key.public])


def test_signatures_of_one_kind_do_not_pass_for_another() -> None:
    """The same seed under the same name: the kind is in the id and in what is signed."""
    made = {kind: SigningKey(NAME, kind, bytes(32)) for kind in KEY_BYTES}
    assert made[ED25519].public.public == made[COSIGNATURE].public.public
    for kind, key in made.items():
        signature = key.sign(TEXT, NOW)
        for other, wrong in made.items():
            if other != kind:
                with pytest.raises(NoTrustedSignature):
                    verify(Note(TEXT, (signature,)), [wrong.public])
                with pytest.raises(WrongSignature):
                    verify(Note(TEXT, (signature._replace(key_id=wrong.public.key_id),)), [wrong.public])
    bare = made[COSIGNATURE].sign(TEXT, NOW).blob[8:]
    with pytest.raises(WrongSignature):
        verify(Note(TEXT, (Signature(NAME, made[ED25519].public.key_id, bare),)), [made[ED25519].public])


def test_a_signature_counts_for_its_own_name_only() -> None:
    """Ed25519 does not sign the name, but the id is of the name; ML-DSA signs it."""
    for key in KEYS.values():
        signature = key.sign(TEXT, NOW)
        other = key.public._replace(name="rujukan.example/other")
        with pytest.raises(NoTrustedSignature):
            verify(Note(TEXT, (signature,)), [other])
        with pytest.raises(NoTrustedSignature):
            verify(Note(TEXT, (signature._replace(name=other.name),)), [other, key.public])
    mldsa = KEYS[COSIGNATURE_ML_DSA]
    other = mldsa.public._replace(name="rujukan.example/other")
    renamed = Signature(other.name, other.key_id, mldsa.sign(TEXT, NOW).blob)
    with pytest.raises(WrongSignature):
        verify(Note(TEXT, (renamed,)), [other])


def test_unknown_keys_are_passed_over_and_a_known_one_must_be_right() -> None:
    good = KEYS[ED25519]
    signature = good.sign(TEXT)
    stranger = SigningKey("stranger.example", ED25519, b"s" * 32).sign(TEXT)
    same_name = SigningKey(NAME, ED25519, b"s" * 32).sign(TEXT)
    same_id = Signature("stranger.example", good.public.key_id, bytes(64))
    rubbish = Signature("rubbish", b"abcd", b"x")
    strangers = (stranger, same_name, same_id, rubbish)
    assert verify(Note(TEXT, (*strangers, signature)), [good.public]) == {good.public: None}
    with pytest.raises(NoTrustedSignature):
        verify(Note(TEXT, strangers), [good.public])
    with pytest.raises(NoTrustedSignature):
        verify(Note(TEXT, (signature,)), [])
    false = Signature(NAME, good.public.key_id, bytes(64))
    for order in ((signature, false), (false, signature)):
        with pytest.raises(WrongSignature):
            verify(Note(TEXT, order), [good.public])


def test_of_several_signatures_by_one_key_the_latest_time_counts_and_each_is_checked() -> None:
    for kind in (COSIGNATURE, COSIGNATURE_ML_DSA):
        key = KEYS[kind]
        signed = tuple(key.sign(TEXT, at) for at in (NOW, NOW + 5, NOW - 5))
        assert verify(Note(TEXT, signed), [key.public]) == {key.public: NOW + 5}
        zero = Note(TEXT, (key.sign(TEXT, 0),))
        assert verify(zero, [key.public]) == {key.public: 0}
        with pytest.raises(WrongSignature):
            verify(Note(TEXT, (*signed, signed[0]._replace(blob=bytes(8) + signed[0].blob[8:]))), [key.public])


@pytest.mark.parametrize("kind", [COSIGNATURE, COSIGNATURE_ML_DSA])
def test_a_cosignature_has_no_time_past_2_to_the_63(kind: int, monkeypatch: pytest.MonkeyPatch) -> None:
    key = KEYS[kind]
    last = (1 << 63) - 1
    assert verify(Note(TEXT, (key.sign(TEXT, last),)), [key.public]) == {key.public: last}
    for wrong in (1 << 63, (1 << 64) - 1, 1 << 64, -1):
        with pytest.raises(ValueError, match="time"):
            key.sign(TEXT, wrong)
    monkeypatch.setattr(notes, "LATEST", 1 << 64)  # as a signer would who does not keep to it
    signature = key.sign(TEXT, 1 << 63)
    monkeypatch.undo()
    with pytest.raises(WrongSignature, match="time"):
        verify(Note(TEXT, (signature,)), [key.public])


@pytest.mark.parametrize("kind", [COSIGNATURE, COSIGNATURE_ML_DSA])
def test_only_a_checkpoint_is_cosigned(kind: int) -> None:
    key = KEYS[kind]
    with pytest.raises(Malformed):
        key.sign("no checkpoint\n", NOW)
    forged = Signature(NAME, key.public.key_id, bytes(notes.SIGNATURE_BYTES[kind]))
    with pytest.raises(NotProven):
        verify(Note("no checkpoint\n", (forged,)), [key.public])


@pytest.mark.parametrize("text", ["", "a", "a\n\nb", "a\r\n", "\0\n", "\ud800\n", "a\tb\n"])
def test_what_no_note_can_have_as_its_text_is_not_signed(text: str) -> None:
    with pytest.raises(ValueError, match="text"):
        KEYS[ED25519].sign(text)


def test_an_ml_dsa_cosignature_signs_the_message_of_the_specification() -> None:
    """struct { label[12]; cosigner_name<1..255>; timestamp; log_origin<1..255>; start = 0; end; hash[32] }."""
    message = (
        b"subtree/v1\n\0"
        + bytes((len(NAME),)) + NAME.encode()
        + NOW.to_bytes(8, "big")
        + bytes((len("kepolisian.example/é".encode()),)) + "kepolisian.example/é".encode()
        + bytes(8) + (7).to_bytes(8, "big")
        + b"r" * 32
    )  # fmt: skip
    text = Checkpoint("kepolisian.example/é", 7, b"r" * 32).text
    key = KEYS[COSIGNATURE_ML_DSA]
    MLDSA44PublicKey.from_public_bytes(key.public.public).verify(key.sign(text, NOW).blob[8:], message)


def test_names_of_up_to_255_bytes_are_cosigned() -> None:
    for length, fits in ((255, True), (256, False)):
        key = SigningKey("n" * length, COSIGNATURE_ML_DSA, bytes(32))
        long_origin = Checkpoint("ö" * (length // 2) + "o" * (length % 2), 1, bytes(32)).text
        for signer, text in ((key, TEXT), (KEYS[COSIGNATURE_ML_DSA], long_origin)):
            if fits:
                assert verify(Note(text, (signer.sign(text, NOW),)), [signer.public])
            else:
                with pytest.raises(Malformed, match="too long"):
                    signer.sign(text, NOW)


def test_a_signing_key_is_of_a_known_kind() -> None:
    for kind in (0, 2, 5, 0xFF, 256, -1):
        with pytest.raises(ValueError, match="kind"):
            SigningKey(NAME, kind, bytes(32))


@pytest.mark.parametrize("public", [bytes(32), b"\x01" + bytes(31), b"\xff" * 32, b"\x02" + bytes(31)])
def test_a_key_that_is_no_point_verifies_nothing(public: bytes) -> None:
    key = PublicKey(NAME, ED25519, public)
    with pytest.raises(WrongSignature):
        verify(Note(TEXT, (Signature(NAME, key.key_id, b"\x07" * 64),)), [key])


def test_an_ed25519_signature_cannot_be_written_in_a_second_way() -> None:
    """RFC 8032 § 5.1.7: S is below the order of the group."""
    order = (1 << 252) + 27742317777372353535851937790883648493
    key = KEYS[ED25519]
    good = key.sign(TEXT)
    second = int.from_bytes(good.blob[32:], "little") + order
    blob = good.blob[:32] + second.to_bytes(32, "little")
    with pytest.raises(WrongSignature):
        verify(Note(TEXT, (good._replace(blob=blob),)), [key.public])


# Checkpoints ------------------------------------------------------------------------------------------------

lines = st.text(st.characters(codec="utf-8", min_codepoint=32), min_size=1, max_size=30)


@given(lines, st.integers(0, (1 << 63) - 1), st.binary(min_size=32, max_size=32), st.lists(lines, max_size=3))
def test_checkpoints_round_trip(origin: str, size: int, root: bytes, extensions: list[str]) -> None:
    checkpoint = Checkpoint(origin, size, root, tuple(extensions))
    assert parse_checkpoint(checkpoint.text) == checkpoint


ROOT = to_base64(bytes(32))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n",
        "o\n1\n",
        f"o\n1\n{ROOT}",
        f"\n1\n{ROOT}\n",
        f"o\n\n{ROOT}\n",
        "o\n1\n\n",
        f"o\n1\n{ROOT}\n\n",
        f"o\n1\n{ROOT}\n\nx\n",
        f"o\n01\n{ROOT}\n",
        f"o\n-1\n{ROOT}\n",
        f"o\n+1\n{ROOT}\n",
        f"o\n1 \n{ROOT}\n",
        f"o\n٣\n{ROOT}\n",
        f"o\n{1 << 63}\n{ROOT}\n",
        f"o\n1\n{ROOT[:-1]}\n",
        f"o\n1\n{to_base64(bytes(31))}\n",
        f"o\n1\n{to_base64(bytes(33))}\n",
        f"o\n1\n{ROOT[:-2]}B=\n",
        f"o\n1\n {ROOT}\n",
    ],
)
def test_what_is_no_checkpoint_is_refused(text: str) -> None:
    with pytest.raises(Malformed):
        parse_checkpoint(text)


@given(st.text(max_size=100) | damaged(st.just(TEXT.encode()), b"\n", b"0").map(lambda b: b.decode("utf-8", "replace")))
def test_any_text_is_a_checkpoint_as_it_is_written_or_refused(text: str) -> None:
    assert refused(lambda: parse_checkpoint(text)) or parse_checkpoint(text).text == text
