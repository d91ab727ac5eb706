package import IKEVocabulary

/// How much of the audit trail is kept; what goes, goes behind a signed anchor.
package struct AuditSettings: Hashable, Sendable {
    package var kept = Lifetime(seconds: 400 * 86_400)
    package var records: Int64 = 1_000_000

    package init() {}

    init(_ section: Section?) {
        guard let section else { return }
        defer { section.finish() }
        kept = section.value("kept", "\(Forms.duration), 1h or more", default: kept) {
            Forms.lifetime($0).flatMap { $0.seconds >= 3600 ? $0 : nil }
        }
        records = section.value("records", "1000 to 100000000", default: records, Forms.number(1000...100_000_000))
    }
}
