"""Access tokens: the embedded issuer for development, and the keys of an issuer outside."""

import base64
import json
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4, uuid5

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from ..domain.codes import Role
from .keys.handles import Signer
from .keys.home import PublicKeys
from .keys.names import ISSUER

KEY_ID = "development"


class OwnIssuer:
    """The embedded issuer as who checks tokens knows it: its public key."""

    def __init__(self, keys: PublicKeys, issuer: str, audience: str) -> None:
        self.issuer = issuer
        self.audience = audience
        self._raw = keys.public(ISSUER)
        self._public = Ed25519PublicKey.from_public_bytes(self._raw)

    def key(self, kid: str | None) -> Any:
        if kid != KEY_ID:
            raise KeyError(kid)
        return self._public

    def jwks(self) -> dict[str, Any]:
        x = _b64(self._raw)
        return {"keys": [{"kty": "OKP", "crv": "Ed25519", "use": "sig", "alg": "EdDSA", "kid": KEY_ID, "x": x}]}


class EmbeddedIssuer:
    """Issues RFC 9068 access tokens. For development: it asks nobody who they are."""

    def __init__(self, signer: Signer, issuer: str, audience: str) -> None:
        self._signer = signer
        self._issuer = issuer
        self._audience = audience

    def token(self, actor: UUID, agency: str, roles: Iterable[Role], seconds: int = 3600) -> str:
        """A token that this person, for this agency, in these roles, may use for so long."""
        now = int(time.time())
        claims = {
            "iss": self._issuer,
            "aud": self._audience,
            "sub": str(actor),
            "client_id": "rujukan-development",
            "iat": now,
            "exp": now + seconds,
            "jti": str(uuid4()),
            "agency": agency,
            "roles": [r.value for r in roles],
        }
        return _signed({"alg": "EdDSA", "kid": KEY_ID, "typ": "at+jwt"}, claims, self._signer)


class OutsideIssuer:
    """The keys of an issuer outside, from a JSON Web Key Set file (RFC 7517)."""

    def __init__(self, file: Path, issuer: str, audience: str) -> None:
        """Raises ValueError where the file is not a key set."""
        self.issuer = issuer
        self.audience = audience
        try:
            keys = jwt.PyJWKSet.from_dict(json.loads(file.read_text())).keys
        except (jwt.PyJWTError, ValueError):
            raise ValueError(f"{file} is not a JSON Web Key Set") from None
        self._keys = {key.key_id: key.key for key in keys}

    def key(self, kid: str | None) -> Any:
        return self._keys[kid]

    def jwks(self) -> dict[str, Any]:
        return {"keys": []}


def usual_actor(agency: str, role: Role) -> UUID:
    """The member that development tokens stand for when none is named: fixed by agency and role."""
    return uuid5(UUID("5d1c6f2e-9a41-5b7c-8a55-6d656d626572"), f"{agency}/{role.value}")


def _signed(header: Mapping[str, Any], claims: Mapping[str, Any], signer: Signer) -> str:
    """A JWS in compact form (RFC 7515 § 3.1): PyJWT wants the private key itself, and ours stays where it is."""
    signed = ".".join(_b64(json.dumps(part, separators=(",", ":")).encode()) for part in (header, claims))
    return f"{signed}.{_b64(signer.sign(signed.encode()))}"


def _b64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
