"""What is needed of a PostgreSQL, asked before anything is done to it: version, owner, roles, each one's login.

What can be made is made: roles that are not there, and the owner's right to act as the followers' role, where the owner
may. PostgreSQL 16 and later give who creates a role no right to act as it, and the schema `views` is to be the
followers'. All else that lacks is said at once, a line each, with what helps.
"""

from collections.abc import Iterator
from contextlib import closing

from psycopg import Connection, Error
from psycopg.errors import DuplicateObject, InsufficientPrivilege, UniqueViolation
from psycopg.rows import TupleRow
from psycopg.sql import SQL, Composed, Identifier

from .database import AWAY, FOLLOWER, SERVICE, as_role, connect, without_password
from .unreachable import why

LEAST = 17
"""The oldest PostgreSQL: the first with `transaction_timeout`, by which a process that was halted in the middle of its
work loses it. On an older one migrations apply, the API answers, and nothing is sealed, told or listed."""
ROLES = (SERVICE, FOLLOWER)


class Unmet(Exception):
    """The database is not what is needed. The message has a line for each failure."""


def meet(conninfo: str) -> None:
    """Make sure that this database, named with its owner's rights, can be worked with. Raises Unmet."""
    lacking: list[str] = []
    try:
        with closing(connect(conninfo)) as owner:
            lacking += _of_server(owner) or _of_owner(owner)
    except AWAY as away:
        raise Unmet(_login("database", conninfo, away)) from None
    for role in ROLES if not lacking else ():
        try:
            connect(as_role(conninfo, role)).close()
        except AWAY as away:
            lacking.append(_login(f"login of {role}", as_role(conninfo, role), away))
    if lacking:
        raise Unmet("\n".join(lacking))


def explain(conninfo: str) -> str | None:
    """Why nobody can work with this database now; None where nothing is found. Nothing is made."""
    for named in (conninfo, *(as_role(conninfo, role) for role in ROLES)):
        try:
            connect(named).close()
        except Error as problem:
            return _login("database", named, problem)
    return None


def _login(what: str, conninfo: str, problem: Exception) -> str:
    words = why(problem, conninfo) or f"it does not answer ({type(problem).__name__})"
    return f"{what} ({without_password(conninfo)}): {words}"


def _of_server(db: Connection[TupleRow]) -> list[str]:
    """Of what nothing else can be asked where it is not so."""
    if db.info.server_version < LEAST * 10_000:
        return [too_old(db.info.server_version)]
    (standby, encoding, name) = db.execute(
        "SELECT pg_is_in_recovery(), current_setting('server_encoding'), current_database()"
    ).fetchone() or (False, "", "")
    if standby:
        return [
            "database: this server is a standby and takes no writes: name the primary, or several hosts with"
            " target_session_attrs=read-write"
        ]
    if encoding != "UTF8":
        return [
            f"database: {name} is in {encoding}, and names are in UTF8: make another, CREATE DATABASE … ENCODING 'UTF8'"
            " TEMPLATE template0"
        ]
    return []


def too_old(version: int) -> str:
    """What is said of a server of this version, as libpq numbers it."""
    major, minor = divmod(version, 10_000)
    return (
        f"database: this is PostgreSQL {major}.{minor}, and {LEAST} or later is needed: upgrade the server (pg_upgrade)"
    )


def _of_owner(db: Connection[TupleRow]) -> list[str]:
    me, name, owns = db.execute(
        "SELECT current_user, current_database(), pg_has_role(datdba, 'USAGE') FROM pg_database"
        " WHERE datname = current_database()"
    ).fetchone() or ("", "", False)
    lacking = []
    if not owns:
        lacking.append(f"owner: {me} does not own {name}: ALTER DATABASE {_named(name)} OWNER TO {_named(me)}")
    lacking += (
        f"role: {role} is not there, and {me} may not make it: CREATE ROLE {role} LOGIN PASSWORD '…'"
        for role in ROLES
        if not _is_there(db, role) and not _may(db, SQL("CREATE ROLE {} LOGIN").format(Identifier(role)))
    )
    acting = SQL("GRANT {} TO {} WITH INHERIT TRUE, SET TRUE").format(Identifier(FOLLOWER), Identifier(me))
    if not _may_act_as(db, FOLLOWER) and not (_is_there(db, FOLLOWER) and _may(db, acting)):
        lacking.append(f"role: {me} may not act as {FOLLOWER}: {acting.as_string()}")
    return [*lacking, *_too_strong(db)]


def _too_strong(db: Connection[TupleRow]) -> Iterator[str]:
    """A role that may do all voids what the database refuses it: to change the log, to read other agencies' rows."""
    for role, over in db.execute(
        "SELECT rolname, CASE WHEN rolsuper THEN 'NOSUPERUSER' WHEN rolbypassrls THEN 'NOBYPASSRLS' END FROM pg_roles"
        " WHERE rolname = ANY (%s) AND (rolsuper OR rolbypassrls)",
        (list(ROLES),),
    ).fetchall():
        yield f"role: {role} may do all, so that the database would refuse it nothing: ALTER ROLE {role} {over}"
    for role, other in db.execute(
        "SELECT r.rolname, o.rolname FROM pg_roles r, pg_roles o WHERE r.rolname = ANY (%(roles)s) AND NOT r.rolsuper"
        " AND r.oid <> o.oid AND pg_has_role(r.oid, o.oid, 'MEMBER') AND (o.rolname = ANY (%(roles)s) OR o.oid ="
        " (SELECT datdba FROM pg_database WHERE datname = current_database()))",
        {"roles": list(ROLES)},
    ).fetchall():
        yield (
            f"role: {role} is a member of {other}, so that the database would refuse it too little:"
            f" REVOKE {_named(other)} FROM {role}"
        )


def _is_there(db: Connection[TupleRow], role: str) -> bool:
    return db.execute("SELECT FROM pg_roles WHERE rolname = %s", (role,)).fetchone() is not None


def _may_act_as(db: Connection[TupleRow], role: str) -> bool:
    row = db.execute(
        "SELECT pg_has_role(oid, 'SET') AND pg_has_role(oid, 'USAGE') FROM pg_roles WHERE rolname = %s", (role,)
    ).fetchone()
    return row is not None and bool(row[0])


def _may(db: Connection[TupleRow], statement: Composed) -> bool:
    try:
        db.execute(statement)
    except InsufficientPrivilege:
        return False
    except (DuplicateObject, UniqueViolation):  # another process did it at this moment
        return True
    return True


def _named(name: str) -> str:
    return Identifier(name).as_string()
