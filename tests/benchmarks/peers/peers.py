"""Other event stores, measured on the PostgreSQL server that ours is measured on."""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.sql import SQL, Identifier

HERE = Path(__file__).resolve().parent
NODE_FILES = ("package.json", ".npmrc", "measure.mjs", "message_db.mjs", "emmett.mjs")
PACKAGES = "node_modules"

# An event as it would stand in clear: 450 bytes of JSON with its sequence number.
EVENT: dict[str, Any] = {
    "type": "ReferralUpdated",
    "referral_id": "018f6f0e-7c1a-7b7e-9d1e-3f5a6c2b4d10",
    "from_agency": "district-hospital",
    "to_agency": "family-services",
    "actor": "caseworker-0417",
    "recorded_at": "2025-03-04T09:15:27.314159+00:00",
    "status": "accepted",
    "urgency": "within-48-hours",
    "reasons": ["housing", "follow-up-visit"],
    "note": "The family was reached by telephone and agreed to a first visit on Thursday morning; "
    "an interpreter is booked.",
}


@dataclass(frozen=True)
class Peer:
    name: str
    script: str
    functions: bool = False

    @property
    def on_node(self) -> bool:
        return self.script.endswith(".mjs")


PEERS = (
    Peer("message-db", "message_db.mjs"),
    Peer("emmett", "emmett.mjs"),
    Peer("eventsourcing", "eventsourcing_peer.py"),
    Peer("eventsourcing (db functions)", "eventsourcing_peer.py", functions=True),
)


def run(conninfo: str, work_dir: Path, seconds: float = 3.0, only: set[str] | None = None) -> list[dict[str, Any]]:
    """Measure the peers (or those named in `only`) one after the other, each in a fresh database."""
    wanted = [peer for peer in PEERS if only is None or peer.name in only]
    connections = _connections(conninfo)
    no_node = _install(work_dir) if any(peer.on_node for peer in wanted) else None
    results: list[dict[str, Any]] = []
    for peer in wanted:
        if peer.on_node and no_node:
            results.append(_unavailable(peer, no_node))
            continue
        try:
            with _fresh_database(conninfo) as own:
                if peer.name == "message-db":
                    _install_message_db(own, work_dir / PACKAGES / "@eventide" / "message-db" / "database")
                results += _measure(peer, own, work_dir, seconds, connections)
        except psycopg.Error as error:
            results.append(_unavailable(peer, str(error)))
    return results


def _unavailable(peer: Peer, why: str) -> dict[str, Any]:
    return {"peer": peer.name, "what": "unavailable", "why": why}


def _connections(conninfo: str) -> int:
    """How many connections a peer may open; refuses a server whose commits are not durable."""
    with psycopg.connect(conninfo) as admin:
        row = admin.execute(
            "SELECT current_setting('fsync') = 'on' AND current_setting('synchronous_commit') <> 'off',"
            " current_setting('max_connections')::int -"
            " (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend')"
        ).fetchone()
    assert row is not None
    durable, free = bool(row[0]), int(row[1])
    if not durable:
        raise RuntimeError("the server does not make commits durable: appends would not compare")
    # Some to spare: our own, the server's reserved ones, and those that have not quite gone.
    return max(free - 10, 1)


def _install(work_dir: Path) -> str | None:
    """Put the scripts and their packages in `work_dir`; why that cannot be, if it cannot."""
    npm, node = shutil.which("npm"), shutil.which("node")
    if npm is None or node is None:
        return "node and npm are not on the path"
    work_dir.mkdir(parents=True, exist_ok=True)
    manifest = work_dir / "package.json"
    same = manifest.exists() and manifest.read_bytes() == (HERE / "package.json").read_bytes()
    for name in NODE_FILES:
        shutil.copyfile(HERE / name, work_dir / name)
    if same and (work_dir / PACKAGES).is_dir():
        return None
    shutil.rmtree(work_dir / PACKAGES, ignore_errors=True)
    install = [npm, "install", "--no-audit", "--no-fund"]
    done = subprocess.run(install, cwd=work_dir, capture_output=True, text=True, check=False)
    if done.returncode:
        shutil.rmtree(work_dir / PACKAGES, ignore_errors=True)
        return f"npm install failed: {_reason(done.stderr)}"
    return None


@contextmanager
def _fresh_database(conninfo: str) -> Iterator[str]:
    name = "event_store_peer"
    drop = SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(Identifier(name))
    with psycopg.connect(conninfo, autocommit=True) as admin:
        admin.execute(drop)
        admin.execute(SQL("CREATE DATABASE {}").format(Identifier(name)))
        try:
            yield make_conninfo(conninfo, dbname=name)
        finally:
            admin.execute(drop)


def _install_message_db(conninfo: str, scripts: Path) -> None:
    """What its install.sh runs, without its role and grants (a role would outlive the database) and without
    pgcrypto, whose gen_random_uuid() PostgreSQL has had of itself since version 13."""
    with psycopg.connect(conninfo, autocommit=True) as connection:
        for part in ("schema", "tables", "types", "functions", "indexes", "views"):
            # plpgsql looks at what a function calls when it runs: within a part, any order does.
            for file in sorted((scripts / part).glob("*.sql")):
                connection.execute(file.read_bytes())
        database = Identifier(str(conninfo_to_dict(conninfo)["dbname"]))
        connection.execute(SQL("ALTER DATABASE {} SET search_path = message_store, public").format(database))


def _uri(conninfo: str) -> str:
    """node-postgres reads a URI, with the socket's directory as its host parameter."""
    part = conninfo_to_dict(conninfo)
    port = f"&port={part['port']}" if "port" in part else ""
    secret = f":{part['password']}" if part.get("password") else ""
    return f"postgresql://{part.get('user', 'postgres')}{secret}@/{part['dbname']}?host={part['host']}{port}"


def _measure(peer: Peer, conninfo: str, work_dir: Path, seconds: float, connections: int) -> list[dict[str, Any]]:
    setup = {
        "peer": peer.name,
        "conninfo": _uri(conninfo) if peer.on_node else conninfo,
        "seconds": seconds,
        "connections": connections,
        "event": EVENT,
        "functions": peer.functions,
    }
    script = work_dir / peer.script if peer.on_node else HERE / peer.script
    command = ["node" if peer.on_node else sys.executable, str(script), json.dumps(setup)]
    try:
        done = subprocess.run(
            command,
            cwd=work_dir if peer.on_node else HERE,
            capture_output=True,
            text=True,
            check=False,
            timeout=120 + 40 * seconds,
        )
    except subprocess.TimeoutExpired:
        return [_unavailable(peer, "took too long")]
    results: list[dict[str, Any]] = [json.loads(line) for line in done.stdout.splitlines()]
    if done.returncode:
        results.append(_unavailable(peer, _reason(done.stderr)))
    return results


def _reason(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return next((line for line in lines if "rror" in line), lines[-1] if lines else "no reason given")


def _table(results: list[dict[str, Any]]) -> str:
    rows = [("peer", "what", "clients", "value", "unit")]
    for entry in results:
        if entry["what"] == "unavailable":
            rows.append((entry["peer"], "unavailable", "", "", entry["why"]))
        else:
            value = f"{entry['value']:,.0f}"
            rows.append((entry["peer"], entry["what"], str(entry["clients"]), value, entry["unit"]))
    return "\n".join(f"{a:<30}{b:<13}{c:>7}{d:>12}  {e}" for a, b, c, d, e in rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--conninfo", required=True, help="a superuser's URI over a unix socket")
    parser.add_argument("--work-dir", type=Path, help="where the packages stay (default: they do not)")
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--only", nargs="*", choices=[peer.name for peer in PEERS])
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        work_dir: Path = options.work_dir or Path(scratch)
        only = set(options.only) if options.only else None
        print(_table(run(options.conninfo, work_dir.resolve(), options.seconds, only)))


if __name__ == "__main__":
    main()
