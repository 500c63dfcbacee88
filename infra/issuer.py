"""Access tokens: the embedded issuer for development, and the keys of an issuer outside."""

import base64
import json
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4, uuid5

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from rujukan.domain.codes import Role

from .store.keyring import KeyProvider

KEY_ID = "development"


class EmbeddedIssuer:
    """Issues RFC 9068 access tokens under a key of the keyring. For development: it asks nobody who they are."""

    def __init__(self, provider: KeyProvider, issuer: str, audience: str) -> None:
        self.issuer = issuer
        self.audience = audience
        self._private = Ed25519PrivateKey.from_private_bytes(provider.secret("issuer"))
        self._public = self._private.public_key()

    def key(self, kid: str | None) -> Any:
        if kid != KEY_ID:
            raise KeyError(kid)
        return self._public

    def jwks(self) -> dict[str, Any]:
        raw = self._public.public_bytes(Encoding.Raw, PublicFormat.Raw)
        x = base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
        return {"keys": [{"kty": "OKP", "crv": "Ed25519", "use": "sig", "alg": "EdDSA", "kid": KEY_ID, "x": x}]}

    def token(self, actor: UUID, agency: str, roles: Iterable[Role], seconds: int = 3600) -> str:
        """A token that this person, for this agency, in these roles, may use for so long."""
        now = int(time.time())
        claims = {
            "iss": self.issuer,
            "aud": self.audience,
            "sub": str(actor),
            "client_id": "rujukan-development",
            "iat": now,
            "exp": now + seconds,
            "jti": str(uuid4()),
            "agency": agency,
            "roles": [r.value for r in roles],
        }
        return jwt.encode(claims, self._private, algorithm="EdDSA", headers={"typ": "at+jwt", "kid": KEY_ID})


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
