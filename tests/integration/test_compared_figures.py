"""What a judge compares: each figure that the verifier prints stands in the bundle's reports, the same way."""

import io
import re

from conftest import Running
from pypdf import PdfReader
from test_bundles import a_case, disclose, fetch, policy_of

from rujukan.consumers.evidence import words
from rujukan.consumers.evidence.bundles import verify_bundle
from rujukan.consumers.evidence.figures import LABELS, Language

REPORTS: tuple[tuple[str, Language], ...] = (("report.id.pdf", "id"), ("report.en.pdf", "en"))


def test_report_and_verifier_print_the_same_figures_in_the_same_order(running: Running) -> None:
    case = a_case(running)
    verified = verify_bundle(fetch(running, case, disclose(running, case)), policy_of(running))
    for name, language in REPORTS:
        printed = "".join(page.extract_text() for page in PdfReader(io.BytesIO(verified.parts[name])).pages)
        report, at = re.sub(r"\s+", "", printed), 0
        said = list(words.told(verified, language))
        compared = said[said.index(words.say("compare", language)) + 1 :]
        assert len(compared) == len(LABELS)
        for line in compared:
            label, _, figure = line.partition(": ")
            at = report.index(re.sub(r"\s+", "", label + figure), at) + 1
