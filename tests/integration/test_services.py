"""The services the project starts by itself are real: they answer, they die, they come back."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from kafka import (  # type: ignore[import-untyped]
    KafkaAdminClient,
    KafkaConsumer,
    KafkaProducer,
    TopicPartition,
)
from kafka.admin import NewTopic  # type: ignore[import-untyped]
from patience import PATIENCE_SECONDS

from rujukan.infra.services.apache_kafka import ApacheKafka
from rujukan.infra.services.broker import HOST, BrokerError, BrokerProcess, EmbeddedBroker, free_port
from rujukan.infra.services.postgres import EmbeddedPostgres, PostgresError

TOPIC = "referrals"


def kill(service: EmbeddedPostgres | BrokerProcess) -> None:
    pid = service.pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    deadline = time.monotonic() + PATIENCE_SECONDS
    while service.is_alive() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not service.is_alive()
    assert service.pid is None


# -- PostgreSQL ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def cluster(places: Callable[[], Path]) -> Iterator[EmbeddedPostgres]:
    """Not in pytest's own directory: each pytest that begins on this machine closes that to the server's user."""
    server = EmbeddedPostgres(places() / "cluster")
    server.start()
    yield server
    server.stop()


@pytest.mark.thorough
def test_postgres_answers_with_the_promised_settings(cluster: EmbeddedPostgres) -> None:
    expected = {
        "max_connections": "200",
        "shared_buffers": "256MB",
        "fsync": "on",
        "synchronous_commit": "on",
        "wal_level": "replica",
        "listen_addresses": "",
        "log_statement": "none",
        "log_parameter_max_length": "0",
        "log_parameter_max_length_on_error": "0",
        "log_min_error_statement": "panic",
        "server_encoding": "UTF8",
    }
    with psycopg.connect(cluster.start()) as connection:
        assert connection.info.server_version // 10000 == 18
        found = {name: connection.execute("SELECT current_setting(%s)", (name,)).fetchone() for name in expected}
    assert found == {name: (value,) for name, value in expected.items()}
    assert (cluster.bin_path / "pg_dump").exists()


def test_starting_a_running_postgres_keeps_it(cluster: EmbeddedPostgres) -> None:
    before = cluster.pid
    assert cluster.start() == cluster.conninfo
    assert cluster.pid == before
    other_handle = EmbeddedPostgres(cluster.data_dir)
    assert not other_handle.is_alive()
    assert other_handle.start() == cluster.conninfo
    assert other_handle.pid == before


def test_postgres_survives_the_kill_of_its_postmaster(cluster: EmbeddedPostgres) -> None:
    with psycopg.connect(cluster.start(), autocommit=True) as connection:
        connection.execute("CREATE TABLE kept (id integer PRIMARY KEY, body text NOT NULL)")
        connection.execute("INSERT INTO kept SELECT n, repeat('x', 100) FROM generate_series(1, 1000) n")
        first = cluster.pid
        kill(cluster)
        cluster.start()
        assert cluster.pid != first
        with pytest.raises(psycopg.OperationalError):
            connection.execute("SELECT 1")
    with psycopg.connect(cluster.conninfo) as connection:
        assert connection.execute("SELECT count(*), sum(id) FROM kept").fetchone() == (1000, 500500)


def test_start_right_after_the_kill_does_not_trust_the_dying_process(cluster: EmbeddedPostgres) -> None:
    cluster.start()
    pid = cluster.pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    with psycopg.connect(cluster.start()) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_no_statement_and_no_value_reaches_the_log(cluster: EmbeddedPostgres) -> None:
    with psycopg.connect(cluster.start(), autocommit=True) as connection:
        connection.execute("CREATE TABLE secrets (body text PRIMARY KEY)")
        connection.execute("INSERT INTO secrets VALUES (%s)", ("rahsia-1",))
        with pytest.raises(psycopg.errors.UniqueViolation, match="rahsia-1"):
            connection.execute("INSERT INTO secrets VALUES (%s)", ("rahsia-1",))
        with pytest.raises(psycopg.errors.InvalidTextRepresentation, match="rahsia-2"):
            connection.execute("SELECT 'rahsia-2'::integer")
        with pytest.raises(psycopg.errors.SyntaxError):
            connection.execute("SELEKT 'rahsia-3'")
    log = cluster.log_file.read_text(encoding="utf-8")
    assert "ready to accept connections" in log
    assert "rahsia" not in log
    assert "secrets" not in log


@pytest.mark.thorough
def test_a_long_and_odd_data_directory_works_and_stop_is_repeatable(places: Callable[[], Path]) -> None:
    data_dir = places() / ("d" * 100 + ' o\'dd "name"') / "cluster"
    server = EmbeddedPostgres(data_dir)
    promised = server.conninfo
    try:
        assert server.start() == promised
        with psycopg.connect(promised) as connection:
            row = connection.execute("SHOW unix_socket_directories").fetchone()
        assert row is not None
        socket_dir = Path(row[0].strip('"'))
        assert len(str(socket_dir)) < 90
        assert socket_dir.stat().st_mode & 0o777 == 0o700
    finally:
        server.stop()
    server.stop()
    assert not server.is_alive()
    assert not socket_dir.exists()


def test_a_foreign_directory_is_refused(tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("mine", encoding="utf-8")
    with pytest.raises(PostgresError, match="neither empty"):
        EmbeddedPostgres(tmp_path).start()
    assert (tmp_path / "precious").read_text(encoding="utf-8") == "mine"


# -- ports ------------------------------------------------------------------------------------------


def test_a_free_port_is_given_to_nobody_else_and_a_server_may_listen_on_it() -> None:
    """Two that are started at once look for theirs before the other listens."""
    ours = {free_port() for _ in range(50)}
    others = subprocess.run([sys.executable, "-c", ASKING], capture_output=True, text=True, check=True).stdout.split()
    assert (len(ours), len(set(others))) == (50, 200)
    assert ours.isdisjoint(map(int, others))
    port = min(ours)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((HOST, port))
    for _ in range(2):  # and again, when it ended
        with socket.create_server((HOST, port)), socket.create_connection((HOST, port)):
            pass


ASKING = """
from rujukan.infra.services.broker import free_port
print(*(free_port() for _ in range(200)))
"""


# -- brokers ------------------------------------------------------------------------------------------


@pytest.fixture(params=["tansu", pytest.param("apache", marks=pytest.mark.thorough)], scope="module")
def broker(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[BrokerProcess]:
    logging.getLogger("kafka").setLevel(logging.CRITICAL)
    folder = tmp_path_factory.mktemp("broker")
    service: BrokerProcess
    if request.param == "tansu":
        service = EmbeddedBroker(folder / "tansu.log")
    else:
        if not ApacheKafka.available():
            pytest.skip("no Java 17 with Maven on the PATH")
        service = ApacheKafka(folder / "kafka")
    service.start()
    yield service
    service.stop()


def create_topic(bootstrap: str, partitions: int) -> None:
    admin = KafkaAdminClient(bootstrap_servers=bootstrap)
    try:
        admin.create_topics([NewTopic(TOPIC, partitions, 1)])
    finally:
        admin.close()


def produce(bootstrap: str, values: list[bytes]) -> list[int]:
    producer = KafkaProducer(
        bootstrap_servers=bootstrap, acks="all", enable_idempotence=True, reconnect_backoff_max_ms=500
    )
    try:
        sent = [
            producer.send(TOPIC, key=b"case-1", value=value, headers=[("sealed", b"\x00\x01")], partition=0)
            for value in values
        ]
        return [future.get(timeout=PATIENCE_SECONDS).offset for future in sent]
    finally:
        producer.close()


def consume(bootstrap: str, count: int) -> list[Any]:
    consumer = KafkaConsumer(
        bootstrap_servers=bootstrap,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        fetch_max_wait_ms=50,
    )
    partition = TopicPartition(TOPIC, 0)
    records: list[Any] = []
    try:
        consumer.assign([partition])
        consumer.seek(partition, 0)
        deadline = time.monotonic() + PATIENCE_SECONDS
        while len(records) < count and time.monotonic() < deadline:
            for batch in consumer.poll(timeout_ms=500).values():
                records.extend(batch)
    finally:
        consumer.close()
    return records


def test_broker_carries_messages_and_comes_back_on_its_port(broker: BrokerProcess) -> None:
    bootstrap = broker.start()
    assert bootstrap == f"127.0.0.1:{broker.port}"
    create_topic(bootstrap, 2)
    values = [b"event-%d" % number for number in range(50)]
    assert produce(bootstrap, values) == list(range(50))
    records = consume(bootstrap, 50)
    assert [record.value for record in records] == values
    assert [record.offset for record in records] == list(range(50))
    assert {record.key for record in records} == {b"case-1"}
    assert {tuple(record.headers) for record in records} == {(("sealed", b"\x00\x01"),)}

    first = broker.pid
    assert broker.start() == bootstrap
    assert broker.pid == first
    kill(broker)
    assert broker.start() == bootstrap
    assert broker.pid != first
    if isinstance(broker, EmbeddedBroker):
        create_topic(bootstrap, 2)
        assert produce(bootstrap, [b"after"]) == [0]
        assert [record.value for record in consume(bootstrap, 1)] == [b"after"]
    else:
        assert produce(bootstrap, [b"after"]) == [50]
        assert [record.value for record in consume(bootstrap, 51)] == [*values, b"after"]

    broker.stop()
    broker.stop()
    assert not broker.is_alive()
    assert broker.start() == bootstrap


def test_a_taken_port_is_reported(tmp_path: Path) -> None:
    holder = EmbeddedBroker(tmp_path / "holder.log")
    with contextlib.ExitStack() as cleanup:
        cleanup.callback(holder.stop)
        holder.start()
        rival = EmbeddedBroker(tmp_path / "rival.log", port=holder.port)
        cleanup.callback(rival.stop)
        with pytest.raises(BrokerError, match="taken"):
            rival.start()
        assert not rival.is_alive()
        chooser = EmbeddedBroker(tmp_path / "chooser.log")
        cleanup.callback(chooser.stop)
        assert chooser.start() != holder.bootstrap
