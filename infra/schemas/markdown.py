"""consumers/EVENTS.md, generated."""

from collections.abc import Iterator
from textwrap import fill

from .reading import RULES, Article, Field, around, chapters, code_lists, compartments

HEAD = """\
# Events that agencies are told

Written by `rujukan schemas page`, from the types that are sent: change those, not this. The schemas themselves are at
`/schemas` of a running service, the AsyncAPI document at `/asyncapi.json`, and this page, with it, at `/docs/events`.
"""


def page() -> str:
    """The whole page."""
    return "\n".join(_lines())


def _lines() -> Iterator[str]:
    yield HEAD
    for title, text in RULES:
        yield fill(f"**{title}.** {text}", 120, break_long_words=False, break_on_hyphens=False) + "\n"
    yield from ("| compartment | in Indonesian |", "|---|---|")
    yield from (f"| `{word}` | {words.id} |" for word, words in compartments().items())
    yield ""
    for chapter in chapters():
        yield f"## {chapter.title.en} · {chapter.title.id}\n"
        for entry in chapter.entries:
            yield from _entry(entry)
    yield "## Around an event\n"
    for entry in around():
        yield from _entry(entry)
    yield "## Code lists\n"
    for codes in code_lists():
        yield f"### {codes.name}\n\n{'May grow.' if codes.may_grow else 'Closed.'}\n"
        yield from ("| value | Indonesian | English |", "|---|---|---|")
        yield from (f"| `{value}` | {_cell(words.id)} | {_cell(words.en)} |" for value, words in codes.codes)
        yield ""


def _entry(entry: Article) -> Iterator[str]:
    yield f"### {entry.anchor}"
    yield f"\n**{entry.title.en}** · *{entry.title.id}* · version {entry.name.version}\n"
    yield f"{entry.meaning.en}  \n*{entry.meaning.id}*\n"
    if entry.told:
        yield f"Told: {'; '.join(words.en for words in entry.told)}.  "
        yield f"*Diberitahukan kepada: {'; '.join(words.id for words in entry.told)}.*\n"
    if not entry.fields:
        return
    compartment = entry.name.is_event
    yield "| field | | type |" + (" compartment |" if compartment else "")
    yield "|---|---|---|" + ("---|" if compartment else "")
    for field in entry.fields:
        row = f"| `{field.name}` | {_cell(field.title.en)} · *{_cell(field.title.id)}* | {_type(field)} |"
        yield row + (f" {field.compartment} |" if compartment else "")
    yield ""


def _type(field: Field) -> str:
    said = _cell(field.type)
    return said.replace(f"of {field.list}", f"of [{field.list}](#{field.list})") if field.list else said


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
