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
    /// Between two replacements of a group's data SAs for a sender that begins anew: in between it waits.
    package var senderReplacementPause: Lifetime = Lifetime(seconds: 10)
    /// Registrations of one sender with as many Sender-IDs as its rule allows: so many at once, then one in each interval.
    package var senderRegistrationBurst: UInt64 = 16
    package var senderRegistrationInterval: Lifetime = Lifetime(seconds: 20)
    /// Of a group's Sender-IDs: when operators are warned, and when the group begins anew by itself.
    package var senderIDsWarnPercent: UInt64 = 80
    package var senderIDsResetPercent: UInt64 = 90
    package var senderIDResetPause: Lifetime = Lifetime(seconds: 60)
    /// 32-bit numbers that end within this time, at the rate that was reported, are rolled over; not more often than the pause.
    package var sequenceLead: Lifetime = Lifetime(seconds: 120)
    package var sequenceRolloverPause: Lifetime = Lifetime(seconds: 60)
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
    /// Records younger than this are not forgotten for their number, whoever fills the trail: a day, so that what is looked at
    /// or exported daily is seen whole. Longer, and members that come and go without end could fill the store.
    package var auditKeptAtLeast: Lifetime = Lifetime(seconds: 86_400)
    /// How many times the number of kept records the young ones may take: who may register can do so without end, and a disk
    /// that is full ends the service.
    package var auditRecordsFactor: Int64 = 8
    package var auditAnchorInterval: Lifetime = Lifetime(seconds: 3600)
    /// The head is signed after so many records at the latest.
    package var auditAnchorRecords: Int64 = 65_536
    /// Denied members whose record is remembered, and how long.
    package var denialsKept: Int = 1024
    package var denialPause: Lifetime = Lifetime(seconds: 3600)
    /// Records that one actor gets for requests of one kind which were refused or only tried, in each pause; more are counted.
    /// So are those of kinds beyond the number kept, all together.
    package var attemptRecords: Int = 4
    package var attemptPause: Lifetime = Lifetime(seconds: 3600)
    package var attemptKindsKept: Int = 256

    /// Keys that one look at the time seals anew while the root key changes.
    package var resealedAtOnce: Int = 256

    package init() {}
}
