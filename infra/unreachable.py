"""Why the database cannot be used, in one line: its cause and its remedy, for who runs the service.

A connection that does not come about has no SQLSTATE: what the server said is in English where it speaks English, and
else shown as it is. Neither has a password in it.
"""

import re
from typing import NamedTuple

from psycopg import Error
from psycopg.conninfo import conninfo_to_dict

from .database import AWAY


class Cause(NamedTuple):
    """What the server says, and what is said of it; `{role}` and `{database}` are those that were asked for."""

    said: re.Pattern[str]
    why: str


def _cause(said: str, why: str) -> Cause:
    return Cause(re.compile(said), why)


CAUSES = (
    _cause(
        "no password supplied",
        "it asks {role} for a password, and none was given: a line HOST:PORT:{database}:{role}:PASSWORD in the passfile"
        " that RUJUKAN_DATABASE names (passfile=FILE, mode 600)",
    ),
    _cause('role ".*" does not exist', "there is no role {role}: CREATE ROLE {role} LOGIN PASSWORD '…'"),
    _cause(
        "password authentication failed",
        "it does not take the password of {role}: put the right one into the passfile, or set it anew in the database:"
        " ALTER ROLE {role} PASSWORD '…'",
    ),
    _cause("authentication failed", "it does not let {role} in: {said}"),
    _cause("no pg_hba.conf entry", "its pg_hba.conf does not let {role} in from here: {said}"),
    _cause("is not permitted to log in", "{role} may not log in: ALTER ROLE {role} LOGIN"),
    _cause(
        'database ".*" does not exist',
        "there is no database {database}: CREATE DATABASE {database} OWNER {role} ENCODING 'UTF8' TEMPLATE template0,"
        " or name another in RUJUKAN_DATABASE",
    ),
    _cause(
        "permission denied for database|does not have CONNECT privilege",
        "{role} may not connect to {database}: GRANT CONNECT ON DATABASE {database} TO {role}",
    ),
    _cause("too many (clients|connections)|connection slots", "it has no connection left: raise max_connections"),
    _cause("starting up|shutting down|in recovery mode", "it is starting, or stopping: wait a little"),
    _cause("SSL|certificate", "no safe connection comes about ({said}): look at sslmode and sslrootcert"),
    _cause(
        "Connection refused|No such file|timeout expired|[Tt]imed out|resolve host|translate host|No route|unreachable",
        "it is away, or does not answer ({said}): start it, or name its host and port in RUJUKAN_DATABASE",
    ),
    _cause("session is read-only|not accepting|hot standby", "no host of RUJUKAN_DATABASE takes writes: {said}"),
)
STATES = {
    "42501": "{role} lacks a right ({said}): RUJUKAN_DATABASE must name the database's owner",
    "25006": "this server takes no writes: name the primary in RUJUKAN_DATABASE, or several hosts with"
    " target_session_attrs=read-write",
    "28P01": "it does not take the password of {role}: put the right one into the passfile",
    "28000": "it does not let {role} in: {said}",
    "53300": "it has no connection left: raise max_connections",
}
"""By SQLSTATE, of a server that answered."""
NOT_THERE = ("3F000", "42P01", "42703", "42883")
"""A schema, table, column or function that is not there: the database was not set up, or for an older release."""


def why(problem: BaseException, conninfo: str = "") -> str | None:
    """What an error of the database means, and what helps; None for what nobody foresaw. `conninfo` is what was asked
    with."""
    found = of_database(problem)
    if found is None:
        return None
    about = conninfo_to_dict(conninfo)
    asked = {"role": str(about.get("user") or "its role"), "database": str(about.get("dbname") or "its database")}
    if found.sqlstate is not None:
        line = STATES.get(found.sqlstate)
        return line and line.format(said=found.diag.message_primary, **asked)
    if not isinstance(found, AWAY):
        return None
    said = short(str(found))
    for cause in CAUSES:
        if cause.said.search(said):
            return cause.why.format(said=said, **asked)
    return f"no connection comes about: {said}" if found.pgconn is not None else None


def of_database(problem: BaseException | None) -> Error | None:
    """What the database's driver said, where that is behind an error; None where it is not."""
    if not isinstance(problem, (Error, *AWAY)):
        return None
    while problem is not None and not isinstance(problem, Error):
        problem = problem.__cause__ or problem.__context__
    return problem


def short(said: str) -> str:
    """What the driver says of one failure, in one line, without what it says of each host again."""
    first, _, further = said.partition("\nMultiple connection attempts failed")
    hosts = re.findall(r"^- host: (.*)$", further, re.MULTILINE)
    text = re.sub(r"Is the server running .*\?|connection failed: ", "", "; ".join(hosts) if hosts else first)
    return re.sub(r"\s+", " ", text).strip()
