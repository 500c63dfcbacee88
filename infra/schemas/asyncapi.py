"""The AsyncAPI 3.0 document: an agency's side of its subscription, over Kafka, HTTP feed, SSE and webhook.

The application that it describes is the agency's system: it receives deliveries and sends acknowledgements. On the
wire every delivery looks the same; `opened` is the channel within the agency's own system on which its handler meets
the events, once the seal is open. Where servers stand differs from network to network: their hosts are variables.
"""

from collections.abc import Mapping
from functools import cache
from typing import Any

import msgspec

from ...consumers.wire.envelope import CONTENT_TYPE
from ...consumers.wire.kafka.names import topic_of
from ...domain.delivery import CURSOR
from ...domain.patterns import for_others
from .described import described, meaning, title
from .frozen import all_shapes
from .shapes import ACKNOWLEDGEMENT, CLOUDEVENT, DELIVERY, HEADERS, NUMBER, PLACEHOLDERS, Name, Schema

Part = dict[str, Any]

KAFKA, HTTP = "0.5.0", "0.3.0"
"""Versions of the bindings."""
AGENCY = topic_of("{agency}")
BATCH = "application/cloudevents-batch+json"
CLOUDEVENTS = "application/cloudevents+json"
CODE: Schema = {"type": "string", "pattern": "^[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?$"}
SEQUENCE: Schema = {"type": "integer", "minimum": 0}
CURSOR_OF_LAST: Schema = {
    "type": "string",
    "pattern": for_others(CURSOR),
    "description": "the last delivery that you have: its sequence, a dot and its `id`. Where the service has no such"
    " delivery, as an older state of it was restored, it answers 409 `another-history`. The sequence alone will do, but"
    " says nothing of that",
}

ABOUT = """\
What an agency subscribes to. It is told every event that it may know, once, in order: number 1, 2, 3 … without gaps.

Outside, a message is CloudEvents 1.0 and tells nothing of the case: its type is always the same, its key is a pseudonym
that differs for every agency, its size is padded. Inside, sealed to the agency's own key (HPKE, RFC 9180) and signed by
the service, is a delivery; its `data` has the fields of the compartments that the agency is told, and no others.

Each event has a schema, at `/schemas/{topic}/{version}`. No attribute names it outside of the seal, as CloudEvents'
`dataschema` would: it would tell what kind of event this is.
"""


@cache
def document(version: str) -> Part:
    """The whole document. Not to be changed by who gets it."""
    return {
        "asyncapi": "3.0.0",
        "id": "urn:rujukan:subscription",
        "info": {
            "title": "Rujukan: an agency's subscription",
            "version": version,
            "description": ABOUT,
            "license": {"name": "Apache-2.0", "url": "https://www.apache.org/licenses/LICENSE-2.0"},
        },
        "defaultContentType": CONTENT_TYPE,
        "servers": _servers(),
        "channels": _channels(),
        "operations": _operations(),
        "components": {
            "schemas": _schemas(),
            "messages": {**_carriers(), **{str(n): _opened(n) for n in all_shapes() if n.is_event}},
            "securitySchemes": _security(),
        },
    }


def _servers() -> Part:
    return {
        "kafka": {
            "host": "{broker}",
            "protocol": "kafka-secure",
            "title": "The network's Kafka brokers",
            "description": "TLS, and SCRAM with the user `agency-CODE`. An agency sees its own topics, and no others.",
            "variables": {"broker": {"default": "kafka.example:9093", "description": "Bootstrap address"}},
            "security": [{"$ref": "#/components/securitySchemes/scram"}],
        },
        "api": {
            "host": "{host}",
            "protocol": "https",
            "title": "The network's API, for agencies without Kafka",
            "variables": {"host": {"default": "rujukan.example", "description": "Where the API is"}},
            "security": [{"$ref": "#/components/securitySchemes/bearer"}],
        },
    }


def _security() -> Part:
    return {
        "scram": {"type": "scramSha512", "description": "SASL/SCRAM-SHA-512 over TLS, user `agency-CODE`"},
        "bearer": {
            "type": "http",
            "scheme": "bearer",
            "bearerFormat": "JWT (RFC 9068, typ at+jwt)",
            "description": "An access token of the agency, over TLS",
        },
        "webhookSignature": {
            "type": "httpApiKey",
            "in": "header",
            "name": "webhook-signature",
            "description": "Standard Webhooks: the service signs each request; check it, and its `webhook-timestamp`",
        },
    }


def _channels() -> Part:
    return {
        "deliveries": _topic(AGENCY, "What the agency is told", "sealed"),
        "acks": _topic(f"{AGENCY}.acks", "What the agency acknowledges", "acknowledgement"),
        "deadLetters": _topic(f"{AGENCY}.dead-letters", "What the agency could not handle", "deadLetter"),
        "standing": _path("/subscription", "How far the agency is", "standing"),
        "feed": _path("/subscription/events", "Deliveries, page by page; with `wait`, long-poll", "batch"),
        "stream": _path("/subscription/stream", "Deliveries as server-sent events", "streamed"),
        "acknowledgements": _path("/subscription/acknowledgements", "The same as on `acks`", "acknowledgement"),
        "webhook": {
            "address": None,
            "title": "Deliveries brought to the agency",
            "description": "An address that the agency registered. Standard Webhooks; 2xx is taken for arrived.",
            "messages": {"webhook": {"$ref": "#/components/messages/webhook"}},
        },
        "opened": {
            "address": None,
            "title": "Events, opened",
            "description": "Within the agency's own system: what its handler is given once the seal is open.",
            "messages": {str(n): {"$ref": f"#/components/messages/{n}"} for n in all_shapes() if n.is_event},
        },
    }


def _topic(address: str, about: str, message: str) -> Part:
    return {
        "address": address,
        "title": about,
        "servers": [{"$ref": "#/servers/kafka"}],
        "parameters": {"agency": {"description": "The agency's code", "examples": ["rsud"]}},
        "messages": {message: {"$ref": f"#/components/messages/{message}"}},
        "bindings": {"kafka": {"topic": address, "partitions": 1, "bindingVersion": KAFKA}},
    }


def _path(address: str, about: str, message: str) -> Part:
    return {
        "address": address,
        "title": about,
        "servers": [{"$ref": "#/servers/api"}],
        "messages": {message: {"$ref": f"#/components/messages/{message}"}},
    }


def _operations() -> Part:
    group: Part = {"kafka": {"groupId": {"type": "string", "const": AGENCY}, "bindingVersion": KAFKA}}
    return {
        "receiveDeliveries": _operation("receive", "deliveries", "Receive what the agency is told", group),
        "sendAcknowledgements": _operation("send", "acks", "Say what arrived, was handled, or could not be"),
        "sendDeadLetters": _operation("send", "deadLetters", "Put aside what could not be handled"),
        "replayDeadLetters": _operation("receive", "deadLetters", "Read again what was put aside", group),
        "readStanding": _operation("receive", "standing", "Ask how far the agency is", _http("GET")),
        "readFeed": _operation(
            "receive",
            "feed",
            "Fetch a page of deliveries, or wait for the next",
            _http(
                "GET",
                after=CURSOR_OF_LAST,
                limit={"type": "integer", "minimum": 1, "maximum": 500, "default": 100},
                wait={"type": "integer", "minimum": 0, "maximum": 30, "description": "seconds, where there is nothing"},
                case={"type": "string", "format": "uuid", "description": "of this case alone"},
                since={"type": "string", "format": "date-time", "description": "begin there, instead of `after`"},
                position={**SEQUENCE, "description": "begin at this position of the log, instead of `after`"},
            ),
        ),
        "readStream": _operation(
            "receive",
            "stream",
            "Be told at once; go on with `Last-Event-ID`, or `after`",
            _http("GET", after=CURSOR_OF_LAST),
        ),
        "postAcknowledgement": _operation(
            "send", "acknowledgements", "Say what arrived, was handled, or could not be", _http("POST")
        ),
        "takeWebhook": _operation("receive", "webhook", "Be brought each delivery", _http("POST"))
        | {"security": [{"$ref": "#/components/securitySchemes/webhookSignature"}]},
        "handle": _operation("receive", "opened", "Handle an event, in the agency's own transaction"),
    }


def _operation(action: str, channel: str, summary: str, bindings: Part | None = None) -> Part:
    found: Part = {"action": action, "channel": {"$ref": f"#/channels/{channel}"}, "summary": summary}
    return {**found, "bindings": bindings} if bindings else found


def _http(method: str, **query: Schema) -> Part:
    about: Part = {"method": method, "bindingVersion": HTTP}
    return {"http": {**about, "query": {"type": "object", "properties": query}} if query else about}


def _carriers() -> Mapping[str, Part]:
    """What goes over the wire, each kind of it."""
    one = _ref(CLOUDEVENT)
    return {
        "sealed": {
            "name": "sealed",
            "title": "A sealed delivery",
            "summary": "CloudEvents 1.0, binary mode. Every delivery looks like this, whatever is inside.",
            "contentType": CONTENT_TYPE,
            "headers": _ref(HEADERS),
            "payload": {
                "type": "string",
                "format": "binary",
                "description": "HPKE (RFC 9180 base mode; ML-KEM-768 + X25519, HKDF-SHA256, AES-256-GCM). Opened, it "
                f"is JSON as #/components/schemas/{DELIVERY} has it.",
            },
            "bindings": {
                "kafka": {
                    "key": {"type": "string", "description": "The case's pseudonym for this agency"},
                    "bindingVersion": KAFKA,
                }
            },
        },
        "batch": {
            "name": "batch",
            "title": "A page of sealed deliveries",
            "contentType": BATCH,
            "headers": {
                "type": "object",
                "required": ["Rujukan-Head"],
                "properties": {
                    "Rujukan-Head": {**NUMBER, "description": "The newest sequence there is"},
                    "Link": {"type": "string", "description": 'The next page, `rel="next"`'},
                },
            },
            "payload": {"type": "array", "items": one},
        },
        "streamed": {
            "name": "streamed",
            "title": "A sealed delivery, as a server-sent event",
            "summary": "`id:` is its sequence, a dot and its `id`; `data:` this JSON. A comment comes at least every "
            "15 seconds.",
            "contentType": "text/event-stream",
            "payload": one,
        },
        "webhook": {
            "name": "webhook",
            "title": "A sealed delivery, brought to the agency",
            "contentType": CLOUDEVENTS,
            "headers": {
                "type": "object",
                "required": ["webhook-id", "webhook-timestamp", "webhook-signature"],
                "properties": {
                    "webhook-id": {"type": "string", "description": "The same whenever the same is brought again"},
                    "webhook-timestamp": {**NUMBER, "description": "Seconds since 1970"},
                    "webhook-signature": {"type": "string", "description": "Of id, time and body"},
                },
            },
            "payload": one,
        },
        "standing": {
            "name": "standing",
            "title": "How far the agency is",
            "contentType": "application/json",
            "payload": {
                "type": "object",
                "required": ["agency", "head", "received", "handled"],
                "properties": {
                    "agency": CODE,
                    "head": SEQUENCE,
                    "cursor": {"type": "string", "description": "What begins behind the head"},
                    "received": SEQUENCE,
                    "handled": SEQUENCE,
                },
            },
        },
        "acknowledgement": {
            "name": "acknowledgement",
            "title": title(ACKNOWLEDGEMENT).en,
            "summary": meaning(ACKNOWLEDGEMENT).en,
            "contentType": "application/json",
            "payload": _ref(ACKNOWLEDGEMENT),
        },
        "deadLetter": {
            "name": "deadLetter",
            "title": "What could not be handled",
            "summary": "The sealed message as it came, and why it was put aside; nothing of what is inside.",
            "contentType": CONTENT_TYPE,
            "payload": {"type": "string", "format": "binary"},
        },
    }


def _opened(name: Name) -> Part:
    """A delivery of one event, opened."""
    schema: Part = {} if name in PLACEHOLDERS else {"schema": {"const": name.version}}
    narrowed = {"topic": {"const": name.topic}, **schema, "data": _ref(name)}
    return {
        "name": name.topic,
        "title": title(name).en,
        "summary": meaning(name).en,
        "contentType": "application/json",
        "x-title-id": title(name).id,
        "payload": {"allOf": [_ref(DELIVERY), {"type": "object", "properties": narrowed}]},
    }


def _schemas() -> Part:
    """Every shape. Within one document they need no identity and no dialect of their own."""
    found: Part = {}
    for name, shape in all_shapes().items():
        said = described(name, shape)
        found[str(name)] = {key: value for key, value in said.items() if key not in ("$schema", "$id")}
    return found


def _ref(name: Name) -> Part:
    return {"$ref": f"#/components/schemas/{name}"}


def as_json(part: Part) -> bytes:
    """As it is served and printed."""
    return msgspec.json.format(msgspec.json.encode(part), indent=1) + b"\n"
