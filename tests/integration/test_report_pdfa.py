"""Reports are PDF/A-2u to veraPDF, the validator of the PDF Association; signed ones too."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from from_registries import fetch

sys.path.insert(0, str(Path(__file__).parents[1] / "unit"))

from report_certificates import a_holder, timestamp_server
from report_facts import an_event, facts
from test_report import HOSTILE

from rujukan.infra.report import facts as f
from rujukan.infra.report.pages import render
from rujukan.infra.report.signature import Signer, sign

HERE = Path(__file__).parents[1] / "verapdf"
COPY = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies"

pytestmark = [
    pytest.mark.thorough,
    pytest.mark.skipif(not (shutil.which("java") and shutil.which("mvn")), reason="needs Java and Maven"),
]


@pytest.fixture(scope="session")
def verapdf(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A class path of veraPDF."""
    jars = tmp_path_factory.mktemp("verapdf")
    fetch("veraPDF", ["mvn", "-q", "-B", "-f", str(HERE / "pom.xml"), COPY, f"-DoutputDirectory={jars}"])
    return f"{jars}/*"


def test_reports_are_pdfa_2u(verapdf: str, tmp_path: Path) -> None:
    root = a_holder("Akar")
    me, authority = a_holder("Penanda", root), a_holder("TSA", root, stamps=True)
    plain = render(facts(), "id")
    hostile = tuple(
        an_event(n, fields=(f.Field(name="narrative", compartment="incident", value=text),))
        for n, text in enumerate(HOSTILE.values())
    )
    with timestamp_server(authority) as url:
        signed = sign(plain, Signer(me.key, [me.certificate, root.certificate]), url)
    reports = (plain, render(facts(), "en"), render(facts(events=hostile), "en"), signed)
    files = []
    for n, report in enumerate(reports):
        files.append(tmp_path / f"{n}.pdf")
        files[-1].write_bytes(report)
    said = subprocess.run(
        ["java", "-cp", verapdf, str(HERE / "Check.java"), *map(str, files)], capture_output=True, text=True, check=True
    )
    assert said.stdout.splitlines() == ["2u true"] * len(files), said.stdout


def test_the_validator_finds_what_is_no_pdfa(verapdf: str, tmp_path: Path) -> None:
    file = tmp_path / "broken.pdf"
    file.write_bytes(render(facts(), "id").replace(b"/OutputIntents", b"/OutputIntentz"))
    said = subprocess.run(
        ["java", "-cp", verapdf, str(HERE / "Check.java"), str(file)], capture_output=True, text=True, check=True
    )
    assert said.stdout.splitlines()[0] == "2u false"
