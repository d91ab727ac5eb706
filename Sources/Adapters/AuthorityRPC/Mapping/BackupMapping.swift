import Foundation
package import GroupModel
import IKEVocabulary
import Octets
import SwiftProtobuf

extension BackupDocument {
    /// What lies in a backup file once it is opened: the message `gcks.v1.BackupDocument`.
    package init(encoded octets: [UInt8]) throws(ContractError) {
        let wire: Gcks_V1_BackupDocument
        do {
            wire = try Gcks_V1_BackupDocument(serializedBytes: octets)
        } catch {
            throw ContractError("BackupDocument", .unknownValue)
        }
        try self.init(wire)
    }

    /// Equal documents give equal octets.
    package func encoded() throws -> [UInt8] {
        var options = BinaryEncodingOptions()
        options.useDeterministicOrdering = true
        return try Gcks_V1_BackupDocument(self).serializedBytes(options: options)
    }

    init(_ wire: Gcks_V1_BackupDocument) throws(ContractError) {
        let cluster = try checkedText(wire.cluster, "BackupDocument.cluster", atMost: 32)
        _ = try required(cluster.utf8.count == 32 ? Hex.decode(cluster) : nil, "BackupDocument.cluster")
        let hash = try checkedOctets(
            wire.trailHash, "BackupDocument.trail_hash", atMost: AuditPlace.hashOctets)
        guard hash.count == AuditPlace.hashOctets, wire.trailSeq >= 0 else {
            throw ContractError("BackupDocument.trail_hash", .outOfRange)
        }
        self.init(
            cluster: cluster, trail: AuditPlace(seq: wire.trailSeq, hash: hash),
            life: try ClusterLife(wire: wire.life, "BackupDocument.life"),
            madeAt: try checkedTime(wire.madeAtMilliseconds, "BackupDocument.made_at"),
            authority: try checkedText(wire.authority, "BackupDocument.authority"),
            groups: try checkedList(
                wire.groups, "BackupDocument.groups", atMost: Limits.rows
            ) { group throws(ContractError) in try GroupBackup(group) })
    }
}

extension GroupBackup {
    init(_ wire: Gcks_V1_GroupBackup) throws(ContractError) {
        let definition = try GroupDefinition(wire.definition)
        guard wire.generation >= 0, wire.generation < Int64.max / 2, wire.nextSenderID <= 1 << 32 else {
            throw ContractError("GroupBackup.generation", .outOfRange)
        }
        self.init(
            definition: definition, generation: GSAGeneration(rawValue: wire.generation),
            nextSenderID: wire.nextSenderID, schedule: try RekeySchedule(wire.schedule),
            exclusions: try checkedList(
                wire.exclusions, "GroupBackup.exclusions", atMost: Limits.rows
            ) { exclusion throws(ContractError) in
                ExclusionRow(
                    group: definition.name, identity: try Identity(exclusion.identity),
                    at: try checkedTime(exclusion.atMilliseconds, "Exclusion.at"),
                    by: try checkedText(exclusion.by, "Exclusion.by"),
                    reason: try checkedText(exclusion.reason, "Exclusion.reason", atMost: Reason.octets))
            },
            dataSPIs: try checkedList(
                wire.dataSpis, "GroupBackup.data_spis", atMost: Limits.rows
            ) { spi throws(ContractError) in ESPSPI(rawValue: spi) },
            members: Int(wire.members))
    }
}

extension ClusterLife {
    init(wire: UInt32, _ field: String) throws(ContractError) {
        self = try required(ClusterLife(rawValue: wire), field)
    }
}

extension Gcks_V1_BackupDocument {
    init(_ document: BackupDocument) {
        self.init()
        cluster = document.cluster
        trailSeq = document.trail.seq
        trailHash = Data(document.trail.hash)
        life = document.life.rawValue
        madeAtMilliseconds = document.madeAt.milliseconds
        authority = document.authority
        groups = document.groups.map(Gcks_V1_GroupBackup.init)
    }
}

extension Gcks_V1_GroupBackup {
    init(_ group: GroupBackup) {
        self.init()
        definition = Gcks_V1_GroupDefinition(group.definition)
        generation = group.generation.rawValue
        nextSenderID = group.nextSenderID
        schedule = Gcks_V1_RekeySchedule(group.schedule)
        exclusions = group.exclusions.map { row in
            var wire = Gcks_V1_Exclusion()
            wire.identity = Gcks_V1_Identity(row.identity)
            wire.atMilliseconds = row.at.milliseconds
            wire.by = row.by
            wire.reason = row.reason
            return wire
        }
        dataSpis = group.dataSPIs.map(\.rawValue)
        members = UInt32(clamping: group.members)
    }
}
