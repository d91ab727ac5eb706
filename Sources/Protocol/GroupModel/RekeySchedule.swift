package import IKEVocabulary

/// When keys of a group are replaced: after these parts of their lifetime, moved earlier by a part that differs from SA to SA, so
/// that many groups made at once are not rekeyed at once.
package struct RekeySchedule: Hashable, Sendable {
    /// Percent of the lifetime after which the Rekey SA and a Data-Security SA are replaced: 10 … 95.
    package var kekPercent: UInt8
    package var tekPercent: UInt8
    /// At most so many percent earlier: 0 … 50, and always at least 5 percent of the lifetime stay.
    package var jitterPercent: UInt8

    package static let usual = RekeySchedule(kekPercent: 90, tekPercent: 90, jitterPercent: 0)

    package init(kekPercent: UInt8, tekPercent: UInt8, jitterPercent: UInt8) {
        self.kekPercent = kekPercent
        self.tekPercent = tekPercent
        self.jitterPercent = jitterPercent
    }

    package func faults() -> [DefinitionFault] {
        var faults: [DefinitionFault] = []
        for (path, value) in [("kek", kekPercent), ("tek", tekPercent)] where !(10...95).contains(value) {
            faults.append(DefinitionFault(path: path, problem: "\(value) percent", valid: "10 to 95 percent"))
        }
        let most = Int(min(kekPercent, tekPercent)) - 5
        if jitterPercent > 50 || Int(jitterPercent) > most {
            faults.append(
                DefinitionFault(
                    path: "jitter", problem: "\(jitterPercent) percent", valid: "0 to \(max(0, min(50, most))) percent")
            )
        }
        return faults
    }
}

/// A group's schedule as the store keeps it; groups without one have the usual.
package struct RekeyScheduleRow: Hashable, Sendable {
    package var group: GroupName
    package var schedule: RekeySchedule
    /// While it is set, keys are replaced only when they would expire otherwise.
    package var pausedAt: WallTime?

    package init(group: GroupName, schedule: RekeySchedule, pausedAt: WallTime? = nil) {
        self.group = group
        self.schedule = schedule
        self.pausedAt = pausedAt
    }
}

/// When the next rekeys of a group come.
package struct RekeyScheduleStatus: Hashable, Sendable {
    package var group: GroupName
    package var schedule: RekeySchedule
    package var pausedSince: WallTime?
    package var kekDueAt: WallTime
    package var tekDueAt: WallTime
    /// The moment up to which a pause can last: then the first key is replaced, paused or not.
    package var safeUntil: WallTime

    package init(
        group: GroupName, schedule: RekeySchedule, pausedSince: WallTime?, kekDueAt: WallTime, tekDueAt: WallTime,
        safeUntil: WallTime
    ) {
        self.group = group
        self.schedule = schedule
        self.pausedSince = pausedSince
        self.kekDueAt = kekDueAt
        self.tekDueAt = tekDueAt
        self.safeUntil = safeUntil
    }
}

/// One GSA_REKEY of a group's past.
package struct RekeyHistoryRow: Hashable, Sendable {
    /// Of its order; grows.
    package var number: Int64
    package var group: GroupName
    package var at: WallTime
    /// "operator", "lifetime", "policy", "exclusion", "emergency", "sender", "sender-ids", "sequence".
    package var cause: String
    package var by: String
    /// The Rekey SA it travels over.
    package var spi: RekeySPI
    package var messageID: MessageID
    package var newRekeySPI: RekeySPI?
    package var newDataSPIs: [ESPSPI]
    package var generation: GSAGeneration
    package var members: Int

    package init(
        number: Int64, group: GroupName, at: WallTime, cause: String, by: String, spi: RekeySPI, messageID: MessageID,
        newRekeySPI: RekeySPI?, newDataSPIs: [ESPSPI], generation: GSAGeneration, members: Int
    ) {
        self.number = number
        self.group = group
        self.at = at
        self.cause = cause
        self.by = by
        self.spi = spi
        self.messageID = messageID
        self.newRekeySPI = newRekeySPI
        self.newDataSPIs = newDataSPIs
        self.generation = generation
        self.members = members
    }
}
