"""Schemas and documents as the API hands them out: made once, the same for everybody."""

from collections.abc import Sequence
from functools import cache
from importlib.metadata import version

from . import asyncapi, html_page
from .described import described
from .frozen import all_shapes
from .shapes import Name


class MessageSchemas:
    """What the API asks for (api/application/ports.py, Messages)."""

    def names(self) -> Sequence[tuple[str, int]]:
        return list(all_shapes())

    def schema(self, topic: str, version: int) -> bytes | None:
        name = Name(topic, version)
        return schema(name) if name in all_shapes() else None

    def asyncapi(self) -> bytes:
        return asyncapi_json()

    def page(self) -> tuple[str, str]:
        return html(), html_page.POLICY


@cache
def asyncapi_json() -> bytes:
    """The AsyncAPI document of the software that is installed."""
    return asyncapi.as_json(asyncapi.document(version("rujukan")))


@cache
def html() -> str:
    """The page for people."""
    return html_page.page(asyncapi.document(version("rujukan")))


@cache
def schema(name: Name) -> bytes:
    """A schema with its words. Raises KeyError for one that there is not."""
    return asyncapi.as_json(described(name, all_shapes()[name]))
