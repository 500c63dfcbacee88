"""What is said of a database that cannot be used: its cause and its remedy, in one line."""

import psycopg
import pytest

from rujukan.infra.unreachable import CAUSES, why

ASKED = "host=db.example port=5432 user=rujukan_service dbname=kota"
AT = 'connection failed: connection to server at "10.1.0.7", port 5432 failed: '
SAID = {
    AT + "fe_sendauth: no password supplied": "asks rujukan_service for a password",
    AT + 'FATAL:  password authentication failed for user "rujukan_service"': "ALTER ROLE rujukan_service PASSWORD",
    AT + 'FATAL:  Peer authentication failed for user "rujukan_service"': "does not let rujukan_service in",
    AT + 'FATAL:  no pg_hba.conf entry for host "10.1.0.9", user "x", database "kota", no encryption': "pg_hba.conf",
    AT + 'FATAL:  role "rujukan_service" is not permitted to log in': "ALTER ROLE rujukan_service LOGIN",
    AT + 'FATAL:  role "rujukan_service" does not exist': "CREATE ROLE rujukan_service",
    AT + 'FATAL:  database "kota" does not exist': "CREATE DATABASE kota",
    AT + 'FATAL:  permission denied for database "kota"': "GRANT CONNECT ON DATABASE kota",
    AT + "FATAL:  sorry, too many clients already": "max_connections",
    AT + "FATAL:  the database system is starting up": "wait a little",
    AT + "server does not support SSL, but SSL was required": "sslmode",
    AT + "SSL error: certificate verify failed": "sslrootcert",
    AT + "Connection refused\n\tIs the server running on that host and accepting TCP/IP connections?": "start it",
    "connection timeout expired": "start it",
    "failed to resolve host 'db.example': [Errno -2] Name or service not known": "start it",
    AT + "session is read-only": "takes writes",
}


@pytest.mark.parametrize("said", SAID, ids=lambda said: said.removeprefix(AT)[:30])
def test_each_failure_is_one_line_with_its_remedy(said: str) -> None:
    line = why(psycopg.OperationalError(said), ASKED)
    assert line is not None
    assert SAID[said] in line
    assert "\n" not in line
    assert "{" not in line


def test_every_cause_was_met() -> None:
    met = {next(cause for cause in CAUSES if cause.said.search(said)) for said in SAID}
    assert met == set(CAUSES)


def test_of_several_hosts_each_is_said() -> None:
    both = (
        AT
        + "FATAL: x\nMultiple connection attempts failed. All failures were:\n- host: 'a', port: '1', hostaddr: '::1':"
        " connection failed: Connection refused\n\tIs the server running on that host and accepting connections?\n"
        "- host: 'b', port: '2', hostaddr: '::2': connection failed: Connection refused"
    )
    line = why(psycopg.OperationalError(both), ASKED) or ""
    assert "'a'" in line
    assert "'b'" in line
    assert "Is the server" not in line


@pytest.mark.parametrize("problem", [KeyError("x"), psycopg.errors.DivisionByZero("x"), ValueError("password")])
def test_a_bug_is_not_explained_away(problem: Exception) -> None:
    assert why(problem, ASKED) is None
