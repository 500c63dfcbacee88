"""What a process builds: what its consumers share once, and nothing that none of them takes."""

import gc
import weakref
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from threading import Event
from typing import Any

import pytest
from msgspec.structs import replace

from rujukan.infra import composition, node
from rujukan.infra.database import SERVICE
from rujukan.infra.keys import names
from rujukan.infra.keys.handles import NotHanded
from rujukan.infra.node import Node
from rujukan.infra.settings import Settings
from rujukan.infra.store.data_keys import DataKeys
from rujukan.infra.system_act import system_act


@pytest.fixture
def caches(monkeypatch: pytest.MonkeyPatch) -> list[DataKeys]:
    """The caches of data keys that were made."""
    made: list[DataKeys] = []

    def make(*arguments: Any) -> DataKeys:
        made.append(DataKeys(*arguments))
        return made[-1]

    monkeypatch.setattr(node, "DataKeys", make)
    return made


@pytest.fixture
def no_api(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody builds what only the API serves."""

    def refuse(*_: Any) -> None:
        raise AssertionError("this process serves no API")

    for part in (
        "bundle.building.Bundles",
        "composition.token_keys",
        "delivery.feed.ApiFeed",
        "ledger.publishing.ApiLedger",
        "schemas.serving.MessageSchemas",
        "store.documents.DocumentStore",
        "webhooks.serving.ApiWebhooks",
    ):
        monkeypatch.setattr(f"rujukan.infra.{part}", refuse)


def test_a_worker_has_one_cache_of_keys_and_builds_no_api(
    settings: Settings, caches: list[DataKeys], no_api: None
) -> None:
    with Node(settings, names.WORKER, role=SERVICE) as worker, ExitStack() as closing:
        source = closing.enter_context(composition.follower(worker))
        closing.enter_context(composition.runner(worker, source))
        escalator = closing.enter_context(composition.escalator(worker))
        assert escalator.once() == 0
        assert source.store.keys is worker.followed.keys is worker.written.keys
    assert len(caches) == 1


def test_a_publisher_has_one_cache_of_keys_and_builds_no_api(
    settings: Settings, caches: list[DataKeys], no_api: None
) -> None:
    settings = replace(settings, kafka="127.0.0.1:9")
    with Node(settings, names.PUBLISHER, role=SERVICE) as publisher, ExitStack() as closing:
        closing.enter_context(composition.publisher(publisher))
        closing.enter_context(composition.webhooks(publisher, system_act))
        closing.enter_context(composition.acknowledgement_reader(publisher))
        ended = Event()
        ended.set()
        composition.keep_register(publisher, ended)
    assert len(caches) == 1


def test_an_api_has_one_cache_of_keys_and_the_macs_that_it_asks_for(settings: Settings, caches: list[DataKeys]) -> None:
    with composition.service(settings, connections=2) as ports:
        assert len(ports.macs.mac("nik-index", b"m")) == 32
        for name in ("pseudonyms", "issuer", "ledger/ed25519"):
            with pytest.raises(NotHanded):
                ports.macs.mac(name, b"m")
    assert len(caches) == 1


def test_an_api_with_an_outside_issuer_has_no_key_of_tokens(settings: Settings) -> None:
    jwks = settings.data / "jwks.json"
    x = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"  # of RFC 8037, appendix A.2
    jwks.write_text(f'{{"keys": [{{"kty": "OKP", "crv": "Ed25519", "kid": "theirs", "x": "{x}"}}]}}')
    with composition.service(replace(settings, jwks=str(jwks)), connections=2) as ports:
        assert ports.tokens.jwks() == {"keys": []}
        assert not hasattr(ports.tokens, "token")


def test_threads_that_ask_at_once_get_the_same_part_and_it_ends_with_the_process(settings: Settings) -> None:
    with Node(settings, names.ACTING, role=SERVICE) as one, ThreadPoolExecutor(8) as threads:
        assert len(set(threads.map(lambda _: one.data_keys, range(32)))) == 1
        pool = one.service_pool
        assert not pool.closed
    assert pool.closed


def test_a_follower_writes_nothing(settings: Settings) -> None:
    with Node(settings, names.FOLLOWING) as one, pytest.raises(PermissionError):
        _ = one.written


def test_a_consumer_that_starts_again_leaves_nothing_of_its_last_run(settings: Settings) -> None:
    """The cases that a follower knows are opened: they are not held by what outlives it."""
    with Node(settings, names.FOLLOWING) as one:
        with composition.follower(one) as source:
            files = weakref.ref(source.files)
        del source
        gc.collect()
        assert files() is None
