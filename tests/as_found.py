"""What files of tests share in one process, and whether a file left it as it found it: what it changed there would
decide how others end that come after it, and not in a run in which they come before it."""

import os
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
from msgspec.structs import asdict

from rujukan.api.application.casework import Casework
from rujukan.infra import composition
from rujukan.infra.demo import network
from rujukan.infra.issuer import usual_actor

if TYPE_CHECKING:
    from conftest import Running

Shape = Mapping[str, Any]
"""What there is, each with what is to stay the same of it."""

GROWS = ("version", "members", "left")
"""Of an agency: people whom nobody else knows join and leave it."""
SERVER = """
    SELECT 'setting ' || name, coalesce(setting, '') FROM pg_file_settings
    UNION ALL SELECT 'role ' || rolname,
        concat_ws(' ', rolsuper, rolcanlogin, rolbypassrls, rolconnlimit, rolconfig::text) FROM pg_roles
    UNION ALL SELECT 'member ' || roleid::regrole || ' ' || member::regrole, admin_option::text FROM pg_auth_members
    UNION ALL SELECT 'started', pg_postmaster_start_time()::text
"""
DATABASE = """
    WITH ours AS (SELECT oid, nspname, nspacl FROM pg_namespace WHERE nspname !~ '^(pg_|information_schema)')
    SELECT 'schema ' || nspname, nspacl::text FROM ours
    UNION ALL SELECT concat_ws(' ', 'relation', nspname, relname),
        concat_ws(' ', relkind, relrowsecurity, relforcerowsecurity, relowner::regrole,
        array(SELECT unnest(relacl)::text ORDER BY 1)) FROM pg_class JOIN ours ON ours.oid = relnamespace
    UNION ALL SELECT concat_ws(' ', 'column', nspname, relname, attname),
        concat_ws(' ', atttypid::regtype, attnotnull, pg_get_expr(adbin, adrelid))
        FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid JOIN ours ON ours.oid = relnamespace
        LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum WHERE attnum > 0 AND NOT attisdropped
    UNION ALL SELECT concat_ws(' ', 'trigger', nspname, relname, tgname), concat_ws(' ', tgenabled, tgfoid::regproc)
        FROM pg_trigger JOIN pg_class ON pg_class.oid = tgrelid JOIN ours ON ours.oid = relnamespace
        WHERE NOT tgisinternal
    UNION ALL SELECT concat_ws(' ', 'policy', schemaname, tablename, policyname), concat_ws(' ', cmd, qual, with_check)
        FROM pg_policies
    UNION ALL SELECT concat_ws(' ', 'constraint', nspname, conrelid::regclass, conname),
        pg_get_constraintdef(pg_constraint.oid) FROM pg_constraint JOIN ours ON ours.oid = connamespace
    UNION ALL SELECT concat_ws(' ', 'function', nspname, proname, pg_get_function_identity_arguments(pg_proc.oid)),
        md5(prosrc) || proacl::text FROM pg_proc JOIN ours ON ours.oid = pronamespace
"""


def process() -> Shape:
    """Of this process: variables, and where it is."""
    ours = {name: value for name, value in os.environ.items() if name != "PYTEST_CURRENT_TEST"}
    found: dict[str, Any] = {f"variable {name}": sha256(value.encode()).hexdigest()[:8] for name, value in ours.items()}
    return found | {"directory": Path.cwd()}


def server(conninfo: str) -> Shape:
    """Of a PostgreSQL server: its settings and roles; and that it was not started again. Who makes a database gives it
    a name that nobody else has."""
    return _rows(conninfo, SERVER)


def database(conninfo: str) -> Shape:
    """Of one database: what is declared in it, not what is stored."""
    return _rows(conninfo, DATABASE)


def system(running: "Running") -> Shape:
    """Of the running system: its parts, by which witness policy it goes, the eight agencies and their people."""
    with composition.service(running.settings, connections=2) as ports:
        agencies = Casework(ports.log, ports.macs).network
        found: dict[str, Any] = {}
        for code in (one.code for one in network.BONTANG):
            agency = agencies.get(code)
            assert agency is not None
            found |= {f"{field} of {code}": value for field, value in asdict(agency).items() if field not in GROWS}
            people = {usual_actor(code, role) for role in network.PEOPLE}
            found |= {f"roles of {person} at {code}": agency.members.get(person) for person in people}
    parts = ("postgres", "broker", *running.system._names)
    found |= {f"process of {part}": running.system.pid(part) for part in parts}
    return found | {"witness policy": running.settings.witness_policy.exists()}


def changed(before: Shape, after: Shape) -> list[str]:
    """What is there and was not, what was there and is not, and what is otherwise."""
    gone = object()
    names = sorted({*before, *after})
    return [
        f"{name}: {before.get(name, 'was not there')} → {after.get(name, 'is not there')}"
        for name in names
        if before.get(name, gone) != after.get(name, gone)
    ]


def _rows(conninfo: str, query: str) -> Shape:
    with psycopg.connect(conninfo, autocommit=True) as db:
        return dict(db.execute(query).fetchall())  # type: ignore[call-overload]
