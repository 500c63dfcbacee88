"""`rujukan history`: a look back at a case, through the API, as the person whose access token is given.

There is no other way in: what the API refuses is refused here, and what it shows was recorded before.
"""

import argparse
from collections.abc import Iterable
from typing import Any
from uuid import UUID

from ..settings import Settings
from .evidence import add_asking


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What the command takes."""
    parser.add_argument("case", type=UUID, help="the case's id")
    view = parser.add_mutually_exclusive_group()
    view.add_argument("--as-of", metavar="WHEN", help="an instant with its zone, or a position (default: now)")
    view.add_argument("--diff", nargs=2, metavar=("FROM", "TO"), help="what changed between two of these")
    parser.add_argument("--agency", metavar="CODE", help="as this agency could see it then")
    parser.add_argument("--custody", action="store_true", help="who led, who held what, which clock ran out")
    add_asking(parser)
    parser.add_argument("--json", action="store_true", help="the API's answer as it is")


def run(settings: Settings, said: argparse.Namespace) -> int:
    """Ask, and print. Raises NotAnswered, ValueError for arguments that do not go together."""
    import msgspec

    from ..clock import locally
    from .asking import Api

    if said.agency and (said.diff or said.custody):
        raise ValueError("--agency is a view of the history; it goes with neither --diff nor --custody")
    if said.diff and said.custody:
        raise ValueError("--custody is as of one instant; it does not go with --diff")
    path, query = _asked(said)
    with Api(settings, said) as api:
        content = api.get(path, query)
    found = msgspec.json.decode(content)
    if said.json:
        print(msgspec.json.format(content, indent=2).decode())
    else:
        print(locally("\n".join(_lines(found))))
    return 0


def _asked(said: argparse.Namespace) -> tuple[str, dict[str, str]]:
    case = f"/cases/{said.case}"
    if said.diff:
        return f"{case}/history/diff", {"from": said.diff[0], "to": said.diff[1]}
    as_of = {"as_of": said.as_of} if said.as_of else {}
    if said.custody:
        return f"{case}/custody", as_of
    return f"{case}/history", {**as_of, **({"agency": said.agency} if said.agency else {})}


def _lines(found: dict[str, Any]) -> Iterable[str]:
    """The answer, for a person to read."""
    if "custody" in found:
        yield from _custody(found)
    elif "changes" in found:
        yield f"case {found['case']}, from {_point(found['from'])} to {_point(found['to'])}"
        yield from (_event(e) for e in found["events"])
        for change in found["changes"]:
            of = f"{change['of']} {change['id']}" if change["id"] else change["of"]
            yield f"  {of}: {change['field']} {change['before']} -> {change['after']}"
    else:
        whose = f", as {found['seen_by']} could see it" if "seen_by" in found else ""
        yield f"case {found['case']}, as of {_point(found['as_of'])}{whose}"
        yield from _state(found.get("state"))
        yield from (line for e in found["events"] for line in (_event(e), *_knew(e)))
        yield from (_opening(o) for o in found.get("openings") or ())
        yield from _damages(found)


def _knew(event: dict[str, Any]) -> Iterable[str]:
    """What the agency was entitled to know of an event, what of it was sent, and what it said of it. Of what is not on
    record nothing is known."""
    for known in event.get("entitled") or ():
        said = f"{'':8} entitled from {known['at']}: {' '.join(known['compartments'])}"
        if known.get("own"):
            yield f"{said}; its own words"
            continue
        said += "".join(map(_sent, known.get("sent") or ())) or "; sent: not on record"
        for name in ("received", "handled"):
            at = known.get(f"{name}_at")
            said += f"; {name} {at}" if at else f"; {name}: not known"
        if known.get("failed"):
            said += f"; in its dead letters: {known['failed']}"
        yield said + ("; a placeholder went out" if known.get("empty") else "")


def _sent(sending: dict[str, Any]) -> str:
    """That it was sent, and over what."""
    how = f"; sent {sending['at']} over {sending['transport']}"
    if (times := sending.get("times", 1)) > 1:
        how += f" ({times} times, the last {sending['last']})"
    if key := sending.get("key"):
        how += f", to the key {key[:16]}…"
    for name, words in (("found", "as was found on the topic"), ("empty", "as a placeholder")):
        how += f", {words}" if sending.get(name) else ""
    return how + ("" if sending.get("vouched") else ", which the log does not vouch for yet")


def _opening(opening: dict[str, Any]) -> str:
    of = f"{opening['position']:>8} {opening['at']} opened by {opening['actor']} ({opening['role']})"
    return f"{of}, {opening['what']}: {' '.join(opening['compartments'])}"


def _damages(found: dict[str, Any]) -> Iterable[str]:
    """What of the records does not fit, so that more may be so than is shown."""
    yield from _damage("THE REGISTER OF DELIVERIES", found.get("register"), "what was known")
    yield from _damage("THE REGISTER OF WHAT WAS SENT", found.get("sendings"), "what was sent")
    if unread := found.get("unread"):
        yield from _damage("THE RECORD OF READINGS", {"unread": unread}, "what was opened")


def _damage(what: str, damage: dict[str, Any] | None, more: str) -> Iterable[str]:
    for name, found in (damage or {}).items():
        said = " ".join(map(str, found)) if isinstance(found, list) else str(found)
        yield f"  {what} IS NOT WHOLE, {name}: {said}; {more} may be more than is shown"


def _state(state: dict[str, Any] | None) -> Iterable[str]:
    if state is None:
        yield "  there was no such case, or it was not known there"
        return
    yield f"  {state['status']}, {state['urgency']}, led by {state['lead']}, opened {state['opened_at']}"
    for r in state["referrals"]:
        yield f"  referral {r['referral']}: {r['sender']} -> {r['recipient']}, {r['service']}, {r['status']}"
    for c in state.get("consents") or ():
        stands = "live" if c["live"] else "ended"
        yield f"  consent {c['consent']}: {' '.join(c['compartments'])} to {' '.join(c['recipients'])}, {stands}"


def _event(event: dict[str, Any]) -> str:
    line = f"{event['position']:>8} {event['recorded_at']} {event['author']:16} {event['topic']}"
    for name in ("could_open", "withheld"):
        if event.get(name):
            line += f"  {name.replace('_', ' ')}: {' '.join(event[name])}"
    return line


def _custody(found: dict[str, Any]) -> Iterable[str]:
    held = found["custody"]
    yield f"case {found['case']}, custody as of {_point(found['as_of'])}"
    for span in held["led"]:
        yield f"  led by {span['agency']}: {_span(span)}"
    for span in held["accompanied"]:
        yield f"  case worker {span['worker']} of {span['agency']}: {_span(span)}"
    for span in held["referrals"]:
        yield f"  referral {span['referral']}: {span['status']} with {span['holder']}: {_span(span)}"
    for clock in held["clocks"]:
        what = f"clock {clock['clock']}" if clock["clock"] else f"answer to referral {clock['referral']}"
        how = went(clock)
        if clock["breached_at"]:
            how += f", BREACHED {clock['breached_at']} with {' '.join(clock['held_by'])}"
        yield f"  {what}: due {clock['due_at']}, {how}"
    for delivered in found.get("deliveries") or ():
        yield f"  sending of referral {delivered['referral']}, as {delivered['recipient']} could know it:"
        yield from _knew(delivered)
        yield from _damages(delivered)


def went(clock: dict[str, Any]) -> str:
    """How a clock went, as far as it is said in clear: how one of care ended is not, and one that runs has missed
    nothing yet."""
    if clock["met_at"]:
        return f"met {clock['met_at']}"
    if clock.get("ended_at"):
        by = f" by {clock['ended_by']}" if clock.get("ended_by") else ""
        return f"ended {clock['ended_at']}{by}"
    if clock.get("too_late"):
        return "closed before the report"
    return "not met" if clock["breached_at"] else "runs"


def _span(span: dict[str, Any]) -> str:
    return f"{span['since']} to {span['until'] or 'now'}"


def _point(point: dict[str, Any]) -> str:
    return f"{point['at']} (position {point['position']})"
