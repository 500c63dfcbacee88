"""Keys by what they do: each process has the names that it needs, and the local file gives the same bytes as ever."""

import base64
import hmac
import json
from hashlib import sha256
from pathlib import Path
from uuid import UUID

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey

from rujukan.consumers.evidence import bundle_parts, notes
from rujukan.consumers.evidence.checkpoints import Checkpoint
from rujukan.consumers.evidence.notes import COSIGNATURE_ML_DSA, ED25519, SigningKey
from rujukan.domain.codes import Role
from rujukan.infra.issuer import KEY_ID, EmbeddedIssuer, OwnIssuer
from rujukan.infra.keys import names
from rujukan.infra.keys.handles import Keys, NotHanded
from rujukan.infra.keys.home import UnknownName, UnwrapFailed
from rujukan.infra.keys.local import LocalKeyring
from rujukan.infra.keys.names import Allowed
from rujukan.infra.ledger.log_key import BundleSeal, LogKey, LogKeys

ROOT = bytes(range(32))
ORIGIN = "rujukan/bontang"
SERVING = {
    "api": names.API,
    "worker": names.WORKER,
    "publisher": names.PUBLISHER,
    "sealer": names.SEALER,
}
ED25519_NAMES = (names.ISSUER, names.DELIVERY_SIGNATURE, names.LEDGER_ED25519, "webhook-signature/rsud")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> LocalKeyring:
    file: Path = tmp_path_factory.mktemp("keys") / "keyring.json"
    file.touch(0o600)
    root = base64.b64encode(ROOT).decode()
    file.write_text(json.dumps({"active": "kek-1", "keys": {"kek-1": root}, "root": root}))
    return LocalKeyring(file)


def seed(name: str) -> bytes:
    """What the local file derives for a name, now and for ever."""
    return hmac.digest(ROOT, name.encode(), sha256)


# The same bytes as ever ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["idempotency", "nik-index", "pseudonyms", "delivery-receipt", "webhook/rsud/3"])
def test_a_mac_is_hmac_under_what_the_root_gives_for_its_name(home: LocalKeyring, name: str) -> None:
    assert home.mac(name, b"message") == hmac.digest(seed(name), b"message", sha256)


def test_a_mac_is_what_it_was_when_the_first_was_stored(home: LocalKeyring) -> None:
    assert home.mac("nik-index", b"6474011234567890").hex() == NIK_INDEX


NIK_INDEX = "db928b1d82152379aecebfc6c3d9a2e295579b9903e682b1099cf02237c525f4"


@pytest.mark.parametrize("name", ED25519_NAMES)
def test_a_name_signs_with_the_key_that_the_root_gives_for_it(home: LocalKeyring, name: str) -> None:
    private = Ed25519PrivateKey.from_private_bytes(seed(name))
    assert home.public(name) == private.public_key().public_bytes_raw()
    assert home.sign(name, b"message") == private.sign(b"message")


def test_the_ledger_signs_with_ml_dsa_too(home: LocalKeyring) -> None:
    public = MLDSA44PrivateKey.from_seed_bytes(seed("ledger/ml-dsa-44")).public_key()
    assert home.public("ledger/ml-dsa-44") == public.public_bytes_raw()
    public.verify(home.sign("ledger/ml-dsa-44", b"message"), b"message")


def test_the_secret_of_a_webhook_is_shared_and_no_other(home: LocalKeyring) -> None:
    assert home.shared("webhook/rsud/3") == seed("webhook/rsud/3")
    for name in ("issuer", "ledger/ed25519", "nik-index", "webhook-signature/rsud", "webhook/", "webhook", ""):
        with pytest.raises(UnknownName):
            home.shared(name)


def test_a_name_does_what_it_is_for_and_nothing_else(home: LocalKeyring) -> None:
    for name in ("issuer", "ledger/ed25519", "webhook-signature/rsud", "webhook/", "unheard-of"):
        with pytest.raises(UnknownName):
            home.mac(name, b"")
    for name in ("nik-index", "webhook/rsud/3", "webhook-signature/", "ledger/", "unheard-of", "bundle-seal"):
        with pytest.raises(UnknownName):
            home.sign(name, b"")
        with pytest.raises(UnknownName):
            home.public(name)


def test_a_token_has_the_form_that_the_library_gives_it(home: LocalKeyring) -> None:
    keys = Keys(home, names.MINTING)
    token = EmbeddedIssuer(keys.signer(names.ISSUER), "https://issuer.example", "rujukan").token(
        UUID(int=1), "uptd-ppa", [Role.CASE_WORKER]
    )
    checked = OwnIssuer(Keys(home, names.API).public(names.ISSUER), "https://issuer.example", "rujukan")
    claims = jwt.decode(token, checked.key(KEY_ID), algorithms=["EdDSA"], audience="rujukan")
    private = Ed25519PrivateKey.from_private_bytes(seed("issuer"))
    assert token == jwt.encode(claims, private, algorithm="EdDSA", headers={"typ": "at+jwt", "kid": KEY_ID})


def test_a_head_is_signed_as_by_who_holds_the_seeds(home: LocalKeyring) -> None:
    key = LogKey.of(ORIGIN, Keys(home, names.SEALER))
    held = LogKey(
        SigningKey(ORIGIN, ED25519, seed("ledger/ed25519")),
        SigningKey(ORIGIN, COSIGNATURE_ML_DSA, seed("ledger/ml-dsa-44")),
    )
    assert key.public == held.public == LogKeys.of(ORIGIN, Keys(home, names.API))
    note = key.sign(3, b"r" * 32, 1_800_000_000.5)
    assert note.signatures[0] == held.sign(3, b"r" * 32, 1_800_000_000.5).signatures[0]
    assert set(notes.verify(note, held.public)) == set(held.public)
    assert key.public.only(note) == note


# Many at once --------------------------------------------------------------------------------------------------


def test_many_keys_are_wrapped_and_unwrapped_in_order(home: LocalKeyring) -> None:
    keys = [(bytes((n,)) * 32, b"context %d" % n) for n in range(20)]
    wrapped = home.wrap_many(keys)
    bound = [(each, context) for each, (_, context) in zip(wrapped, keys, strict=True)]
    assert home.unwrap_many(bound) == [key for key, _ in keys]
    assert home.wrap_many([]) == home.unwrap_many([]) == []


def test_of_many_wrapped_keys_one_that_does_not_open_is_not_passed_over(home: LocalKeyring) -> None:
    one, two = home.wrap_many([(b"1" * 32, b"one"), (b"2" * 32, b"two")])
    with pytest.raises(UnwrapFailed):
        home.unwrap_many([(one, b"one"), (two, b"another")])


# What a process is handed --------------------------------------------------------------------------------------


def can_sign(keys: Keys, name: str) -> bool:
    try:
        return bool(keys.signer(name).sign(b"message"))
    except NotHanded:
        return False


@pytest.mark.parametrize("process", SERVING)
def test_no_process_that_serves_mints_tokens_or_replaces_keys(home: LocalKeyring, process: str) -> None:
    keys = Keys(home, SERVING[process])
    assert not can_sign(keys, names.ISSUER)
    with pytest.raises(NotHanded):
        keys.rotation()


def test_the_sealer_alone_signs_heads_and_opens_nothing(home: LocalKeyring) -> None:
    for process, allowed in SERVING.items():
        for name in (names.LEDGER_ED25519, names.LEDGER_ML_DSA):
            assert can_sign(Keys(home, allowed), name) == (process == "sealer")
    with pytest.raises(NotHanded):
        Keys(home, names.SEALER).wrapping()


def test_the_api_seals_bundles_with_the_ledgers_key_and_no_head(home: LocalKeyring) -> None:
    seal = BundleSeal.of(ORIGIN, Keys(home, names.API))
    note = seal.sign(bundle_parts.seal_text("case", {}))
    assert set(notes.verify(note, seal.keys)) == {seal.keys.ed25519}
    with pytest.raises(NotHanded):
        seal.sign(Checkpoint(ORIGIN, 3, b"r" * 32).text)
    for allowed in (names.WORKER, names.PUBLISHER, names.SEALER):
        with pytest.raises(NotHanded):
            BundleSeal.of(ORIGIN, Keys(home, allowed | Allowed(shows=names.API.shows)))


def test_a_seal_begins_as_the_format_says() -> None:
    assert names.NARROWED[names.BUNDLE_SEAL].begins == f"{bundle_parts.FORMAT}\n".encode()


def test_who_posts_to_webhooks_signs_with_the_secret_and_does_not_hold_it(home: LocalKeyring) -> None:
    keys = Keys(home, names.PUBLISHER)
    assert keys.macs(names.WEBHOOK).mac("webhook/rsud/3", b"m") == home.mac("webhook/rsud/3", b"m")
    with pytest.raises(NotHanded):
        keys.sharing(names.WEBHOOK)
    assert Keys(home, names.API).sharing(names.WEBHOOK).shared("webhook/rsud/3") == seed("webhook/rsud/3")


def test_a_handle_answers_to_what_was_named_alone(home: LocalKeyring) -> None:
    keys = Keys(home, names.API)
    macs = keys.macs(names.NIK_INDEX, names.IDEMPOTENCY)
    assert macs.mac("nik-index", b"m") == home.mac("nik-index", b"m")
    for name in ("pseudonyms", "delivery-receipt", "webhook/rsud/3", "nik-index/", "nik-index/x", "issuer", ""):
        with pytest.raises(NotHanded):
            macs.mac(name, b"m")
    public = keys.public(names.LEDGER_ED25519)
    with pytest.raises(NotHanded):
        public.public(names.ISSUER)
    signing = keys.signing(names.DELIVERY_SIGNATURE)
    with pytest.raises(NotHanded):
        signing.sign(names.BUNDLE_SEAL, b"rujukan/bundle/1\n")


def test_one_name_of_a_family_can_be_handed_and_a_family_is_no_name(home: LocalKeyring) -> None:
    keys = Keys(home, names.PUBLISHER)
    one = keys.macs("webhook/rsud/3")
    assert one.mac("webhook/rsud/3", b"m")
    with pytest.raises(NotHanded):
        one.mac("webhook/rsud/4", b"m")
    with pytest.raises(NotHanded):
        keys.macs(names.WEBHOOK).mac("webhook/", b"m")


def test_every_name_that_a_process_is_handed_is_one_that_there_is() -> None:
    for allowed in (*SERVING.values(), names.ROTATING, names.MINTING, names.SHOWING):
        assert allowed.signs | allowed.shows <= names.SIGNATURES.keys() | names.NARROWED.keys()
        assert allowed.macs <= names.MACS
        assert allowed.shares <= names.SHARED


def test_a_refusal_names_no_agency(home: LocalKeyring) -> None:
    with pytest.raises(NotHanded) as refused:
        Keys(home, names.WORKER).macs("webhook/rsud/3")
    assert "rsud" not in str(refused.value)
