"""What the attributes and parts around an event mean, in Indonesian and English."""

from ...domain.words import Words

ATTRIBUTES: dict[str, Words] = {
    "specversion": Words("Versi CloudEvents", "Version of CloudEvents"),
    "id": Words("Selalu sama untuk pemberitahuan yang sama", "The same whenever the same is told again"),
    "source": Words("Layanan jejaring", "The network's service"),
    "type": Words("Selalu sama: tidak menyebut isinya", "Always the same: it does not tell what is inside"),
    "subject": Words("Instansi tujuan", "The agency it is for"),
    "sequence": Words(
        "1, 2, 3 … tanpa terlewat, untuk semua yang diberitahukan kepada instansi: kursor setiap jalur",
        "1, 2, 3 … without gaps, for all that the agency is told: the cursor of every transport",
    ),
    "casesequence": Words("Sama, untuk kasus ini saja", "The same, of this case alone"),
    "position": Words("Posisi peristiwa dalam log", "Where the event stands in the log"),
    "caseversion": Words("Peristiwa ke berapa dari alirannya", "Which event of its stream it is"),
    "schemaversion": Words(
        "Versi skema; skema apa, hanya tersegel", "The schema's version; of which schema, only the seal tells"
    ),
    "keyid": Words("Kunci instansi yang dipakai menyegel", "The agency's key that it is sealed to"),
    "correlation": Words("Kode pengganti satu permintaan", "A pseudonym of what was done by one request"),
    "partitionkey": Words(
        "Kode pengganti kasus bagi instansi ini; juga kunci Kafka",
        "The case's pseudonym for this agency; also the Kafka key",
    ),
    "batch": Words(
        "Tempat dalam kumpulan yang ditandatangani: nomor, jumlah, jalur Merkle",
        "Its place in what was signed together: number, count, Merkle path",
    ),
    "signature": Words("Tanda tangan Ed25519 layanan", "The service's Ed25519 signature"),
    "keyfingerprint": Words(
        "Sidik kunci itu (SHA-256 bagian publiknya): untuk dibaca orang; tidak ditandatangani, dan boleh tidak ada",
        "That key's fingerprint (SHA-256 of its public half): for people to read; not signed, and may be absent",
    ),
    "content-type": Words("Isi tersegel (HPKE)", "Sealed content (HPKE)"),
    "datacontenttype": Words("Isi tersegel (HPKE)", "Sealed content (HPKE)"),
    "data_base64": Words("Isi tersegel, dalam base64", "The sealed content, in base64"),
}

DELIVERY: dict[str, Words] = {
    "topic": Words("Jenis peristiwa", "The kind of event"),
    "schema": Words("Versi bentuk `data`", "The version of the shape of `data`"),
    "case": Words("Kasus", "The case"),
    "version": Words("Peristiwa ke berapa dari kasusnya", "Which event of its case it is"),
    "position": Words("Posisinya dalam log", "Where it stands in the log"),
    "sequence": Words("Nomor pemberitahuan ini", "The number of this telling"),
    "recorded_at": Words("Kapan dicatat", "When it was recorded"),
    "author": Words("Instansi yang mencatat", "The agency that recorded it"),
    "actor": Words("Kode pengganti petugas yang mencatat", "A pseudonym of the person who recorded it"),
    "correlation": Words("Mengikat peristiwa dari satu permintaan", "Ties events of one request together"),
    "compartments": Words("Kelompok data yang diberitahukan", "The compartments that are told"),
    "withheld": Words("Kelompok data yang ada dan tidak diberitahukan", "The compartments that are there and not told"),
    "data": Words("Isi peristiwa, sesuai topic dan schema", "What happened, as topic and schema have it"),
    "receipt": Words("Bukti bahwa segel telah dibuka", "Whoever shows it has opened the seal"),
}

ACKNOWLEDGEMENT: dict[str, Words] = {
    "received": Words("Tiba dan dibuka, sampai nomor ini", "Arrived and opened, up to this one"),
    "handled": Words(
        "Selesai diproses, atau masuk antrean pesan gagal, sampai nomor ini",
        "Handled, or gone to the dead letters, up to this one",
    ),
    "failed": Words("Masuk antrean pesan gagal", "What went to the dead letters"),
    "recovered": Words(
        "Diulang dari antrean pesan gagal, kini selesai", "Replayed from the dead letters, and handled now"
    ),
    "deleted": Words("Penghapusan yang salinannya telah dihapus", "Erasures whose copies were deleted"),
    "sequence": Words("Nomor pemberitahuan", "The number of a telling"),
    "receipt": Words("`receipt` dari pemberitahuan itu", "The `receipt` of that very delivery"),
    "reason": Words("Mengapa", "Why"),
}

ENVELOPE: dict[str, tuple[Words, Words]] = {
    "envelope.Delivery": (
        Words("Pemberitahuan", "Delivery"),
        Words("Yang ada di dalam segel.", "What lies inside the seal."),
    ),
    "envelope.Headers": (
        Words("Header Kafka", "Kafka headers"),
        Words(
            "Yang terbuka dari sebuah pesan di Kafka (CloudEvents 1.0, mode biner).",
            "What is plain of a message in Kafka (CloudEvents 1.0, binary mode).",
        ),
    ),
    "envelope.CloudEvent": (
        Words("Pesan melalui HTTP", "Message over HTTP"),
        Words("Pesan yang sama sebagai CloudEvents 1.0 JSON.", "The same message as CloudEvents 1.0 JSON."),
    ),
    "envelope.Acknowledgement": (
        Words("Pernyataan terima", "Acknowledgement"),
        Words(
            "Yang dinyatakan instansi tentang yang diberitahukan kepadanya. Bersifat kumulatif: yang hilang dipulihkan "
            "oleh yang berikutnya.",
            "What an agency says of what it was told. Cumulative: one that is lost heals with the next.",
        ),
    ),
}
