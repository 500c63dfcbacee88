"""Which sentences a report has of its own, in each language."""

from collections.abc import Mapping

from msgspec import Struct


class Words(Struct, frozen=True, kw_only=True):
    title: str
    subtitle: str
    case: str
    recipient: str
    basis: str
    as_of: str
    disclosed: str
    withheld: str
    erased: str
    made_by: str
    none: str
    footer: str

    happened_here: str
    opened: str
    led: str
    led_until: str
    closed: str
    not_closed: str
    merged: str
    referrals_sent: str
    no_referral: str
    ran_out: str
    ran_out_before: str
    recorded_after: str
    never_met: str
    met_after: str
    ended_after: str
    said_after: str
    answer_ran_out: str
    more_ran_out: str
    none_ran_out: str
    too_late: str
    raised: str
    raised_each: str
    more_raised: str
    raised_first_to: str
    absorbed: str
    released: str
    separated: str
    stop_asked: str
    stop_confirmed: str
    stop_not_confirmed: str
    stop_waits: str
    stop_due: str
    stop_ended: str
    shared_without: str
    opened_without: str
    was_judged: str
    not_judged: str
    hold_placed: str
    hold_placed_first: str
    hold_stands: str
    hold_lifted: str
    hold_lapsed: str
    hold_fell: str
    hold_passed: str
    erasure_asked: str
    erasure_waits: str
    erasure_done: str
    erasure_refused: str
    more_decided: str
    not_counted: str

    time_line: str
    time_line_note: str
    more_lanes: str
    lane_lead: str
    legend_lead: str
    legend_sender: str
    legend_recipient: str
    legend_met: str
    legend_ended: str
    legend_runs: str
    legend_late: str

    from_to: str
    who_held: str
    held_columns: tuple[str, ...]
    with_sender: str
    with_recipient: str
    not_sent: str
    no_answer: str
    answer_by: str
    who_knew: str
    who_knew_note: str
    knew_columns: tuple[str, ...]
    knew_as_lead: str
    knew_by_referral: str
    sent_over: str
    sent_found: str
    transports: Mapping[str, str]
    """What stands between a date and the time of the day."""
    arrived: str
    handled: str
    failed: str
    no_sending: str
    no_arrival: str
    deliveries: str
    records_damaged: str
    readings_damaged: str
    data_not_disclosed: str
    not_received: str
    never_opened: str
    opened_times: str
    from_until: str
    who_looked: str
    looked_columns: tuple[str, ...]
    nobody_looked: str
    more_rows: str

    clock: str
    consent: str
    person: str

    meaning: str
    proves: str
    proven: tuple[str, ...]
    witnessed: str
    unwitnessed: str
    not_proves: str
    not_proven: tuple[str, ...]
    signed: str
    unsigned: str
    how: str
    check: str

    chronology: str
    chronology_note: str
    chronology_columns: tuple[str, ...]
    happened: str
    struck_mark: str
    struck_instead: str
    withheld_mark: str
    erased_mark: str
    event_withheld: str
    unlabelled: str
    unshown: str

    referrals: str
    referral: str
    answer_late: str
    never_answered: str
    said_earlier: str
    recorded_later: str
    related: str
    custody: tuple[str, str, str, str]
    still: str
    clocks: str
    clock_columns: tuple[str, ...]
    clock_states: dict[str, str]
    ended_by: str
    ended_sealed: str
    guessed: str
    guessed_mark: str

    document: str
    documents: str
    document_columns: tuple[str, ...]
    document_shown: str
    document_withheld: str
    document_erased: str
    superseded: str

    accesses: str
    accesses_note: str
    access_columns: tuple[str, ...]

    ledger: str
    ledger_note: str
    witnesses_needed: str
    witness_columns: tuple[str, ...]
    no_witness: str
    checkpoint: str
    grounds: dict[str, str]

    appendix: str
    appendix_note: str
    spans: str
    ids: str
    id_columns: tuple[str, ...]
    agency_code: str
    sha256: str
    places: str
    place_columns: tuple[str, ...]

    notes: str
    notes_unshown: str
    blank_lines: str
