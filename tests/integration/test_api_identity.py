"""Who is calling, and may they: tokens that are not accepted, members, roles, purposes."""

import base64
import hashlib
import hmac
import json
import re
import time
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import httpx
import jwt
import pytest
from conftest import Running
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from two import seconded

from rujukan.api.application.casework import Casework
from rujukan.api.problems import type_of
from rujukan.domain.case.intake import OpenCase
from rujukan.domain.codes import AgencyKind, Purpose, Role, Service
from rujukan.domain.standing.roles import AUDITORS, PURPOSES, READERS
from rujukan.domain.standing.rule import commands_of
from rujukan.infra import composition, onboarding
from rujukan.infra.issuer import KEY_ID, usual_actor

OPENING = {"channel": "in-person", "reporter": "family", "urgency": "routine", "age_group": "adult"}
NOT_A_MEMBER = type_of("NotAMember").removeprefix("urn:rujukan:problem:")
PEOPLE = tuple(role for role in Role if role is not Role.SYSTEM)


@pytest.fixture(scope="module")
def signer(running: Running) -> Ed25519PrivateKey:
    """The issuer's own key, as who has the keyring's file has it."""
    root = base64.b64decode(json.loads(running.settings.keyring_file.read_text())["root"])
    return Ed25519PrivateKey.from_private_bytes(hmac.digest(root, b"issuer", "sha256"))


@pytest.fixture(scope="module", autouse=True)
def accepted(running: Running, signer: Ed25519PrivateKey) -> tuple[str, int]:
    """(token, its end): a short-lived one that was accepted, and so is remembered, when these tests began."""
    while True:
        ends = int(time.time()) + 2
        token = signed(signer, claims(running, exp=ends))
        if asked(running, token).status_code == 200:
            return token, ends


@pytest.fixture(scope="module")
def system(running: Running) -> Iterator[Casework]:
    """The system itself, which brings agencies and people in."""
    with composition.service(running.settings, connections=2) as ports:
        yield Casework(ports.log, ports.macs)


@pytest.fixture
def agency(system: Casework) -> str:
    """A fresh agency with one member in each role."""
    code = f"a-{uuid4().hex[:12]}"
    onboarding.register(system, code, AgencyKind.NGO, "LSM", [Service.COMPLAINT])
    for role in PEOPLE:
        onboarding.add_member(system, code, usual_actor(code, role), [role], None)
    return code


def claims(running: Running, **changed: Any) -> dict[str, Any]:
    """What a good token of a case worker of the lead agency says, with changes; None leaves a claim out."""
    now = int(time.time())
    said = {
        "iss": running.settings.issuer,
        "aud": running.settings.audience,
        "sub": str(usual_actor("uptd-ppa", Role.CASE_WORKER)),
        "client_id": "test",
        "iat": now,
        "exp": now + 60,
        "jti": str(uuid4()),
        "agency": "uptd-ppa",
        "roles": ["case-worker"],
        **changed,
    }
    return {name: value for name, value in said.items() if value is not None}


def signed(
    signer: Any, said: dict[str, Any], algorithm: str = "EdDSA", typ: str | None = "at+jwt", kid: str | None = KEY_ID
) -> str:
    named = {} if kid is None else {"kid": kid}
    return jwt.encode(said, signer, algorithm=algorithm, headers={"typ": typ, **named})


def asked(running: Running, token: str | None, **headers: str) -> httpx.Response:
    """What a list of cases answers to who comes with this token."""
    shown = {"Authorization": f"Bearer {token}"} if token is not None else {}
    return running.http.get("/cases", headers={"Purpose-Of-Use": "care", **shown, **headers})


def refused(response: httpx.Response, status: int, type: str) -> bool:
    assert response.headers["content-type"] == "application/problem+json"
    assert (response.status_code, response.json()["type"]) == (status, f"urn:rujukan:problem:{type}"), response.text
    return True


def unauthenticated(response: httpx.Response) -> bool:
    assert response.headers["WWW-Authenticate"].startswith("Bearer ")
    return refused(response, 401, "not-authenticated")


# Tokens --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("typ", ["at+jwt", "AT+JWT", "application/at+jwt"])
def test_an_access_token_is_accepted(running: Running, signer: Ed25519PrivateKey, typ: str) -> None:
    assert asked(running, signed(signer, claims(running), typ=typ)).status_code == 200


@pytest.mark.parametrize("header", [None, "", "Bearer", "Basic dXNlcjpwYXNz", "Token x", "bearer", "Bearer\u00a0x"])
def test_who_brings_no_token_is_nobody(running: Running, header: str | None) -> None:
    headers = {} if header is None else {"Authorization": header.encode("latin-1")}
    assert unauthenticated(running.http.get("/cases", headers=headers))


@pytest.mark.parametrize(
    "token",
    [
        "garbage",
        "a.b.c",
        "..",
        "e30.e30.",
        "e30.e30.e30",
        "é.é.é",
        "x" * 8_193,
        base64.urlsafe_b64encode(b"[" * 5_000).decode() + ".e30.x",
        base64.urlsafe_b64encode(b'{"typ":"at+jwt","alg":"EdDSA","kid":' + b"[" * 5_000).decode() + ".e30.x",
    ],
    ids=["word", "letters", "dots", "empty", "objects", "latin", "long", "deep", "deep-kid"],
)
def test_garbage_is_no_token(running: Running, token: str) -> None:
    response = running.http.get("/cases", headers={"Authorization": f"Bearer {token}".encode("latin-1")})
    assert unauthenticated(response)
    assert token[:20] not in response.text


def test_a_token_ends(running: Running, signer: Ed25519PrivateKey) -> None:
    past = int(time.time()) - 60
    assert unauthenticated(asked(running, signed(signer, claims(running, iat=past - 60, exp=past))))


@pytest.mark.parametrize(
    "changed",
    [
        {"iss": "https://elsewhere.example"},
        {"aud": "another-service"},
        {"aud": ["another-service"]},
        {"nbf": 4_000_000_000},
        {"iat": 4_000_000_000},
    ],
    ids=lambda changed: next(iter(changed)),
)
def test_a_token_for_elsewhere_or_another_time_is_not_accepted(
    running: Running, signer: Ed25519PrivateKey, changed: dict[str, Any]
) -> None:
    assert unauthenticated(asked(running, signed(signer, claims(running, **changed))))


@pytest.mark.parametrize("name", ["iss", "aud", "sub", "exp", "iat", "jti", "client_id", "agency", "roles"])
def test_no_claim_may_be_missing(running: Running, signer: Ed25519PrivateKey, name: str) -> None:
    """RFC 9068 section 2.2, and our own two."""
    assert unauthenticated(asked(running, signed(signer, claims(running, **{name: None}))))


@pytest.mark.parametrize(
    "changed",
    [
        {"roles": []},
        {"roles": ["system"]},
        {"roles": ["case-worker", "system"]},
        {"roles": ["queen"]},
        {"roles": ["Case-Worker"]},
        {"roles": "case-worker"},
        {"roles": [1]},
        {"roles": {"case-worker": True}, "sub": "x"},
        {"sub": "somebody"},
        {"sub": ""},
        {"exp": "soon"},
    ],
    ids=lambda changed: json.dumps(changed),
)
def test_a_claim_is_what_it_should_be(running: Running, signer: Ed25519PrivateKey, changed: dict[str, Any]) -> None:
    assert unauthenticated(asked(running, signed(signer, claims(running, **changed))))


@pytest.mark.parametrize("typ", ["JWT", "jwt", "id+jwt", "", None])
def test_another_kind_of_jwt_is_no_access_token(running: Running, signer: Ed25519PrivateKey, typ: str | None) -> None:
    """An id token of the same issuer, say (RFC 9068 section 2.1)."""
    assert unauthenticated(asked(running, signed(signer, claims(running), typ=typ)))


@pytest.mark.parametrize("kid", ["another", "", None])
def test_the_key_is_one_of_the_issuers(running: Running, signer: Ed25519PrivateKey, kid: str | None) -> None:
    assert unauthenticated(asked(running, signed(signer, claims(running), kid=kid)))


def test_anothers_signature_is_not_the_issuers(running: Running) -> None:
    assert unauthenticated(asked(running, signed(Ed25519PrivateKey.generate(), claims(running))))
    elliptic = ec.generate_private_key(ec.SECP256R1())
    assert unauthenticated(asked(running, signed(elliptic, claims(running), algorithm="ES256")))


def test_a_changed_token_is_not_the_issuers(running: Running, signer: Ed25519PrivateKey) -> None:
    header, _, signature = signed(signer, claims(running)).split(".")
    other = signed(Ed25519PrivateKey.generate(), claims(running, agency="rsud")).split(".")[1]
    assert unauthenticated(asked(running, f"{header}.{other}.{signature}"))
    assert unauthenticated(asked(running, f"{header}.{other}."))


@pytest.mark.parametrize("algorithm", ["none", "None", "NONE"])
def test_an_unsigned_token_is_not_accepted(running: Running, algorithm: str) -> None:
    assert unauthenticated(asked(running, forged(running, algorithm, lambda message: b"")))


def test_the_public_key_is_no_shared_secret(running: Running, signer: Ed25519PrivateKey) -> None:
    """RFC 8725 section 2.1: what everybody can read must not sign."""
    public = signer.public_key()
    raw = public.public_bytes(Encoding.Raw, PublicFormat.Raw)
    pem = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    for secret in (raw, pem, pem.strip(), base64.urlsafe_b64encode(raw).rstrip(b"=")):
        token = forged(running, "HS256", lambda message, key=secret: hmac.digest(key, message, hashlib.sha256))
        assert unauthenticated(asked(running, token))


def forged(running: Running, algorithm: str, sign: Any) -> str:
    def part(said: object) -> bytes:
        return base64.urlsafe_b64encode(json.dumps(said).encode()).rstrip(b"=")

    message = part({"typ": "at+jwt", "alg": algorithm, "kid": KEY_ID}) + b"." + part(claims(running))
    return (message + b"." + base64.urlsafe_b64encode(sign(message)).rstrip(b"=")).decode()


def test_who_calls_is_asked_before_the_body_is_looked_at(running: Running) -> None:
    for path in ("/cases", f"/cases/{uuid4()}/notes", "/agencies", f"/cases/{uuid4()}/documents"):
        assert unauthenticated(running.http.post(path, content=b"{not json"))


def test_every_route_but_the_open_ones_asks_who_calls(running: Running) -> None:
    document = running.http.get("/openapi.json").json()
    for path, item in document["paths"].items():
        known = {"code": "rsud", "key": "1", "list": "roles", "tile": "0/000", "position": 10**12}
        known |= {"topic": "case.CaseOpened", "version": 1}
        here = path.format(**{name: known.get(name, uuid4()) for name in re.findall(r"{(\w+)", path)})
        for method, operation in item.items():
            response = running.http.request(method, here)
            if operation["security"]:
                assert unauthenticated(response), path
            else:  # what is not there, or no note, is refused for that and not for who asks
                assert response.status_code == 200 or path.startswith("/ledger/"), path
                assert response.status_code not in (401, 403), path


def test_the_issuers_keys_are_published(running: Running, signer: Ed25519PrivateKey) -> None:
    """And they verify a token that was issued."""
    keys = jwt.PyJWKSet.from_dict(running.http.get("/.well-known/jwks.json").json())
    token = running.issuer.token(uuid4(), "rsud", [Role.CASE_WORKER])
    said = jwt.decode(token, keys[KEY_ID].key, algorithms=["EdDSA"], audience=running.settings.audience)
    assert said["agency"] == "rsud"
    assert "d" not in running.http.get("/.well-known/jwks.json").json()["keys"][0], "the private part"


# Members -------------------------------------------------------------------------------------------------------


def member(running: Running, agency: str, role: Role, purpose: Purpose | None = None) -> dict[str, str]:
    """The headers of a member of an agency."""
    said = purpose or sorted(PURPOSES[role])[0]
    token = running.issuer.token(usual_actor(agency, role), agency, [role])
    return {"Authorization": f"Bearer {token}", "Purpose-Of-Use": said}


def test_a_token_alone_makes_no_member(running: Running) -> None:
    """The agency's own record says who acts for it: for a stranger, and for a member in another role."""
    stranger = running.issuer.token(uuid4(), "uptd-ppa", [Role.CASE_WORKER])
    assert refused(asked(running, stranger), 403, NOT_A_MEMBER)
    promoted = running.issuer.token(usual_actor("uptd-ppa", Role.CASE_WORKER), "uptd-ppa", [Role.SUPERVISOR])
    assert refused(asked(running, promoted), 403, NOT_A_MEMBER)
    elsewhere = running.issuer.token(usual_actor("uptd-ppa", Role.CASE_WORKER), "rsud", [Role.CASE_WORKER])
    assert refused(asked(running, elsewhere), 403, NOT_A_MEMBER)


def test_an_agency_that_is_not_registered_cannot_act(running: Running) -> None:
    token = running.issuer.token(uuid4(), "nowhere", [Role.CASE_WORKER])
    assert refused(asked(running, token), 403, "agency-inactive")


def test_who_was_removed_acts_no_more(running: Running, agency: str) -> None:
    """At once, though the token is still good."""
    worker = member(running, agency, Role.CASE_WORKER)
    assert running.http.get("/cases", headers=worker).status_code == 200
    path = f"/agencies/{agency}/members/{usual_actor(agency, Role.CASE_WORKER)}/removal"
    assert running.http.post(path, headers=member(running, agency, Role.AGENCY_ADMINISTRATOR)).status_code == 200
    assert refused(running.http.get("/cases", headers=worker), 403, NOT_A_MEMBER)
    assert refused(running.http.post("/cases", json=OPENING, headers=worker), 403, NOT_A_MEMBER)
    assert running.http.get("/me", headers=worker).json()["roles"] == []


def test_who_was_added_acts(running: Running, agency: str) -> None:
    new = uuid4()
    headers = member(running, agency, Role.CASE_WORKER)
    headers["Authorization"] = f"Bearer {running.issuer.token(new, agency, [Role.CASE_WORKER])}"
    assert refused(running.http.get("/cases", headers=headers), 403, NOT_A_MEMBER)
    body = {"member": str(new), "roles": ["case-worker"], "name": "Pendamping Baru"}
    administrator = member(running, agency, Role.AGENCY_ADMINISTRATOR)
    assert running.http.post(f"/agencies/{agency}/members", json=body, headers=administrator).status_code == 200
    assert running.http.get("/cases", headers=headers).status_code == 200


def test_a_suspended_agency_neither_acts_nor_reads_until_it_is_back(running: Running, agency: str) -> None:
    worker, lead = member(running, agency, Role.CASE_WORKER), member(running, "uptd-ppa", Role.AGENCY_ADMINISTRATOR)
    case = running.http.post("/cases", json=OPENING, headers=worker).headers["Location"]
    suspension = {"reason": "Izin berakhir."}
    assert running.http.post(f"/agencies/{agency}/suspension", json=suspension, headers=lead).status_code == 200
    for path in ("/cases", case, f"{case}/timeline", "/inbox", "/deadlines"):
        assert refused(running.http.get(path, headers=worker), 403, "agency-inactive")
    theirs = running.client("uptd-ppa", Role.CASE_WORKER)
    of_lead = theirs.post("/cases", json=OPENING).headers["Location"]
    for named, said in (([agency, "rsud"], [agency]), (["rsud"], None)):
        scope = {"recipients": named, "purposes": ["care"], "compartments": ["health"]}
        given = theirs.post(f"{of_lead}/consents", json={**scope, "given_by": ["survivor"], "obtained": "written"})
        assert given.status_code == 201, "what she says is recorded"
        assert given.json().get("suspended") == said
    assert refused(running.http.post(f"{case}/notes", json={}, headers=worker), 403, "agency-inactive")
    asked = running.http.post(f"/agencies/{agency}/reactivation", headers=lead)
    assert seconded(asked, running.client("uptd-ppa", Role.SUPERVISOR)).status_code == 200
    assert running.http.get(case, headers=worker).status_code == 200


# Roles and purposes --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", PEOPLE)
def test_a_role_opens_what_it_is_for(running: Running, agency: str, role: Role) -> None:
    """Content for those who work on cases, the trail for those who watch over them, and neither for others."""
    headers = member(running, agency, role)
    read = {path: running.http.get(path, headers=headers) for path in ("/cases", "/inbox", "/deadlines", "/audit")}
    for path, response in read.items():
        allowed = role in (AUDITORS if path == "/audit" else READERS)
        assert response.status_code == 200 if allowed else refused(response, 403, "not-for-this-role"), path
    opened = running.http.post("/cases", json=OPENING, headers=headers)
    assert opened.status_code == 201 if OpenCase in commands_of(role) else refused(opened, 403, "not-for-this-role")


def test_a_role_acts_for_its_purposes_only(running: Running, agency: str) -> None:
    for role in PEOPLE:
        if role not in READERS | AUDITORS:
            continue
        path = "/cases" if role in READERS else "/audit"
        for purpose in Purpose:
            response = running.http.get(path, headers=member(running, agency, role, purpose))
            allowed = purpose in PURPOSES[role]
            assert response.status_code == 200 if allowed else refused(response, 403, "purpose-not-allowed")


@pytest.mark.parametrize("said", [None, "", "curiosity", "CARE", "care, legal"])
def test_a_purpose_is_named(running: Running, said: str | None) -> None:
    headers = member(running, "uptd-ppa", Role.CASE_WORKER)
    del headers["Purpose-Of-Use"]
    if said is not None:
        headers["Purpose-Of-Use"] = said
    response = running.http.get("/cases", headers=headers)
    assert refused(response, 403, "purpose-not-allowed")
    assert response.json()["about"]["header"] == "Purpose-Of-Use"
    assert refused(running.http.post("/cases", json=OPENING, headers=headers), 403, "purpose-not-allowed")


def test_a_token_that_was_accepted_before_ends_too(running: Running, accepted: tuple[str, int]) -> None:
    """Checked tokens are remembered, but not beyond their end (and the five seconds that clocks may differ)."""
    token, ends = accepted
    time.sleep(max(0.0, ends + 5.5 - time.time()))
    assert unauthenticated(asked(running, token))
