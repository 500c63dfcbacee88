"""What is said of a file that does not hold: the first word, in whose language, and the next act."""

from collections.abc import Iterator

import pytest

from rujukan.consumers.evidence import refused as reasons
from rujukan.consumers.evidence.bundles import Refused
from rujukan.consumers.evidence.container import PackedAnew, unpack
from rujukan.consumers.evidence.refusal_words import REFUSALS, refused
from rujukan.consumers.evidence.refused import (
    Malformed,
    NoQuorum,
    NotIncluded,
    NotProven,
    NoTrustedSignature,
    UnknownLog,
)
from rujukan.consumers.evidence.words import verdict

LANGUAGES = ("id", "en")


def every(of: type[NotProven] = NotProven) -> Iterator[type[NotProven]]:
    yield of
    for narrower in of.__subclasses__():
        yield from every(narrower)


REASONS = sorted({of for of in every() if of.__module__ == reasons.__name__}, key=lambda of: of.__name__)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("reason", REASONS)
def test_whatever_does_not_hold_the_first_words_are_a_verdict_and_the_next_act_is_named(language, reason) -> None:
    of_a_part = list(refused(Refused("seal.note", "why", reason), language))
    alone = list(refused(reason("why"), language))
    assert of_a_part[0].startswith(f"{verdict('failed', language)}: seal.note: ")
    assert alone[0].startswith(f"{verdict('unproven', language)}: ")
    begins = {"id": "Langkah berikutnya: ", "en": "Next: "}[language]
    assert all(said[1].startswith(begins) and len(said[1]) > 60 for said in (of_a_part, alone))
    assert all("why" in said[0] for said in (of_a_part, alone))


@pytest.mark.parametrize(
    ("problem", "kind"),
    [
        (Refused("seal.note", "", NoTrustedSignature), "key"),
        (Refused("checkpoint", "", UnknownLog), "key"),
        (NoTrustedSignature(""), "key"),
        (Refused("checkpoint", "", NoQuorum), "quorum"),
        (Refused("events/000001.json", "its bytes were changed"), "part"),
        (Refused("proofs/events/000001.tlog-proof", "", NotIncluded), "part"),
        (PackedAnew(""), "packed"),
        (NotIncluded(""), "proof"),
        (Malformed("line 1: not a line of a policy"), "unusable"),
    ],
)
def test_a_wrong_policy_a_changed_part_and_a_file_packed_anew_ask_for_different_acts(problem, kind) -> None:
    for language, n in (("id", 0), ("en", 1)):
        assert list(refused(problem, language))[1].endswith(REFUSALS[kind][1][n])


def test_a_reason_in_indonesian_begins_in_indonesian() -> None:
    """The technical reason stands behind it, in brackets: an expert looks for it."""
    for kind, (meaning, _) in REFUSALS.items():
        assert not {"the", "its", "none"} & set(meaning.split()), kind
    said = next(iter(refused(Refused("seal.note", "none of its signatures is trusted"), "id")))
    assert said.endswith("(none of its signatures is trusted)")


def test_what_no_bundle_is_says_so_before_anything_is_read_of_it() -> None:
    with pytest.raises(PackedAnew) as found:
        unpack(b"\x1f\x8b" + bytes(60))
    assert next(iter(refused(found.value, "id"))).startswith("TIDAK DAPAT DIPERIKSA: ")
