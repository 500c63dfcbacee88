"""Code lists of who she is, how old, and who speaks for her. What may be added to a list, codes.py says.

Sources: IRC/UNICEF, Caring for Child Survivors of Sexual Abuse (2012); UU 8/2016 on persons with disabilities;
KUHPerdata art. 433 (curatorship).
"""

from .code import Code


class AgeBasis(Code):
    """On what it rests how old she is."""

    BIRTH_DATE = "birth-date", "Tanggal lahir, menurut akta atau dokumen", "Date of birth, by a certificate or document"
    SAID = "said", "Menurut keterangan", "As somebody says"
    CLINICIAN = "clinician", "Perkiraan tenaga medis", "A clinician's estimate"
    OBSERVED = "observed", "Perkiraan petugas", "A worker's estimate"


class Capacity(Code):
    """Whether she can decide herself now."""

    ABLE = "able", "Dapat memutuskan sendiri", "Decides herself"
    SUPPORTED = "supported", "Memutuskan sendiri, dengan dukungan", "Decides herself, with support"
    CANNOT_NOW = "cannot-now", "Saat ini tidak dapat ditanya", "Cannot be asked now"
    UNABLE = "unable", "Tidak dapat memutuskan; pengampu mewakilinya", "Cannot decide; a guardian speaks"
    DIED = "died", "Meninggal", "Died"


class SetAside(Code):
    """Why somebody who could speak for her does not."""

    ALLEGED_PERPETRATOR = "alleged-perpetrator", "Ia adalah terlapor", "Is the alleged perpetrator"
    NOT_SAFE = "not-safe", "Ia tidak aman bagi korban", "Is not safe for her"


class Saying(Code):
    """What somebody said."""

    CONSENT = "consent", "Persetujuan", "Consent"
    REFUSAL = "refusal", "Penolakan", "Refusal"
    WITHDRAWAL = "withdrawal", "Pencabutan", "Withdrawal"
    STOP = "stop", "Permintaan menghentikan pembagian data", "Stop"


class Identifier(Code):
    """What somebody is known by to the state."""

    NIK = "nik", "NIK", "National identity number (NIK)"
    FAMILY_CARD = "family-card", "Nomor kartu keluarga (KK)", "Family card number (KK)"
    PASSPORT = "passport", "Paspor", "Passport"
    FOREIGN = "foreign", "Identitas negara lain", "Another country's identity paper"
    NONE = "none", "Tidak punya", "Has none"
    UNKNOWN = "unknown", "Tidak diketahui", "Unknown"


class NikWarning(Code):
    """What of a NIK does not fit: it is kept as it was said, as papers are wrong, too."""

    NO_SUCH_NUMBER = "no-such-number", "Tanpa wilayah, tanggal lahir, atau nomor urut", "Lacks an area, date or serial"
    OTHER_SEX = "other-sex", "Tidak cocok dengan jenis kelamin", "Does not fit the sex"
    OTHER_BIRTH = "other-birth", "Tidak cocok dengan tanggal lahir", "Does not fit the date of birth"


class Right(Code):
    """What she asks of who holds her data (UU 27/2022, art. 5-13)."""

    ACCESS = "access", "Melihat data", "To see what is recorded"
    CORRECTION = "correction", "Memperbaiki data", "To correct it"
    RESTRICTION = "restriction", "Membatasi pemakaian data", "To restrict its use"
    ERASURE = "erasure", "Menghapus data", "To erase it"
    WITHDRAWAL = "withdrawal", "Mencabut persetujuan", "To take back what was agreed to"


class RightAnswer(Code):
    """What was answered to that."""

    GRANTED = "granted", "Dikabulkan", "Granted"
    PARTLY = "partly", "Dikabulkan sebagian", "Granted in part"
    REFUSED = "refused", "Tidak dikabulkan", "Refused"
    TAKEN_BACK = "taken-back", "Dicabut oleh yang meminta", "Taken back by who asked"
