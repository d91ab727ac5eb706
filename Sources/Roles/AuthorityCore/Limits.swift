package import IKEVocabulary

/// What the authority takes and keeps. Every queue and table it holds has its number here.
package struct AuthorityLimits: Hashable, Sendable {
    package var groups: Int = 1024
    package var rekeyOrdersKept: Int = 4096
    package var refusalsKept: Int = 256
    /// Operations are remembered this long, so that a retry finds its first result.
    package var operationsKept: Lifetime = Lifetime(seconds: 3600)
    package var operationsForgottenAtOnce: Int = 2048
    /// A key is replaced by its group's schedule, though never later than `leastLead` before its end.
    package var leastLead: Lifetime = Lifetime(seconds: 10)
    /// While its group is paused, it is replaced when this part of its life remains.
    package var pausedLeadPercent: UInt8 = 6
    /// A GSA_REKEY that no broadcaster acknowledged is offered again for this long.
    package var rekeyOrderLife: Lifetime = Lifetime(seconds: 300)
    /// In a group that wants it, members that left are locked out so long after the last new Rekey SA, all of that time together.
    package var leaveRekeyPause: Lifetime = Lifetime(seconds: 10)
    package var exclusionsPerGroup: Int = 10_000
    /// Copies of a GSA_REKEY that ends all SAs, at least: a member that misses it goes on under keys of which others know.
    package var renewalCopies: UInt8 = 6
    /// For what an operator is told before an exclusion: members wait a random time up to this, then register at this rate.
    package var reregistrationSpreadSeconds: Int = 5
    package var registrationsPerSecondExpected: Int = 200
    package var auditKept: Lifetime = Lifetime(seconds: 400 * 86_400)
    package var auditRecordsKept: Int64 = 1_000_000
    package var auditAnchorInterval: Lifetime = Lifetime(seconds: 3600)
    /// The head is signed after so many records at the latest.
    package var auditAnchorRecords: Int64 = 65_536
    /// Denied members whose record is remembered, and how long.
    package var denialsKept: Int = 1024
    package var denialPause: Lifetime = Lifetime(seconds: 3600)

    /// Keys that one look at the time seals anew while the root key changes.
    package var resealedAtOnce: Int = 256

    package init() {}
}
