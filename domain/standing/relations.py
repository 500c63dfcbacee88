"""What an agency, and a person, can be: to a case, to a thing in it, to the network. And how far one may go."""

from ..code import Code


class Relation(Code):
    """One thing that an agency or a person is. An agency can be several to one case."""

    # An agency, to a case.
    LEAD = "lead", "penanggung jawab kasus", "leads the case"
    RECIPIENT = "recipient", "penerima rujukan yang terbuka", "recipient of an open referral"
    FORMER_LEAD = "former-lead", "penanggung jawab sebelumnya", "led the case before"
    FORMER_RECIPIENT = "former-recipient", "penerima rujukan yang sudah berakhir", "recipient of an ended referral"
    ASKED = "asked", "diminta menjadi penanggung jawab", "asked to lead"
    LEGAL_PARTY = (
        "legal-party",
        "ikut serta sebagai kepolisian, kejaksaan, pengadilan, LPSK; atau untuk tujuan hukum, dengan persetujuan yang "
        "didengar atau dibenarkan penanggung jawab",
        "takes part as police, prosecution, court or witness protection; or for a legal purpose, on a consent that the "
        "lead heard or confirmed",
    )
    INVESTIGATOR = (
        "investigator",
        "kepolisian, kejaksaan, atau pengadilan yang menjadi penanggung jawab atau ikut serta",
        "police, prosecution or court that leads or takes part",
    )

    # An agency, to a thing in it.
    SENDER = "sender", "pengirimnya", "its sender"
    ADDRESSEE = "addressee", "penerimanya", "its recipient, once it was sent"
    AUTHOR = "author", "yang mencatatnya", "wrote it"
    OWNER = "owner", "penanggung jawabnya", "answers for it"
    OPENED_FOR = "opened-for", "instansi yang membukanya", "the agency for which it was opened"
    REACHES = "reaches", "boleh membuka isinya sekarang", "may open its content now"
    SHARER = "sharer", "penerima rujukan terbuka yang terkait", "the recipient of an open referral that names it"
    NAMED = "named", "disebut olehnya, dan ikut serta", "named in it, and takes part"
    ALONE = (
        "alone",
        "hanya dirinya yang disebut tanpa diteruskan, atau ia yang mencatatnya; tanpa rujukan darurat pihak lain",
        "named in it alone and passed nothing on, or recorded it, and no emergency of others runs",
    )
    HOLDER = "holder", "pemegangnya", "holds it"
    HOLDING_OFFICE = (
        "holding-office",
        "kepolisian, kejaksaan, atau pengadilan pemegangnya",
        "police, prosecution or court that holds it",
    )
    CLINICIAN = "clinician", "layanan kesehatan yang ikut serta", "a health service that takes part"
    TOLD = "told", "diminta menghapus", "asked to delete it"

    # A person, to a thing.
    OPENER = "opener", "orang yang membukanya, bagi instansi itu", "the person who opened it, for that agency"
    OPENED_BY = "opened-by", "orang yang membukanya", "the person who opened it"
    ASKER = "asker", "orang yang memintanya", "the person who asked for it"
    ONESELF = "oneself", "dirinya sendiri", "oneself"
    SECOND = "second", "orang kedua yang dibutuhkannya", "a second person that it needs"

    # A person, to a case.
    MEMBER = "member", "anggota, di instansi yang mengizinkan setiap anggota", "member of an agency that lets every one"
    ASSIGNED = "assigned", "ditunjuk pada kasus itu di instansinya", "assigned to the case at their agency"
    SUPERVISOR = (
        "supervisor",
        "melihat seluruh pekerjaan instansinya",
        "is shown all of the agency's work by role",
    )
    ON_CALL = (
        "on-call",
        "anggota, selama rujukan yang datang belum dipegang siapa pun",
        "member, while a referral that came in is taken by nobody",
    )
    EXCLUDED = "excluded", "dikecualikan dari kasus itu", "excluded from the case"

    # An agency, to another or to the network.
    OWN = "own", "instansi itu sendiri", "the agency itself"
    OPERATOR = "operator", "penyelenggara jejaring (instansi penanggung jawab)", "runs the network (a lead agency)"
    FOUNDER = (
        "founder",
        "penyelenggara, selama belum ada administrator",
        "runs the network, while there is no administrator",
    )
    SYSTEM = "system", "sistem", "the system itself"


class Extent(Code):
    """How far: what of a case somebody can share, change or be shown by it."""

    OWN_WORDS = "own-words", "menambah catatannya sendiri", "adds its own words"
    MOVE = "move", "keadaan saja, tanpa isi", "a state, and no content"
    CONSENT = "consent", "yang dicakup persetujuan", "what consent covers"
    SHARED = (
        "shared",
        "yang dicakup persetujuan; selain penanggung jawab: paling banyak yang boleh dibukanya sendiri, dan catatannya",
        "what consent covers; other than the lead: at most what it may open itself, and its own words",
    )
    REPORTED = (
        "reported",
        "yang boleh diketahuinya sendiri; selebihnya menunggu penanggung jawab membenarkannya dengan penyintas",
        "what it may know itself; the rest waits until the lead has confirmed it with the survivor",
    )
    HEARD = (
        "heard",
        "yang menyangkut instansinya sendiri, atau yang dicatatnya; selebihnya menunggu penanggung jawab",
        "what concerns its own agency, or what it recorded; the rest waits for the lead",
    )
    BASIS = "basis", "paling banyak yang diizinkan dasarnya", "at most what the basis allows"
    WHOLE = "whole", "seluruhnya", "all of it"
    AGENCY = "agency", "instansi, bukan kasus", "an agency, and no case"
    ITS_PEOPLE = (
        "its-people",
        "orangnya sendiri, yang bukan anggota instansi lain, bukan penyelia, dan bukan petugas pelindungan data",
        "its own people, who are of no other agency, and neither supervisor nor data protection officer",
    )
    ROWS = "rows", "baris milik instansinya: kode, waktu, keadaan", "the agency's own rows: codes, times, states"
    ROWS_AS_LEAD = (
        "rows-as-lead",
        "baris tentang kasus yang menjadi tanggung jawabnya",
        "the agency's rows of cases that it leads",
    )
    COORDINATION = "coordination", "koordinasi, tanpa isi", "coordination, and no content"
    OPENABLE = "openable", "yang boleh dibuka instansinya sekarang", "what the agency may open now"
    GLASS = "glass", "kelompok data yang dibuka, selama terbuka", "the compartments that were opened, while they are"
    SEALED = "sealed", "yang diberitahukan, tersegel bagi instansinya", "what it was told, sealed to its key"
    PROPOSED = "proposed", "yang diusulkan, tidak lebih", "what was proposed, and no more"
    PUBLIC = "public", "tidak mengungkap kasus apa pun", "tells of no case"
