"""/docs/events: the AsyncAPI document as one page for people. No script, nothing from elsewhere; dark at night."""

from base64 import b64encode
from collections.abc import Iterator
from hashlib import sha256
from html import escape
from typing import Any

from ...domain.words import Words
from .asyncapi import ABOUT
from .reading import RULES, Article, Chapter, CodeList, Field, around, chapters, code_lists, compartments

STYLE = """\
:root{color-scheme:light dark;--ink:#1c2430;--soft:#5a6675;--paper:#fbfaf8;--line:#e2ddd5;--card:#fff;--link:#0b5c8f}
@media(prefers-color-scheme:dark){:root{--ink:#d7d3ca;--soft:#98a1ab;--paper:#15181c;--line:#2d333a;--card:#1b1f24;
--link:#7db8e0}}
*{box-sizing:border-box}html{scroll-padding-top:1rem}
body{margin:0;font:16px/1.55 system-ui,sans-serif;color:var(--ink);background:var(--paper)}
.skip{position:absolute;left:-99rem}.skip:focus{left:1rem;top:1rem;background:var(--card);padding:.5rem}
nav{position:fixed;inset:0 auto 0 0;width:19rem;overflow:auto;padding:1.2rem;border-right:1px solid var(--line);
font-size:.85rem}
nav h2{font-size:.8rem;margin:1.2rem 0 .3rem;color:var(--soft)}nav ul{list-style:none;margin:0;padding:0}
nav a{display:block;padding:.1rem 0;text-decoration:none;overflow-wrap:anywhere}
main{margin-left:19rem;padding:1.5rem 2.5rem 6rem;max-width:68rem}
a{color:var(--link)}a:focus-visible{outline:2px solid var(--link);outline-offset:2px}
h1{font-size:1.7rem;line-height:1.2}h2{margin-top:3rem;border-bottom:1px solid var(--line);padding-bottom:.3rem}
h3{margin:0;font-size:1.05rem;overflow-wrap:anywhere}h3 a{color:inherit;text-decoration:none}
article{background:var(--card);border:1px solid var(--line);border-radius:.6rem;padding:1rem 1.2rem;margin:1rem 0}
article p{margin:.4rem 0}[lang=id],.soft{color:var(--soft)}[lang=id]{font-style:italic}
code,.type{font:.86em/1.4 ui-monospace,monospace}pre{white-space:pre-wrap;font:inherit}
.scroll{overflow-x:auto}table{border-collapse:collapse;width:100%;margin-top:.7rem;font-size:.92rem}
th{text-align:left;font-weight:600;color:var(--soft);font-size:.8rem}
th,td{padding:.35rem .7rem .35rem 0;border-top:1px solid var(--line);vertical-align:top}thead th{border:0}
.tag{display:inline-block;border:1px solid currentColor;border-radius:1rem;padding:0 .55rem;font-size:.78rem;
white-space:nowrap}
.coordination{color:#667382}.identity{color:#a3447d}.contact{color:#8a5a12}.incident{color:#b3402f}.health{color:#1c7a52}
.psychosocial{color:#6d55b8}.legal{color:#2766a8}.safety{color:#b0521a}.economic{color:#55731b}
@media(prefers-color-scheme:dark){.coordination{color:#98a1ab}.identity{color:#e091c0}.contact{color:#dcb069}
.incident{color:#ee9384}.health{color:#7fcfa9}.psychosocial{color:#b7a5f0}.legal{color:#8bbcf0}.safety{color:#efa877}
.economic{color:#b5d07a}}
@media(max-width:56rem){nav{position:static;width:auto;max-height:45vh;border:0;border-bottom:1px solid var(--line)}
main{margin:0;padding:1rem}}
@media print{nav{display:none}main{margin:0;max-width:none}article{break-inside:avoid}}
"""

POLICY = (
    f"default-src 'none'; style-src 'sha256-{b64encode(sha256(STYLE.encode()).digest()).decode()}';"
    " base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""Content-Security-Policy of the page: its own style, and nothing else."""


PARTS = {
    "channels": "Channels",
    "security": "How you are let in",
    "message": "Around an event",
    "compartments": "Compartments",
    "codes": "Code lists",
}


def page(said: dict[str, Any]) -> str:
    """The whole page, of the AsyncAPI document."""
    told, lists = chapters(), code_lists()
    body = "\n".join((_navigation(told), "<main id=main>", *_main(said, told, lists), "</main>"))
    return (
        "<!doctype html>\n<html lang=en><head><meta charset=utf-8>"
        '<meta name=viewport content="width=device-width,initial-scale=1">'
        f"<title>Rujukan: events that agencies are told</title><style>{STYLE}</style></head>\n"
        f'<body><a class=skip href="#main">To the events</a>\n{body}\n</body></html>\n'
    )


def _navigation(told: list[Chapter]) -> str:
    parts = [("How to subscribe", PARTS)]
    parts += [(c.title.en, {e.anchor: e.anchor.partition(".")[2] for e in c.entries}) for c in told]
    lists = "".join(
        f"<h2>{escape(title)}</h2><ul>"
        + "".join(f'<li><a href="#{escape(id)}">{escape(shown)}</a>' for id, shown in links.items())
        + "</ul>"
        for title, links in parts
    )
    return f'<nav aria-label="Contents"><strong>Rujukan</strong> · events{lists}</nav>'


def _main(said: dict[str, Any], told: list[Chapter], lists: list[CodeList]) -> Iterator[str]:
    yield f"<h1>{escape(said['info']['title'])}</h1>"
    yield from (f"<p>{_words(part)}</p>" for part in ABOUT.strip().split("\n\n"))
    yield from (f"<p><strong>{_words(title)}.</strong> {_words(text)}</p>" for title, text in RULES)
    yield '<p><a href="/asyncapi.json">asyncapi.json</a> · <a href="/schemas">schemas</a> · <a href="/docs">API</a></p>'
    yield f"<h2 id=channels>Channels</h2><article>{_channels(said)}</article>"
    yield "<h2 id=security>How you are let in</h2><article>"
    for scheme in said["components"]["securitySchemes"].values():
        yield f"<p><strong>{escape(scheme['type'])}</strong>: {_words(scheme['description'])}</p>"
    yield "</article><h2 id=message>Around an event</h2>"
    yield from (_article(entry) for entry in around())
    yield "<h2 id=compartments>Compartments</h2><article>"
    yield from (f"<p>{_tag(word)} <span lang=id>{_words(w.id)}</span></p>" for word, w in compartments().items())
    yield "</article>"
    for chapter in told:
        yield f"<h2>{_both(chapter.title)}</h2>"
        yield from (_article(entry) for entry in chapter.entries)
    yield "<h2 id=codes>Code lists</h2>"
    yield from (_codes(codes) for codes in lists)


def _channels(said: dict[str, Any]) -> str:
    rows = ""
    for name, channel in said["channels"].items():
        does = [o for o in said["operations"].values() if o["channel"]["$ref"] == f"#/channels/{name}"]
        address = f"<code>{escape(channel['address'])}</code>" if channel["address"] else "—"
        about = f"<br><span class=soft>{_words(channel['description'])}</span>" if "description" in channel else ""
        rows += (
            f"<tr><td>{_words(channel['title'])}{about}<td>{address}<td>{'<br>'.join(_operation(o) for o in does)}</tr>"
        )
    head = "<th>Channel<th>Topic or path<th>The agency's system"
    return f"<div class=scroll><table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>"


def _operation(operation: dict[str, Any]) -> str:
    http = operation.get("bindings", {}).get("http", {})
    method = f" <code>{escape(http['method'])}</code>" if http else ""
    query = ", ".join(f"<code>{escape(name)}</code>" for name in http.get("query", {}).get("properties", ()))
    said = f"<strong>{escape(operation['action'])}</strong>{method} {_words(operation['summary'])}"
    return f"{said} <span class=soft>({query})</span>" if query else said


def _article(entry: Article) -> str:
    topic, version, anchor = escape(entry.name.topic), entry.name.version, escape(entry.anchor)
    told = (
        f"<p class=soft>Told: {escape('; '.join(w.en for w in entry.told))}"
        f"<br><span lang=id>Diberitahukan kepada: {escape('; '.join(w.id for w in entry.told))}</span></p>"
        if entry.told
        else ""
    )
    schema = f'<a href="/schemas/{topic}/{version}">version {version}</a>'
    return (
        f'<article id="{anchor}"><h3><a href="#{anchor}">{escape(entry.title.en)}</a></h3>'
        f"<p class=soft><code>{topic}</code> · {schema} · <span lang=id>{escape(entry.title.id)}</span></p>"
        f"<p>{_words(entry.meaning.en)}<br><span lang=id>{_words(entry.meaning.id)}</span></p>{told}"
        f"{_table(entry) if entry.fields else ''}</article>"
    )


def _table(entry: Article) -> str:
    head = "<th>Field<th>Meaning<th>Type" + ("<th>Compartment" if entry.name.is_event else "")
    rows = "".join(f"<tr>{_row(field)}</tr>" for field in entry.fields)
    return f"<div class=scroll><table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>"


def _row(field: Field) -> str:
    type = _words(field.type)
    if field.list:
        linked = f'<a href="#list-{escape(field.list)}">{escape(field.list)}</a>'
        type = type.replace(f"of {escape(field.list)}", f"of {linked}")
    where = f"<td>{_tag(field.compartment)}" if field.compartment else ""
    return f"<td><code>{escape(field.name)}</code><td>{_both(field.title)}<td>{type}{where}"


def _codes(codes: CodeList) -> str:
    rows = "".join(f"<tr><td><code>{escape(v)}</code><td>{_both(words)}</tr>" for v, words in codes.codes)
    grows = "may grow" if codes.may_grow else "closed"
    return (
        f'<article id="list-{escape(codes.name)}"><h3>{escape(codes.name)}</h3><p class=soft>{grows}</p>'
        f"<div class=scroll><table><tbody>{rows}</tbody></table></div></article>"
    )


def _tag(word: str) -> str:
    return f'<span class="tag {escape(word)}">{escape(word)}</span>'


def _both(words: Words) -> str:
    return f"{_words(words.en)} · <span lang=id>{_words(words.id)}</span>"


def _words(text: str) -> str:
    """Text with its `code` marked, all else as it stands."""
    parts = escape(text).split("`")
    return "".join(part if n % 2 == 0 else f"<code>{part}</code>" for n, part in enumerate(parts))
