"""The AsyncAPI document, held against the official schema, and the page for people that is made of it."""

import json
from base64 import b64encode
from copy import deepcopy
from hashlib import sha256
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft7Validator

from rujukan.api.parameters import parameters_of
from rujukan.api.subscribing import Subscribing
from rujukan.consumers.wire.kafka import topics
from rujukan.domain import catalogue
from rujukan.domain.words import Words
from rujukan.infra.schemas import asyncapi, frozen, html_page, serving
from rujukan.infra.schemas.reading import Article, Chapter, Field, code_lists
from rujukan.infra.schemas.shapes import DELIVERY, PLACEHOLDERS, Name

OFFICIAL = Draft7Validator(json.loads((Path(__file__).parent / "data" / "asyncapi" / "3.0.0.json").read_text("utf-8")))
DOCUMENT: dict[str, Any] = json.loads(asyncapi.as_json(asyncapi.document("1.2.3")))


def test_the_document_is_asyncapi_3() -> None:
    OFFICIAL.validate(DOCUMENT)
    assert DOCUMENT["info"]["version"] == "1.2.3"


@pytest.mark.parametrize(
    ("where", "value"),
    [
        (("asyncapi",), "2.6.0"),
        (("channels", "deliveries", "adress"), "misspelt"),
        (("operations", "sendAcknowledgements", "action"), "publish"),
        (("components", "securitySchemes", "scram", "type"), "scram"),
        (("servers", "kafka", "protocol"), 9092),
    ],
)
def test_the_official_schema_refuses_what_is_wrong(where: tuple[str, ...], value: object) -> None:
    wrong = deepcopy(DOCUMENT)
    at = wrong
    for part in where[:-1]:
        at = at[part]
    at[where[-1]] = value
    assert not OFFICIAL.is_valid(wrong)


def references(part: Any) -> list[str]:
    """Every reference in it."""
    if isinstance(part, list):
        return [ref for one in part for ref in references(one)]
    if not isinstance(part, dict):
        return []
    return [part["$ref"]] if isinstance(part.get("$ref"), str) else [r for p in part.values() for r in references(p)]


def test_a_feed_is_asked_what_it_takes() -> None:
    """The query of each operation, beside what the service parses."""
    for operation, call in (("readFeed", Subscribing.events), ("readStream", Subscribing.stream)):
        said = DOCUMENT["operations"][operation]["bindings"]["http"]["query"]["properties"]
        parsed = {p.name: p.document()["schema"] for p in parameters_of(call, "", ("self", "rooms", "asked"))}
        for name, schema in said.items():
            shown = {key: schema[key] for key in ("type", "minimum", "maximum", "default", "format") if key in schema}
            meant = {key: parsed[name][key] for key in shown if key in parsed[name]}
            assert shown == meant, (operation, name)


def test_every_reference_leads_somewhere() -> None:
    found = references(DOCUMENT)
    assert len(found) > 100
    for reference in found:
        at = DOCUMENT
        for part in reference.removeprefix("#/").split("/"):
            assert part in at, reference
            at = at[part]


def test_topics_are_those_that_are_published_to() -> None:
    addresses = {name: c["address"] for name, c in DOCUMENT["channels"].items() if "kafka" in c.get("bindings", {})}
    topic = topics.topic_of("{agency}")
    assert addresses == {"deliveries": topic, "acks": f"{topic}.acks", "deadLetters": f"{topic}.dead-letters"}
    for name, address in addresses.items():
        assert DOCUMENT["channels"][name]["bindings"]["kafka"]["topic"] == address


def test_every_channel_has_an_operation_and_every_server_its_security() -> None:
    used = {o["channel"]["$ref"].rpartition("/")[2] for o in DOCUMENT["operations"].values()}
    assert used == set(DOCUMENT["channels"])
    schemes = {name: s["type"] for name, s in DOCUMENT["components"]["securitySchemes"].items()}
    assert schemes == {"scram": "scramSha512", "bearer": "http", "webhookSignature": "httpApiKey"}
    assert {s["protocol"] for s in DOCUMENT["servers"].values()} == {"kafka-secure", "https"}
    assert all(s["security"] for s in DOCUMENT["servers"].values())


def test_an_agency_sends_only_what_it_acknowledges_and_puts_aside() -> None:
    sent = {name for name, o in DOCUMENT["operations"].items() if o["action"] == "send"}
    assert sent == {"sendAcknowledgements", "sendDeadLetters", "postAcknowledgement"}


def test_an_opened_delivery_is_that_of_its_topic_and_version() -> None:
    opened = DOCUMENT["channels"]["opened"]["messages"]
    assert set(opened) == {str(n) for n in frozen.all_shapes() if n.is_event}
    for topic in catalogue.TOLD:
        name = Name(topic, catalogue.version_of(topic))
        schema = {**DOCUMENT["components"]["messages"][str(name)]["payload"], "components": DOCUMENT["components"]}
        narrowed = schema["allOf"][1]["properties"]
        assert (narrowed["topic"], narrowed["schema"]) == ({"const": topic}, {"const": name.version})
        assert references(schema["allOf"]) == [f"#/components/schemas/{DELIVERY}", f"#/components/schemas/{name}"]


@pytest.mark.parametrize("placeholder", PLACEHOLDERS, ids=str)
def test_a_placeholder_bears_any_version(placeholder: Name) -> None:
    said = DOCUMENT["components"]["messages"][str(placeholder)]["payload"]["allOf"][1]["properties"]
    assert "schema" not in said


def test_what_is_served_is_what_there_is() -> None:
    served = serving.MessageSchemas()
    assert list(served.names()) == list(frozen.all_shapes())
    for topic, version in served.names():
        schema = served.schema(topic, version)
        assert schema is not None
        assert json.loads(schema)["$id"] == f"urn:rujukan:schema:{topic}:{version}"
    assert served.schema("case.ReferralSent", 99) is None
    assert json.loads(served.asyncapi())["asyncapi"] == "3.0.0"


# The page ------------------------------------------------------------------------------------------------------


class Read(HTMLParser):
    """What a browser would meet."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.ids: list[str] = []
        self.links: set[str] = set()
        self.fetched: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        said = dict(attrs)
        self.tags.add(tag)
        self.ids += [said["id"] or ""] if "id" in said else []
        self.links |= {said["href"] or ""} if "href" in said else set()
        self.fetched += [tag for name in said if name in ("src", "srcset", "data", "action") or name.startswith("on")]
        self.fetched += [tag] if "style" in said else []


def read(text: str) -> Read:
    found = Read()
    found.feed(text)
    return found


PAGE = html_page.page(asyncapi.document("1.2.3"))


def test_the_page_fetches_nothing_and_runs_nothing() -> None:
    page = read(PAGE)
    assert page.fetched == []
    assert not page.tags & {"script", "link", "img", "iframe", "object", "form", "base"}
    assert {link for link in page.links if not link.startswith(("#", "/"))} == set()
    assert "url(" not in html_page.STYLE
    assert "@import" not in html_page.STYLE


def test_its_policy_lets_its_own_style_in_and_nothing_else() -> None:
    style = PAGE.partition("<style>")[2].partition("</style>")[0]
    assert f"'sha256-{b64encode(sha256(style.encode()).digest()).decode()}'" in html_page.POLICY
    assert html_page.POLICY.startswith("default-src 'none'")


def test_the_page_has_every_event_and_every_link_leads_somewhere() -> None:
    page = read(PAGE)
    assert len(page.ids) == len(set(page.ids))
    assert {n.topic for n in frozen.all_shapes() if n.is_event} <= set(page.ids)
    assert {f"list-{codes.name}" for codes in code_lists()} <= set(page.ids)
    assert {link[1:] for link in page.links if link.startswith("#")} <= set(page.ids)
    schemas = {f"/schemas/{n.topic}/{n.version}" for n in frozen.all_shapes() if n.is_event}
    assert schemas <= page.links


HOSTILE = '<script>alert("1")</script>\' onload=x &amp; `</code><b>`'


def test_whatever_a_word_says_it_is_text(monkeypatch: pytest.MonkeyPatch) -> None:
    words = Words(HOSTILE, HOSTILE)
    field = Field(HOSTILE, words, f"code of {HOSTILE}", HOSTILE, HOSTILE, True)
    entry = Article(Name(HOSTILE, 1), HOSTILE, words, words, [words], [field])
    monkeypatch.setattr(html_page, "chapters", lambda: [Chapter(words, [entry])])
    document = deepcopy(DOCUMENT)
    document["info"]["title"] = HOSTILE
    for channel in document["channels"].values():
        channel["title"] = channel["description"] = HOSTILE
        channel["address"] = channel["address"] and HOSTILE
    for operation in document["operations"].values():
        operation["summary"] = operation["action"] = HOSTILE
    for scheme in document["components"]["securitySchemes"].values():
        scheme["type"] = scheme["description"] = HOSTILE
    page = read(html_page.page(document))
    assert not page.tags & {"script", "b"}
    assert page.fetched == []
    assert page.tags == read(PAGE).tags
