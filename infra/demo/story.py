"""Two cases of Bontang, told through the HTTP API alone, each act by a person of an agency with a token.

1. A girl of 13, sexual violence within the family: emergency referral to the hospital with its 72-hour
   clock, the police, a shelter that is full and another in its place, the school whose part the mother
   takes back, closure.
2. A woman, domestic violence: protection by the police that comes too late for its 24-hour clock, legal
   aid, a consent withdrawn while the work runs, closure.
"""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import httpx

from ...domain.codes import Purpose, Role
from ..issuer import EmbeddedIssuer, usual_actor

Says = Callable[[str, str], None]
"""Told of each step: who, and what."""


class Refused(Exception):
    """The API refused a step of the story."""


class Desk:
    """A person's desk at an agency: acts and reads through the API."""

    def __init__(self, http: httpx.Client, issuer: EmbeddedIssuer, agency: str, role: Role, purpose: Purpose) -> None:
        self.agency = agency
        self._http = http
        self.headers = {
            "Authorization": f"Bearer {issuer.token(usual_actor(agency, role), agency, [role])}",
            "Purpose-Of-Use": purpose.value,
        }

    def post(self, path: str, **body: Any) -> dict[str, Any]:
        """Act. Raises Refused."""
        return self._answer(_asked(lambda: self._http.post(path, json=body, headers=self.headers)))

    def get(self, path: str, **query: Any) -> dict[str, Any]:
        """Read. Raises Refused."""
        return self._answer(_asked(lambda: self._http.get(path, params=query, headers=self.headers)))

    def status(self, path: str) -> int:
        """The HTTP status that reading this gives."""
        return _asked(lambda: self._http.get(path, headers=self.headers)).status_code

    def _answer(self, response: httpx.Response) -> dict[str, Any]:
        body: dict[str, Any] = response.json()
        if response.is_error:
            raise Refused(f"{self.agency}: {response.request.url.path}: {response.status_code} {body.get('type')}")
        return body


def _asked(ask: Callable[[], httpx.Response]) -> httpx.Response:
    """What is answered, asked again no sooner than the service says: a machine that is slow lets in less."""
    while (response := ask()).status_code == httpx.codes.TOO_MANY_REQUESTS:
        time.sleep(int(response.headers["Retry-After"]))
    return response


class Played(NamedTuple):
    """What the story left behind."""

    cases: list[str]
    position: int


def tell(url: str, issuer: EmbeddedIssuer, says: Says = lambda who, what: None) -> Played:
    """Play both cases. Raises Refused where a step does not go as it should."""
    with httpx.Client(base_url=url, timeout=30) as http:
        story = _Story(http, issuer, says)
        first = story.child()
        second = story.woman()
        return Played([first, second], story.position)


class _Story:
    def __init__(self, http: httpx.Client, issuer: EmbeddedIssuer, says: Says) -> None:
        def at(agency: str, role: Role = Role.CASE_WORKER, purpose: Purpose = Purpose.CARE) -> Desk:
            return Desk(http, issuer, agency, role, purpose)

        self.lead = at("uptd-ppa")
        self.supervisor = at("uptd-ppa", Role.SUPERVISOR, Purpose.SUPERVISION)
        self.police = at("polres", purpose=Purpose.PROTECTION)
        self.hospital = at("rsud")
        self.social = at("dinsos")
        self.legal_aid = at("lbh", purpose=Purpose.LEGAL)
        self.shelter = at("rumah-aman", purpose=Purpose.PROTECTION)
        self.psychologist = at("psikolog")
        self.school = at("disdik", purpose=Purpose.COORDINATION)
        self.says = says
        self.position = 0

    def child(self) -> str:
        lead, now = self.lead, datetime.now(UTC)
        case = self._do(
            "A mother reports; the case is opened",
            lead,
            "/cases",
            channel="in-person",
            reporter="family",
            urgency="emergency",
            age_group="adolescent",
            reporter_name="Ibu Melati (nama samaran)",
            account="Anak bercerita kepada ibunya tadi malam.",
        )["id"]
        here = f"/cases/{case}"
        self._do("The survivor's identity is recorded", lead, f"{here}/survivor/identity", name="Mawar (nama samaran)",
                 born_on="2013-02-11", sex="female")  # fmt: skip
        self._do("How she can be reached safely", lead, f"{here}/survivor/contact", phone="0811-0000-0000",
                 safe_times="pagi, lewat ibu", safe_to_call=True)  # fmt: skip
        self._do(
            "What happened, 20 hours ago; seven clocks could start, those of the pathway do",
            lead,
            f"{here}/incidents",
            forms=["seksual"],
            gbv_type="rape",
            happened_at=(now - timedelta(hours=20)).isoformat(),
            place="rumah-tangga",
            narrative="Terjadi di rumah; terlapor dikenal keluarga.",
        )
        self._do("Risk is assessed: high", lead, f"{here}/risk-assessments", level="high",
                 reasons="Terlapor tinggal di rumah yang sama.")  # fmt: skip
        school_consent = self._consent(lead, here, ["identity"], ["disdik"], ["coordination"])
        self._consent(lead, here, ["identity", "contact", "incident", "health", "safety"], ["rsud"], ["care"])
        self._consent(lead, here, ["identity", "contact", "incident", "safety"], ["polres"], ["protection"])
        self._consent(lead, here, ["identity", "safety", "psychosocial"], ["kind:shelter", "dinsos"], ["protection"])
        clocks = lead.get(here)["clocks"]
        soonest = min(clocks, key=lambda c: str(c["due_at"]))
        pep = next(c for c in clocks if _hours(c, now) < 53 and c is not soonest)
        to_hospital = self._refer(
            lead, here, "rsud", "kesehatan", "emergency", "care", ["identity", "incident", "health"],
            health="PEP, kontrasepsi darurat, visum.", clocks=[pep["clock"]],
        )  # fmt: skip
        to_police = self._refer(
            lead, here, "polres", "perlindungan-polisi", "urgent", "protection",
            ["identity", "contact", "incident", "safety"],
        )  # fmt: skip
        hospital = f"{here}/referrals/{to_hospital}"
        for move in ("receipt", "acceptance", "start"):
            self._do(f"The hospital: {move}", self.hospital, f"{hospital}/{move}")
        self._do(
            "PEP is given in time; its clock ends, and the tests that follow it have theirs",
            self.hospital,
            f"{here}/services",
            service="kesehatan",
            referral=to_hospital,
            gave=["hiv-pep"],
            health="PEP hari pertama diberikan.",
        )
        self._do("The hospital closes the loop", self.hospital, f"{hospital}/completion", outcome="service-delivered")
        police = f"{here}/referrals/{to_police}"
        for move in ("receipt", "acceptance", "start"):
            self._do(f"The police: {move}", self.police, f"{police}/{move}")
        self._do("Temporary protection is granted", self.police, f"{here}/protection-orders",
                 order="SP.Lindung/01", issued_by="Polres Bontang", valid_from=now.date().isoformat(),
                 kind="police", given_at=datetime.now(UTC).isoformat())  # fmt: skip
        full = self._refer(lead, here, "rumah-aman", "rumah-aman", "urgent", "protection", ["identity", "safety"])
        self._do("The shelter has it", self.shelter, f"{here}/referrals/{full}/receipt")
        self._do("The shelter is full and declines", self.shelter, f"{here}/referrals/{full}/rejection",
                 reason="no-capacity")  # fmt: skip
        instead = self._refer(
            lead, here, "dinsos", "rumah-aman", "urgent", "protection", ["identity", "safety"], redirects=full
        )
        for move in ("receipt", "acceptance", "start"):
            self._do(f"Social services, in its place: {move}", self.social, f"{here}/referrals/{instead}/{move}")
        to_school = self._refer(lead, here, "disdik", "pendidikan", "routine", "coordination", ["identity"])
        self._do("The mother takes back the consent for the school", lead,
                 f"{here}/consents/{school_consent}/withdrawal")  # fmt: skip
        self._expect(lead, here, to_school, "cancelled")
        self._do("Social services close the loop", self.social, f"{here}/referrals/{instead}/completion",
                 outcome="service-delivered")  # fmt: skip
        self._do("The police close the loop", self.police, f"{police}/completion", outcome="service-delivered")
        self._do("A follow-up visit", lead, f"{here}/follow-ups", psychosocial="Tidur lebih baik.")
        self._do("The case is closed: goals met", lead, f"{here}/closure", reason="goals-met")
        if self.psychologist.status(here) != 404:
            raise Refused("an agency that took no part can see the case")
        return str(case)

    def woman(self) -> str:
        lead, now = self.lead, datetime.now(UTC)
        reported = (now - timedelta(hours=26)).isoformat()
        case = self._do(
            "A woman called the hotline 26 hours ago",
            lead,
            "/cases",
            channel="hotline",
            reporter="survivor",
            urgency="urgent",
            age_group="adult",
            account="Suami memukul berulang kali.",
            occurred_at=reported,
        )["id"]
        here = f"/cases/{case}"
        self._do("Her identity is recorded", lead, f"{here}/survivor/identity", name="Kenanga (nama samaran)",
                 nik="6474015503880002", sex="female")  # fmt: skip
        self._do("What happened; no clock of the police runs, as they know nothing", lead, f"{here}/incidents",
                 forms=["fisik"], gbv_type="physical-assault", domestic=True, place="rumah-tangga",
                 occurred_at=reported, narrative="Lebam di lengan.")  # fmt: skip
        self._consent(lead, here, ["identity", "contact", "incident"], ["polres"], ["protection"], by=["survivor"],
                      occurred_at=reported)  # fmt: skip
        to_lbh = self._consent(lead, here, ["identity", "incident", "legal"], ["lbh"], ["legal"], by=["survivor"])
        police = self._refer(
            lead, here, "polres", "perlindungan-polisi", "emergency", "protection", ["identity", "incident"],
            occurred_at=reported,
        )  # fmt: skip
        self._do("The police: receipt; it was 26 hours ago, and their 24 hours run from then", self.police,
                 f"{here}/referrals/{police}/receipt", occurred_at=reported)  # fmt: skip
        for move in ("acceptance", "start"):
            self._do(f"The police: {move}", self.police, f"{here}/referrals/{police}/{move}")
        self._do("Protection comes, too late for its clock; the court is to be asked within a day", self.police,
                 f"{here}/protection-orders", order="SP.Lindung/02", issued_by="Polres Bontang",
                 valid_from=now.date().isoformat(), kind="police", given_at=datetime.now(UTC).isoformat())  # fmt: skip
        self._do("The court is asked for a protection order", self.police, f"{here}/protection-requests",
                 asked="court", request="B/02/2026")  # fmt: skip
        self._do("The police close the loop", self.police, f"{here}/referrals/{police}/completion",
                 outcome="service-delivered")  # fmt: skip
        aid = self._refer(lead, here, "lbh", "bantuan-hukum", "routine", "legal", ["identity", "incident", "legal"])
        for move in ("receipt", "acceptance", "start"):
            self._do(f"Legal aid: {move}", self.legal_aid, f"{here}/referrals/{aid}/{move}")
        self._do("She withdraws her consent; the running work is held", lead,
                 f"{here}/consents/{to_lbh}/withdrawal")  # fmt: skip
        self._expect(lead, here, aid, "on-hold")
        self._do("A person decides: the referral is cancelled", lead, f"{here}/referrals/{aid}/cancellation",
                 reason="consent-withdrawn")  # fmt: skip
        self._do("The case is closed as she asks", lead, f"{here}/closure", reason="survivor-asked")
        return str(case)

    def _do(self, what: str, desk: Desk, path: str, **body: Any) -> dict[str, Any]:
        done = desk.post(path, **body)
        self.position = max(self.position, int(done["position"]))
        self.says(desk.agency, what)
        return done

    def _consent(
        self, desk: Desk, here: str, compartments: list[str], recipients: list[str], purposes: list[str],
        by: list[str] | None = None, **more: Any,
    ) -> str:  # fmt: skip
        done = self._do(
            f"Consent: {', '.join(recipients)} may know {', '.join(compartments)}",
            desk,
            f"{here}/consents",
            compartments=compartments,
            recipients=recipients,
            purposes=purposes,
            given_by=by or ["survivor", "caregiver"],
            obtained="written",
            **more,
        )
        return str(done["id"])

    def _refer(
        self, desk: Desk, here: str, recipient: str, service: str, urgency: str, purpose: str,
        compartments: list[str], **more: Any,
    ) -> str:  # fmt: skip
        referral = self._do(
            f"A referral to {recipient} is drafted",
            desk,
            f"{here}/referrals",
            recipient=recipient,
            service=service,
            urgency=urgency,
            purpose=purpose,
            compartments=compartments,
            **more,
        )["id"]
        said = {"occurred_at": more["occurred_at"]} if "occurred_at" in more else {}
        self._do(f"It is sent to {recipient}: {urgency}", desk, f"{here}/referrals/{referral}/sending", **said)
        return str(referral)

    def _expect(self, desk: Desk, here: str, referral: str, status: str) -> None:
        found = next(r["status"] for r in desk.get(here)["referrals"] if r["referral"] == referral)
        if found != status:
            raise Refused(f"a referral is {found} and should be {status}")


def _hours(clock: dict[str, Any], now: datetime) -> float:
    """Hours until a clock runs out."""
    return (datetime.fromisoformat(clock["due_at"]) - now) / timedelta(hours=1)
