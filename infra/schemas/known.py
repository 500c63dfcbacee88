"""The text of consumers/wire/known_events.py: the events that an agency's side knows, which has no domain."""

from .frozen import all_shapes
from .shapes import PLACEHOLDERS

TEXT = '''"""Which events this release knows: topic → the highest version of its schema. All up to it are known.

Written by `rujukan schemas known`; an agency's side has it instead of the domain, which it does not install.
"""

from typing import Final

PLACEHOLDERS: Final = frozenset({{{placeholders}}})
HIGHEST: Final[dict[str, int]] = {{
{lines}
}}


def is_known(topic: str, schema: int) -> bool:
    """Whether a delivery of this topic and version can be understood here. A placeholder may bear the version of
    what stood there, which need not be known: it holds nothing."""
    return topic in PLACEHOLDERS or 1 <= schema <= HIGHEST.get(topic, 0)
'''


def module() -> str:
    """The whole file."""
    highest: dict[str, int] = {}
    for name in all_shapes():
        if name.is_event and name not in PLACEHOLDERS:
            highest[name.topic] = max(name.version, highest.get(name.topic, 0))
    lines = "\n".join(f'    "{topic}": {version},' for topic, version in sorted(highest.items()))
    placeholders = ", ".join(f'"{name.topic}"' for name in PLACEHOLDERS)
    return TEXT.format(placeholders=placeholders, lines=lines)
