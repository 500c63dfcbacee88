"""Why somebody could read what is hers, as her report says it: the grounds that an access was recorded on."""

from .access import more_in
from .codes import DisclosureBasis, SharingBasis
from .survivor_words import code_for_her
from .words import Language, Words


def _legal(code: str, language: Language) -> str:
    try:
        return code_for_her(SharingBasis.of(code), language)
    except ValueError:
        return code


def _disclosed(part: str, language: Language) -> str:
    """What a copy of her file for somebody outside was made on."""
    code, parted, rule = part.partition(": ")
    try:
        return code_for_her(DisclosureBasis.of(code), language) + parted + rule
    except ValueError:
        return part


_GROUNDS: dict[str, Words] = {
    "own": Words("itu catatan instansi itu sendiri", "they are that agency's own words"),
    "lead": Words("instansi itu penanggung jawab kasus Anda", "that agency leads your case"),
    "consent": Words("ada persetujuan untuk itu", "consent was given for it"),
    "referral": Words("Anda dirujuk ke instansi itu", "you were referred to that agency"),
    "told": Words("instansi itu sudah diberi tahu sebelumnya", "that agency had been told before"),
    "survivor-request": Words("Anda memintanya", "you asked for it"),
    "override": Words("tanpa persetujuan Anda, karena aturan hukum", "without your consent, because of a rule of law"),
    "break-glass": Words("keadaan darurat", "an emergency"),
    "review": Words("untuk meninjau pembukaan darurat", "to review an emergency opening"),
}


def ground(part: str, language: Language) -> str:
    """What somebody's right to read stood on (one ground of an access's basis), in her words."""
    word, _, rest = part.partition(" ")
    head, _, code = word.rstrip(":").partition(":")
    known = _GROUNDS.get(head)
    if known is None:
        return more_in(part, language) or _disclosed(part, language)
    if word == "override":  # override ID GROUND: RULE
        code, _, rule = rest.partition(" ")[2].partition(": ")
        return f"{known.said_in(language)}: {_legal(code, language)}, {rule}"
    return f"{known.said_in(language)}: {_legal(code, language)}" if code else known.said_in(language)
