"""Who the survivor is, and how to reach her."""

from collections.abc import Iterator, Sequence, Set
from datetime import date, datetime
from typing import Any

from msgspec.structs import replace

from ..casefile.ages import follows_from_birth
from ..casefile.deciding import Network, decides
from ..casefile.duties import rule_out
from ..casefile.evolving import applies
from ..casefile.state import Case, Part
from ..codes import Sex
from ..compartment import Compartment, Contact, Coordination, Identity
from ..declaring import Shared, Step, asked, defaults_unsaid, field, happened, name_fields, not_asked
from ..fact import Act, AgencyCode, Fact, Sha256, Short, Text, recorded
from ..nik import Nik, warning
from ..persons import Identifier as IdentifierKind
from ..persons import NikWarning
from ..refusal import AlreadyRecorded, Invalid
from ..standing.records import record_meant
from ..standing.relations import Extent, Relation
from ..standing.roles import CASE_WORK
from ..standing.rows import TAKES_PART, TAKES_PART_ALSO_ENDED, Since, Thing
from ..standing.rule import is_the_leads, opens
from ..violence import OF_PREGNANCY
from ..words import Words

R = Relation


class IdentityFacts(Fact, frozen=True, kw_only=True):
    name: Identity[Short]
    nik: Identity[Nik | None] = None
    nik_index: Coordination[Sha256 | None] = None
    """A keyed hash of the number, made by the service; told to nobody who is not told the identity."""
    born_on: Identity[date | None] = None
    sex: Identity[Sex | None] = None
    language: Identity[Short | None] = None
    guardian_name: Identity[Short | None] = None
    identifier: Identity[IdentifierKind | None] = None
    identifier_number: Identity[Short | None] = None
    """Of what is no NIK."""


SEX_UNSAID = defaults_unsaid(sex="unknown")
IDENTIFIERS = not_asked("identifier", "identifier_number", "nik_warning")


def _all_of_it(fields: dict[str, Any]) -> dict[str, Any]:
    """Corrections of before named no record: they were in the place of all that was recorded."""
    return fields


@happened(
    Words("Identitas korban dicatat", "Survivor's identity recorded"),
    her=Words("Identitas Anda dicatat", "Who you are was recorded"),
    means="Identitas penyintas.",
    step=Step.REPORT,
    shared=Shared.STORY,
    earlier=(SEX_UNSAID, IDENTIFIERS),
)
class SurvivorIdentified(IdentityFacts, frozen=True, kw_only=True, tag="case.SurvivorIdentified"):
    """Who the survivor is. `nik_warning`: what of the number does not fit; it is kept as it was said."""

    nik_warning: Identity[NikWarning | None] = None


@happened(
    Words("Identitas korban diperbaiki", "Survivor's identity corrected"),
    her=Words("Identitas Anda diperbaiki", "Who you are was corrected"),
    means="Catatan identitas penyintas keliru; inilah yang benar, menggantikan catatan instansi yang disebut "
    "`corrects`, dan milik yang mencatatnya. Catatan instansi lain tetap. Tanpa `corrects`: menggantikan semuanya.",
    step=Step.REPORT,
    shared=Shared.STORY,
    earlier=(SEX_UNSAID, IDENTIFIERS, _all_of_it),
)
class SurvivorIdentityCorrected(IdentityFacts, frozen=True, kw_only=True, tag="case.SurvivorIdentityCorrected"):
    """What was recorded of the survivor's identity was wrong; this is right, in the place of what the agency that
    `corrects` names recorded, and of what its author had. What other agencies recorded stands beside it. Where
    `corrects` is left out, in the place of all of it."""

    reason: Identity[Text]
    nik_warning: Identity[NikWarning | None] = None
    corrects: Identity[AgencyCode | None] = None


class ContactFacts(Fact, frozen=True, kw_only=True):
    phone: Contact[Short | None] = None
    address: Contact[Text | None] = None
    safe_times: Contact[Short | None] = None
    safe_to_call: Contact[bool | None] = None
    """None where nobody said whether it is safe. It stands with the number, in its compartment: nobody is handed the
    one without the other."""


def _caveat_apart(fields: dict[str, Any]) -> dict[str, Any]:
    """Version 1 had the caveat in `safety`, and took silence for "no": a false that it stored may be either, so it is
    read as not said. Whoever reads the number and not the caveat reads that nothing is said of it."""
    is_safe = True if fields.get("safe_to_call") else None
    return {**fields, "safe_times": fields.get("safe_times"), "safe_to_call": is_safe}


@happened(
    Words("Kontak korban dicatat", "Survivor's contact recorded"),
    her=Words("Cara menghubungi Anda dicatat", "How to reach you was recorded"),
    means="Bagaimana, dan kapan, penyintas aman dihubungi. `safe_to_call` null: tidak disebutkan apakah aman. Jangan "
    "menelepon untuk mencari tahu: tanyakan kepada yang mencatatnya, atau kepada penyintas ketika bertemu.",
    step=Step.REPORT,
    shared=Shared.STORY,
    earlier=(_caveat_apart,),
)
class SurvivorContactRecorded(ContactFacts, frozen=True, kw_only=True, tag="case.SurvivorContactRecorded"):
    """How, and when it is safe, to reach the survivor. `safe_to_call` null: it is not said whether it is safe. Do
    not call to find out: ask who recorded it, or her when you meet."""


@happened(
    Words("Kontak korban diperbaiki", "Survivor's contact corrected"),
    her=Words("Cara menghubungi Anda diperbaiki", "How to reach you was corrected"),
    means="Catatan kontak penyintas keliru atau usang; inilah yang benar, menggantikan seluruh catatan instansi yang "
    "disebut `corrects`, dan milik yang mencatatnya. Catatan instansi lain tetap: larangan menelepon di dalamnya masih "
    "berlaku. Tanpa `corrects`: menggantikan semuanya. `safe_to_call` null: tidak disebutkan apakah aman. Jangan "
    "menelepon untuk mencari tahu: tanyakan kepada yang mencatatnya, atau kepada penyintas ketika bertemu.",
    step=Step.REPORT,
    shared=Shared.STORY,
    earlier=(_caveat_apart, _all_of_it),
)
class SurvivorContactCorrected(ContactFacts, frozen=True, kw_only=True, tag="case.SurvivorContactCorrected"):
    """What was recorded of the survivor's contact was wrong or is out of date; this is right, in the place of all that
    the agency that `corrects` names recorded, and of what its author had. What other agencies recorded stands beside
    it: a *do not call* of theirs holds. Where `corrects` is left out, in the place of all of it. `safe_to_call` null:
    it is not said whether it is safe. Do not call to find out: ask who recorded it, or her when you meet."""

    reason: Contact[Text]
    corrects: Contact[AgencyCode | None] = None


NAME_ONE = Words(
    "harus menyebut instansi yang catatannya diperbaiki, karena ada beberapa",
    "name the agency whose record is corrected, as there are several",
)
IDENTITY_ONLY = frozenset({Compartment.IDENTITY})
CONTACT_ONLY = frozenset({Compartment.CONTACT})

WHO_SHE_IS = Thing(
    "survivor identity",
    Words("catatan identitas penyintas", "record of who she is"),
    find=lambda case, id: part if (part := case.of(Survivor)).identified else None,
    whose={R.AUTHOR: lambda part, case: part.identified_by},
    content=lambda part, case: (part.identified_by, IDENTITY_ONLY),
    since=Since(Words("identitas itu dicatat", "the identity was recorded"), lambda part: part.identified_at),
)
HOW_TO_REACH_HER = Thing(
    "survivor contact",
    Words("catatan cara menghubunginya", "record of how to reach her"),
    find=lambda case, id: part if (part := case.of(Survivor)).reachable else None,
    whose={R.AUTHOR: lambda part, case: part.reached_by},
    content=lambda part, case: (part.reached_by, CONTACT_ONLY),
    since=Since(Words("kontak itu dicatat", "the contact was recorded"), lambda part: part.reachable_at),
)
WHOSE_IDENTITY = Thing(
    "survivor identity",
    Words("catatan identitas penyintas oleh instansi itu", "that agency's record of who she is"),
    find=lambda case, code: code if code in case.of(Survivor).identified_by else None,
    whose={R.AUTHOR: lambda code, case: code},
    content=lambda code, case: ((code,), IDENTITY_ONLY),
)
WHOSE_CONTACT = Thing(
    "survivor contact",
    Words("catatan cara menghubunginya oleh instansi itu", "that agency's record of how to reach her"),
    find=lambda case, code: code if code in case.of(Survivor).reached_by else None,
    whose={R.AUTHOR: lambda code, case: code},
    content=lambda code, case: ((code,), CONTACT_ONLY),
)


@asked(
    "/cases/{case}/survivor/identity",
    by=CASE_WORK,
    where=TAKES_PART,
    extent=Extent.OWN_WORDS,
    means="Mencatat siapa penyintas.",
    tag="intake",
    example={"name": "Bunga (nama samaran)", "nik": "6474014107120001", "born_on": "2012-07-01", "sex": "female"},
)
class IdentifySurvivor(IdentityFacts, frozen=True, kw_only=True):
    """Record who the survivor is."""


@asked(
    "/cases/{case}/survivor/identity/corrections",
    by=CASE_WORK,
    where=TAKES_PART_ALSO_ENDED.to(WHO_SHE_IS, R.AUTHOR, R.REACHES).to(
        WHOSE_IDENTITY, R.AUTHOR, R.REACHES, by="corrects"
    ),
    extent=Extent.OPENABLE,
    means="Memperbaiki catatan siapa penyintas: catatan instansi yang disebut `corrects`, bila tidak disebut catatan "
    "sendiri, atau satu-satunya yang boleh dibukanya.",
    tag="intake",
    example={"name": "Bunga (nama samaran)", "born_on": "2012-07-02", "sex": "female", "reason": "Sesuai akta lahir."},
)
class CorrectSurvivorIdentity(IdentityFacts, frozen=True, kw_only=True):
    """Correct what an agency recorded of who the survivor is: the one that `corrects` names; where it is left out,
    one's own record, or the only one that one may open."""

    reason: Identity[Text]
    corrects: Identity[AgencyCode | None] = None


@asked(
    "/cases/{case}/survivor/contact",
    by=CASE_WORK,
    where=TAKES_PART,
    extent=Extent.OWN_WORDS,
    means="Mencatat cara menghubungi penyintas.",
    tag="intake",
    example={"phone": "0000-0000", "safe_times": "pagi", "safe_to_call": True},
)
class RecordSurvivorContact(ContactFacts, frozen=True, kw_only=True):
    """Record how to reach the survivor."""


@asked(
    "/cases/{case}/survivor/contact/corrections",
    by=CASE_WORK,
    where=TAKES_PART_ALSO_ENDED.to(HOW_TO_REACH_HER, R.AUTHOR, R.REACHES).to(
        WHOSE_CONTACT, R.AUTHOR, R.REACHES, by="corrects"
    ),
    extent=Extent.OPENABLE,
    means="Memperbaiki catatan cara menghubungi penyintas: catatan instansi yang disebut `corrects`, bila tidak "
    "disebut catatan sendiri, atau satu-satunya yang boleh dibukanya. Seluruh catatan itu diganti, jadi aman tidaknya "
    "menelepon harus disebut lagi, juga bila tidak diketahui (null): larangan menelepon tidak boleh hilang karena "
    "tidak disebut.",
    tag="intake",
    example={"phone": "0000-0001", "safe_to_call": False, "reason": "Telepon dipegang terlapor."},
)
class CorrectSurvivorContact(ContactFacts, frozen=True, kw_only=True):
    """Correct what an agency recorded of how to reach the survivor: the one that `corrects` names; where it is left
    out, one's own record, or the only one that one may open. All of that is replaced, so whether it is safe to call has
    to be said again, be it that nobody knows (null): a *do not call* is not lost by silence."""

    reason: Contact[Text]
    safe_to_call: Contact[bool | None]
    corrects: Contact[AgencyCode | None] = None


class Survivor(Part, frozen=True):
    """What is known of her, as far as the rules ask."""

    identified: bool = False
    reachable: bool = False
    identified_by: frozenset[AgencyCode] = frozenset()
    reached_by: frozenset[AgencyCode] = frozenset()
    """Who recorded, or corrected, who she is, and how to reach her: each has a record of its own."""
    identified_at: datetime | None = None
    reachable_at: datetime | None = None
    """When that was recorded first, as was said."""


@applies(SurvivorIdentified, SurvivorIdentityCorrected)
def survivor_identified(part: Survivor, event: IdentityFacts, author: AgencyCode | None) -> Survivor:
    by = part.identified_by | ({author} if author is not None else frozenset())
    return replace(part, identified=True, identified_by=by, identified_at=part.identified_at or event.occurred_at)


@applies(SurvivorContactRecorded, SurvivorContactCorrected)
def survivor_contact_recorded(part: Survivor, event: ContactFacts, author: AgencyCode | None) -> Survivor:
    by = part.reached_by | ({author} if author is not None else frozenset())
    return replace(part, reachable=True, reached_by=by, reachable_at=part.reachable_at or event.occurred_at)


@decides.register
def identify_survivor(command: IdentifySurvivor, case: Case, act: Act, network: Network) -> Sequence[Fact]:
    """Who may not know what is recorded records what it heard beside it, and is not told that there is something."""
    if case.of(Survivor).identified and opens(case, act, case.of(Survivor).identified_by, IDENTITY_ONLY):
        raise AlreadyRecorded(what="survivor identity", use="correction")
    age = _age(command, case, act)
    return [
        recorded(SurvivorIdentified, command, act, nik_warning=_warning(command)),
        *age,
        *_not_for(command, case, act),
    ]


@decides.register
def correct_identity(command: CorrectSurvivorIdentity, case: Case, act: Act, network: Network) -> Sequence[Fact]:
    whose = _whose(command.corrects, case.of(Survivor).identified_by, IDENTITY_ONLY, case, act)
    age = _age(command, case, act)
    return [
        recorded(SurvivorIdentityCorrected, command, act, corrects=whose, nik_warning=_warning(command)),
        *age,
        *_not_for(command, case, act),
    ]


@decides.register
def record_contact(command: RecordSurvivorContact, case: Case, act: Act, network: Network) -> Sequence[Fact]:
    """As with who she is."""
    if case.of(Survivor).reachable and opens(case, act, case.of(Survivor).reached_by, CONTACT_ONLY):
        raise AlreadyRecorded(what="survivor contact", use="correction")
    return [recorded(SurvivorContactRecorded, command, act)]


@decides.register
def correct_contact(command: CorrectSurvivorContact, case: Case, act: Act, network: Network) -> Sequence[Fact]:
    whose = _whose(command.corrects, case.of(Survivor).reached_by, CONTACT_ONLY, case, act)
    return [recorded(SurvivorContactCorrected, command, act, corrects=whose)]


def _whose(
    named: AgencyCode | None, by: Set[AgencyCode], of: frozenset[Compartment], case: Case, act: Act
) -> AgencyCode:
    """Whose record is corrected. Raises Invalid where it has to be named."""
    whose = named or record_meant(by, of, case, act)
    if whose is None:
        raise Invalid(field="corrects", must=NAME_ONE)
    return whose


def _not_for(command: IdentityFacts, case: Case, act: Act) -> Iterator[Fact]:
    """Which care is not for her or him, as her sex says; where that is not said, nothing is ruled out or in. Who may
    not know who she is, or says other than the lead said, rules out nothing."""
    if command.sex in (Sex.MALE, Sex.FEMALE):
        needs = OF_PREGNANCY if command.sex is Sex.MALE else frozenset()
        yield from rule_out(case, needs, case.of(Survivor).identified_by, command, act)


def _age(command: IdentityFacts, case: Case, act: Act) -> Sequence[Fact]:
    """What follows of when she was born: the lead's word is what the rules go by."""
    return follows_from_birth(case, command.born_on, command, act) if is_the_leads(case, act) else ()


def _warning(command: IdentityFacts) -> NikWarning | None:
    """A number that does not fit is kept, with what does not fit: a paper may be wrong, and a birth date, too."""
    return warning(command.nik, command.born_on, command.sex) if command.nik is not None else None


name_fields(
    identifier=field("Jenis identitas", "Kind of identifier", ("Jenis identitas", "Kind of identity paper")),
    identifier_number=field("Nomor identitas", "Number of the identifier", ("Nomor identitas", "Its number")),
    nik_warning=field(
        "Yang tidak cocok pada NIK",
        "What of the NIK does not fit",
        ("Yang tidak cocok pada NIK", "What of the NIK does not fit"),
    ),
    nik=field("NIK", "National identity number (NIK)", ("NIK", "National identity number")),
    nik_index=field("Indeks NIK", "Index of the NIK"),
    born_on=field("Tanggal lahir", "Date of birth", ("Tanggal lahir", "Date of birth")),
    sex=field("Jenis kelamin", "Sex", ("Jenis kelamin", "Sex")),
    guardian_name=field(
        "Nama orang tua, wali, atau pengasuh",
        "Parent's or guardian's name",
        ("Nama orang tua, wali, atau pengasuh", "Parent's or guardian's name"),
    ),
    phone=field("Telepon", "Telephone", ("Telepon", "Telephone")),
    address=field("Alamat", "Address", ("Alamat", "Address")),
    safe_times=field("Waktu aman ditelepon", "Safe times to call", ("Waktu aman ditelepon", "Safe times to call")),
    safe_to_call=field(
        "Aman ditelepon", "Safe to call", ("Aman ditelepon", "Safe to call"), unsaid=("tidak disebutkan", "not said")
    ),
    corrects=field(
        "Instansi yang catatannya diperbaiki",
        "Agency whose record is corrected",
        ("Catatan dari", "Recorded by"),
        unsaid=("seluruh catatan", "all that was recorded"),
    ),
)
