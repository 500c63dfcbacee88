"""The rows of every reading, by whatever door: a page of the API, a list, a report, a bundle, a feed, a topic. A door
names its row (`Read(…, may=TIMELINE)`), and asks the table by it.

Told is not read: what an agency's machine is told goes sealed to the agency's key, and who is told what is the
disclosure rule's to say (domain/disclosure.py). Here it says who may fetch it.
"""

from collections.abc import Iterable
from enum import Enum

from msgspec import Struct

from ..codes import Purpose, Role
from ..words import Words
from .relations import Extent, Relation
from .roles import (
    ADMINISTRATORS,
    AUDITORS,
    CASE_WORKERS,
    EMERGENCY,
    HER_READERS,
    HISTORIANS,
    KEEPERS,
    LEGAL,
    OFFICERS,
    PEOPLE,
    READERS,
    REVIEW,
    SECONDERS,
    SUBSCRIBERS,
    SUPERVISORS,
)
from .rows import (
    ANYWHERE,
    KNOWS_ALSO_ENDED,
    LEADS_ALSO_ENDED,
    OPERATES,
    OWN_AGENCY,
    PROPOSED,
    SECONDS_OR_PROPOSED,
    Row,
    Thing,
    Where,
)

R = Relation


class Who(Enum):
    """Who may ask, where it is not for a role and a purpose."""

    EVERYBODY = Words("siapa saja, tanpa token", "everybody, without a token")
    CALLER = Words("setiap pemegang token", "whoever has a token")
    MEMBER = Words("setiap anggota instansi yang aktif", "every member of an active agency")
    KEEPER_OF_THE_KEY = Words("pemegang kunci privat instansi", "whoever holds the agency's private key")


class Reading(Struct, frozen=True):
    """A reading, and its rows of the table: one of them is enough. Without any, whoever `who` says may ask."""

    name: str
    words: Words
    rows: tuple[Row, ...] = ()
    who: Who | None = None
    extent: Extent = Extent.PUBLIC
    """How far, where there is no row."""
    for_machines: bool = False
    """No purpose is asked for: what is fetched was told for one, and is sealed."""


READINGS: dict[str, Reading] = {}
"""Every reading by its name."""


def reading(
    name: str,
    words: Words,
    roles: frozenset[Role],
    extent: Extent,
    where: Where = ANYWHERE,
    purposes: Iterable[Purpose] = (),
    or_else: tuple[Row, ...] = (),
    for_machines: bool = False,
) -> Reading:
    """Declare a reading, with its row (`or_else`: its further ones). Raises TypeError for one that is there already."""
    if name in READINGS:
        raise TypeError(f"the reading {name} is declared already")
    rows = (Row(roles, where, extent, frozenset(purposes)), *or_else)
    READINGS[name] = Reading(name, words, rows, for_machines=for_machines)
    return READINGS[name]


def _for(who: Who, name: str, words: Words, extent: Extent = Extent.PUBLIC) -> Reading:
    READINGS[name] = Reading(name, words, (), who, extent)
    return READINGS[name]


# A case --------------------------------------------------------------------------------------------------------------

CASE = reading(
    "case",
    Words("Ringkasan kasus", "The case in short"),
    READERS,
    Extent.COORDINATION,
    KNOWS_ALSO_ENDED,
)
TIMELINE = reading(
    "timeline",
    Words("Riwayat kasus", "The timeline of a case"),
    READERS,
    Extent.OPENABLE,
    KNOWS_ALSO_ENDED,
)
EXPORT = reading(
    "export",
    Words("Salinan riwayat kasus", "The timeline as a file"),
    READERS,
    Extent.OPENABLE,
    KNOWS_ALSO_ENDED,
)
DOCUMENT = reading("document", Words("Dokumen", "A document"), READERS, Extent.OPENABLE, KNOWS_ALSO_ENDED)
SEARCH = reading(
    "search",
    Words("Pencarian kasus dengan NIK", "Finding a person's cases by identity number"),
    READERS,
    Extent.OPENABLE,
)
DELIVERIES = reading(
    "deliveries",
    Words("Sejauh mana tiap instansi menerima kasus", "How far each agency is with what it was told of a case"),
    READERS,
    Extent.COORDINATION,
    LEADS_ALSO_ENDED,
)

# Looking back --------------------------------------------------------------------------------------------------------

_LINES = Row(AUDITORS, KNOWS_ALSO_ENDED, Extent.COORDINATION)
HISTORY = reading(
    "history",
    Words("Kasus pada waktu lampau", "A case as it was"),
    READERS,
    Extent.OPENABLE,
    KNOWS_ALSO_ENDED,
    or_else=(_LINES,),
)
SEEN_BY = Thing(
    "agency",
    Words("instansi yang ditanyakan", "the agency that is asked about"),
    find=lambda case, code: code,
    whose={R.OWN: lambda code, case: code, R.LEAD: lambda code, case: case.lead},
    known_to=None,
)
HISTORY_SEEN_BY = reading(
    "history-seen-by",
    Words("Kasus pada waktu lampau, sebagaimana terlihat oleh suatu instansi", "A case as an agency could see it then"),
    AUDITORS,
    Extent.OPENABLE,
    KNOWS_ALSO_ENDED.to(SEEN_BY, R.LEAD, R.OWN, by="agency"),
)
HISTORY_DIFF = reading(
    "history-diff",
    Words("Perubahan antara dua waktu", "What changed between two instants"),
    HISTORIANS,
    Extent.COORDINATION,
    KNOWS_ALSO_ENDED,
)
CUSTODY = reading(
    "custody",
    Words("Siapa memegang berkas", "Who held the file"),
    HISTORIANS,
    Extent.COORDINATION,
    KNOWS_ALSO_ENDED,
)

# Reports, and what goes out ------------------------------------------------------------------------------------------

SURVIVOR_REPORT = reading(
    "survivor-report",
    Words("Laporan bagi penyintas", "The survivor's report"),
    HER_READERS,
    Extent.WHOLE,
    LEADS_ALSO_ENDED,
    purposes={Purpose.SURVIVOR_REQUEST},
)
BUNDLE = reading(
    "bundle",
    Words("Berkas yang diserahkan", "The bundle of a disclosure"),
    LEGAL,
    Extent.BASIS,
    LEADS_ALSO_ENDED,
)
CASE_ACCESS = reading(
    "case-access",
    Words("Siapa membaca sebuah kasus", "Who looked at a case"),
    AUDITORS,
    Extent.COORDINATION,
    KNOWS_ALSO_ENDED,
)
PERSON_ACCESS = reading(
    "person-access",
    Words("Yang dibaca seseorang di instansinya", "What a person of the agency looked at"),
    AUDITORS,
    Extent.ROWS,
)
HELD = reading("holdings", Words("Yang dipegang sebuah instansi", "What an agency held"), AUDITORS, Extent.ROWS)
UNUSUAL_ACCESS = reading(
    "unusual-access",
    Words("Pembacaan yang tidak biasa", "Unusual reading"),
    REVIEW,
    Extent.ROWS,
)
TRAIL = reading("audit", Words("Jejak audit", "The audit trail"), AUDITORS, Extent.ROWS)

# Emergencies: the readings of what was opened stand in domain/case/glass.py ------------------------------------------


GLASSES = reading("glasses", Words("Daftar akses darurat", "Emergency openings"), REVIEW, Extent.ROWS)

# Lists: each agency's own rows, which the database gives to nobody else ----------------------------------------------

INBOX = reading("inbox", Words("Rujukan masuk", "Referrals received"), READERS, Extent.ROWS)
OUTBOX = reading("outbox", Words("Rujukan keluar", "Referrals sent"), READERS, Extent.ROWS)
CASES = reading("cases", Words("Kasus", "Cases"), READERS, Extent.ROWS)
DEADLINES = reading("deadlines", Words("Batas waktu", "Deadlines"), READERS, Extent.ROWS)
APPOINTMENTS = reading("appointments", Words("Janji temu", "Appointments"), READERS, Extent.ROWS)
QUESTIONS = reading("questions", Words("Pertanyaan tentang rujukan", "Questions on referrals"), READERS, Extent.ROWS)
FLAGS = reading("flags", Words("Tanda pengingat", "Flags"), READERS, Extent.ROWS)
ESCALATIONS = reading(
    "escalations",
    Words("Yang dieskalasi karena waktunya habis", "What was raised because time ran out"),
    SUPERVISORS,
    Extent.ROWS,
    or_else=(Row(CASE_WORKERS, ANYWHERE, Extent.ROWS_AS_LEAD),),
)
NOTICES = reading(
    "notices",
    Words(
        "Yang tidak biasa, dan kunci serta alamat yang berubah", "What is unusual, and keys and webhooks that changed"
    ),
    REVIEW,
    Extent.ROWS,
)
STOPS = reading(
    "stops",
    Words("Permintaan menghentikan pembagian data yang menunggu penanggung jawab", "Stops that wait for the lead"),
    EMERGENCY,
    Extent.ROWS_AS_LEAD,
)
RIGHTS = reading(
    "rights",
    Words("Permintaan atas haknya yang menunggu penanggung jawab", "Requests about her rights that wait for the lead"),
    EMERGENCY | OFFICERS,
    Extent.ROWS_AS_LEAD,
)
EXPIRING = reading(
    "expiring-consents",
    Words("Persetujuan yang segera habis masanya", "Consents that run out soon"),
    EMERGENCY,
    Extent.ROWS_AS_LEAD,
)
LEGAL_HOLDS = reading(
    "legal-holds",
    Words("Larangan pemusnahan yang berlaku", "Legal holds that stand"),
    AUDITORS,
    Extent.ROWS,
)
COMING_OF_AGE = reading(
    "coming-of-age",
    Words("Korban yang segera memberi persetujuan sendiri", "Survivors who will consent themselves soon"),
    EMERGENCY,
    Extent.ROWS_AS_LEAD,
)
ERASURES = reading("erasures", Words("Penghapusan", "Erasures"), AUDITORS, Extent.ROWS)
RETENTION = reading("retention", Words("Masa simpan", "Retention"), AUDITORS, Extent.ROWS)

# An agency -----------------------------------------------------------------------------------------------------------

KEYS = reading(
    "keys",
    Words("Kunci publik sebuah instansi", "An agency's public keys"),
    KEEPERS,
    Extent.AGENCY,
    OWN_AGENCY,
    or_else=(Row(ADMINISTRATORS, OPERATES, Extent.AGENCY),),
)
WEBHOOK = reading(
    "webhook",
    Words("Alamat penerusan pesan sebuah instansi", "An agency's webhook"),
    ADMINISTRATORS,
    Extent.AGENCY,
    OWN_AGENCY,
)
PROPOSAL = reading(
    "proposal",
    Words("Usul yang menunggu orang kedua", "What waits for a second person"),
    SECONDERS | LEGAL,
    Extent.PROPOSED,
    SECONDS_OR_PROPOSED,
    or_else=(Row(PEOPLE, PROPOSED, Extent.PROPOSED),),
)
PROPOSALS = reading(
    "proposals",
    Words("Daftar usul yang dapat diputuskan pemanggilnya", "What waits for the caller as its second person"),
    SECONDERS | LEGAL,
    Extent.PROPOSED,
)
DIRECTORY = _for(Who.MEMBER, "directory", Words("Direktori instansi", "The directory"), Extent.AGENCY)
ME = _for(Who.CALLER, "me", Words("Siapa pemanggilnya", "Who the caller is"), Extent.AGENCY)

# What an agency is told: sealed to its key ---------------------------------------------------------------------------

SUBSCRIPTION = reading(
    "subscription",
    Words("Langganan: halaman dan aliran", "The subscription: pages and streams"),
    SUBSCRIBERS,
    Extent.SEALED,
    for_machines=True,
)
TOPIC = _for(
    Who.KEEPER_OF_THE_KEY,
    "topic",
    Words("Topik Kafka dan penerusan pesan", "The agency's Kafka topic, and what is posted to its webhook"),
    Extent.SEALED,
)

# What tells of no case -----------------------------------------------------------------------------------------------

CODES = _for(Who.EVERYBODY, "codes", Words("Daftar kode", "Code lists"))
TOKEN_KEYS = _for(Who.EVERYBODY, "token-keys", Words("Kunci penerbit token", "The issuer's keys"))
HEALTH = _for(Who.EVERYBODY, "health", Words("Keadaan layanan", "How the service is"))
LEDGER = _for(Who.EVERYBODY, "ledger", Words("Log: hanya nilai hash", "The ledger: hashes alone"))
MESSAGES = _for(Who.EVERYBODY, "messages", Words("Skema pesan", "Schemas of messages"))
