"""Webhooks, to a real receiver on loopback: in order, again until it is taken, by whichever sender lives."""

import logging
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from socketserver import BaseRequestHandler, ThreadingTCPServer
from threading import Event, Thread
from threading import enumerate as enumerate_threads
from typing import Any
from uuid import uuid4

import httpx
import psycopg
import pytest
from conftest import Running
from feeding import Feeding, eventually, serving
from msgspec.structs import replace
from patience import PATIENCE_SECONDS
from receiver import Answer, Post, Receiver, certified, receiving
from two import seconded

from rujukan.api.actions import OPENING
from rujukan.api.application.kinds import AGENCY
from rujukan.domain.agency import ReactivateAgency, SuspendAgency
from rujukan.domain.codes import Role
from rujukan.infra import composition
from rujukan.infra.database import SERVICE, as_role
from rujukan.infra.settings import Settings, to_environment
from rujukan.infra.system_act import system_act
from rujukan.infra.webhooks import names
from rujukan.infra.webhooks.sending import Patience

QUICK = Patience(schedule=(0.1, 0.2), attempt_seconds=10)


@pytest.fixture(scope="module")
def feeding(settings: Settings) -> Iterator[Feeding]:
    with serving(replace(settings, webhook_networks="127.0.0.0/8")) as served:
        yield served


@pytest.fixture(autouse=True)
def none_is_set(feeding: Feeding) -> None:
    """No agency has a webhook yet, whatever was tried before."""
    feeding.head("rsud")  # then the register has heard of all that
    with psycopg.connect(feeding.settings.database, autocommit=True) as db:
        db.execute("DELETE FROM delivery.webhooks")


def goes_around(feeding: Feeding) -> None:
    """A sender that works looks at what waits for whom, and posts to an agency that was not told before now."""
    feeding.case_with("polres")
    administrator = Administrator(feeding, "polres")
    with receiving() as marker:
        administrator.does(url=marker.url)
        head = feeding.head("polres")
        assert eventually(lambda: len(marker.taken) == head)
        administrator.does("/removal")


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as made:
        yield made


@contextmanager
def sending(feeding: Feeding, patience: Patience = QUICK, lease_seconds: float = 5.0) -> Iterator[None]:
    """A sender, until the end."""
    stop = Event()
    with composition.webhooks(feeding.settings, system_act, patience, lease_seconds) as sender:
        thread = Thread(target=sender.run, args=(stop,), daemon=True)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join(PATIENCE_SECONDS)
        assert not thread.is_alive()


class Administrator:
    """An agency's administrator, at the agency's webhook."""

    def __init__(self, feeding: Feeding, agency: str) -> None:
        self._http = feeding.client(agency, Role.AGENCY_ADMINISTRATOR)
        self._second = feeding.client(agency, Role.SUPERVISOR)
        self._at = f"/agencies/{agency}/webhook"

    def post(self, action: str = "", **body: Any) -> httpx.Response:
        return seconded(self._http.post(f"{self._at}{action}", json=body), self._second)

    def does(self, action: str = "", **body: Any) -> None:
        answer = self.post(action, **body)
        assert answer.status_code == 200, answer.text

    def sees(self) -> dict[str, Any]:
        answer = self._http.get(self._at)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found


def problem(response: httpx.Response) -> tuple[int, str]:
    return response.status_code, response.json()["type"].removeprefix("urn:rujukan:problem:")


# What is posted ------------------------------------------------------------------------------------------------


def test_what_the_agency_is_told_is_posted_in_order_signed_and_sealed(feeding: Feeding, receiver: Receiver) -> None:
    administrator, case = Administrator(feeding, "rsud"), feeding.case_with("rsud")
    administrator.does(url=receiver.url)
    head, shown = feeding.head("rsud"), administrator.sees()
    assert (shown["url"], shown["head"], shown["disabled"]) == (receiver.url, head, None)
    with sending(feeding):
        assert eventually(lambda: len(receiver.taken) == head)
        feeding.note(case, "while it runs")
        assert eventually(lambda: len(receiver.taken) == head + 1)
        assert eventually(lambda: administrator.sees()["sent"] == head + 1)
    assert receiver.sequences() == list(range(1, head + 2))
    for post in receiver.posts:
        assert post.headers["content-type"] == "application/cloudevents+json"
        assert post.headers["webhook-id"] == post.event["id"]
        assert abs(int(post.headers["webhook-timestamp"]) - time.time()) < 120
        assert post.signed(shown["secret"])
        post.check(shown["public_key"])
    assert feeding.opened("rsud", receiver.taken[-1].event).fields()["health"] == "while it runs"
    after = administrator.sees()
    assert (after["sent"], after["failures"], after["outcome"]) == (head + 1, 0, "taken")


@pytest.mark.thorough
def test_the_next_is_posted_only_when_the_last_was_taken(
    feeding: Feeding, receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    """Whatever else is answered, with whatever body: nobody keeps that, and a redirect leads nowhere."""
    caplog.set_level(logging.DEBUG)
    with receiving() as elsewhere:
        refusals = iter(
            [
                Answer(500, (), b"RAHASIA" * 100_000),
                Answer(302, (("location", elsewhere.url),)),
                Answer(429, (("retry-after", "1"),)),
                Answer(200, (), b"RAHASIA" * 100_000),
            ]
        )
        receiver.answer = lambda post: next(refusals, Answer())
        feeding.case_with("polres")
        head = feeding.head("polres")
        Administrator(feeding, "polres").does(url=receiver.url)
        with sending(feeding):
            assert eventually(lambda: len(receiver.taken) == head)
    assert [post.sequence for post in receiver.posts] == [1, 1, 1, *range(1, head + 1)]
    assert len({post.headers["webhook-id"] for post in receiver.posts[:4]}) == 1
    assert elsewhere.posts == []
    assert "RAHASIA" not in caplog.text


@pytest.mark.thorough
def test_what_hangs_is_given_up_and_holds_nobody_else_back(feeding: Feeding, receiver: Receiver) -> None:
    hung = Event()
    receiver.answer = lambda post: Answer(204 if hung.wait(600) else 500)
    feeding.case_with("lbh")
    case = feeding.case_with("dinsos")
    Administrator(feeding, "lbh").does(url=receiver.url)
    with receiving() as lively, sending(feeding, QUICK._replace(attempt_seconds=1.0)):
        Administrator(feeding, "dinsos").does(url=lively.url)
        assert eventually(lambda: len(lively.taken) >= feeding.head("dinsos"))
        assert eventually(lambda: Administrator(feeding, "lbh").sees()["outcome"] == "no answer in time")
        feeding.note(case)
        assert eventually(lambda: len(lively.taken) >= feeding.head("dinsos"))
        hung.set()
        assert eventually(lambda: len(receiver.taken) >= feeding.head("lbh"))
    assert sorted(set(receiver.sequences())) == list(range(1, feeding.head("lbh") + 1))


OK = b"HTTP/1.1 200 OK\r\nContent-Length: 9999999999\r\n\r\n"
DRIPS, FLOODS = 0.05, 0.0
TAKEN = "taken"
NASTY = {
    "the head byte by byte": (b"HTTP/1.1 200 OK\r\nX: " + b"y" * 9999, DRIPS, "no answer in time"),
    "a head without end": (b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 9_999_999, FLOODS, "connection broken"),
    "one more moment, for ever": (b"HTTP/1.1 100 Continue\r\n\r\n" * 999, DRIPS, "no answer in time"),
    "the body byte by byte": (OK + b"y" * 9999, DRIPS, TAKEN),
    "gigabytes": (OK + b"y" * 60_000_000, FLOODS, TAKEN),
    "no HTTP": (b"\x00" * 60_000_000, FLOODS, "connection broken"),
}


@contextmanager
def nasty(answer: bytes, pause: float) -> Iterator[tuple[str, list[int]]]:
    """A receiver that says this to everybody, so fast; its address, and how much was taken of each."""
    sent: list[int] = []
    step = 1 if pause else 65536

    class Handler(BaseRequestHandler):
        def handle(self) -> None:
            n = len(sent)
            sent.append(0)
            with suppress(OSError):
                self.request.recv(65536)
                begin = len(OK) if answer.startswith(OK) else 0
                self.request.sendall(answer[:begin])
                for at in range(begin, len(answer), step):
                    self.request.sendall(answer[at : at + step])
                    sent[n] += step
                    time.sleep(pause)

    class Server(ThreadingTCPServer):
        daemon_threads = allow_reuse_address = True

    with Server(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}/hook", sent
        server.shutdown()


@pytest.mark.thorough
def test_whatever_a_receiver_answers_it_is_done_with_in_time_and_little_of_it_is_read(feeding: Feeding) -> None:
    feeding.case_with("lbh")
    administrator = Administrator(feeding, "lbh")
    head = feeding.head("lbh")
    for what, (answer, pause, outcome) in NASTY.items():
        patience = Patience(schedule=(0.5,), attempt_seconds=2.0 if pause else 60.0)
        with nasty(answer, pause) as (url, sent), sending(feeding, patience):
            administrator.does(url=url)
            administrator.does("/replay", after=head - 1)

            def is_done(outcome: str = outcome) -> bool:
                seen = administrator.sees()
                return seen["sent"] == head if outcome == TAKEN else seen["outcome"] == outcome

            assert eventually(is_done), what
            assert max(sent, default=0) < 16 * 1024 * 1024, what


@pytest.mark.thorough
def test_a_name_that_is_looked_up_for_ever_keeps_no_other_waiting(
    feeding: Feeding, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers, real = Event(), names.look_up

    def look_up(host: str, port: int) -> list[str]:
        if host.endswith(".example"):
            answers.wait(600)
        return real(host, port)

    monkeypatch.setattr(names, "look_up", look_up)
    slow = ("lbh", "rumah-aman", "polres", "kejari", "dinsos", "disdik")
    agencies = [agency for agency in slow if agency in feeding.keys and agency != "dinsos"]
    for agency in (*agencies, "dinsos"):
        feeding.case_with(agency)
    try:
        with sending(feeding, Patience(schedule=(0.1,), attempt_seconds=1.0)):
            for agency in agencies:
                Administrator(feeding, agency).does(url=f"https://{agency}.example/hook")
            for agency in agencies:
                assert eventually(lambda a=agency: Administrator(feeding, a).sees()["outcome"] == "no answer in time")
            Administrator(feeding, "dinsos").does(url=receiver.url)
            assert eventually(lambda: receiver.taken)
            assert sum(thread.name == "look-up" for thread in enumerate_threads()) <= len(agencies)
    finally:
        answers.set()


@pytest.mark.thorough
def test_the_status_counts_whatever_becomes_of_the_rest(feeding: Feeding, receiver: Receiver) -> None:
    receiver.answer = lambda post: Answer(200, (), b"half", lacking=10) if post.sequence == 1 else Answer()
    administrator = Administrator(feeding, "rumah-aman")
    feeding.case_with("rumah-aman")
    administrator.does(url=receiver.url)
    administrator.does("/replay", after=0)
    head = feeding.head("rumah-aman")
    with sending(feeding):
        assert eventually(lambda: administrator.sees()["sent"] == head)
    assert [post.sequence for post in receiver.posts] == list(range(1, head + 1))


@pytest.mark.thorough
def test_nothing_is_posted_for_a_suspended_agency(
    feeding: Feeding, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rujukan.infra.webhooks.sending.LATER_SECONDS", 0.5)
    casework, act = feeding.office.casework, system_act()
    feeding.case_with("psikolog")
    Administrator(feeding, "psikolog").does(url=receiver.url)
    casework.handle(AGENCY, "psikolog", SuspendAgency(occurred_at=act.at, reason="x"), act, correlation=uuid4())
    feeding.head("psikolog")
    with sending(feeding):
        goes_around(feeding)
        assert receiver.posts == []
        casework.handle(AGENCY, "psikolog", ReactivateAgency(occurred_at=act.at), system_act(), correlation=uuid4())
        assert eventually(lambda: len(receiver.taken) == feeding.head("psikolog"))


# When it fails -------------------------------------------------------------------------------------------------


@pytest.mark.thorough
def test_what_is_gone_is_disabled_at_once_until_it_is_enabled(feeding: Feeding, receiver: Receiver) -> None:
    administrator = Administrator(feeding, "rumah-aman")
    receiver.answer = lambda post: Answer(410 if post.sequence == 2 else 204)
    feeding.case_with("rumah-aman")
    administrator.does(url=receiver.url)
    administrator.does("/replay", after=0)
    head = feeding.head("rumah-aman")
    with sending(feeding):
        assert eventually(lambda: administrator.sees()["disabled"] == "gone")
        goes_around(feeding)
        assert [post.sequence for post in receiver.posts] == [1, 2]
        receiver.answer = lambda post: Answer()
        administrator.does("/enabling")
        assert eventually(lambda: receiver.sequences() == list(range(1, head + 1)))
    assert administrator.sees()["disabled"] is None
    assert problem(administrator.post("/enabling")) == (409, "already-exists")


@pytest.mark.thorough
def test_what_fails_for_too_long_is_disabled(feeding: Feeding, receiver: Receiver) -> None:
    administrator = Administrator(feeding, "disdik")
    receiver.answer = lambda post: Answer(503)
    feeding.case_with("disdik")
    feeding.head("disdik")
    administrator.does(url=receiver.url)
    with sending(feeding, QUICK._replace(disable_seconds=1.0)):
        assert eventually(lambda: administrator.sees()["disabled"] == "failing")
        tried = len(receiver.posts)
        assert tried >= 2
        goes_around(feeding)
        assert len(receiver.posts) == tried
    shown = administrator.sees()
    assert shown["outcome"] == "status 503"
    assert (shown["sent"], shown["failures"]) == (0, tried)


@pytest.mark.thorough
def test_it_is_replayed_from_a_sequence_and_goes_on_from_there(feeding: Feeding, receiver: Receiver) -> None:
    """Back to post again, forward to leave out what a receiver cannot take."""
    administrator, case = Administrator(feeding, "rsud"), feeding.case_with("rsud")
    administrator.does(url=receiver.url)
    head = feeding.head("rsud")
    with sending(feeding):
        assert eventually(lambda: administrator.sees()["sent"] == head)
        receiver.taken.clear()
        administrator.does("/replay", after=head - 2)
        assert eventually(lambda: receiver.sequences() == [head - 1, head])
        receiver.answer = lambda post: Answer(204 if post.sequence > head + 1 else 500)
        feeding.note(case, "cannot be taken")
        feeding.note(case, "can be taken")
        assert eventually(lambda: administrator.sees()["failures"] > 0)
        administrator.does("/replay", after=head + 1)
        assert eventually(lambda: receiver.sequences()[-1] == head + 2)
        assert problem(administrator.post("/replay", after=10**6)) == (409, "not-told")
        feeding.note(case, "the next")
        assert eventually(lambda: receiver.sequences()[-1] == head + 3), "nothing is skipped that was not told yet"


@pytest.mark.thorough
def test_what_a_sender_had_only_just_taken_when_it_was_stopped_waits_for_no_lease(
    feeding: Feeding, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    feeding.case_with("rsud")
    Administrator(feeding, "rsud").does(url=receiver.url)
    head, stop = feeding.head("rsud"), Event()
    with composition.webhooks(feeding.settings, system_act, QUICK, 120.0) as sender:
        claim = sender._rows.claim

        def claimed(most: int) -> Any:
            found = claim(most)
            stop.set()
            for ring in sender._bell._told:
                ring(None)
            return found

        monkeypatch.setattr(sender._rows, "claim", claimed)
        sender.run(stop)
    assert receiver.posts == []
    with sending(feeding):
        assert eventually(lambda: receiver.taken and receiver.sequences()[-1] == head)


# Setting, secrets, removing ------------------------------------------------------------------------------------


@pytest.mark.thorough
def test_a_webhook_that_is_set_anew_has_another_secret_and_goes_on(feeding: Feeding, receiver: Receiver) -> None:
    administrator, case = Administrator(feeding, "rsud"), feeding.case_with("rsud")
    administrator.does(url=receiver.url)
    old = administrator.sees()["secret"]
    with sending(feeding):
        assert eventually(lambda: administrator.sees()["sent"] == feeding.head("rsud"))
        administrator.does(url=receiver.url)
        new = administrator.sees()["secret"]
        assert new != old
        feeding.head("rsud")
        receiver.posts.clear()
        feeding.note(case)
        assert eventually(lambda: receiver.posts)
        assert receiver.posts[-1].signed(new)
        assert receiver.posts[-1].signed(old), "for a day both sign, so that nothing is lost in between"
        administrator.does("/removal")
        feeding.note(case)
        feeding.head("rsud")
        before = len(receiver.posts)
        goes_around(feeding)
        assert len(receiver.posts) == before
    assert problem(feeding.client("rsud", Role.AGENCY_ADMINISTRATOR).get("/agencies/rsud/webhook")) == (404, "unknown")


def test_a_webhook_is_its_own_administrators_alone(feeding: Feeding, receiver: Receiver) -> None:
    Administrator(feeding, "polres").does(url=receiver.url)
    at = "/agencies/polres/webhook"
    for agency, role, said in (
        ("rsud", Role.AGENCY_ADMINISTRATOR, "not-for-this-agency"),
        ("uptd-ppa", Role.AGENCY_ADMINISTRATOR, "not-for-this-agency"),
        ("polres", Role.INTEGRATOR, "not-for-this-role"),
        ("polres", Role.SUPERVISOR, "not-for-this-role"),
    ):
        client = feeding.client(agency, role)
        assert problem(client.get(at)) == (403, said)
        for action, body in (("", {"url": receiver.url}), ("/removal", {}), ("/replay", {"after": 0})):
            assert problem(client.post(at + action, json=body)) == (403, said)
    with psycopg.connect(as_role(feeding.settings.database, SERVICE), autocommit=True) as db:
        count = "SELECT count(*) FROM delivery.webhooks"
        assert db.execute(count).fetchone() == (0,)
        db.execute("SELECT set_config('rujukan.agency', 'rsud', false)")
        agencies = db.execute("SELECT DISTINCT agency FROM delivery.webhooks").fetchall()
        assert agencies in ([], [("rsud",)])
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            db.execute("UPDATE delivery.webhooks SET sent = 0")


@pytest.mark.parametrize(
    "url",
    [
        "https://10.0.0.1/",
        "https://169.254.169.254/latest/meta-data",
        "https://[::1]/",
        "http://93.184.215.14/",
        "https://user:RAHASIA@rsud.example/",
        "https://rsud.example/#RAHASIA",
        "ftp://rsud.example/RAHASIA",
        "RAHASIA",
    ],
)
def test_an_address_that_may_not_be_posted_to_is_not_set(feeding: Feeding, url: str) -> None:
    refused = Administrator(feeding, "dinsos").post(url=url)
    assert refused.status_code == 422
    assert "RAHASIA" not in refused.text


@pytest.mark.thorough
def test_a_name_that_leads_inside_is_found_out_when_it_is_resolved(feeding: Feeding, receiver: Receiver) -> None:
    """That name may lead elsewhere whenever it is asked for: what it leads to is judged, and connected to."""
    administrator = Administrator(feeding, "dinsos")
    feeding.case_with("dinsos")
    administrator.does(url=receiver.url.replace("127.0.0.1", "localhost"))
    feeding.head("dinsos")
    outside = Feeding(
        replace(feeding.settings, webhook_networks="10.0.0.0/8"),
        feeding.office,
        feeding.keys,
        feeding.url,
        feeding.gate,
    )
    with sending(outside):
        assert eventually(lambda: administrator.sees()["outcome"] == "address not allowed")
    assert receiver.posts == []


@pytest.mark.thorough
def test_over_tls_the_name_is_checked_though_its_address_is_called(
    feeding: Feeding, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    administrator = Administrator(feeding, "lbh")
    feeding.case_with("lbh")
    trusted, other = certified(tmp_path, "localhost"), certified(tmp_path, "rsud.example")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "trusted.pem"))
    (tmp_path / "trusted.pem").write_bytes(trusted.read_bytes() + other.read_bytes())
    with receiving(other, "localhost") as wrong, sending(feeding):
        administrator.does(url=wrong.url)
        assert eventually(lambda: administrator.sees()["outcome"] == "no connection")
        with receiving(trusted, "localhost") as right:
            administrator.does(url=right.url)
            assert eventually(lambda: right.taken)
            assert right.taken[0].headers["host"] == right.url.removeprefix("https://").removesuffix("/hook")
        assert wrong.posts == []


# Several senders, and killed ones ------------------------------------------------------------------------------


@pytest.mark.thorough
def test_several_senders_share_the_work_and_post_once(feeding: Feeding) -> None:
    agencies = ("rsud", "polres", "lbh", "dinsos")
    with receiving() as one, receiving() as two, receiving() as three, receiving() as four:
        receivers = dict(zip(agencies, (one, two, three, four), strict=True))
        cases = {agency: feeding.case_with(agency) for agency in agencies}
        for agency, receiver in receivers.items():
            Administrator(feeding, agency).does(url=receiver.url)
            Administrator(feeding, agency).does("/replay", after=0)
        with sending(feeding), sending(feeding), sending(feeding):
            for case in cases.values():
                feeding.note(case)
            heads = {agency: feeding.head(agency) for agency in agencies}
            assert eventually(lambda: all(len(receivers[a].taken) >= heads[a] for a in agencies))
        for agency, receiver in receivers.items():
            assert receiver.sequences() == list(range(1, heads[agency] + 1))


PROGRAM = """
from threading import Event
from rujukan.infra import composition
from rujukan.infra.system_act import system_act
from rujukan.infra.settings import from_environment
with composition.webhooks(from_environment(), system_act, None, 2.0) as sender:
    print("ready", flush=True)
    sender.run(Event())
"""


@pytest.mark.thorough
def test_a_killed_sender_loses_nothing(feeding: Feeding, receiver: Receiver) -> None:
    """In the middle of a message: another sender posts it again under the same id, and all behind it."""
    feeding.case_with("rsud")
    head = feeding.head("rsud")
    reached, go_on = Event(), Event()

    def hold(post: Post) -> Answer:
        if post.sequence == head - 1 and not go_on.is_set():
            reached.set()
            go_on.wait(600)
            return Answer(500)
        return Answer()

    receiver.answer = hold
    Administrator(feeding, "rsud").does(url=receiver.url)
    Administrator(feeding, "rsud").does("/replay", after=0)
    feeding.head("rsud")
    child = subprocess.Popen(
        [sys.executable, "-c", PROGRAM], env=to_environment(feeding.settings), stdout=subprocess.DEVNULL
    )
    try:
        assert reached.wait(PATIENCE_SECONDS)
        child.send_signal(signal.SIGKILL)
        child.wait(PATIENCE_SECONDS)
    finally:
        child.kill()
        go_on.set()
    assert receiver.sequences() == list(range(1, head - 1))
    with sending(feeding):
        assert eventually(lambda: len(receiver.taken) >= head)
    assert receiver.sequences() == list(range(1, head + 1))
    again = [post.headers["webhook-id"] for post in receiver.posts if post.sequence == head - 1]
    assert len(again) == 2
    assert len(set(again)) == 1


@pytest.mark.thorough
def test_a_sender_that_is_halted_is_replaced_and_changes_nothing_when_it_wakes(
    feeding: Feeding, receiver: Receiver
) -> None:
    """The other does not wait for as long as an attempt may take."""
    case = feeding.case_with("rsud")
    head, reached, go_on = feeding.head("rsud"), Event(), Event()
    held: list[int] = []

    def hold_once(post: Post) -> Answer:
        if post.sequence == head and not held:
            held.append(post.sequence)
            reached.set()
            go_on.wait(600)
        return Answer()

    receiver.answer = hold_once
    administrator = Administrator(feeding, "rsud")
    administrator.does(url=receiver.url)
    feeding.head("rsud")
    child = subprocess.Popen(
        [sys.executable, "-c", PROGRAM], env=to_environment(feeding.settings), stdout=subprocess.DEVNULL
    )
    try:
        assert reached.wait(PATIENCE_SECONDS)
        child.send_signal(signal.SIGSTOP)
        feeding.note(case, "behind it")
        with sending(feeding):
            assert eventually(lambda: administrator.sees()["sent"] == head + 1)
        go_on.set()
        child.send_signal(signal.SIGCONT)
        feeding.note(case, "once it woke up")
        assert eventually(lambda: administrator.sees()["sent"] == head + 2)
    finally:
        child.kill()
        child.wait(PATIENCE_SECONDS)
        go_on.set()
    assert sorted(post.sequence for post in receiver.posts) == [*range(1, head + 1), head, head + 1, head + 2]


@pytest.mark.thorough
def test_a_lease_is_renewed_while_an_attempt_goes_on(feeding: Feeding, receiver: Receiver) -> None:
    """So nobody else makes it, however long it takes."""
    feeding.case_with("rsud")
    head, reached, go_on = feeding.head("rsud"), Event(), Event()

    def slow(post: Post) -> Answer:
        if post.sequence == head:
            reached.set()
            go_on.wait(PATIENCE_SECONDS)
        return Answer()

    receiver.answer = slow
    administrator = Administrator(feeding, "rsud")
    administrator.does(url=receiver.url)
    feeding.head("rsud")
    until = "SELECT leased_until FROM delivery.webhooks WHERE agency = 'rsud' AND leased_until > %s"
    with sending(feeding), psycopg.connect(feeding.settings.database, autocommit=True) as db:
        assert reached.wait(PATIENCE_SECONDS)
        (first,) = db.execute(until, ("-infinity",)).fetchone() or ()
        assert eventually(lambda: db.execute(until, (first,)).fetchone() is not None)
        go_on.set()
        assert eventually(lambda: administrator.sees()["sent"] == head)


def test_a_whole_system_posts_to_its_own_machine(running: Running, receiver: Receiver) -> None:
    """Its publisher process does, and the embedded system allows it."""
    administrator = running.client("uptd-ppa", Role.AGENCY_ADMINISTRATOR)
    at = "/agencies/uptd-ppa/webhook"
    asked = administrator.post(at, json={"url": receiver.url})
    assert seconded(asked, running.client("uptd-ppa", Role.SUPERVISOR)).status_code == 200
    head = running.client("uptd-ppa", Role.INTEGRATOR).get("/subscription").json()["head"]
    assert administrator.post(f"{at}/replay", json={"after": head}).status_code == 200, "others told it much"
    assert running.client("uptd-ppa").post("/cases", json=OPENING.example).status_code == 201
    assert eventually(lambda: receiver.taken and receiver.sequences()[-1] > head)
    assert eventually(lambda: administrator.get(at).json()["sent"] >= receiver.sequences()[-1])
    assert administrator.post(f"{at}/removal", json={}).status_code == 200
