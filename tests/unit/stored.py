"""Every version of every event as it was first written: tests/golden/events_v1.json, events_v2.json and so on."""

import json
from pathlib import Path
from typing import Any

from rujukan.domain import catalogue
from rujukan.domain.compartment import Compartment

GOLDEN: dict[tuple[str, int], dict[str, str]] = {
    (topic, said["schema"]): said["segments"]
    for file in sorted((Path(__file__).parent.parent / "golden").glob("events_v*.json"))
    for topic, said in json.loads(file.read_text("utf-8")).items()
}
"""(topic, version) → compartment → the JSON that is sealed."""
OLDER = [(topic, version) for topic, version in GOLDEN if version < catalogue.version_of(topic)]


def frozen(topic: str, version: int | None = None) -> dict[Compartment, bytes]:
    """The segments of an event in that version; in the present one where none is said."""
    segments = GOLDEN[topic, version or catalogue.version_of(topic)]
    return {Compartment.named(word): text.encode() for word, text in segments.items()}


def opened(topic: str, version: int | None = None, *compartments: str) -> dict[str, Any]:
    """Field → value, of the compartments named; of all where none is."""
    found: dict[str, Any] = {}
    for compartment, text in frozen(topic, version).items():
        if not compartments or compartment.word in compartments:
            found |= json.loads(text)
    return found
