"""What a receiver checks of a webhook, by the specification's own example and by what the service signs."""

import base64

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from webhook_keys import by, shown

from rujukan.consumers.agency.transports.webhook_signature import NotSigned, WebhookKeys, keys_in
from rujukan.infra.webhooks.signature import signatures

# The example of standard-webhooks/standard-webhooks, in its libraries' tests.
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
BODY = b'{"test": 2432232314}'
NOW = 1614265330
EXAMPLE = {
    "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
    "webhook-timestamp": str(NOW),
    "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
}
OTHER = "whsec_" + base64.b64encode(b"o" * 32).decode()
SIGNER = Ed25519PrivateKey.generate()
KEYS = WebhookKeys([SECRET])


def signed(*secrets: str) -> dict[str, str]:
    macs = [by(secret) for secret in secrets]
    return {
        **EXAMPLE,
        "webhook-signature": signatures(macs, SIGNER.sign, EXAMPLE["webhook-id"], NOW, BODY),
    }


def test_the_example_of_the_specification_is_taken():
    KEYS.check(EXAMPLE, BODY, NOW)


def test_one_signature_that_fits_is_enough():
    WebhookKeys([OTHER, SECRET]).check(signed(SECRET), BODY, NOW)
    KEYS.check(signed(OTHER, SECRET), BODY, NOW)
    WebhookKeys([shown(SIGNER)]).check(signed(), BODY, NOW)


@pytest.mark.parametrize(
    "change",
    [
        {"webhook-id": "msg_another"},
        {"webhook-timestamp": str(NOW + 1)},
        {"webhook-signature": ""},
        {"webhook-signature": "v1,"},
        {"webhook-signature": "v1"},
        {"webhook-signature": EXAMPLE["webhook-signature"].replace("v1,", "v2,")},
        {"webhook-signature": EXAMPLE["webhook-signature"].replace("v1,", "v1a,")},
        {"webhook-signature": EXAMPLE["webhook-signature"][:-1]},
        {"webhook-signature": "v1,\xff\xfe v1a,\xff"},
        {"webhook-id": "\xff"},
    ],
)
def test_a_changed_request_is_not(change):
    for keys in (KEYS, WebhookKeys([shown(SIGNER)])):
        with pytest.raises(NotSigned, match="none of our keys"):
            keys.check({**EXAMPLE, **change}, BODY, NOW)


def test_another_body_another_secret_and_another_service_are_not():
    for keys, headers, body in (
        (KEYS, EXAMPLE, BODY + b" "),
        (WebhookKeys([OTHER]), signed(SECRET), BODY),
        (WebhookKeys([shown(Ed25519PrivateKey.generate())]), signed(SECRET), BODY),
    ):
        with pytest.raises(NotSigned, match="none of our keys"):
            keys.check(headers, body, NOW)


@pytest.mark.parametrize("seconds", [-301, 301, 10**9])
def test_what_is_old_or_of_the_future_is_not(seconds):
    with pytest.raises(NotSigned, match="clocks"):
        KEYS.check(EXAMPLE, BODY, NOW + seconds)


def test_the_clocks_may_differ_as_far_as_is_said():
    KEYS.check(EXAMPLE, BODY, NOW + 299)
    KEYS.check(EXAMPLE, BODY, NOW + 899, tolerance=900)


@pytest.mark.parametrize("timestamp", ["", "-1", "1e9", "１６１４２６５３３０", " 1614265330", "9" * 400])
def test_a_time_that_is_none_is_not(timestamp):
    with pytest.raises(NotSigned, match="no time"):
        KEYS.check({**EXAMPLE, "webhook-timestamp": timestamp}, BODY, NOW)


@pytest.mark.parametrize("missing", EXAMPLE)
def test_each_header_is_needed(missing):
    with pytest.raises(NotSigned, match="missing"):
        KEYS.check({name: text for name, text in EXAMPLE.items() if name != missing}, BODY, NOW)


@pytest.mark.parametrize("keys", [[], [""], ["secret"], ["whsec_"], ["whsec_c2hvcnQ="], ["whsec_!"], ["whpk_c2hvcnQ="]])
def test_a_key_that_is_none_is_refused_at_once(keys):
    with pytest.raises(ValueError, match="key"):
        WebhookKeys(keys)


def test_keys_are_in_a_file_that_nobody_else_reads(tmp_path):
    file = tmp_path / "secret"
    file.write_text(f"{SECRET}\n{OTHER}\n")
    file.chmod(0o644)
    with pytest.raises(PermissionError):
        keys_in(file)
    file.chmod(0o600)
    assert keys_in(file) == [SECRET, OTHER]
