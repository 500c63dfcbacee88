"""Who is calling: OAuth 2.0 access tokens as JWT (RFC 9068), checked against the issuer's keys.

Claims: `sub` (a pseudonymous id, a UUID), `agency` (the code), `roles` (a list), besides those that RFC 9068
§ 2.2 requires: `iss`, `exp`, `aud`, `client_id`, `iat`, `jti`. The token says who asks; whether that person is
a member of the agency in that role, the agency's own record says.
"""

import hashlib
import math
import time
from datetime import datetime
from uuid import UUID

import jwt
import msgspec
from msgspec import Struct

from ..domain.agency_state import Agency
from ..domain.codes import Purpose, Role
from ..domain.fact import Act, ActorId, AgencyCode
from ..domain.memory import Memory
from ..domain.refusal import AgencyInactive, NotAMember, NotForThisRole, PurposeNotAllowed
from ..domain.standing.roles import PURPOSES, SUBSCRIBERS
from .application.ports import TokenKeys

ALGORITHMS = ["EdDSA", "ES256", "RS256"]
TYPES = frozenset({"at+jwt", "application/at+jwt"})
REMEMBERED = 10_000
REMEMBERED_SECONDS = 30.0
"""How long a checked token is not checked again, to its expiry at most."""
LONGEST = 8_192


class NotAuthenticated(Exception):
    """There is no token, or not one that can be accepted. The message says why without repeating it."""

    has_token = True


class NoToken(NotAuthenticated):
    """Nothing was sent that could be one."""

    has_token = False


class Caller(Struct, frozen=True):
    """Who asks, as their token says."""

    actor: ActorId
    agency: AgencyCode
    roles: tuple[Role, ...]
    expires: float = math.inf
    """When the token ends, in seconds since the epoch."""


class Identity:
    """Checks tokens. Safe to share between threads."""

    def __init__(self, keys: TokenKeys) -> None:
        self._keys = keys
        self._seen: Memory[bytes, tuple[float, Caller]] = Memory(REMEMBERED, lambda _: 1)  # all weigh about the same

    def caller(self, authorization: str | None) -> Caller:
        """Who the Authorization header says is calling. Raises NotAuthenticated."""
        scheme, _, token = (authorization or "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise NoToken("send an access token: Authorization: Bearer …")
        if len(token) > LONGEST:
            raise NotAuthenticated("the token is too long")
        digest = hashlib.sha256(token.encode()).digest()
        now = time.time()
        until, known = self._seen.get(digest, (0.0, None))
        if known is not None and now < until:
            return known
        caller = self._check(token)
        self._seen[digest] = (min(caller.expires, now + REMEMBERED_SECONDS), caller)
        return caller

    def _check(self, token: str) -> Caller:
        try:
            header = jwt.get_unverified_header(token)
            if str(header.get("typ", "")).lower() not in TYPES:
                raise NotAuthenticated("the token is not an access token (typ at+jwt, RFC 9068 section 2.1)")
            claims = jwt.decode(
                token,
                self._keys.key(header.get("kid")),
                algorithms=ALGORITHMS,
                audience=self._keys.audience,
                issuer=self._keys.issuer,
                options={"require": ["exp", "iat", "sub", "aud", "iss", "jti", "client_id"]},
                leeway=5,
            )
            roles = tuple(Role.of(r) for r in claims["roles"])
            if not roles or Role.SYSTEM in roles:
                raise NotAuthenticated("the token names no role that a token can have")
            agency = msgspec.convert(claims["agency"], AgencyCode)
            return Caller(ActorId(UUID(claims["sub"])), agency, roles, float(claims["exp"]))
        except jwt.ExpiredSignatureError:
            raise NotAuthenticated("the token has expired") from None
        except jwt.PyJWTError:
            raise NotAuthenticated("the token is not valid here") from None
        except (KeyError, ValueError, TypeError, AttributeError, msgspec.MsgspecError):
            raise NotAuthenticated("the token lacks a claim, or one is not what it should be") from None


def member(caller: Caller, agency: Agency | None) -> tuple[Agency, tuple[Role, ...]]:
    """The caller's agency, and those of the token's roles that the agency's own record bears out.
    Raises AgencyInactive, NotAMember."""
    if agency is None or not agency.active:
        raise AgencyInactive(agency=caller.agency)
    held = tuple(role for role in caller.roles if agency.has_member(caller.actor, (role,)))
    if not held:
        raise NotAMember(roles=caller.roles)
    return agency, held


def subscriber(caller: Caller, agency: Agency | None, at: datetime) -> Agency:
    """The agency that the caller's machine subscribes for, now. No purpose is asked for: what is fetched was told for
    a purpose already, and is sealed. Raises NotAuthenticated, NotForThisRole, AgencyInactive, NotAMember."""
    if at.timestamp() >= caller.expires:
        raise NotAuthenticated("the token has expired")
    if not SUBSCRIBERS & frozenset(caller.roles):
        raise NotForThisRole(needs=SUBSCRIBERS)
    found, held = member(caller, agency)
    if not SUBSCRIBERS & frozenset(held):
        raise NotAMember(roles=SUBSCRIBERS)
    return found


def acting(caller: Caller, agency: Agency | None, allowed: frozenset[Role], purpose: str | None, at: datetime) -> Act:
    """The act of a caller, in the first role that the token names, the agency's record bears out, may do this, and
    fits the purpose, which the Purpose-Of-Use header says.

    Raises NotForThisRole, AgencyInactive, NotAMember, PurposeNotAllowed.
    """
    if not allowed & frozenset(caller.roles):
        raise NotForThisRole(needs=allowed - {Role.SYSTEM})
    found, held = member(caller, agency)
    roles = [role for role in held if role in allowed]
    if not roles:
        raise NotAMember(roles=allowed & frozenset(caller.roles))
    try:
        said = Purpose.of(purpose or "")
    except ValueError:
        raise PurposeNotAllowed(header="Purpose-Of-Use", known=[p.value for p in Purpose]) from None
    role = next((r for r in roles if said in PURPOSES[r]), None)
    if role is None:
        raise PurposeNotAllowed(role=roles[0], allowed=PURPOSES[roles[0]])
    return Act(
        actor=caller.actor,
        agency=found.code,
        kind=found.kind,
        role=role,
        purpose=said,
        at=at,
        need_to_know=found.need_to_know,
    )
