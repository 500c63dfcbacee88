"""The report's own sentences in Bahasa Indonesia and English. `{…}` are filled in by `pages.py`."""

from msgspec import Struct


class Words(Struct, frozen=True, kw_only=True):
    title: str
    subtitle: str
    case: str
    bundle: str
    recipient: str
    basis: str
    as_of: str
    position: str
    disclosed: str
    withheld: str
    erased: str
    made_by: str
    made_at: str
    network: str
    times: str
    none: str
    footer: str

    meaning: str
    proves: str
    proven: tuple[str, ...]
    witnessed: str
    unwitnessed: str
    not_proves: str
    not_proven: tuple[str, ...]
    how: str
    check: str

    chronology: str
    chronology_note: str
    recorded: str
    happened: str
    agency: str
    actor: str
    record: str
    record_is: str
    leaf: str
    withheld_mark: str
    erased_mark: str
    event_withheld: str
    unlabelled: str
    unshown: str

    referrals: str
    referral: str
    from_to: str
    service: str
    urgency: str
    status: str
    answer_due: str
    answer_late: str
    answered: str
    never_answered: str
    said_earlier: str
    recorded_later: str
    related: str
    custody: tuple[str, str, str, str]
    still: str
    clocks: str
    clock_columns: tuple[str, ...]
    clock_states: dict[str, str]

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
    origin: str
    size: str
    root: str
    log_key: str
    witnesses_needed: str
    witness_columns: tuple[str, ...]
    no_witness: str
    checkpoint: str

    notes: str
    notes_unshown: str
    blank_lines: str


ID = Words(
    title="Laporan riwayat kasus",
    subtitle="Riwayat rujukan yang dapat diperiksa, untuk pengadilan, penegak hukum, dan penasihat hukum",
    case="Nomor kasus",
    bundle="Nomor bundel",
    recipient="Dibuat untuk",
    basis="Dasar hukum",
    as_of="Keadaan per",
    position="Sampai posisi log",
    disclosed="Diungkap",
    withheld="Tidak diungkap",
    erased="Telah dihapus",
    made_by="Dibuat oleh",
    made_at="Dibuat pada",
    network="Jaringan",
    times="Semua waktu dalam laporan ini adalah {zone}, dibulatkan ke bawah sampai detik.",
    none="tidak ada",
    footer="Kasus {case} · waktu {zone} · Halaman {{page}} dari {{pages}}",
    meaning="Apa yang dibuktikan dan apa yang tidak",
    proves="Setelah bundel diperiksa dengan “rujukan verify” dan lulus, terbukti bahwa:",
    proven=(
        "setiap peristiwa yang disebut di sini ada di log pada posisi yang disebut, dalam urutan ini, dan tidak "
        "diubah sejak nilai akar log itu ditandatangani;",
        "isi yang diungkap adalah satu-satunya isi yang dapat dibuka dari catatan tersegel itu; tidak dapat diganti "
        "dengan isi lain;",
        "isi yang tidak diungkap memang ada dan sudah tetap: bila kelak diungkap, dapat diperiksa bahwa isinya tidak "
        "berubah;",
        "nomor urut dalam riwayat kasus memperlihatkan apakah ada peristiwa yang dilewati di antara yang ditampilkan.",
    ),
    witnessed="Nilai akar log ini juga ditandatangani oleh {n} instansi pengesah (halaman bukti log). Instansi "
    "pengesah bukan saksi menurut KUHAP. Catatan tidak dapat dibuat sesudah waktu tanda tangan mereka lalu dimasukkan "
    "ke dalamnya tanpa mereka ikut serta.",
    unwitnessed="Nilai akar log ini tidak memuat tanda tangan instansi pengesah. Yang menjaminnya hanya penyelenggara "
    "sistem sendiri, yang dapat menunjukkan log lain kepada pihak lain.",
    not_proves="Laporan dan bundel ini tidak membuktikan:",
    not_proven=(
        "bahwa yang dicatat itu benar, atau terjadi pada waktu yang disebut pencatatnya;",
        "bahwa semua yang terjadi telah dicatat, atau apa yang terjadi sesudah waktu laporan;",
        "siapa orang di balik suatu kode: itu ada pada daftar anggota instansinya;",
        "bahwa yang tidak diungkap tidak mengubah kesimpulan;",
        "apa pun hanya dari PDF ini: PDF ini untuk dibaca, buktinya ada di bundel. Tanda tangan pada PDF menunjukkan "
        "siapa yang menandatanganinya dan bahwa berkas tidak berubah sesudahnya, bukan kebenaran isinya.",
    ),
    how="Cara memeriksa",
    check="Jalankan “rujukan verify BERKAS” pada komputer tanpa jaringan. Program menyebut apa yang diperiksa dan apa "
    "yang tidak dapat diperiksa. Bandingkan nomor kasus, nomor bundel, jumlah catatan, dan nilai akar dengan "
    "laporan ini.",
    chronology="Kronologi kasus",
    chronology_note="Peristiwa menurut urutan pencatatan. “Waktu tindakan petugas” adalah waktu menurut pencatat, "
    "bukan waktu kejadian yang dilaporkan; “Dicatat” adalah waktu sistem mencatatnya.",
    recorded="Dicatat",
    happened="Waktu tindakan petugas",
    agency="Instansi",
    actor="Petugas pencatat (kode)",
    record="Catatan",
    record_is="posisi {position}, nomor {version} dalam riwayat kasus",
    leaf="Nilai hash catatan",
    withheld_mark="[tidak diungkap: {compartments}]",
    erased_mark="[telah dihapus, kunci dimusnahkan: {compartments}]",
    event_withheld="[seluruh isi peristiwa ini tidak diungkap]",
    unlabelled="Peristiwa",
    unshown="{n} tanda tidak dapat ditampilkan huruf laporan ini dan ditulis � ({codes}). Teks persisnya ada di "
    "bundel.",
    referrals="Rujukan dan batas waktu",
    referral="Rujukan",
    from_to="Dari, kepada",
    service="Layanan",
    urgency="Urgensi",
    status="Status",
    answer_due="Jawaban ditunggu sampai",
    answer_late="{due}: terlewati",
    answered="Dijawab",
    never_answered="tidak; dibatalkan {ended}",
    said_earlier="dikatakan sejak {said}",
    recorded_later="dicatat {recorded}",
    related="Terkait rujukan",
    custody=("Pemegang", "Status", "Sejak", "Sampai"),
    still="masih berlaku",
    clocks="Batas waktu",
    clock_columns=("Batas waktu", "Mulai", "Berakhir", "Keadaan", "Dipenuhi", "Rujukan dipegang oleh"),
    clock_states={
        "running": "berjalan",
        "met": "dipenuhi",
        "met-late": "dipenuhi terlambat",
        "said-late": "terlewati; kemudian dikatakan dipenuhi tepat waktu",
        "breached": "terlewati",
    },
    documents="Dokumen",
    document_columns=("Dokumen", "Jenis", "SHA-256", "Bita", "Kelompok data", "Keadaan"),
    document_shown="diungkap: {file}",
    document_withheld="tidak diungkap",
    document_erased="telah dihapus",
    superseded="digantikan oleh {document}",
    accesses="Siapa yang melihat",
    accesses_note="Setiap pembukaan isi yang dilindungi dicatat sebelum isinya ditampilkan.",
    access_columns=("Waktu", "Posisi", "Instansi", "Peran", "Pembaca (kode)", "Tujuan", "Kelompok data", "Dasar"),
    ledger="Bukti log",
    ledger_note="Log adalah pohon Merkle (RFC 6962) atas semua catatan jaringan. Angka di bawah ini harus sama "
    "dengan yang disebut program pemeriksa.",
    origin="Asal",
    size="Jumlah catatan",
    root="Nilai akar (heksadesimal)",
    log_key="Kunci log",
    witnesses_needed="Instansi pengesah yang disyaratkan",
    witness_columns=("Instansi pengesah", "Algoritma", "Kunci", "Waktu tanda tangan"),
    no_witness="Tidak ada tanda tangan instansi pengesah.",
    checkpoint="Titik periksa selengkapnya",
    notes="Catatan tentang laporan ini",
    notes_unshown="Dalam seluruh laporan {n} tanda ditulis � karena tidak ada hurufnya atau tidak kasatmata: {codes}.",
    blank_lines="[{n} baris kosong]",
)

EN = Words(
    title="Report of a case's history",
    subtitle="A history of referrals that can be checked, for courts, investigators and counsel",
    case="Case",
    bundle="Bundle",
    recipient="Made for",
    basis="Legal basis",
    as_of="State as of",
    position="Up to ledger position",
    disclosed="Disclosed",
    withheld="Withheld",
    erased="Erased",
    made_by="Made by",
    made_at="Made at",
    network="Network",
    times="Every time in this report is {zone}, rounded down to the second.",
    none="none",
    footer="Case {case} · times {zone} · Page {{page}} of {{pages}}",
    meaning="What this proves and what it does not",
    proves="Once the bundle was checked with “rujukan verify” and passed, it is proven that:",
    proven=(
        "every event named here stands in the ledger at the position named, in this order, and was not changed since "
        "that ledger's root was signed;",
        "what is disclosed is the only content that its sealed record opens to; no other text can be put in its place;",
        "what is withheld exists and is fixed: should it be disclosed one day, it can be checked that it is the same;",
        "the numbers within the case file show whether any event between those shown was left out.",
    ),
    witnessed="This ledger root is also signed by {n} co-signing agencies (witnesses; page on the ledger's proof). A "
    "record cannot be made after the time of their signatures and slipped in without them taking part.",
    unwitnessed="This ledger root carries no signature of a co-signing agency (witness). Only the system's "
    "operator vouches for it, who could show another ledger to others.",
    not_proves="This report and its bundle do not prove:",
    not_proven=(
        "that what was recorded is true, or happened when its author said;",
        "that all that happened was recorded, or what happened after the report's instant;",
        "who the person behind a code is: that stands in the member list of the agency;",
        "that what is withheld would not change the picture;",
        "anything by this PDF alone: the PDF is for reading, the proof is in the bundle. The PDF's signature shows who "
        "signed it and that the file did not change since, not that its content is true.",
    ),
    how="How to check",
    check="Run “rujukan verify FILE” on a computer without network. It says what it checked and what it could not. "
    "Compare the case, the bundle, the count of records and the root with this report.",
    chronology="Case chronology",
    chronology_note="Events in the order of recording. “Time of the act recorded” is the time that its author gave, "
    "not that of the incident; “Recorded” is when the system recorded it.",
    recorded="Recorded",
    happened="Time of the act recorded",
    agency="Agency",
    actor="Recorded by (code)",
    record="Record",
    record_is="position {position}, number {version} in the case file",
    leaf="Hash of the record",
    withheld_mark="[withheld: {compartments}]",
    erased_mark="[erased, keys destroyed: {compartments}]",
    event_withheld="[all that this event says is withheld]",
    unlabelled="Event",
    unshown="{n} characters cannot be shown in this report's font and are written � ({codes}). The exact text is in "
    "the bundle.",
    referrals="Referrals and clocks",
    referral="Referral",
    from_to="From, to",
    service="Service",
    urgency="Urgency",
    status="Status",
    answer_due="Answer was due",
    answer_late="{due}: it ran out",
    answered="Answered",
    never_answered="no; cancelled {ended}",
    said_earlier="said to be since {said}",
    recorded_later="recorded {recorded}",
    related="Related referrals",
    custody=("Held by", "Status", "Since", "Until"),
    still="still so",
    clocks="Clocks",
    clock_columns=("Clock", "Started", "Due", "State", "Met", "Referrals held by"),
    clock_states={
        "running": "running",
        "met": "met",
        "met-late": "met late",
        "said-late": "breached; said afterwards to have been met in time",
        "breached": "breached",
    },
    documents="Documents",
    document_columns=("Document", "Kind", "SHA-256", "Bytes", "Compartment", "State"),
    document_shown="disclosed: {file}",
    document_withheld="withheld",
    document_erased="erased",
    superseded="superseded by {document}",
    accesses="Who looked",
    accesses_note="Every opening of protected content is recorded before the content is shown.",
    access_columns=("Time", "Position", "Agency", "Role", "Reader (code)", "Purpose", "Compartments", "Basis"),
    ledger="Proof by the ledger",
    ledger_note="The ledger is a Merkle tree (RFC 6962) over all records of the network. The figures below must equal "
    "those that the verifier prints.",
    origin="Origin",
    size="Records",
    root="Root (hexadecimal)",
    log_key="Log key",
    witnesses_needed="Co-signing agencies required",
    witness_columns=("Co-signing agency", "Algorithm", "Key", "Signed at"),
    no_witness="No co-signing agency (witness) signed.",
    checkpoint="The checkpoint, whole",
    notes="Notes on this report",
    notes_unshown="In the whole report {n} characters are written � because the font has none or they are invisible: "
    "{codes}.",
    blank_lines="[{n} blank lines]",
)

WORDS = {"id": ID, "en": EN}
