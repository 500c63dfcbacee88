"""The page that an agency's program imports from: its names stay, and no client is needed that is not used."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from rujukan.consumers import agency

CONSUMERS = Path(__file__).parents[2] / "consumers"
STABLE = {
    "DELETION_ASKED",
    "DAMAGED",
    "ERASED",
    "AgencyKey",
    "Begin",
    "Deletion",
    "Delivery",
    "Feed",
    "FeedSource",
    "KafkaAccess",
    "KafkaSource",
    "KeyDirectory",
    "Leaving",
    "NotNow",
    "PostgresInbox",
    "Rules",
    "SqliteInbox",
    "Subscription",
    "WebhookSource",
    "from_feed",
    "from_kafka",
    "is_known",
    "key_from",
    "password_in",
    "replay",
    "service_key",
}
"""What agencies' programs may be using. None of these is taken away."""


def without(blocked: str, code: str) -> subprocess.CompletedProcess[str]:
    """Run with a package that is not installed."""
    program = f"import sys; sys.modules[{blocked!r}] = None\n{code}"
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)


def test_the_page_is_what_agencies_may_be_using() -> None:
    assert set(agency.__all__) == STABLE, "a new name is a promise: add it here too"
    assert {name for name in STABLE if hasattr(agency, name)} == STABLE


def test_a_name_that_is_not_there_is_no_name() -> None:
    with pytest.raises(AttributeError, match="Inbox"):
        agency.Inbox  # noqa: B018


@pytest.mark.parametrize(
    ("blocked", "needs_it"), [("kafka", {"KafkaSource", "from_kafka"}), ("psycopg", {"PostgresInbox"})]
)
def test_who_does_not_use_a_client_need_not_have_it(blocked: str, needs_it: set[str]) -> None:
    rest = ", ".join(sorted(STABLE - needs_it))
    done = without(blocked, f"from rujukan.consumers.agency import {rest}")
    assert done.returncode == 0, done.stderr
    for name in needs_it:
        assert blocked in without(blocked, f"from rujukan.consumers.agency import {name}").stderr


def test_the_documents_import_from_the_page_alone() -> None:
    imported = [
        line
        for page in CONSUMERS.glob("*.md")
        for block in re.findall(r"```python\n(.*?)```", page.read_text("utf-8"), re.S)
        for line in block.splitlines()
        if re.match(r"\s*(from|import) rujukan", line)
    ]
    assert len(imported) >= 3
    assert {line.partition(" import ")[0].strip() for line in imported} == {"from rujukan.consumers.agency"}
