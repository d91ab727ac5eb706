import Foundation
package import GroupModel
package import IKEVocabulary
import Octets

// Exclusion and rekeys by hand, both ways.

/// Who is to be barred, from where, under which mandate: the same for evict, deny and allow.
package struct MemberBar: Hashable, Sendable {
    package let members: [Identity]
    package let group: GroupName?
    package let mandate: Mandate

    package init(members: [Identity], group: GroupName?, mandate: Mandate) {
        self.members = members
        self.group = group
        self.mandate = mandate
    }

    package init(_ wire: Gcks_V1_MemberBarRequest) throws(ContractError) {
        let mandate = try Mandate(wire.hasMandate, wire.mandate, "MemberBarRequest.mandate")
        self.init(
            members: try checkedList(
                wire.members, "MemberBarRequest.members", atMost: ControlRequest.identities
            ) { member throws(ContractError) in try Identity(member) },
            group: wire.hasGroup ? try GroupName(wire: wire.group, "MemberBarRequest.group") : nil,
            mandate: mandate)
    }
}

extension Gcks_V1_MemberBarRequest {
    package init(_ bar: MemberBar) {
        self.init()
        members = bar.members.map(Gcks_V1_Identity.init)
        if let name = bar.group { group = name.text }
        mandate = Gcks_V1_Mandate(bar.mandate)
    }
}

extension RekeySchedule {
    package init(_ wire: Gcks_V1_RekeySchedule) throws(ContractError) {
        self.init(
            kekPercent: try narrowed(wire.kekPercent, "RekeySchedule.kek_percent"),
            tekPercent: try narrowed(wire.tekPercent, "RekeySchedule.tek_percent"),
            jitterPercent: try narrowed(wire.jitterPercent, "RekeySchedule.jitter_percent"))
    }
}

extension Gcks_V1_RekeySchedule {
    package init(_ schedule: RekeySchedule) {
        self.init()
        kekPercent = UInt32(schedule.kekPercent)
        tekPercent = UInt32(schedule.tekPercent)
        jitterPercent = UInt32(schedule.jitterPercent)
    }
}

extension RekeyScheduleStatus {
    package init(_ wire: Gcks_V1_RekeyScheduleStatus) throws(ContractError) {
        self.init(
            group: try GroupName(wire: wire.group, "RekeyScheduleStatus.group"),
            schedule: try RekeySchedule(wire.schedule),
            pausedSince: wire.hasPausedSinceMilliseconds
                ? try checkedTime(wire.pausedSinceMilliseconds, "RekeyScheduleStatus.paused_since_milliseconds") : nil,
            kekDueAt: try checkedTime(wire.kekDueMilliseconds, "RekeyScheduleStatus.kek_due_milliseconds"),
            tekDueAt: try checkedTime(wire.tekDueMilliseconds, "RekeyScheduleStatus.tek_due_milliseconds"),
            safeUntil: try checkedTime(wire.safeUntilMilliseconds, "RekeyScheduleStatus.safe_until_milliseconds"))
    }
}

extension Gcks_V1_RekeyScheduleStatus {
    package init(_ status: RekeyScheduleStatus) {
        self.init()
        group = status.group.text
        schedule = Gcks_V1_RekeySchedule(status.schedule)
        if let since = status.pausedSince { pausedSinceMilliseconds = since.milliseconds }
        kekDueMilliseconds = status.kekDueAt.milliseconds
        tekDueMilliseconds = status.tekDueAt.milliseconds
        safeUntilMilliseconds = status.safeUntil.milliseconds
    }
}

extension RekeyHistoryRow {
    package init(_ wire: Gcks_V1_RekeyHistoryEntry) throws(ContractError) {
        func spi(_ text: String, _ name: String) throws(ContractError) -> RekeySPI {
            let octets = Hex.decode(try checkedText(text, "RekeyHistoryEntry.\(name)")) ?? []
            return try required(RekeySPI(octets: octets), "RekeyHistoryEntry.\(name)")
        }
        self.init(
            number: wire.number, group: try GroupName(wire: wire.group, "RekeyHistoryEntry.group"),
            at: try checkedTime(wire.atMilliseconds, "RekeyHistoryEntry.at_milliseconds"),
            cause: try checkedText(wire.cause, "RekeyHistoryEntry.cause"),
            by: try checkedText(wire.by, "RekeyHistoryEntry.by"), spi: try spi(wire.spi, "spi"),
            messageID: MessageID(rawValue: wire.messageID),
            newRekeySPI: wire.hasNewRekeySpi ? try spi(wire.newRekeySpi, "new_rekey_spi") : nil,
            newDataSPIs: try checkedList(
                wire.newDataSpis, "RekeyHistoryEntry.new_data_spis", atMost: Limits.dataSAs
            ) { text throws(ContractError) in
                ESPSPI(rawValue: try required(UInt32(text, radix: 16), "RekeyHistoryEntry.new_data_spis"))
            },
            generation: GSAGeneration(rawValue: wire.generation),
            members: try narrowed(wire.members, "RekeyHistoryEntry.members"))
    }
}

extension Gcks_V1_RekeyHistoryEntry {
    package init(_ row: RekeyHistoryRow) {
        self.init()
        number = row.number
        group = row.group.text
        atMilliseconds = row.at.milliseconds
        cause = row.cause
        by = row.by
        spi = Hex.encode(row.spi.octets)
        messageID = row.messageID.rawValue
        if let fresh = row.newRekeySPI { newRekeySpi = Hex.encode(fresh.octets) }
        newDataSpis = row.newDataSPIs.map { Hex.encode($0.octets) }
        generation = row.generation.rawValue
        members = Int64(row.members)
    }
}

extension PolicyVerdict {
    package init(_ wire: Gcks_V1_PolicyTestReply) throws(ContractError) {
        self.init(
            isAllowed: wire.isAllowed,
            lines: try checkedList(
                wire.lines, "PolicyTestReply.lines", atMost: Limits.lines
            ) { line throws(ContractError) in
                try checkedText(line, "PolicyTestReply.lines", atMost: Limits.textOctets)
            })
    }
}

extension Gcks_V1_PolicyTestReply {
    package init(_ verdict: PolicyVerdict) {
        self.init()
        isAllowed = verdict.isAllowed
        lines = verdict.lines
    }
}
