import GroupModel

/// What happened since the start.
package struct RegistrationCounters: Hashable, Sendable {
    package var datagrams = 0
    /// Of those datagrams all octets, and those of them whose integrity was proved under the keys of an SA.
    package var octets: Int64 = 0
    package var provedOctets: Int64 = 0
    package var established = 0
    package var granted = 0
    package var refused = 0
    package var unavailable = 0
    package var left = 0
    /// Datagrams handed to another frontend, taken from one, and sent for one.
    package var relayedOut = 0
    package var relayedIn = 0
    package var sentForOthers = 0
    /// Sequence reports that were stored.
    package var reports = 0
    /// REDIRECTs over established SAs.
    package var redirected = 0
    /// IKE SAs that others followed by CREATE_CHILD_SA, and rekeys that were not taken at that time.
    package var rekeyed = 0
    package var rekeysPutOff = 0
    /// Datagrams without answer, by reason.
    package var dropped: [String: Int] = [:]
    /// Answers without state, by reason.
    package var stateless: [String: Int] = [:]
}

extension RegistrationCore {
    func count(_ outcome: RegistrationOutcome) {
        switch outcome {
        case .granted: counters.granted += 1
        case .left: counters.left += 1
        case .noted: counters.reports += 1
        case .refused: counters.refused += 1
        case .unavailable: counters.unavailable += 1
        }
    }

    /// What the frontend says of itself in its heartbeat.
    package var statusCounters: [String: Int64] {
        [
            "registrations": Int64(counters.granted), "refused": Int64(counters.refused),
            "unavailable": Int64(counters.unavailable), "left": Int64(counters.left),
            "reports": Int64(counters.reports),
            "half-open": Int64(halfOpen.count), "ike-sas": Int64(slots.count - halfOpen.count),
            "asking": Int64(asking.count), "datagrams": Int64(counters.datagrams),
            "dropped": Int64(counters.dropped.values.reduce(0, +)),
            "cookies-sent": Int64(counters.stateless["cookie-sent", default: 0]),
            "cookies-wrong": Int64(counters.stateless["cookie-wrong", default: 0]),
            "relayed-out": Int64(counters.relayedOut), "relayed-in": Int64(counters.relayedIn),
            "sent-for-others": Int64(counters.sentForOthers),
            "relay-refused": Int64(counters.dropped["relay-refused", default: 0]),
            "redirected": Int64(counters.redirected + counters.stateless["redirected", default: 0]),
            "rekeyed": Int64(counters.rekeyed), "rekeys-put-off": Int64(counters.rekeysPutOff),
            "draining": draining == nil ? 0 : 1,
        ]
    }
}
