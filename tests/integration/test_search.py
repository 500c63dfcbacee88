"""A person's cases are found by number, by agencies that were told who the person is; and by nobody else."""

from office import until

from rujukan.domain.codes import Purpose, Role

NIK = "6474014107120077"
OPENING = {"channel": "hotline", "reporter": "survivor", "urgency": "urgent", "age_group": "adolescent"}


def found(running, agency, nik=NIK, position=None):
    desk = running.desk(agency)
    if position is not None:
        desk.get("/cases", wait_for=position)
    return desk.post("/cases/search", nik=nik)["cases"]


def test_a_case_is_found_by_who_was_told_the_identity_and_the_search_is_recorded(running):
    lead = running.desk("uptd-ppa")
    case = lead.post("/cases", **OPENING)["id"]
    here = f"/cases/{case}"
    last = lead.post(f"{here}/survivor/identity", name="N", nik=NIK, sex="female")["position"]
    assert found(running, "uptd-ppa", position=last) == [case]
    assert found(running, "rsud") == []
    scope = {"purposes": ["care"], "given_by": ["survivor", "caregiver"], "obtained": "verbal"}
    lead.post(f"{here}/consents", compartments=["health"], recipients=["psikolog"], **scope)
    lead.post(f"{here}/consents", compartments=["identity"], recipients=["rsud"], **scope)
    for recipient, service, shared in (("rsud", "kesehatan", "identity"), ("psikolog", "psikososial", "health")):
        draft = {"recipient": recipient, "service": service, "urgency": "urgent", "purpose": "care"}
        referral = lead.post(f"{here}/referrals", **draft, compartments=[shared])["id"]
        last = lead.post(f"{here}/referrals/{referral}/sending")["position"]
    assert found(running, "rsud", position=last) == [case]
    assert found(running, "psikolog") == []
    auditor = running.desk("uptd-ppa", Role.LEGAL_REVIEWER, Purpose.AUDIT)
    until(
        lambda: (
            {e["agency"] for e in auditor.get("/audit", subject=case, accesses="true", limit=500)["items"]}
            >= {"uptd-ppa", "rsud"}
        )
    )


def test_the_hash_is_the_services_to_make(running):
    lead = running.desk("uptd-ppa")
    here = f"/cases/{lead.post('/cases', **OPENING)['id']}"
    body = {"name": "N", "nik_index": "0" * 64}
    assert lead._http.post(f"{here}/survivor/identity", json=body, headers=lead.headers).status_code == 422


def test_a_number_that_is_none_is_refused_and_not_repeated(running):
    lead = running.desk("uptd-ppa")
    for body in ({"nik": "x" * 16}, {"nik": 7}, {}, {"nik": NIK, "more": 1}):
        refused = lead._http.post("/cases/search", json=body, headers=lead.headers)
        assert refused.status_code == 422
        assert "xxxx" not in refused.text


def test_an_export_is_the_timeline_and_a_stranger_gets_none(running):
    lead = running.desk("uptd-ppa")
    case = lead.post("/cases", **OPENING)["id"]
    last = lead.post(f"/cases/{case}/notes", health="h")["position"]
    lead.get("/cases", wait_for=last)
    exported = lead._http.get(f"/cases/{case}/export", headers=lead.headers)
    assert len(exported.text.strip().splitlines()) == len(lead.get(f"/cases/{case}/timeline")["items"]) == 3
    stranger = running.desk("disdik")
    assert stranger.status(f"/cases/{case}/export") == 404


def test_what_was_merged_leads_to_the_file_that_lives_on_for_who_may_know_of_it(running):
    number = "6474014107120085"
    lead, supervisor = running.desk("uptd-ppa"), running.desk("uptd-ppa", Role.SUPERVISOR)
    hospital, scope = running.desk("rsud"), {"purposes": ["care"], "given_by": ["survivor", "caregiver"]}

    def file(shared_with):
        case = lead.post("/cases", **OPENING)["id"]
        here = f"/cases/{case}"
        lead.post(f"{here}/survivor/identity", name="N", nik=number, sex="female")
        for agency in shared_with:
            lead.post(f"{here}/consents", compartments=["identity"], recipients=[agency], **scope, obtained="verbal")
            draft = {"recipient": agency, "service": "kesehatan", "urgency": "urgent", "purpose": "care"}
            referral = lead.post(f"{here}/referrals", **draft, compartments=["identity"])["id"]
            lead.post(f"{here}/referrals/{referral}/sending")
        return case

    def found(desk):
        answer = desk.post("/cases/search", nik=number)
        return set(answer["cases"]), answer["merged"]

    living = lead.post("/cases", **OPENING)["id"]  # nobody wrote down there who she is
    second = file(())
    last = supervisor.post(f"/cases/{second}/merger", into=living)["position"]
    lead.get("/cases", wait_for=last)
    assert found(lead) == ({second, living}, [{"case": second, "into": living}])
    assert found(hospital) == (set(), [])
    known = file(("rsud",))
    last = supervisor.post(f"/cases/{living}/merger", into=known)["position"]
    hospital.get("/cases", wait_for=last)
    lead.get("/cases", wait_for=last)
    assert found(lead) == ({second, known}, [{"case": second, "into": known}]), "to the end of the chain"
    assert found(hospital) == ({known}, [])
