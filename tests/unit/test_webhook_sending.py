"""What is posted to a webhook, signed as Standard Webhooks 1.0.0 has it, and where nothing may be posted."""

import asyncio
import base64
import statistics
import time
from pathlib import Path
from threading import Event

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from hypothesis import given
from hypothesis import strategies as st
from webhook_keys import by

from rujukan.infra.keys.local import LocalKeyring
from rujukan.infra.webhooks import names
from rujukan.infra.webhooks.addresses import Networks, Refused
from rujukan.infra.webhooks.sending import JITTER, SCHEDULE, Patience
from rujukan.infra.webhooks.signature import mac_of, public_key, secret_of, signatures, signer_of

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
ID, TIMESTAMP, BODY = "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}'
EXPECTED = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
"""The vector in the tests of the specification's own libraries."""


@pytest.fixture(scope="module")
def keyring(tmp_path_factory: pytest.TempPathFactory) -> LocalKeyring:
    return LocalKeyring(Path(tmp_path_factory.mktemp("keys")) / "keyring.json")


# Signatures ----------------------------------------------------------------------------------------------------


def test_the_shared_secret_signs_as_the_specifications_libraries_do(keyring: LocalKeyring) -> None:
    assert signatures([by(SECRET)], signer_of(keyring, "rsud").sign, ID, TIMESTAMP, BODY).split()[0] == EXPECTED


def test_the_services_key_signs_the_same_content(keyring: LocalKeyring) -> None:
    signed = signatures([by(SECRET)], signer_of(keyring, "rsud").sign, ID, TIMESTAMP, BODY).split()[-1]
    shown = public_key(keyring, "rsud")
    assert signed.startswith("v1a,")
    assert shown.startswith("whpk_")
    key = Ed25519PublicKey.from_public_bytes(base64.b64decode(shown.removeprefix("whpk_")))
    signature = base64.b64decode(signed.removeprefix("v1a,"))
    key.verify(signature, b"%s.%d.%s" % (ID.encode(), TIMESTAMP, BODY))
    with pytest.raises(InvalidSignature):
        key.verify(signature, b"%s.%d.%s" % (ID.encode(), TIMESTAMP + 1, BODY))


def test_while_a_secret_is_replaced_both_sign(keyring: LocalKeyring) -> None:
    both = [mac_of(keyring, "rsud", 9), by(SECRET)]
    signed = signatures(both, signer_of(keyring, "rsud").sign, ID, TIMESTAMP, BODY)
    kinds = [each.partition(",")[0] for each in signed.split(" ")]
    assert kinds == ["v1", "v1", "v1a"]
    assert signed.split(" ")[1] == EXPECTED


def test_no_two_registrations_or_agencies_share_a_secret(keyring: LocalKeyring) -> None:
    secrets = {secret_of(keyring, agency, n) for agency in ("rsud", "polres") for n in (2, 3)}
    assert len(secrets) == 4
    assert all(len(base64.b64decode(secret.removeprefix("whsec_"))) == 32 for secret in secrets)
    assert secret_of(keyring, "rsud", 2) in secrets, "always the same"
    assert public_key(keyring, "rsud") != public_key(keyring, "polres")


def test_the_service_signs_with_the_secret_that_the_administrator_is_shown(keyring: LocalKeyring) -> None:
    shown = secret_of(keyring, "rsud", 9)
    one, other = (
        signatures([mac], signer_of(keyring, "rsud").sign, ID, TIMESTAMP, BODY)
        for mac in (mac_of(keyring, "rsud", 9), by(shown))
    )
    assert one == other


WORDS = {
    "be an address",
    "be an https address",
    "have no credentials and no fragment",
    "have a port that there is",
    "lead to a public address, or into a network that the operator allows",
}


# Addresses -----------------------------------------------------------------------------------------------------


def may(url: str, networks: str = "") -> bool:
    """Whether that is posted to. Names here are addresses, so that nobody is asked."""
    allowed = Networks(networks)
    try:
        return bool(asyncio.run(allowed.resolve(allowed.check(url))))
    except Refused:
        return False


PRIVATE = (
    "127.0.0.1",
    "127.8.9.10",
    "10.0.0.1",
    "172.16.0.1",
    "192.168.1.1",
    "169.254.169.254",
    "100.64.0.1",
    "0.0.0.0",
    "224.0.0.1",
    "255.255.255.255",
    "[::1]",
    "[::]",
    "[fe80::1]",
    "[fd00::1]",
    "[fec0::1]",
    "[fe80::1%25eth0]",
    "[ff02::1]",
    "[::ffff:127.0.0.1]",
    "[::ffff:169.254.169.254]",
    "[64:ff9b::7f00:1]",
    "[64:ff9b:1::7f00:1]",
    "[::127.0.0.1]",
    "[::ffff:0:127.0.0.1]",
    "[2002:7f00:1::]",
    "localhost",
    "2130706433",
    "0x7f.1",
    "127.1",
    "0177.0.0.1",
    "0",
    "１２７.0.0.1",
    "127。0。0。1",
)


@pytest.mark.parametrize("host", PRIVATE)
def test_nothing_is_posted_into_the_services_own_network(host: str) -> None:
    for scheme in ("https", "http"):
        assert not may(f"{scheme}://{host}/"), scheme
        assert not may(f"{scheme}://{host}:8443/x"), scheme


@pytest.mark.parametrize("host", ["93.184.215.14", "[2606:2800:21f:cb07:6820:80da:af6b:8b2c]"])
def test_a_public_address_is_posted_to_over_tls_only(host: str) -> None:
    assert may(f"https://{host}/")
    assert not may(f"http://{host}/")
    assert not may(f"http://{host}/", "10.0.0.0/8")


def test_the_operator_allows_networks_and_http_in_them() -> None:
    allowed = "10.20.0.0/16, 127.0.0.0/8 fd12::/16"
    for url in ("https://10.20.1.1/", "http://10.20.1.1/", "http://127.0.0.1:8080/x", "https://[fd12::7]/"):
        assert may(url, allowed), url
    for url in ("https://10.21.1.1/", "http://192.168.0.1/", "https://[::1]/", "https://[::ffff:10.21.0.1]/"):
        assert not may(url, allowed), url


@pytest.mark.parametrize(
    "url",
    [
        "https://user@93.184.215.14/",
        "https://user:secret@93.184.215.14/",
        "https://93.184.215.14/#part",
        "https://93.184.215.14:0/",
        "https:///path",
        "gopher://93.184.215.14/",
        "file:///etc/passwd",
        "https://93.184.215.14:99999/",
        "https://[::1",
        "https://xn--/",
        "https://xn--a-rahasia\u00ad.example/",
    ],
)
def test_an_address_that_says_more_or_less_than_where_is_refused(url: str) -> None:
    with pytest.raises(Refused):
        Networks("").check(url)


@given(st.text(max_size=80), st.sampled_from(["", "10.0.0.0/8"]))
def test_whatever_an_address_says_it_is_one_or_refused_in_words_of_ours(said: str, networks: str) -> None:
    for url in (said, f"https://{said}", f"http://{said}/"):
        try:
            Networks(networks).check(url)
        except Refused as refused:
            words = str(refused)
        else:
            continue
        assert words in WORDS


RESOLVED = [
    h.strip("[]").replace("%25", "%") for h in PRIVATE if h.startswith("[") or (h.count(".") == 3 and h.isascii())
]


@pytest.mark.parametrize("address", [a for a in RESOLVED if not a.startswith("01")])
def test_a_name_that_resolves_inside_is_not_posted_to_and_its_public_address_is(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    networks = Networks("")
    url = networks.check("https://agency.example/in")

    def resolved(*addresses: str) -> list[str]:
        monkeypatch.setattr(names, "look_up", lambda host, port: list(addresses))
        return list(asyncio.run(networks.resolve(url)))  # type: ignore[arg-type]

    with pytest.raises(Refused):
        resolved(address)
    assert resolved(address, "93.184.215.14") == ["93.184.215.14"]


def test_names_that_hang_hold_up_neither_others_nor_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    answers = Event()

    def look_up(host: str, port: int) -> list[str]:
        asked.append(host)
        if host.startswith("hangs"):
            answers.wait(600)
        return ["93.184.215.14"]

    monkeypatch.setattr(names, "look_up", look_up)

    async def all_of_it() -> None:
        here = names.Names(most=20)

        async def at_most(host: str, seconds: float) -> list[str]:
            async with asyncio.timeout(seconds):
                return await here.addresses(host, 443)

        hanging = [at_most(f"hangs-{n % 19}", 0.5) for n in range(200)]
        began = time.monotonic()
        *hung, good = await asyncio.gather(*hanging, at_most("good", 20), return_exceptions=True)
        assert all(isinstance(one, TimeoutError) for one in hung)
        assert good == ["93.184.215.14"]
        assert await at_most("good", 20) == ["93.184.215.14"]
        for _ in range(3):  # and when they are tried again
            with pytest.raises(TimeoutError):
                await at_most("hangs-1", 0.01)
        assert sorted(asked) == sorted(["good", "good", *(f"hangs-{n}" for n in range(19))])
        assert time.monotonic() - began < 300
        one = asyncio.create_task(at_most("hangs-20", 20))
        await asyncio.sleep(0)
        with pytest.raises(TimeoutError):
            await at_most("late", 0.1)
        answers.set()
        assert await one == await at_most("late", 20) == ["93.184.215.14"], "a place is free again"

    asyncio.run(all_of_it())


def test_a_loop_ends_while_a_name_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = Event()
    monkeypatch.setattr(names, "look_up", lambda host, port: [str(answers.wait(600))])
    began = time.monotonic()
    with pytest.raises(TimeoutError):
        asyncio.run(asyncio.wait_for(names.Names().addresses("hangs", 443), 0.1))
    assert time.monotonic() - began < 300
    answers.set()


@pytest.mark.parametrize("problem", [OSError("no"), UnicodeError("no"), OverflowError("no")])
def test_a_name_that_cannot_be_looked_up_is_an_oserror(problem: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    def look_up(host: str, port: int) -> list[str]:
        raise problem

    monkeypatch.setattr(names, "look_up", look_up)
    with pytest.raises((OSError, UnicodeError)):
        asyncio.run(names.Names().addresses("none", 443))


def test_networks_are_ranges() -> None:
    with pytest.raises(ValueError, match="does not appear to be"):
        Networks("the ministry")


# Patience ------------------------------------------------------------------------------------------------------


def test_pauses_grow_to_a_bound_and_no_two_are_alike() -> None:
    patience = Patience()
    for failures, seconds in enumerate((*SCHEDULE, SCHEDULE[-1], SCHEDULE[-1]), 1):
        pauses = [patience.pause(failures, 0.0) for _ in range(200)]
        assert seconds * (1 - JITTER) <= min(pauses) < max(pauses) <= seconds * (1 + JITTER)
        assert statistics.mean(pauses) == pytest.approx(seconds, rel=0.1)


def test_a_receiver_may_ask_for_more_time_within_bounds() -> None:
    assert Patience().pause(1, 600.0) == 600.0
    assert Patience().pause(1, 10.0**9) == 3600.0
    assert Patience().pause(len(SCHEDULE), 1.0) > 1000.0
