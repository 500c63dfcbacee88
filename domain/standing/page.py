"""The table of standing in words: for people a page (TABLE.md), for programs what each operation of the API says."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from typing import Any, NamedTuple

from ..code import Code
from ..declaring import ASKED
from ..fact import Fact
from ..timing import not_before, when
from ..words import LANGUAGES, Language, Words
from . import clocks
from .readings import READINGS, Reading
from .relations import Extent, Relation
from .roles import ESCALATION, PURPOSES
from .rows import WORKS_ON_IT, Ground, Row, Second, Tie

TITLE = Words("Siapa boleh berbuat apa", "Who may do what")
PERSON = Words(
    "Siapa orangnya: di mana sebuah kasus ditanyakan, orang yang bertindak tidak *dikecualikan* dari kasus itu, dan "
    "instansinya mengizinkan setiap anggota, atau ia *ditunjuk* padanya, atau perannya menunjukkan seluruh "
    "pekerjaan instansi (semua peran selain pendamping). Bagi yang lain tidak ada kasus itu; bagi yang dikecualikan "
    "juga tidak dalam keadaan darurat.",
    "Who the person is: wherever a case is asked for, the acting person is not *excluded* from it, and their agency "
    "lets every member work on its cases, or they are *assigned* to it, or their role is shown all of the agency's "
    "work (every role but the case worker's). To all others there is no such case; to who is excluded, in an emergency "
    "neither.",
)
INTRO = Words(
    "Seluruh aturan pada satu halaman, disusun dari tabel yang ditanyakan program itu sendiri (`python -m "
    "tests.freeze`). Yang tidak tertulis di sini ditolak. Instansi *boleh tahu* sebuah kasus bila menjadi atau "
    "pernah menjadi penanggung jawabnya, pernah dikirimi rujukan, atau diminta menjadi penanggung jawab; bagi yang "
    "lain jawabannya sama seperti bila kasus itu tidak ada.",
    "The whole policy on one page, made from the table that the program itself asks (`python -m tests.freeze`). What "
    "does not stand here is refused. An agency *may know of* a case when it leads or led it, was sent a referral, or "
    "is asked to lead; all others are answered as if there were none.",
)
DONE = Words("Yang dapat dilakukan", "What can be done")
READ = Words("Yang dapat dibaca", "What can be read")
ROLES = Words("Peran dan tujuannya", "Roles, and what they act for")
HEADS = (
    Words("Apa", "What"),
    Words("Peran", "Roles"),
    Words("Instansinya", "Its agency"),
    Words("Terhadap hal itu", "To the thing concerned"),
    Words("Sejauh mana", "How far"),
)
SECOND = Words("Orang kedua", "A second person")
WHEN = Words("Dikatakan terjadi", "Said to have happened")
SECOND_IS = Words(
    "orang lain yang tidak diuntungkan, dalam peran ", "another person, who gains nothing by it, in the role "
)
OF = Words(" pada: ", " of: ")
ASKERS = Words("instansi yang meminta", "the agency that asks")
ONLY_ROLES = Words("hanya memberi peran ", "gives only the role ")
ROLE_HEADS = (Words("Peran", "Role"), Words("Bertindak untuk", "Acts for"))
OR = Words(" atau ", " or ")
ANOTHER = Words("orang lain daripada ", "another person than ")
OPEN_ONLY = Words("; kasus terbuka", "; the case is open")
ALSO = Words("; juga ", "; also ")
NAMED = Words(
    "; yang disebut ikut serta (selain penanggung jawab: hanya dirinya dan penanggung jawab)",
    "; whoever is named takes part (other than the lead: itself and the lead alone)",
)
ONLY_FOR = Words("hanya untuk ", "only for ")
NO_PURPOSE = Words("mesin; tanpa tujuan", "a machine; no purpose is asked for")
ANY_AGENCY = Words("instansi aktif mana pun", "any active agency")
IN_STATE = Words("keadaan ", "state ")
NOT_BEFORE = Words("tidak sebelum {}", "not before {}")
CLOCKS = Words("Apa akibatnya bagi batas waktu", "What it does to a clock")
CLOCKS_INTRO = Words(
    "Perkataan siapa berakibat apa bagi sebuah batas waktu, yang sering milik instansi lain (`standing/clocks.py`). "
    "Perintah yang menyebut batas waktu ditolak bila tidak ada barisnya; akibat yang timbul sendiri (layanan "
    "diberikan, surat pelindungan, siapa dia, perbaikan data kejadian) hanya terjadi sejauh ada barisnya: selebihnya "
    "tercatat, dan tidak berakibat apa pun.",
    "Whose word has which effect on a clock, which is often another agency's (`standing/clocks.py`). A command that "
    "names a clock is refused where there is no row; what follows of itself (a service delivered, an order, who she "
    "is, a correction of the incident) follows as far as a row goes: else it is recorded, and nothing follows.",
)
OF_LAW = Words("setiap kewajiban menurut undang-undang", "every duty of law")
OR_ELSE = Words("; atau ", "; or ")
CLOCK_HEADS = (
    Words("Batas waktu itu", "The clock"),
    Words("Kewajiban", "Duty"),
    Words("Peran", "Roles"),
    Words("Instansinya", "Its agency"),
)
NOTHING = "-"


class InWords(NamedTuple):
    """A row, cell by cell."""

    roles: str
    agency: str
    thing: str
    extent: str


def in_words(row: Row, language: Language) -> InWords:
    """A row of the table in words."""
    roles = _list(row.roles, language)
    if row.purposes:
        roles += f" ({ONLY_FOR.said_in(language)}{_list(row.purposes, language)})"
    if "roles" in row.only:
        roles += f" ({ONLY_ROLES.said_in(language)}{_list(row.only['roles'], language)})"
    return InWords(roles, _agency(row, language), _things(row.where.ties, language), _label(row.extent, language))


def in_data(rows: Iterable[Row]) -> list[dict[str, Any]]:
    """Rows for programs: the `x-standing` of an operation."""
    return [
        {
            "roles": sorted(row.roles),
            **({"purposes": sorted(row.purposes)} if row.purposes else {}),
            "agency": sorted(row.where.relations),
            **({"case": "open" if row.where.open else "open-or-ended"} if row.where.ground is Ground.CASE else {}),
            **({"person": sorted(row.where.people)} if row.where.ground is Ground.CASE else {}),
            **({"things": [_tie_data(tie) for tie in row.where.ties]} if row.where.ties else {}),
            **({"names": row.where.names} if row.where.names else {}),
            **({"only": {field: sorted(most) for field, most in row.only.items()}} if row.only else {}),
            "extent": row.extent.value,
        }
        for row in rows
    ]


def sentence(rows: Iterable[Row]) -> str:
    """Who may, in English, for the description of an operation."""
    said = []
    for row in rows:
        cells = in_words(row, "en")
        thing = f"; {cells.thing}" if cells.thing != NOTHING else ""
        said.append(f"{cells.roles} of: {cells.agency}{thing}. How far: {cells.extent}.")
    return "Who may: " + " Or: ".join(said)


def second_sentence(second: Second) -> str:
    """When it takes two, and who may be the second, in English, for the description of an operation."""
    return (
        f"A second person: {_second(second, 'en')}. Given by one person it waits, is answered 202, and is done when"
        f" the other approves it within {second.stands.days} days: `POST /proposals/{{proposal}}/approval`."
    )


def second_in_data(second: Second) -> dict[str, Any]:
    """The same for programs: the `x-second-person` of an operation."""
    another = ["asker", *(field for field in (second.gains, second.against) if field)]
    colleagues = {"colleagues": sorted(second.colleagues)} if second.colleagues else {}
    return {"when": second.words.en, "who": in_data(second.rows), **colleagues, "another_than": another}


def page(doors: Mapping[str, Sequence[str]]) -> str:
    """TABLE.md. `doors`: reading → where it is read."""
    parts = [f"# {TITLE.id} · {TITLE.en}"]
    for language in LANGUAGES:
        parts += [f"## {'Bahasa Indonesia' if language == 'id' else 'English'}"]
        parts += [INTRO.said_in(language), PERSON.said_in(language)]
        parts += [f"### {DONE.said_in(language)}", _commands(language)]
        parts += [f"### {CLOCKS.said_in(language)}", CLOCKS_INTRO.said_in(language), _clocks(language)]
        parts += [f"### {READ.said_in(language)}", _readings(doors, language)]
        parts += [f"### {ROLES.said_in(language)}", _roles(language)]
    return "\n\n".join(parts) + "\n"


def _commands(language: Language) -> str:
    lines = []
    by_subject = sorted(ASKED.items(), key=lambda item: _place(item[0].__module__))
    for subject, commands in groupby(by_subject, lambda item: item[0].__module__.rpartition(".")[2]):
        lines.append([f"**{subject}**", "", "", "", "", "", ""])
        for command, declared in commands:
            said = declared.means if language == "id" else summary(command)
            second = _second(declared.second, language) if declared.second is not None else NOTHING
            once = [second, time_of(command, language)]
            lines += [
                [said if n == 0 else "", *in_words(row, language), *(once if n == 0 else ("", ""))]
                for n, row in enumerate(declared.rows)
            ]
    return _table([head.said_in(language) for head in (*HEADS, SECOND, WHEN)], lines)


def time_of(command: type[Fact], language: Language) -> str:
    """When what a command says can have happened."""
    told = when(command)
    causes = "; ".join(cause.words.said_in(language) for cause in not_before(command))
    return NOT_BEFORE.said_in(language).format(causes) if causes else told.value.said_in(language)


def _second(second: Second, language: Language) -> str:
    rows = (in_words(row, language) for row in second.rows)
    said = [f"{cells.roles}{OF.said_in(language)}{cells.agency}" for cells in rows]
    if second.colleagues:
        said.insert(0, f"{_list(second.colleagues, language)}{OF.said_in(language)}{ASKERS.said_in(language)}")
    who = OR.said_in(language).join(said)
    return f"{second.words.said_in(language)}: {SECOND_IS.said_in(language)}{who}"


def _place(module: str) -> tuple[bool, str]:
    """The subjects of a case first, in their own order; then the others by name."""
    of_a_case = ".case." in module or ".casefile." in module
    return not of_a_case, "" if of_a_case else module


def _readings(doors: Mapping[str, Sequence[str]], language: Language) -> str:
    lines = []
    for reading in READINGS.values():
        at = ", ".join(f"`{path}`" for path in doors.get(reading.name, ()))
        said = f"{reading.words.said_in(language)}{f': {at}' if at else ''}"
        lines += [[said if n == 0 else "", *cells] for n, cells in enumerate(_cells(reading, language))]
    return _table([head.said_in(language) for head in HEADS], lines)


def _clocks(language: Language) -> str:
    lines = []
    for row in clocks.ROWS:
        ties = OR_ELSE.said_in(language).join(to.value.said_in(language) for to in clocks.To if to in row.ties)
        way = row.way.value.said_in(language)
        duties = [_list(row.duties - clocks.LAW, language)] if row.duties >= clocks.LAW else []
        of = ", ".join([*filter(None, duties), OF_LAW.said_in(language)] if duties else [_list(row.duties, language)])
        lines.append([way, of, _list(row.roles, language), ties])
    return _table([head.said_in(language) for head in CLOCK_HEADS], lines)


def _cells(reading: Reading, language: Language) -> list[InWords]:
    if reading.who is not None:
        return [InWords(reading.who.value.said_in(language), NOTHING, NOTHING, _label(reading.extent, language))]
    cells = [in_words(row, language) for row in reading.rows]
    if reading.for_machines:
        cells = [cell._replace(roles=f"{cell.roles} ({NO_PURPOSE.said_in(language)})") for cell in cells]
    return cells


def _roles(language: Language) -> str:
    lines = [[_label(role, language), _list(purposes, language)] for role, purposes in PURPOSES.items()]
    return _table([head.said_in(language) for head in ROLE_HEADS], lines)


def summary(command: type[Fact]) -> str:
    """What a command does, in English."""
    return " ".join((command.__doc__ or "").split("\n\n")[0].split())


def _agency(row: Row, language: Language) -> str:
    where = row.where
    if row.roles == ESCALATION:
        return NOTHING
    if not where.relations:
        return ANY_AGENCY.said_in(language)
    said = where.words.said_in(language) if where.words is not None else _any_of(where.relations, language)
    if where.ground is Ground.CASE and where.open:
        said += OPEN_ONLY.said_in(language)
    if more := where.people - WORKS_ON_IT:
        said += ALSO.said_in(language) + _any_of(more, language)
    return said + (NAMED.said_in(language) if where.names else "")


def _things(ties: Iterable[Tie], language: Language) -> str:
    return "; ".join(_thing(tie, language) for tie in ties) or NOTHING


def _thing(tie: Tie, language: Language) -> str:
    said = _any_of(tie.relations, language)
    parts = [f"{tie.thing.words.said_in(language)}: {said}" if said else tie.thing.words.said_in(language)]
    if tie.states:
        parts.append(IN_STATE.said_in(language) + OR.said_in(language).join(_in_order(tie.states, language)))
    if tie.another_than is not None:
        parts.append(ANOTHER.said_in(language) + _label(tie.another_than, language))
    return ", ".join(parts)


def _tie_data(tie: Tie) -> dict[str, Any]:
    return {
        "thing": tie.thing.name,
        **({"by": tie.by} if tie.by else {}),
        "relations": sorted(tie.relations),
        **({"states": sorted(tie.states)} if tie.states else {}),
        **({"another_than": tie.another_than.value} if tie.another_than is not None else {}),
    }


def _in_order(codes: Iterable[Code], language: Language) -> list[str]:
    codes = list(codes)
    return [_label(code, language) for code in type(codes[0]) if code in codes] if codes else []


def _any_of(relations: Iterable[Relation], language: Language) -> str:
    return OR.said_in(language).join(_in_order(relations, language))


def _list(codes: Iterable[Code], language: Language) -> str:
    return ", ".join(_in_order(codes, language))


def _label(code: Code, language: Language) -> str:
    said = code.id if language == "id" else code.en
    return said if isinstance(code, Relation | Extent) else said[:1].lower() + said[1:]


def _table(heads: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    rows = [f"| {' | '.join(heads)} |", f"|{'---|' * len(heads)}"]
    return "\n".join([*rows, *(f"| {' | '.join(line)} |" for line in lines)])
