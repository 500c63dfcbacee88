"""A webhook's receiver on loopback: a real HTTP server that keeps what is posted and answers as it is told."""

import base64
import hmac
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path
from threading import Thread
from typing import Any, NamedTuple

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from patience import PATIENCE_SECONDS


class Post(NamedTuple):
    """What was posted."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def event(self) -> dict[str, Any]:
        found: dict[str, Any] = msgspec.json.decode(self.body)
        return found

    @property
    def sequence(self) -> int:
        return int(self.event["sequence"])

    def signed(self, secret: str) -> bool:
        """Whether one of its signatures is of this secret, as a receiver would check it."""
        content = f"{self.headers['webhook-id']}.{self.headers['webhook-timestamp']}.".encode() + self.body
        expected = hmac.digest(base64.b64decode(secret.removeprefix("whsec_")), content, "sha256")
        return f"v1,{base64.b64encode(expected).decode()}" in self.headers["webhook-signature"].split(" ")

    def check(self, public_key: str) -> None:
        """Check the service's own signature. Raises InvalidSignature."""
        content = f"{self.headers['webhook-id']}.{self.headers['webhook-timestamp']}.".encode() + self.body
        key = Ed25519PublicKey.from_public_bytes(base64.b64decode(public_key.removeprefix("whpk_")))
        said = next(s for s in self.headers["webhook-signature"].split(" ") if s.startswith("v1a,"))
        key.verify(base64.b64decode(said.removeprefix("v1a,")), content)


class Answer(NamedTuple):
    """What is answered; of the body, so many bytes more are promised than come."""

    status: int = 204
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    lacking: int = 0


class Receiver:
    """Keeps what is posted, in order. `answer` says what comes of it, before it is kept as taken."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.posts: list[Post] = []
        self.taken: list[Post] = []
        self.answer: Callable[[Post], Answer] = lambda post: Answer()

    def sequences(self) -> list[int]:
        return [post.sequence for post in self.taken]


@contextmanager
def receiving(certificate: Path | None = None, host: str = "127.0.0.1") -> Iterator[Receiver]:
    """A receiver at `host`; over TLS, where there is a file with key and certificate."""
    made: list[Receiver] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            post = Post(self.path, {name.lower(): value for name, value in self.headers.items()}, body)
            made[0].posts.append(post)
            answer = made[0].answer(post)
            if 200 <= answer.status < 300:
                made[0].taken.append(post)
            self.send_response(answer.status)
            for name, value in answer.headers:
                self.send_header(name, value)
            if answer.status != 204:
                self.send_header("content-length", str(len(answer.body) + answer.lacking))
            self.end_headers()
            self.wfile.write(answer.body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    class Quiet(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: object, client_address: object) -> None:
            pass  # the sender was killed, or does not trust us

    server = Quiet(("127.0.0.1", 0), Handler)
    if certificate is not None:
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(certificate)
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    made.append(Receiver(f"{'https' if certificate else 'http'}://{host}:{server.server_port}/hook"))
    thread = Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    yield made[0]
    server.shutdown()
    server.server_close()
    thread.join(PATIENCE_SECONDS)


def certified(directory: Path, name: str) -> Path:
    """A file with a fresh key and a certificate of its own for that name."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    names: list[x509.GeneralName] = [x509.DNSName(name)]
    if name.replace(".", "").isdigit():
        names = [x509.IPAddress(ip_address(name))]
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, SHA256())
    )
    file = directory / f"{name}.pem"
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    file.write_bytes(private + certificate.public_bytes(Encoding.PEM))
    return file
