/// Leaves judged lately, by SHA-256. Two generations: when the young one is full it becomes the old one and what nobody asked
/// for since is forgotten, so that use costs no list to keep.
struct LeafCache {
    private struct Entry {
        let judged: JudgedCertificate
        /// Seconds since 1970 in which leaf, path and CRLs are all valid.
        let window: Range<Int64>
    }

    private let half: Int
    private var young: [[UInt8]: Entry] = [:]
    private var old: [[UInt8]: Entry] = [:]

    init(capacity: Int) { half = capacity / 2 }

    mutating func find(_ fingerprint: [UInt8], at seconds: Int64) -> JudgedCertificate? {
        if let entry = young[fingerprint] { return entry.window.contains(seconds) ? entry.judged : nil }
        guard let entry = old[fingerprint], entry.window.contains(seconds) else { return nil }
        insert(entry)
        return entry.judged
    }

    mutating func insert(_ judged: JudgedCertificate, _ window: Range<Int64>) {
        insert(Entry(judged: judged, window: window))
    }

    private mutating func insert(_ entry: Entry) {
        guard half > 0, !entry.window.isEmpty else { return }
        if young.count >= half {
            old = young
            young = [:]
        }
        young[entry.judged.fingerprint] = entry
    }

    mutating func removeAll() {
        young = [:]
        old = [:]
    }
}
