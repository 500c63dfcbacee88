"""Where may be posted to. An agency names the address, so it must not lead into the network that the service stands in
(server-side request forgery): only to public addresses over TLS, or into networks that the operator allowed.

The name is resolved once, the addresses found are judged, and it is those that are connected to: a name that
resolves otherwise a moment later changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import TYPE_CHECKING

from ...domain.webhook import AddressRefused
from ...domain.words import Words
from .names import Names

if TYPE_CHECKING:
    import httpx

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

NAT64 = IPv6Network("64:ff9b::/96")
UNICAST = IPv6Network("2000::/3")
"""All that is global unicast so far; the site-local fec0::/10 of old lies outside, and leads inside (RFC 3879)."""


HTTPS = Words("harus alamat https", "be an https address")
PUBLIC = Words(
    "harus menuju alamat publik, atau jaringan yang diizinkan pengelola layanan",
    "lead to a public address, or into a network that the operator allows",
)


class Refused(AddressRefused):
    """Nothing is posted there. The message says which rule it breaks, and repeats nothing of the address."""


class Networks:
    """The networks that the operator allowed beside the public ones: there http is allowed, too."""

    def __init__(self, said: str) -> None:
        """From CIDR ranges, parted by commas or spaces. Raises ValueError for what is none."""
        self._allowed: list[Network] = [ip_network(part) for part in said.replace(",", " ").split()]
        self._names = Names()

    def check(self, url: str) -> httpx.URL:
        """The address as it will be called. Raises Refused for one that can never be posted to."""
        import httpx  # half a second of processor time, which an API to which no agency names an address need not spend

        try:
            parsed = httpx.URL(url)
            host = parsed.host  # is decoded only now, and what is no name repeats itself in what is raised
        except (httpx.InvalidURL, ValueError):
            raise Refused(Words("harus suatu alamat", "be an address")) from None
        if parsed.scheme not in ("https", "http") or not host:
            raise Refused(HTTPS)
        if parsed.userinfo or parsed.fragment:
            raise Refused(Words("tidak boleh memuat sandi atau fragmen", "have no credentials and no fragment"))
        if parsed.port is not None and not 0 < parsed.port < 65536:
            raise Refused(Words("harus memuat port yang ada", "have a port that there is"))
        if parsed.scheme == "http" and not self._allowed:
            raise Refused(HTTPS)
        literal = _literal(host)
        if literal is not None:
            self._judge(parsed, literal)
        return parsed

    async def resolve(self, url: httpx.URL) -> Sequence[str]:
        """The addresses that may be connected to. Raises Refused where there is none, OSError where the name does not
        resolve."""
        port = url.port or (443 if url.scheme == "https" else 80)
        allowed: list[str] = []
        for found in await self._names.addresses(url.host, port):
            try:
                address = ip_address(found.partition("%")[0])
                self._judge(url, address)
            except ValueError:
                continue
            allowed.append(str(address))
        if not allowed:
            raise Refused(PUBLIC)
        return list(dict.fromkeys(allowed))

    def _judge(self, url: httpx.URL, address: Address) -> None:
        if any(address.version == network.version and address in network for network in self._allowed):
            return
        if url.scheme != "https":
            raise Refused(HTTPS)
        if not all(_public(each) for each in _meant(address)):
            raise Refused(PUBLIC)


def _public(address: Address) -> bool:
    if isinstance(address, IPv6Address) and address not in UNICAST:
        return False
    return address.is_global and not (address.is_multicast or address.is_reserved or address.is_unspecified)


def _meant(address: Address) -> Iterable[Address]:
    """The address, and the IPv4 addresses that it stands for: mapped, 6to4, Teredo, NAT64."""
    yield address
    if isinstance(address, IPv6Address):
        yield from (each for each in (address.ipv4_mapped, address.sixtofour) if each is not None)
        yield from address.teredo or ()
        if address in NAT64:
            yield IPv4Address(int(address) & 0xFFFFFFFF)


def _literal(host: str) -> Address | None:
    try:
        return ip_address(host)
    except ValueError:
        return None
