"""Why a file was refused, in plain Indonesian and English, and what to do next."""

from collections.abc import Iterator

from .bundles import Refused
from .container import PackedAnew
from .figures import Language
from .refused import Malformed, NoQuorum, NotProven, NoTrustedSignature, UnknownLog
from .words import printable, verdict

REFUSALS: dict[str, tuple[str, tuple[str, str]]] = {
    "key": (
        "{part}: tidak ditandatangani dengan kunci yang disebut kebijakan",
        (
            "Curigai dahulu kebijakannya: mungkin milik jejaring lain, atau sudah usang. Minta kebijakan yang benar "
            "dari pihak yang Anda percaya, bukan dari pengirim berkas ini, lalu periksa lagi. Bila jawabannya tetap "
            "sama, jangan bersandar pada berkas ini, dan panggil ahli.",
            "First suspect the policy: it may be of another network, or out of date. Get the right one from somebody "
            "you trust, not from who sent this file, and check again. If the answer stays, do not rely on this file, "
            "and call an expert.",
        ),
    ),
    "quorum": (
        "{part}: belum cukup instansi pengesah yang ikut menandatangani",
        (
            "Isinya mungkin utuh. Minta berkas ini dibuat ulang setelah instansi pengesah menandatangani, atau minta "
            "ahli menilai apa artinya tanpa mereka.",
            "What is in it may be whole. Ask for it to be made again once the co-signing agencies have signed, or have "
            "an expert judge what it shows without them.",
        ),
    ),
    "part": (
        "{part}: tidak cocok dengan segel, bukti, atau bentuk yang seharusnya",
        (
            "Simpan berkas ini apa adanya, lalu minta instansinya mengirim ulang. Bila kiriman kedua lulus, bandingkan "
            "keduanya; bila tidak, jangan bersandar padanya, dan panggil ahli. Jawaban ini tidak mengatakan siapa yang "
            "mengubahnya, atau bahwa ada yang sengaja mengubahnya.",
            "Keep this file as it is, and ask the agency to send it again. If the second passes, compare the two; if "
            "it does not, do not rely on it, and call an expert. This does not say who changed it, or that anybody "
            "did.",
        ),
    ),
    "packed": (
        "berkas ini dikemas ulang oleh program lain, jadi bukan berkas yang diserahkan, walaupun isinya mungkin sama",
        (
            "Minta berkas aslinya, dan teruskan apa adanya, tanpa membuka dan menyimpannya lagi.",
            "Ask for the file itself, and pass it on as it is, without opening and saving it again.",
        ),
    ),
    "proof": (
        "{part}: bukti itu tidak menunjukkan bahwa catatannya ada dalam log",
        (
            "Minta bukti itu lagi dari yang memberikannya. Bila jawabannya tetap sama, jangan bersandar padanya, dan "
            "panggil ahli.",
            "Ask whoever gave the proof for it again. If the answer stays, do not rely on it, and call an expert.",
        ),
    ),
    "unusable": (
        "kebijakan atau bukti yang diberikan tidak dapat dibaca",
        (
            "Ini tidak mengatakan apa pun tentang bundelnya. Periksa apakah berkas kebijakan atau buktinya yang benar "
            "yang disebut, atau minta lagi dari pihak yang Anda percaya.",
            "This says nothing of the bundle. See whether the right policy or proof was named, or get it again from "
            "somebody you trust.",
        ),
    ),
}
"""Why something was refused: what it means, in Indonesian (in English its own message says it), and what to do next."""


def refused(problem: NotProven, language: Language) -> Iterator[str]:
    """Why a file was refused, after the first words, and what to do next."""
    meaning, then = REFUSALS[_refusal(problem)]
    why = str(problem)
    if language == "id":
        part = problem.part if isinstance(problem, Refused) else ""
        why = f"{meaning.format(part=part).removeprefix(': ')} ({why.removeprefix(f'{part}: ')})"
    yield f"{verdict('failed' if isinstance(problem, Refused) else 'unproven', language)}: {printable(why)}"
    yield f"{'Langkah berikutnya' if language == 'id' else 'Next'}: {then[language == 'en']}"


def _refusal(problem: NotProven) -> str:
    if isinstance(problem, PackedAnew):
        return "packed"
    because = problem.because if isinstance(problem, Refused) else type(problem)
    if because in (NoTrustedSignature, UnknownLog):
        return "key"
    if because is NoQuorum:
        return "quorum"
    if isinstance(problem, Refused):
        return "part"
    return "unusable" if isinstance(problem, Malformed) else "proof"
