"""Every action as a resource: where it is posted, the command it becomes, and an example that works.

`{case}` and what else stands in a path are not repeated in the body. `mints` names the id that the action
makes; a caller may send its own, but for a case: a taken id would tell that there is such a case.
`occurred_at` may be left out: it happened now.
"""

import base64
from typing import Any, NamedTuple

from rujukan.domain import agency as a
from rujukan.domain import webhook as w
from rujukan.domain.case import commands as c
from rujukan.domain.fact import Fact


class Action(NamedTuple):
    """One action. `example` fits the case that `tests/integration/test_contract.py` walks through."""

    path: str
    command: type[Fact]
    tag: str
    example: dict[str, Any]
    mints: str | None = None


CASE = "/cases/{case}"
REFERRAL = "/cases/{case}/referrals/{referral}"

HAPPENED = "2026-03-01T21:30:00+08:00"

EXAMPLE_KEY = base64.urlsafe_b64encode(bytes(1184) + bytes((9,)) + bytes(31)).rstrip(b"=").decode()
"""A well-formed public key whose private half everybody knows (X25519's base point): an example, never a key."""

SCOPE: dict[str, Any] = {
    "compartments": ["identity", "contact", "incident", "health"],
    "recipients": ["rsud", "kind:police"],
    "purposes": ["care", "protection"],
}

CASE_ACTIONS: tuple[Action, ...] = (
    Action(
        f"{CASE}/reports",
        c.ReceiveReport,
        "intake",
        {"channel": "hotline", "reporter": "witness", "account": "Tetangga mendengar teriakan."},
    ),
    Action(
        f"{CASE}/survivor/identity",
        c.IdentifySurvivor,
        "intake",
        {"name": "Bunga (nama samaran)", "nik": "6474014107120001", "born_on": "2012-07-01", "sex": "female"},
    ),
    Action(
        f"{CASE}/survivor/identity/corrections",
        c.CorrectSurvivorIdentity,
        "intake",
        {"name": "Bunga (nama samaran)", "born_on": "2012-07-02", "sex": "female", "reason": "Sesuai akta lahir."},
    ),
    Action(
        f"{CASE}/survivor/contact",
        c.RecordSurvivorContact,
        "intake",
        {"phone": "0000-0000", "safe_times": "pagi", "safe_to_call": True},
    ),
    Action(
        f"{CASE}/survivor/contact/corrections",
        c.CorrectSurvivorContact,
        "intake",
        {"phone": "0000-0001", "safe_to_call": False, "reason": "Telepon dipegang pelaku."},
    ),
    Action(
        f"{CASE}/incidents",
        c.RecordIncident,
        "intake",
        {
            "forms": ["seksual"],
            "gbv_type": "rape",
            "happened_at": HAPPENED,
            "place": "rumah-tangga",
            "narrative": "Diceritakan korban kepada pendamping.",
        },
        "incident",
    ),
    Action(
        f"{CASE}/incidents/{{incident}}/corrections",
        c.CorrectIncident,
        "intake",
        {"forms": ["seksual", "fisik"], "gbv_type": "rape", "happened_at": HAPPENED, "reason": "Ada luka."},
    ),
    Action(
        f"{CASE}/alleged-perpetrators",
        c.RecordAllegedPerpetrator,
        "intake",
        {"relation": "kerabat", "danger": "Tinggal serumah."},
    ),
    Action(
        f"{CASE}/needs-assessments",
        c.AssessNeeds,
        "assessment",
        {"needs": ["health", "safety", "psychosocial"], "health": "Pemeriksaan segera."},
    ),
    Action(
        f"{CASE}/risk-assessments",
        c.AssessRisk,
        "assessment",
        {"level": "high", "reasons": "Terlapor tinggal serumah."},
    ),
    Action(f"{CASE}/safety-plans", c.AgreeSafetyPlan, "assessment", {"plan": "Menginap di rumah bibi."}),
    Action(
        f"{CASE}/consents",
        c.GiveConsent,
        "consent",
        {**SCOPE, "given_by": ["survivor", "caregiver"], "obtained": "written"},
        "consent",
    ),
    Action(f"{CASE}/consent-refusals", c.RefuseConsent, "consent", {"given_by": ["survivor"]}, "consent"),
    Action(
        f"{CASE}/consents/{{consent}}/narrowing",
        c.NarrowConsent,
        "consent",
        {**SCOPE, "compartments": ["identity", "incident", "health"]},
    ),
    Action(f"{CASE}/consents/{{consent}}/withdrawal", c.WithdrawConsent, "consent", {}),
    Action(
        f"{CASE}/consent-overrides",
        c.OverrideConsent,
        "consent",
        {
            "compartments": ["identity", "incident"],
            "recipients": ["polres"],
            "purposes": ["protection"],
            "basis": "child-mandatory-report",
            "rule": "UU 35/2014",
            "decided_by": "00000000-0000-4000-8000-000000000002",
            "reason": "Anak dalam bahaya.",
        },
        "consent",
    ),
    Action(
        f"{CASE}/referrals",
        c.DraftReferral,
        "referral",
        {
            "recipient": "rsud",
            "service": "kesehatan",
            "urgency": "emergency",
            "purpose": "care",
            "compartments": ["identity", "incident", "health"],
            "health": "PEP dan visum.",
        },
        "referral",
    ),
    Action(f"{REFERRAL}/sending", c.SendReferral, "referral", {}),
    Action(f"{REFERRAL}/receipt", c.ReceiveReferral, "referral", {}),
    Action(f"{REFERRAL}/acceptance", c.AcceptReferral, "referral", {"note": "IGD siap."}),
    Action(f"{REFERRAL}/rejection", c.RejectReferral, "referral", {"reason": "no-capacity"}),
    Action(f"{REFERRAL}/start", c.StartReferral, "referral", {}),
    Action(f"{REFERRAL}/hold", c.HoldReferral, "referral", {"reason": "waiting"}),
    Action(f"{REFERRAL}/resumption", c.ResumeReferral, "referral", {}),
    Action(f"{REFERRAL}/completion", c.CompleteReferral, "referral", {"outcome": "service-delivered"}),
    Action(f"{REFERRAL}/failure", c.FailReferral, "referral", {"reason": "unreachable"}),
    Action(f"{REFERRAL}/cancellation", c.CancelReferral, "referral", {"reason": "by-sender"}),
    Action(f"{CASE}/clocks/{{clock}}/end", c.MeetClock, "work", {}),
    Action(
        f"{CASE}/services",
        c.DeliverService,
        "work",
        {"service": "kesehatan", "health": "PEP hari pertama diberikan."},
        "delivery",
    ),
    Action(f"{CASE}/notes", c.RecordNote, "work", {"subject": "Kunjungan", "psychosocial": "Tampak tenang."}, "note"),
    Action(f"{CASE}/contact-attempts", c.RecordContactAttempt, "work", {"reached": False, "means": "telepon"}, "note"),
    Action(f"{CASE}/follow-ups", c.RecordFollowUp, "work", {"next_on": "2026-04-01", "health": "Membaik."}, "note"),
    Action(f"{CASE}/conferences", c.HoldConference, "work", {"attendees": ["uptd-ppa"]}, "conference"),
    Action(
        f"{CASE}/actions",
        c.AgreeAction,
        "work",
        {"owner": "uptd-ppa", "what": "Antar ke sekolah.", "due_on": "2026-04-01"},
        "action",
    ),
    Action(f"{CASE}/actions/{{action}}/completion", c.FinishAction, "work", {"remark": "Selesai."}),
    Action(
        f"{CASE}/protection-orders",
        c.RecordProtectionOrder,
        "work",
        {"order": "1/Pen.PK/2026", "issued_by": "PN Bontang", "valid_from": "2026-03-03"},
    ),
    Action(
        f"{CASE}/case-worker",
        c.AssignCaseWorker,
        "life of the case",
        {"worker": "00000000-0000-4000-8000-000000000001"},
    ),
    Action(
        f"{CASE}/lead-transfers",
        c.AskLeadTransfer,
        "life of the case",
        {"to": "rsud", "reason": "Penyintas dirawat lama."},
        "transfer",
    ),
    Action(f"{CASE}/lead-transfers/{{transfer}}/acceptance", c.AcceptLeadTransfer, "life of the case", {}),
    Action(f"{CASE}/lead-transfers/{{transfer}}/declination", c.DeclineLeadTransfer, "life of the case", {}),
    Action(f"{CASE}/closure", c.CloseCase, "life of the case", {"reason": "goals-met"}),
    Action(f"{CASE}/reopening", c.ReopenCase, "life of the case", {"reason": "Laporan baru."}),
    Action(
        f"{CASE}/merger",
        c.MergeCase,
        "life of the case",
        {"into": "00000000-0000-4000-8000-00000000000f"},
    ),
    Action(
        f"{CASE}/disclosures",
        c.DiscloseCase,
        "legal file",
        {
            "recipient": "Pengadilan Negeri Bontang",
            "basis": "court-order",
            "rule": "1/Pen.Pid/2026/PN Bon",
            "compartments": ["incident", "legal"],
            "as_of": 1,
        },
        "disclosure",
    ),
    Action(f"{CASE}/legal-hold", c.PlaceLegalHold, "life of the case", {"reason": "Perkara berjalan."}),
    Action(f"{CASE}/legal-hold/lifting", c.LiftLegalHold, "life of the case", {"reason": "Putusan inkrah."}),
    Action(f"{CASE}/legal-hold/lifting/approval", c.ApproveHoldLifting, "life of the case", {"reason": "Diperiksa."}),
    Action(f"{CASE}/legal-hold/lifting/refusal", c.RefuseHoldLifting, "life of the case", {"reason": "Ada banding."}),
    Action(
        f"{CASE}/erasures",
        c.RequestErasure,
        "erasure",
        {"whole": True, "basis": "survivor-request", "reason": "Atas permintaan penyintas."},
        "erasure",
    ),
    Action(f"{CASE}/erasures/{{erasure}}/approval", c.ApproveErasure, "erasure", {}),
    Action(f"{CASE}/erasures/{{erasure}}/refusal", c.RefuseErasure, "erasure", {"reason": "Perkara akan diajukan."}),
    Action(
        f"{CASE}/break-glass",
        c.BreakGlass,
        "emergency",
        {
            "compartments": ["health", "safety"],
            "basis": "imminent-danger",
            "rule": "UU 27/2022 ps. 20 ayat (2) huruf d",
            "reason": "Tidak sadarkan diri di IGD; riwayat obat tidak diketahui.",
            "minutes": 60,
        },
        "glass",
    ),
    Action(f"{CASE}/break-glass/{{glass}}/closure", c.CloseGlass, "emergency", {}),
    Action(
        f"{CASE}/break-glass/{{glass}}/review",
        c.ReviewGlass,
        "emergency",
        {"verdict": "justified", "remark": "Nyawa terancam; tidak ada yang dapat dimintai persetujuan."},
    ),
)

OPENING = Action(
    "/cases",
    c.OpenCase,
    "intake",
    {"channel": "in-person", "reporter": "family", "urgency": "emergency", "age_group": "adolescent"},
    "case",
)

AGENCY = "/agencies/{code}"
KEY = "/agencies/{code}/keys/{key}"
WEBHOOK = "/agencies/{code}/webhook"

AGENCY_ACTIONS: tuple[Action, ...] = (
    Action("/agencies", a.RegisterAgency, "agencies", {"code": "lsm-mitra", "kind": "ngo", "name": "LSM Mitra"}),
    Action(f"{AGENCY}/services", a.OfferServices, "agencies", {"services": ["pengaduan", "koordinasi"]}),
    Action(f"{AGENCY}/keys", a.RegisterKey, "agencies", {"key": "2026-1", "public_key": EXAMPLE_KEY}),
    Action(f"{AGENCY}/keys/{{key}}/retirement", a.RetireKey, "agencies", {}),
    Action(f"{KEY}/resealing", a.AskResealing, "agencies", {"lost": ["2026-1"], "reason": "Peladen terbakar."}),
    Action(f"{KEY}/resealing/approval", a.ApproveResealing, "agencies", {"lost": ["2026-1"]}),
    Action(
        f"{KEY}/resealing/refusal", a.RefuseResealing, "agencies", {"lost": ["2026-1"], "reason": "Belum diperiksa."}
    ),
    Action(
        f"{AGENCY}/members",
        a.AddMember,
        "agencies",
        {"member": "00000000-0000-4000-8000-00000000000a", "roles": ["case-worker"]},
    ),
    Action(f"{AGENCY}/members/{{member}}/removal", a.RemoveMember, "agencies", {}),
    Action(WEBHOOK, w.SetWebhook, "agencies", {"url": "https://rsud.example/rujukan"}),
    Action(f"{WEBHOOK}/enabling", w.EnableWebhook, "agencies", {}),
    Action(f"{WEBHOOK}/replay", w.ReplayWebhook, "agencies", {"after": 17}),
    Action(f"{WEBHOOK}/removal", w.RemoveWebhook, "agencies", {}),
    Action(f"{AGENCY}/suspension", a.SuspendAgency, "agencies", {"reason": "Izin berakhir."}),
    Action(f"{AGENCY}/reactivation", a.ReactivateAgency, "agencies", {}),
)
