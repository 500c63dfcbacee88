"""XES: a log is read with its lines; what is not one is refused with a line and a reason, and nothing else happens."""

import bz2
import gzip
import hashlib
import lzma
import tracemalloc
from collections.abc import Callable, Container
from contextlib import suppress
from datetime import datetime, timedelta, timezone
from io import BytesIO
from pathlib import Path
from zipfile import ZIP_BZIP2, ZIP_DEFLATED, ZIP_LZMA, ZipFile, ZipInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rujukan.infra.importing.xes import CHUNK, Limits, Reader, Trace, XesError

DATA = Path(__file__).parent / "data"
SMALL = (DATA / "small.xes").read_bytes()

DATE = '<date key="time:timestamp" value="2012-01-02T08:00:00+08:00"/>'
NAME = '<string key="concept:name" value="GEHEIM"/>'
EVENT = f"<event>{NAME}{DATE}</event>"
TRACE = f"<trace>\n{NAME}\n{EVENT}\n</trace>"


def read(directory: Path, content: str | bytes, name: str = "a.xes", limits: Limits | None = None) -> list[Trace]:
    file = directory / name
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    return list(Reader(file, limits) if limits else Reader(file))


def refused(directory: Path, content: str | bytes, name: str = "a.xes", limits: Limits | None = None) -> XesError:
    with pytest.raises(XesError) as error:
        read(directory, content, name, limits)
    assert "GEHEIM" not in str(error.value), "an error repeats a value of the file"
    return error.value


# What is read --------------------------------------------------------------------------------------------------


def test_a_log_is_read_with_lines_and_zones() -> None:
    reader = Reader(DATA / "small.xes")
    traces = list(reader)
    assert [(t.name, t.line, len(t.events)) for t in traces] == [
        ("chain", 13, 5),
        ("from nobody", 53, 3),
        ("alone", 72, 1),
    ]
    assert traces[0].attributes == {"concept:name": "chain", "channel": "desk"}
    first = traces[0].events[0]
    assert (first.line, first.activity, first.group, first.resource, first.lifecycle) == (
        16,
        "receive",
        "Unit A",
        "R1",
        "complete",
    )
    assert first.at == datetime(2011, 10, 11, 13, 45, 40, 276000, timezone(timedelta(hours=2)))
    assert first.at.utcoffset() == timedelta(hours=2)
    assert traces[1].events[0].group is None
    assert [e.activity for e in traces[0].events] == ["receive", "assess", "decide", "ask back", "answer"]


def test_nested_attributes_are_left_out() -> None:
    answer = next(iter(Reader(DATA / "small.xes"))).events[4]
    assert set(answer.attributes) == {"concept:name", "org:group", "org:resource", "time:timestamp"}


def test_an_empty_trace_is_counted_and_left_out() -> None:
    reader = Reader(DATA / "small.xes")
    assert "nothing happened" not in {t.name for t in reader}
    assert reader.empty == 1


def test_the_hash_is_of_the_log_however_it_is_packed(tmp_path: Path) -> None:
    packed = tmp_path / "small.xes.gz"
    packed.write_bytes(gzip.compress(SMALL))
    reader, plain = Reader(packed), Reader(DATA / "small.xes")
    assert list(reader) == list(plain)
    assert reader.sha256 == plain.sha256 == hashlib.sha256(SMALL).digest()


def test_a_reader_can_be_read_again() -> None:
    reader = Reader(DATA / "small.xes")
    assert list(reader) == list(reader)
    assert reader.empty == 1


def test_traces_come_while_the_file_is_read(tmp_path: Path) -> None:
    """A log longer than one chunk yields its first trace before its broken end is met."""
    traces = "".join(TRACE.replace("GEHEIM", str(n)) for n in range(CHUNK // len(TRACE) * 2))
    file = tmp_path / "a.xes"
    file.write_text(f"<log>{traces}<broken")
    reading = iter(Reader(file))
    assert next(reading).name == "0"
    with pytest.raises(XesError, match="ends before"):
        list(reading)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "iso-8859-1"])
def test_encodings_of_xml(tmp_path: Path, encoding: str) -> None:
    text = f'<?xml version="1.0" encoding="{encoding}"?><log>{TRACE.replace("GEHEIM", "é")}</log>'
    assert read(tmp_path, text.encode(encoding))[0].name == "é"


@pytest.mark.parametrize("root", ['<log xmlns="http://www.xes-standard.org">', '<log xmlns="urn:x">', "<log>"])
def test_any_namespace_will_do(tmp_path: Path, root: str) -> None:
    assert len(read(tmp_path, f"{root}{TRACE}</log>")) == 1


def test_a_prefix_will_do(tmp_path: Path) -> None:
    prefixed = TRACE.replace("</", "</x:").replace("<", "<x:").replace("<x:/x:", "</x:")
    assert len(read(tmp_path, f'<x:log xmlns:x="http://www.xes-standard.org/">{prefixed}</x:log>')) == 1


# What is refused -----------------------------------------------------------------------------------------------

BROKEN = {
    "no timestamp": (f"<log>\n<trace>{NAME}\n<event>\n{NAME}</event></trace></log>", 3, "no time:timestamp"),
    "no activity": (f"<log><trace>{NAME}\n<event>{DATE}</event></trace></log>", 2, "an event has no concept:name"),
    "empty activity": (
        f'<log><trace>{NAME}\n<event>{DATE}<string key="concept:name" value=""/></event></trace></log>',
        2,
        "an event has no concept:name",
    ),
    "no trace name": (f"<log>\n\n<trace>{EVENT}</trace></log>", 3, "a trace has no concept:name"),
    "trace twice": (f"<log>{TRACE}\n{TRACE}</log>", 5, "an earlier trace has the same concept:name"),
    "not a date": (
        f'<log><trace>{NAME}<event>{NAME}\n<date key="time:timestamp" value="GEHEIM"/></event></trace></log>',
        2,
        "time:timestamp is not a date of ISO 8601: it is read as 2026-11-30T08:15:00+08:00",
    ),
    "no such day": (
        f'<log><trace>{NAME}<event>\n<date key="time:timestamp" value="2012-02-30T08:00:00Z"/></event></trace></log>',
        2,
        "time:timestamp is not a date of ISO 8601: day is out of range for month",
    ),
    "no such hour": (
        f'<log><trace>{NAME}<event>\n<date key="time:timestamp" value="2012-02-03T25:00:00Z"/></event></trace></log>',
        2,
        "time:timestamp is not a date of ISO 8601: hour must be in 0..23",
    ),
    "other date": (
        f'<log><trace>{NAME}\n<date key="due" value="GEHEIM"/>{EVENT}</trace></log>',
        2,
        "due is not a date of ISO 8601",
    ),
    "no zone": (
        f'<log><trace>{NAME}<event>{NAME}\n\n<date key="time:timestamp" value="2012-01-02T08:00:00"/></event>'
        "</trace></log>",
        3,
        "time:timestamp has no time zone",
    ),
    "seconds in the zone": (
        f'<log><trace>{NAME}<event><date key="time:timestamp" value="2012-01-02T08:00:00+08:00:01"/></event>'
        "</trace></log>",
        1,
        "time:timestamp is not a date of ISO 8601",
    ),
    "before all time": (
        f'<log><trace>{NAME}<event><date key="time:timestamp" value="0001-01-01T00:00:00+08:00"/></event>'
        "</trace></log>",
        1,
        "time:timestamp is out of range",
    ),
    "a timestamp as text": (
        f'<log><trace>{NAME}<event><string key="time:timestamp" value="2012-01-02"/></event></trace></log>',
        1,
        "time:timestamp is not a <date>",
    ),
    "event outside": (f"<log>{TRACE}\n{EVENT}</log>", 5, "an event outside a trace"),
    "event in an event": (f"<log><trace>{NAME}<event>\n{EVENT}</event></trace></log>", 2, "an event outside a trace"),
    "trace in a trace": (f"<log><trace>{NAME}\n{TRACE}</trace></log>", 2, "a trace within another element"),
    "not a log": ("\n\n<html/>", 3, "html in the place of <log>"),
    "unknown element": (f"<log><trace>\n<blob/>{NAME}{EVENT}</trace></log>", 2, "blob is no element of XES here"),
    "no key": (f'<log><trace>{NAME}\n<string value="GEHEIM"/>{EVENT}</trace></log>', 2, "<string> has no key"),
    "no value": (f'<log><trace>{NAME}\n<string key="k"/>{EVENT}</trace></log>', 2, "k has no value"),
    "key twice": (f"<log><trace>{NAME}\n{NAME}{EVENT}</trace></log>", 2, "concept:name is there twice"),
    "text": (f"<log>\n<trace>GEHEIM{EVENT}</trace></log>", 2, "text where XES has none"),
    "truncated": (f"<log>\n{TRACE}\n<trace>{NAME}", 6, "the file ends before the log does"),
    "truncated in a tag": (f"<log>\n{TRACE}\n<trace><string key='GEHEIM", 6, "the file ends before the log does"),
    "empty": ("", 1, "the file ends before the log does"),
    "rubbish behind": (f"<log>{TRACE}</log>\nGEHEIM", 5, "something follows the end of the log"),
    "a log behind": (f"<log>{TRACE}</log>\n<log/>", 5, "something follows the end of the log"),
    "zeros behind": (f"<log>{TRACE}</log>\n\0", 5, "something follows the end of the log"),
    "crossed tags": ("<log>\n<trace></log></trace>", 2, "not well-formed XML: mismatched tag"),
    "undefined entity": ("<log>\n&GEHEIM;</log>", 2, "not well-formed XML: undefined entity"),
    "odd encoding": ('<?xml version="1.0" encoding="utf-7"?><log/>', 1, "the encoding is none of"),
    "unheard-of encoding": ('<?xml version="1.0" encoding="GEHEIM"?><log/>', 1, "the encoding is none of"),
}


@pytest.mark.parametrize(("content", "line", "reason"), BROKEN.values(), ids=BROKEN)
def test_what_is_wrong_is_said_with_its_line(tmp_path: Path, content: str, line: int, reason: str) -> None:
    error = refused(tmp_path, content)
    assert reason in error.reason
    assert error.line == line
    assert str(error) == f"line {line}: {error.reason}"


ENTITIES = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 12))


@pytest.mark.parametrize(
    "doctype",
    [
        f'<!DOCTYPE log [<!ENTITY e0 "GEHEIM">{ENTITIES}]>',
        '<!DOCTYPE log SYSTEM "file:///etc/passwd">',
        '<!DOCTYPE log [<!ENTITY % p SYSTEM "http://localhost/x"> %p;]>',
        "<!DOCTYPE log>",
    ],
    ids=["entity bomb", "external", "parameter entity", "bare"],
)
def test_a_document_type_is_refused(tmp_path: Path, doctype: str) -> None:
    error = refused(tmp_path, f"<?xml version='1.0'?>\n{doctype}<log>&e11;</log>")
    assert (error.line, error.reason) == (2, "a document type is refused")


ARCHIVE = gzip.compress(SMALL, mtime=0)
END = SMALL.count(b"\n") + 1


@pytest.mark.parametrize(
    ("content", "lines", "reason"),
    [
        (b"<log/>", {0}, "it is called .gz, and is none"),
        (b"", {1}, "the file ends before the log does"),
        (ARCHIVE[:-30], range(2, END + 1), "the packed data ends too early"),
        (ARCHIVE[:40] + b"\xff" * 40 + ARCHIVE[80:], range(1, END + 1), "the packed data is damaged"),
        (ARCHIVE + b"GEHEIM", {END}, "the gzip data is damaged, or something follows it"),
        (ARCHIVE + gzip.compress(b"<log/>"), {END}, "something follows the end of the log"),
    ],
    ids=["not gzip", "empty", "truncated", "damaged", "rubbish behind", "a log behind"],
)
def test_gzip_that_is_not_whole(tmp_path: Path, content: bytes, lines: Container[int], reason: str) -> None:
    error = refused(tmp_path, content, "a.xes.gz")
    assert error.reason == reason
    assert error.line in lines


def zipped(content: bytes = SMALL, name: str = "log.xes", packing: int = ZIP_DEFLATED, **others: bytes) -> bytes:
    packed = BytesIO()
    with ZipFile(packed, "w", packing) as archive:
        archive.writestr(ZipInfo(name), content, packing)
        for other, held in others.items():
            archive.writestr(other.replace("_", "."), held)
    return packed.getvalue()


@pytest.mark.parametrize("name", ["A.XES", "a.xes", "A.XES.GZ", "a.Xes.Gz", "A.ZIP", "a", "a.xml"])
@pytest.mark.parametrize("packing", [lambda plain: plain, gzip.compress, zipped], ids=["plain", "gzip", "zip"])
def test_what_it_is_its_bytes_say_and_a_name_that_says_otherwise_is_refused(
    tmp_path: Path, name: str, packing: Callable[[bytes], bytes]
) -> None:
    """Whatever it is called, it is the same log; but for a name of an archive that it is not."""
    if packing(b"") == b"" and name.lower().endswith(("gz", "zip")):
        error = refused(tmp_path, SMALL, name)
        assert (error.line, error.reason) == (0, f"it is called {Path(name).suffix.lower()}, and is none")
    else:
        assert read(tmp_path, packing(SMALL), name) == list(Reader(DATA / "small.xes"))


ENCRYPTED = bytearray(zipped())
ENCRYPTED[ENCRYPTED.rindex(b"PK\x01\x02") + 8] |= 1


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (zipped(name="GEHEIM.txt"), "the .zip holds no files named .xes; it has to hold one"),
        (zipped(b_xes=SMALL), "the .zip holds 2 files named .xes; it has to hold one"),
        (zipped(packing=ZIP_LZMA), "is packed in a way that is not read"),
        (zipped(packing=ZIP_BZIP2), "is packed in a way that is not read"),
        (bytes(ENCRYPTED), "the log in the .zip is encrypted: unpack it"),
        (zipped()[:200], "the .zip is damaged"),
        (bz2.compress(SMALL), "bzip2 is not read: unpack it"),
        (lzma.compress(SMALL), "xz is not read: unpack it"),
        (b"7z\xbc\xaf\x27\x1c\0\4", "7-Zip is not read: unpack it"),
        (b"Rar!\x1a\x07\1\0", "RAR is not read: unpack it"),
        (b"\x28\xb5\x2f\xfd\4", "Zstandard is not read: unpack it"),
        (b"PK\5\6" + bytes(18), "a .zip that holds nothing is not read: unpack it"),
    ],
)
def test_other_archives_are_refused_by_name(tmp_path: Path, content: bytes, reason: str) -> None:
    error = refused(tmp_path, content, "a.zip")
    assert reason in error.reason


def test_the_second_file_of_a_zip_is_no_log_where_a_macintosh_made_it(tmp_path: Path) -> None:
    packed = BytesIO(zipped())
    with ZipFile(packed, "a") as archive:
        archive.writestr("__MACOSX/._log.xes", b"\0")
    assert read(tmp_path, packed.getvalue(), "a.zip") == list(Reader(DATA / "small.xes"))


def test_attributes_that_become_nothing_are_counted() -> None:
    reader = Reader(DATA / "small.xes")
    list(reader)
    assert (reader.nested, reader.of_log) == (2, 1)


def test_a_file_that_is_not_there_is_no_log_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        list(Reader(tmp_path / "none.xes"))


# Limits --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("packing", [gzip.compress, zipped], ids=["gzip", "zip"])
def test_a_bomb_stops_at_the_limit(tmp_path: Path, packing: Callable[[bytes], bytes]) -> None:
    """And before it is unpacked: what comes out at once is a small piece, whatever is said of its size."""
    bomb = packing(b"<log>" + b" " * 2**25)
    assert len(bomb) < 2**16
    tracemalloc.start()
    try:
        assert "larger than 1048576 bytes" in refused(tmp_path, bomb, "a", Limits(total=2**20)).reason
        assert tracemalloc.get_traced_memory()[1] < 2**22
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("token", ['<log a="', "<log><!--", "<log><?pi "], ids=["tag", "comment", "instruction"])
def test_a_tag_without_end_stops_at_the_limit(tmp_path: Path, token: str) -> None:
    error = refused(tmp_path, token + "x" * 2**22, limits=Limits(tag=2**18))
    assert error.reason == "a tag, comment or text is longer than 262144 bytes"


def test_values_are_limited(tmp_path: Path) -> None:
    log = f"<log>\n{TRACE.replace('GEHEIM', 'x' * 101)}</log>"
    assert refused(tmp_path, log, limits=Limits(value=100)).reason == "a value is longer than 100 characters"
    assert len(read(tmp_path, log, limits=Limits(value=101))) == 1


def test_depth_is_limited(tmp_path: Path) -> None:
    def nested(deep: int) -> str:
        return "<log>\n" + '<list key="k">' * deep + "</list>" * deep + "</log>"

    assert refused(tmp_path, nested(32)).reason == "more than 32 elements within each other"
    assert refused(tmp_path, nested(100_000)).line == 2
    assert read(tmp_path, nested(31)) == []


def test_a_long_name_is_cut(tmp_path: Path) -> None:
    assert len(refused(tmp_path, f"<{'x' * 5000}/>").reason) < 100


# Fuzz ----------------------------------------------------------------------------------------------------------

SNIPPETS = (
    *(s.encode() for s in (EVENT, TRACE, NAME, DATE, "<trace>", "</trace>", "<event>", "</event>", "</log>", "<log>")),
    *(b"&amp;", b"&#xD800;", b"&#0;", b"]]>", b"<![CDATA[", b"<!--", b"-->", b"<?x ?>", b"<!DOCTYPE log>", b"\0"),
    *(b"\xff\xfe", b"\xed\xa0\x80", b"\xef\xbb\xbf", b"'", b'"', b">", b"<", b'key="', b"+99:99", b"T24:00"),
)


@st.composite
def mutated(draw: st.DrawFn, base: bytes) -> bytes:
    content = bytearray(base)
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(content)))
        upto = draw(st.integers(at, min(at + 60, len(content))))
        match draw(st.sampled_from(("cut", "repeat", "insert", "overwrite", "end"))):
            case "cut":
                del content[at:upto]
            case "repeat":
                content[at:at] = content[at:upto]
            case "insert":
                content[at:at] = draw(st.sampled_from(SNIPPETS))
            case "overwrite":
                content[at:upto] = draw(st.binary(max_size=8))
            case "end":
                del content[at:]
    return bytes(content)


def survives(content: bytes, file: Path) -> None:
    file.write_bytes(content)
    traces: list[Trace] = []
    with suppress(XesError):
        traces = list(Reader(file))
    for trace in traces:
        assert trace.name
        assert trace.events
        assert all(event.at.utcoffset() is not None and event.activity for event in trace.events)


@given(mutated(SMALL))
def test_a_damaged_log_is_read_or_refused(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    survives(content, tmp_path_factory.getbasetemp() / "fuzz.xes")


@given(mutated(SMALL.replace(b'encoding="UTF-8"', b"").decode().encode("utf-16")))
def test_a_damaged_log_in_utf_16_is_read_or_refused(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    survives(content, tmp_path_factory.getbasetemp() / "fuzz16.xes")


@given(mutated(gzip.compress(SMALL, mtime=0)))
def test_a_damaged_archive_is_read_or_refused(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    survives(content, tmp_path_factory.getbasetemp() / "fuzz.xes.gz")


@given(mutated(zipped()))
def test_a_damaged_zip_is_read_or_refused(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    survives(content, tmp_path_factory.getbasetemp() / "fuzz.zip")


@pytest.mark.thorough
@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    survives(content, tmp_path_factory.getbasetemp() / "bytes.xes")
