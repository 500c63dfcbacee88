"""What is allowed, and unusual: rules that mark what a supervisor should look at. They accuse nobody; a person judges.

Readings are marked when somebody asks for the report (`unusual`). What is in `TOLD` is watched as it happens
(alarms.py), and people are told of it (notices.py).

The limits are data with their reasons. They are defaults where no norm sets them: a network sets its own.
"""

from collections import Counter, deque
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence, Set
from datetime import date, datetime, time, timedelta, timezone
from types import MappingProxyType
from uuid import UUID

from msgspec import Struct

from .calendar import Hours, Zone
from .code import Code
from .codes import AgencyKind, Purpose, Role
from .fact import AgencyCode
from .words import Words

SURVIVOR_REPORT = "survivor-report"
"""What an opening of a survivor's report is recorded as."""
SEARCHING = "searching"
"""What a search for a person is recorded as, with the agency, whether anything was found or not."""


class Unusual(Code):
    """Which rule a reading, or an act, tripped."""

    BULK = "bulk", "Membaca banyak kasus", "Many cases read"
    NO_RELATION = "no-relation", "Tanpa hubungan dengan kasus", "No relation to the case"
    NO_PART = "no-part", "Instansi tidak lagi terlibat", "The agency takes no part any more"
    OUT_OF_HOURS = "out-of-hours", "Di luar jam kerja", "Out of hours"
    EVERYTHING = "everything", "Laporan penyintas dibuka", "A survivor's report was opened"
    SEARCHES = "searches", "Banyak pencarian", "Many searches"
    OWN_CONSENT = (
        "own-consent",
        "Persetujuan dicatat oleh instansi yang mendapat akses karenanya",
        "Consent recorded by who gains by it",
    )
    SENT_ON = "sent-on", "Penerima rujukan merujuk lebih lanjut", "A recipient referred on"
    REPEATED_GLASS = "repeated-glass", "Akses darurat dalam beberapa kasus", "Emergency openings of several cases"
    AFTER_NOT_JUSTIFIED = (
        "after-not-justified",
        "Kembali bertindak tanpa persetujuan, setelah dinilai tidak beralasan",
        "Past consent again, after it was judged not justified",
    )
    JUST_LET_IN = (
        "just-let-in",
        "Membaca segera setelah ditunjuk atau bergabung",
        "Read right after an assignment or joining",
    )
    KEY_THEN_HISTORY = (
        "key-then-history",
        "Kunci atau alamat baru, lalu riwayat dikirim ulang",
        "A new key or address, then history sent again",
    )
    NEW_KEY = "new-key", "Kunci baru sebuah instansi", "An agency's new key"
    RETIRED_KEY = "retired-key", "Kunci sebuah instansi dihentikan", "An agency's key retired"
    NEW_WEBHOOK = "new-webhook", "Alamat penerusan pesan yang baru", "An agency's new webhook"
    RESTORED = "restored", "Layanan dipulihkan ke keadaan lama", "The service was restored to an older state"


REASONS: dict[Unusual, Words] = {
    Unusual.BULK: Words(
        "Lebih banyak kasus dalam rentang waktu itu daripada yang biasanya ditangani satu pendamping sekaligus: "
        "tanyakan untuk apa.",
        "More cases within the window than one worker usually carries at a time: ask what for.",
    ),
    Unusual.NO_RELATION: Words(
        "Bukan pendampingnya, dan tidak berbuat apa pun dalam kasus itu sebelumnya atau segera sesudahnya: "
        "tanyakan untuk apa. Pengawas dan sistem dikecualikan.",
        "Not the case worker, and nothing done in the case before or within the grace after: ask what it was read "
        "for. Who oversees, and a machine, need not.",
    ),
    Unusual.NO_PART: Words(
        "Instansi boleh membuka lagi yang pernah diberitahukan, tetapi saat itu bukan penanggung jawab dan tidak "
        "memegang atau mengirim rujukan.",
        "The agency may open again what it was told, but neither led, nor sent, nor held a referral then.",
    ),
    Unusual.OUT_OF_HOURS: Words(
        "Perpres 21/2023: kantor bekerja Senin sampai Jumat mulai 07.30 waktu setempat, 37,5 jam seminggu. Kelonggaran "
        "diberikan untuk kerja lapangan; layanan yang tidak pernah tutup dan mesin tidak dihitung.",
        "Perpres 21/2023: offices work Monday to Friday from 07:30 local time, 37.5 hours a week. The margin leaves "
        "room for field work; services that never close, and machines, are left out.",
    ),
    Unusual.EVERYTHING: Words(
        "Laporan itu menunjukkan semua data penyintas, apa pun persetujuannya: pastikan bahwa ia memintanya.",
        "The report shows all of the survivor's own data whatever consent says: see that she asked.",
    ),
    Unusual.SEARCHES: Words(
        "Lebih banyak orang dicari dalam rentang waktu itu daripada yang biasanya datang atau menelepon, ditemukan "
        "atau tidak: tanyakan untuk apa. Pencarian nomor demi nomor dapat menunjukkan siapa yang pernah melapor.",
        "More people searched for within the window than usually come or ring up, found or not: ask what for. A search "
        "number after number can show who ever reported.",
    ),
    Unusual.OWN_CONSENT: Words(
        "Instansi yang bukan penanggung jawab mencatat dasar untuk mengetahui lebih banyak, dan menyebut dirinya "
        "sendiri: tanyakan kepada penyintas.",
        "An agency that does not lead recorded a ground to know more, and named itself: ask the survivor.",
    ),
    Unusual.SENT_ON: Words(
        "Yang diteruskan penerima rujukan sampai kepada instansi yang tidak dipilih penanggung jawab.",
        "What a recipient refers on reaches an agency that the lead did not choose.",
    ),
    Unusual.REPEATED_GLASS: Words(
        "Keadaan darurat jarang terjadi, kecuali di tempat gawat: satu orang membuka beberapa kasus dalam sebulan; "
        "periksa apakah jalan biasa sudah cukup.",
        "Emergencies are rare, but where they are brought: one person opened several cases within a month; see whether "
        "the usual way in would do.",
    ),
    Unusual.AFTER_NOT_JUSTIFIED: Words(
        "Sekali dinilai tidak beralasan, lalu berbuat demikian lagi, dalam kasus mana pun: penyelia harus tahu segera.",
        "Judged not justified once, and done again, in whatever case: a supervisor has to know at once.",
    ),
    Unusual.JUST_LET_IN: Words(
        "Yang diberi akses untuk membaca satu kasus membacanya segera. Biasanya itu pekerjaan; periksa siapa yang "
        "memberi akses. Orang-orang pertama sebuah instansi tidak dihitung.",
        "Who was let in to read one case reads it at once. Mostly that is work; see who let them in. An agency's first "
        "people are left out.",
    ),
    Unusual.KEY_THEN_HISTORY: Words(
        "Kunci atau alamat yang baru saja ditetapkan menerima riwayat sekaligus: pastikan siapa yang menetapkannya, "
        "karena dengan cara itu riwayat dapat tersalin ke luar.",
        "A key or address that was only just set gets history at once: see who set it, as history can be copied out in "
        "that way.",
    ),
    Unusual.NEW_KEY: Words(
        "Menyampaikan isi kepada mesin adalah membaca: yang memegang kunci ini membaca semua yang diberitahukan "
        "sejak itu.",
        "Delivery of content to a machine is a reading: who holds this key reads all that is told from then on.",
    ),
    Unusual.RETIRED_KEY: Words(
        "Yang memegang kunci lama tidak membaca yang baru lagi: pastikan instansinya masih dapat membaca.",
        "Who holds the old key reads nothing new any more: see that the agency itself can still read.",
    ),
    Unusual.NEW_WEBHOOK: Words(
        "Menyampaikan isi kepada mesin adalah membaca: semua yang diberitahukan dikirim ke alamat ini.",
        "Delivery of content to a machine is a reading: all that is told is posted to this address.",
    ),
    Unusual.RESTORED: Words(
        "Yang lebih baru daripada cadangan itu tidak ada lagi pada layanan: periksalah apa yang dicatat sejak itu, dan "
        "kirimkan lagi yang masih berlaku. Pesan mesin menyebut nomor mana yang hilang.",
        "What was newer than that backup the service does not have any more: look at what was recorded since, and send "
        "again what still holds. The machine's message says which numbers are lost.",
    ),
}

TOLD = frozenset(
    {
        Unusual.SEARCHES,
        Unusual.OWN_CONSENT,
        Unusual.SENT_ON,
        Unusual.REPEATED_GLASS,
        Unusual.AFTER_NOT_JUSTIFIED,
        Unusual.JUST_LET_IN,
        Unusual.KEY_THEN_HISTORY,
        Unusual.NEW_KEY,
        Unusual.RETIRED_KEY,
        Unusual.NEW_WEBHOOK,
        Unusual.RESTORED,
    }
)
"""Of what people are told as it happens. The others recur too often: they are looked up."""


class Limits(Struct, frozen=True):
    """Where usual ends."""

    cases: int = 20
    searches: int = 20
    window: timedelta = timedelta(hours=1)
    grace: timedelta = timedelta(hours=24)
    glasses: int = 3
    """So many cases that one person opened in emergencies are several, within this:"""
    glass_window: timedelta = timedelta(days=30)
    let_in: timedelta = timedelta(hours=1)
    """What somebody reads so soon after an assignment, or after joining, they were let in for."""
    first_people: timedelta = timedelta(days=1)
    """Who joins so soon after their agency was registered is one of its first people."""
    key_age: timedelta = timedelta(days=7)
    """A key or address is new for so long: a weekend passes, and somebody has looked."""
    zone: timezone = Zone.WITA.offset
    """That of Bontang, for an agency that said none of its own."""
    opens: time = time(6, 0)
    closes: time = time(20, 0)
    workdays: frozenset[int] = frozenset(range(5))
    """Monday is 0; for an agency that did not say its days."""
    never_close: frozenset[AgencyKind] = frozenset(
        {AgencyKind.POLICE, AgencyKind.HEALTH, AgencyKind.SHELTER, AgencyKind.HOTLINE}
    )
    overseers: frozenset[Role] = frozenset({Role.SUPERVISOR, Role.LEGAL_REVIEWER, Role.DATA_PROTECTION_OFFICER})
    oversight: frozenset[Purpose] = frozenset(
        {Purpose.SUPERVISION, Purpose.AUDIT, Purpose.LEGAL, Purpose.SURVIVOR_REQUEST}
    )


LIMITS = Limits()
NOBODY_SAID: Mapping[AgencyCode, Hours] = MappingProxyType({})


class Look(Struct, frozen=True):
    """An opening of protected content, with how the reader stood to the case at that moment; or a search."""

    position: int
    case: UUID
    """Or the agency, where it is a search."""
    agency: AgencyCode
    kind: AgencyKind | None
    actor: UUID
    role: Role
    purpose: Purpose
    what: str
    at: datetime
    acted: bool
    """The person did something in the case before, or within the grace after."""
    accompanied: bool
    """The person was its case worker."""
    took_part: bool
    """The agency led it, or had an open referral from or to it."""


class Finding(Struct, frozen=True):
    """A reading, and the rules it tripped."""

    look: Look
    rules: tuple[Unusual, ...]


Rule = tuple[Unusual, Callable[[Look], bool]]


def unusual(
    looks: Sequence[Look],
    limits: Limits = LIMITS,
    hours: Mapping[AgencyCode, Hours] = NOBODY_SAID,
    holidays: Set[date] = frozenset(),
) -> list[Finding]:
    """Those of these readings, in the order of the log, that trip a rule. `hours`: of the agencies that said when their
    people are there, as they are now; `holidays`: the network's."""
    cases, searches = _Many(limits.cases, limits.window), _Many(limits.searches, limits.window)
    out_of_hours: Rule = (
        Unusual.OUT_OF_HOURS,
        lambda look: _is_out_of_hours(look, limits, hours.get(look.agency), holidays),
    )
    openings: tuple[Rule, ...] = (
        (Unusual.BULK, lambda look: cases.is_too_many(look, look.case)),
        (Unusual.NO_RELATION, lambda look: _has_no_relation(look, limits)),
        (Unusual.NO_PART, lambda look: not look.took_part),
        out_of_hours,
        (Unusual.EVERYTHING, lambda look: look.what == SURVIVOR_REPORT),
    )
    searched: tuple[Rule, ...] = (
        (Unusual.SEARCHES, lambda look: searches.is_too_many(look, look.position)),
        out_of_hours,
    )
    found = (
        Finding(look, tuple(code for code, trips in (searched if look.what == SEARCHING else openings) if trips(look)))
        for look in looks
    )
    return [finding for finding in found if finding.rules]


def by_rule(findings: Iterable[Finding]) -> dict[Unusual, int]:
    """How many readings tripped each rule."""
    return dict(Counter(rule for finding in findings for rule in finding.rules))


class _Many:
    """Counts the different things that each person looked at within the window that ends with a reading."""

    def __init__(self, most: int, window: timedelta) -> None:
        self._most, self._window = most, window
        self._recent: dict[UUID, deque[tuple[datetime, Hashable]]] = {}
        self._things: dict[UUID, Counter[Hashable]] = {}

    def is_too_many(self, look: Look, thing: Hashable) -> bool:
        recent = self._recent.setdefault(look.actor, deque())
        things = self._things.setdefault(look.actor, Counter())
        recent.append((look.at, thing))
        things[thing] += 1
        while recent[0][0] <= look.at - self._window:
            _, gone = recent.popleft()
            things[gone] -= 1
            if not things[gone]:
                del things[gone]
        return len(things) > self._most


def _has_no_relation(look: Look, limits: Limits) -> bool:
    if look.role is Role.INTEGRATOR or (look.role in limits.overseers and look.purpose in limits.oversight):
        return False
    return not (look.acted or look.accompanied)


def _is_out_of_hours(look: Look, limits: Limits, hours: Hours | None, holidays: Set[date]) -> bool:
    """By the agency's own zone and days where it said them. By its hours it is not: whoever sets them would keep what
    they read at night from being shown."""
    if look.kind in limits.never_close or look.role is Role.INTEGRATOR:
        return False
    local = look.at.astimezone(zone_of(hours, limits))
    if hours is not None:
        works = hours.works_on(local.date(), holidays)
    else:
        works = local.weekday() in limits.workdays and local.date() not in holidays
    return not (works and limits.opens <= local.time() < limits.closes)


def zone_of(hours: Hours | None, limits: Limits = LIMITS) -> timezone:
    """The zone in which an agency's people look at the clock."""
    return hours.zone.offset if hours is not None else limits.zone
