"""Past consent: on which ground something may be shared that she did not agree to. A row a ground: who may use it, for
whom, towards whom, which compartments at most, for how long, and whether one person may do it alone.

One person does it alone where it cannot wait: in a case that is an emergency, and on a ground that is one; another
person reviews it (casefile/judging.py). All else takes two people, before.

A network's lawyer confirms it. Who changes a row gives the table another `TERMS`, which each sharing names.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from msgspec import Struct

from ..age_table import CHILDREN
from ..codes import AgeGroup, AgencyKind, Purpose, Role, SharingBasis, Urgency
from ..compartment import ALL, Compartment
from ..fact import Act
from ..refusal import Invalid
from ..words import Words

K, C, P = AgencyKind, Compartment, Purpose
HOUR, DAY = timedelta(hours=1), timedelta(days=1)

TERMS = "2026-1"

CASE_WORKERS = frozenset({Role.CASE_WORKER, Role.SUPERVISOR})
WHO_AVERT = frozenset({K.LEAD, K.POLICE, K.HEALTH, K.SHELTER, K.SOCIAL, K.WITNESS_PROTECTION})
REPORT = frozenset({C.IDENTITY, C.INCIDENT, C.CONTACT})


class Basis(Struct, frozen=True):
    """A ground, and how far it goes. What is empty bounds nothing."""

    by: frozenset[Role]
    at_most: frozenset[Compartment]
    purposes: frozenset[Purpose]
    source: str
    of: frozenset[AgencyKind] = frozenset()
    """Kinds of agency that may use it."""
    concerns: frozenset[AgeGroup] = frozenset()
    towards: frozenset[AgencyKind] = frozenset()
    """Kinds of agency that may be told."""
    usual: timedelta | None = None
    """For how long, where nothing is said; None: as what it rests on says."""
    longest: timedelta | None = None
    alone: bool = False
    """It cannot wait, whatever the case's urgency: one person does it."""
    on_word: bool = False
    """A case worker uses it on the word of a clinician or supervisor, who is named."""
    document: bool = False
    """It rests on a document of the case."""


BASES: Mapping[SharingBasis, Basis] = {
    SharingBasis.CHILD_MANDATORY_REPORT: Basis(
        by=CASE_WORKERS,
        concerns=CHILDREN,
        towards=frozenset({K.POLICE, K.SOCIAL, K.LEAD}),
        at_most=REPORT | {C.SAFETY},
        purposes=frozenset({P.PROTECTION, P.LEGAL, P.CARE, P.COORDINATION}),
        usual=90 * DAY,
        longest=365 * DAY,
        source="UU 35/2014 art. 72, 76; a report stays with who received it, so its end is the end of sharing more",
    ),
    SharingBasis.SEXUAL_VIOLENCE_REPORT: Basis(
        by=CASE_WORKERS,
        of=frozenset({K.LEAD, K.SOCIAL, K.NGO}),
        towards=frozenset({K.POLICE}),
        at_most=REPORT,
        purposes=frozenset({P.PROTECTION, P.LEGAL}),
        usual=90 * DAY,
        longest=365 * DAY,
        source="UU 12/2022 art. 41: UPTD PPA, social services' unit, community providers; not a complaint offence of an"
        " adult without her",
    ),
    SharingBasis.HEALTH_WORKER_REPORT: Basis(
        by=CASE_WORKERS,
        of=frozenset({K.HEALTH}),
        towards=frozenset({K.LEAD, K.NGO, K.POLICE}),
        at_most=REPORT,
        purposes=frozenset({P.PROTECTION, P.LEGAL, P.CARE, P.COORDINATION}),
        usual=90 * DAY,
        longest=365 * DAY,
        source="UU 12/2022 art. 39-40: health workers inform UPTD PPA, community provider or police",
    ),
    SharingBasis.IMMINENT_DANGER: Basis(
        by=CASE_WORKERS,
        towards=WHO_AVERT,
        at_most=REPORT | {C.SAFETY},
        purposes=frozenset({P.PROTECTION, P.CARE}),
        usual=DAY,
        longest=DAY,
        alone=True,
        source="UU 27/2022 art. 20 (2) d; a danger that lasts longer is a new decision, with a reason of its own",
    ),
    SharingBasis.VITAL_INTEREST: Basis(
        by=CASE_WORKERS,
        towards=frozenset({K.HEALTH}),
        at_most=frozenset({C.HEALTH, C.IDENTITY, C.CONTACT, C.INCIDENT}),
        purposes=frozenset({P.CARE}),
        usual=12 * HOUR,
        longest=DAY,
        alone=True,
        on_word=True,
        source="UU 27/2022 art. 20 (2) d: who cannot consent; asked again each shift, as she is asked when she can be",
    ),
    SharingBasis.COURT_ORDER: Basis(
        by=frozenset({Role.SUPERVISOR, Role.LEGAL_REVIEWER}),
        at_most=ALL,
        purposes=frozenset(Purpose),
        document=True,
        source="whom, what and how long the order says; it is attached to the case",
    ),
    SharingBasis.FORWARDED_REPORT: Basis(
        by=CASE_WORKERS,
        towards=frozenset({K.LEAD}),
        at_most=frozenset({C.INCIDENT, C.CONTACT, C.SAFETY}),
        purposes=frozenset({P.PROTECTION, P.CARE, P.COORDINATION}),
        usual=14 * DAY,
        longest=30 * DAY,
        alone=True,
        source="Permen PPPA 4/2018, outreach: the mandated lead goes and asks her, then asks for consent, or ends it",
    ),
}
"""Ground → how far it goes. What is on none of these rows is not shared without her."""

ORDER_NAMED = Words("harus menyebut penetapan atau putusannya, yang terlampir", "name the order, attached to the case")
WORD_NAMED = Words(
    "harus menyebut tenaga klinis atau penyelia yang menyatakan bahwa korban tidak dapat ditanya",
    "name the clinician or supervisor who says that she cannot be asked",
)


def bounded(
    on: SharingBasis,
    of: Iterable[Compartment],
    towards: Iterable[tuple[str, AgencyKind | None]],
    purposes: frozenset[Purpose],
    age: AgeGroup,
    act: Act | None,
) -> Basis:
    """The row of a ground, if who acts may use it for that (`act`: None, where another asked and that is settled).
    `towards` says of each recipient what kind it is, None of one that is not known. Raises
    Invalid."""
    basis = BASES[on]
    if act is not None and act.role not in basis.by:
        raise Invalid(
            field="basis",
            must=Words(
                f"harus dasar untuk peran ini: yang ini untuk {_list(basis.by)}",
                f"be one for this role: this is for {_list(basis.by)}",
            ),
        )
    if act is not None and basis.of and act.kind not in basis.of:
        raise Invalid(
            field="basis",
            must=Words(
                f"harus dasar untuk instansi ini: yang ini untuk {_list(basis.of)}",
                f"be one for this agency: this is for {_list(basis.of)}",
            ),
        )
    if basis.concerns and age not in basis.concerns:
        raise Invalid(
            field="basis",
            must=Words(
                f"harus dasar untuk usia ini: yang ini untuk {_list(basis.concerns)}",
                f"be one for this age: this is for {_list(basis.concerns)}",
            ),
        )
    if more := frozenset(of) - basis.at_most - {Compartment.COORDINATION}:
        raise Invalid(field="compartments", must=_within(_list(c.word for c in more)))
    if other := purposes - basis.purposes:
        raise Invalid(field="purposes", must=_within(_list(other)))
    if strange := [name for name, kind in towards if kind is None or (basis.towards and kind not in basis.towards)]:
        raise Invalid(
            field="recipients",
            must=Words(
                f"harus yang dituju dasar ini: {_list(basis.towards)}",
                f"be whom the basis is for: {_list(basis.towards)}",
            ),
            recipients=strange,
        )
    return basis


def ends(basis: Basis, expires_at: datetime | None, at: datetime) -> datetime | None:
    """When sharing on it ends: when it is said to, or as is usual. Raises Invalid where that is too long."""
    if expires_at is None:
        return at + basis.usual if basis.usual is not None else None
    if basis.longest is not None and expires_at > at + basis.longest:
        raise Invalid(
            field="expires_at",
            must=Words(
                f"paling lama {basis.longest // HOUR} jam dari sekarang",
                f"be {basis.longest // HOUR} hours from now at most",
            ),
        )
    return expires_at


def is_done_alone(basis: Basis, urgency: Urgency) -> bool:
    """Whether one person does it, and another reviews it; otherwise it takes two, before."""
    return basis.alone or urgency is Urgency.EMERGENCY


def _list(codes: Iterable[str]) -> str:
    return ", ".join(sorted(codes))


def _within(beyond: str) -> Words:
    return Words(
        f"harus dalam batas dasar itu, yang tidak mencakup {beyond}", f"be within the basis, which leaves out {beyond}"
    )
