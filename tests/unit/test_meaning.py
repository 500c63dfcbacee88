"""An Idempotency-Key is tied to what a request means, not to its bytes: a library that writes a map anew on its second
try, in another order, sends the same request. What another release stored of one is known, too."""

import hashlib
import json
from typing import Any
from uuid import uuid4

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import Request

from rujukan.api.application.once import Sent
from rujukan.api.problems import BadRequest
from rujukan.api.requests import sent

PATH = f"/cases/{uuid4()}/notes"
LEAVES = st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.text(max_size=6) | st.sampled_from([0.5, -1.25])
VALUES = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3)
)
OBJECTS = st.dictionaries(st.text(max_size=4), VALUES, max_size=5)


def asked(body: bytes, path: str = PATH, *keys: str, **more: Any) -> Sent:
    headers = [(b"idempotency-key", key.encode()) for key in keys or ("k",)]
    scope = {"type": "http", "method": "POST", "path": path, "query_string": b"", "headers": headers}
    found = sent(Request(scope), body, **more)
    assert found is not None
    return found


def shuffled(said: Any, draw: st.DataObject) -> Any:
    """The same, its names in another order and whole numbers written otherwise."""
    if isinstance(said, dict):
        names = draw.draw(st.permutations(list(said)))
        return {name: shuffled(said[name], draw) for name in names}
    if isinstance(said, list):
        return [shuffled(one, draw) for one in said]
    whole = isinstance(said, int) and not isinstance(said, bool) and abs(said) < 2**53
    return float(said) if whole and draw.draw(st.booleans()) else said


@given(said=OBJECTS, data=st.data(), indent=st.sampled_from([None, 0, 3]), ascii=st.booleans())
def test_all_spellings_of_a_request_are_one(said: Any, data: st.DataObject, indent: int | None, ascii: bool) -> None:
    first = asked(json.dumps(said, ensure_ascii=False).encode("utf-8"))
    other = json.dumps(shuffled(said, data), indent=indent, ensure_ascii=ascii).encode("utf-8")
    assert asked(other).content == first.content


@given(one=OBJECTS, other=OBJECTS)
def test_another_request_is_another(one: Any, other: Any) -> None:
    same = json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)
    assert (asked(json.dumps(one).encode()).content == asked(json.dumps(other).encode()).content) == same


def test_true_is_no_number_and_null_is_not_nothing() -> None:
    said = [b'{"a":1}', b'{"a":true}', b'{"a":"1"}', b'{"a":null}', b"{}", b'{"a":[]}', b'{"a":{}}', b'{"a":1.5}']
    assert len({asked(body).content for body in said}) == len(said)


def test_no_body_is_an_empty_object() -> None:
    assert asked(b"").content == asked(b"{}").content == asked(b" { } ").content


def test_an_address_is_one_however_its_ids_are_written() -> None:
    assert asked(b"{}", PATH.upper()).content == asked(b"{}", PATH).content
    assert asked(b"{}", PATH + "x").content != asked(b"{}", PATH).content


@given(said=OBJECTS, indent=st.sampled_from([None, 2]))
def test_what_older_releases_stored_is_known(said: Any, indent: int | None) -> None:
    """The bytes; and the object in order, in which 1 and 1.0 were two numbers."""
    body = json.dumps(said, indent=indent).encode()
    in_order = msgspec.json.encode(msgspec.json.decode(body), order="sorted")
    assert asked(body).as_before[0] == PATH.encode() + b" " + body
    assert asked(body).as_before[-1] == PATH.encode() + b" " + in_order
    digest = hashlib.sha256(body).hexdigest()
    of_a_document = asked(b"{}", as_before=f"kind=photo {digest}".encode())
    assert of_a_document.as_before == (f"{PATH} kind=photo {digest}".encode(),)


@pytest.mark.parametrize("keys", [("a", "b"), ("",), ("x" * 201,), ("a\x7f",)])
def test_a_key_is_one_that_can_be_meant(keys: tuple[str, ...]) -> None:
    with pytest.raises(BadRequest) as refused:
        asked(b"{}", PATH, *keys)
    assert refused.value.more["header"] == "Idempotency-Key"
