"""The command line as a client of the API: it acts as the person whose access token it is given, and there is no
other way in. What the API refuses is refused here; what it shows was recorded before."""

import argparse
import os
import time
from types import TracebackType
from typing import Any, Self

import httpx
import msgspec

from ..settings import TOKEN, Settings

SECONDS = 60.0
SEALED_SECONDS = 60.0
"""How long what was just written may take to be sealed and witnessed."""


class NotAnswered(Exception):
    """The API did not answer with what was asked for; the message is its own."""


class Api:
    """The API, asked as a person. Use as a context manager."""

    def __init__(self, settings: Settings, said: argparse.Namespace) -> None:
        """`said` has token, purpose and url (evidence.add_asking). Raises ValueError where nobody asks."""
        token = said.token or os.environ.get(TOKEN)
        if not token:
            raise ValueError(f"say who asks: an access token in {TOKEN}, or --token")
        headers = {"Authorization": f"Bearer {token}", "Purpose-Of-Use": said.purpose}
        self._http = httpx.Client(base_url=_url(settings, said), headers=headers, timeout=SECONDS)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.close()

    def get(self, path: str, query: dict[str, str] | None = None) -> bytes:
        """What the API answers. Raises NotAnswered."""
        return self._checked("GET", path, query).content

    def post(self, path: str, body: dict[str, Any]) -> Any:
        """The JSON that the API answers. Raises NotAnswered."""
        return msgspec.json.decode(self._checked("POST", path, None, body).content)

    def get_when_sealed(self, path: str, query: dict[str, str]) -> bytes:
        """What the API answers once the ledger has it. Raises NotAnswered."""
        give_up = time.monotonic() + SEALED_SECONDS
        while True:
            try:
                return self.get(path, query)
            except NotSealed as problem:
                if time.monotonic() > give_up:
                    raise NotAnswered(f"{problem} (waited {SEALED_SECONDS:.0f} s)") from None
                time.sleep(0.2)

    def _checked(self, method: str, path: str, query: dict[str, str] | None, body: object = None) -> httpx.Response:
        try:
            answer = self._http.request(method, path, params=query, json=body)
        except httpx.HTTPError as away:
            raise NotAnswered(f"the API does not answer: {type(away).__name__}") from None
        if answer.is_error:
            try:
                problem = msgspec.json.decode(answer.content)
                kind, detail = str(problem["type"]), str(problem["detail"])
            except (msgspec.MsgspecError, KeyError, TypeError):
                raise NotAnswered(f"the API answered {answer.status_code}") from None
            raise (NotSealed if kind.endswith(":not-sealed-yet") else NotAnswered)(detail)
        return answer


class NotSealed(NotAnswered):
    """Not in the ledger, or not witnessed, yet."""


def _url(settings: Settings, said: argparse.Namespace) -> str:
    if said.url:
        return str(said.url).rstrip("/")
    from ..system import running

    found = running(settings)
    return f"http://{found.host}:{found.port}"
