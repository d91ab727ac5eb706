import Foundation
package import GroupModel
import IKEVocabulary

// The audit trail, both ways. What comes from an authority is checked in shape here and in truth by AuditTrail.

extension AuditQuery {
    package init(_ wire: Gcks_V1_AuditReadRequest) throws(ContractError) {
        let start: Start
        switch wire.place {
        case .after(let seq):
            guard seq >= 0 else { throw ContractError("AuditReadRequest.after", .outOfRange) }
            start = .after(seq)
        case .newest(let count): start = .newest(try narrowed(count, "AuditReadRequest.newest"))
        case nil: throw ContractError("AuditReadRequest.place", .missing)
        }
        guard (1...UInt32(Self.pageRecords)).contains(wire.atMost) else {
            throw ContractError("AuditReadRequest.at_most", .outOfRange)
        }
        let filter = AuditFilter(
            since: wire.hasSinceMilliseconds
                ? try checkedTime(wire.sinceMilliseconds, "AuditReadRequest.since_milliseconds") : nil,
            until: wire.hasUntilMilliseconds
                ? try checkedTime(wire.untilMilliseconds, "AuditReadRequest.until_milliseconds") : nil,
            actor: wire.hasActor
                ? try checkedText(wire.actor, "AuditReadRequest.actor", atMost: Limits.textOctets) : nil,
            action: wire.hasAction ? try checkedText(wire.action, "AuditReadRequest.action") : nil,
            object: wire.hasObject
                ? try checkedText(wire.object, "AuditReadRequest.object", atMost: Limits.textOctets) : nil)
        self.init(start: start, atMost: try narrowed(wire.atMost, "AuditReadRequest.at_most"), filter: filter)
    }
}

extension Gcks_V1_AuditReadRequest {
    package init(_ query: AuditQuery) {
        self.init()
        switch query.start {
        case .after(let seq): after = seq
        case .newest(let count): newest = UInt32(clamping: count)
        }
        atMost = UInt32(clamping: query.atMost)
        if let since = query.filter.since { sinceMilliseconds = since.milliseconds }
        if let until = query.filter.until { untilMilliseconds = until.milliseconds }
        if let text = query.filter.actor { actor = text }
        if let text = query.filter.action { action = text }
        if let text = query.filter.object { object = text }
    }
}

extension AuditPage {
    package init(_ wire: Gcks_V1_AuditPage) throws(ContractError) {
        self.init(
            key: wire.hasKey
                ? AuditKey(
                    cluster: try checkedText(wire.key.cluster, "AuditKey.cluster"),
                    publicKey: try checkedOctets(wire.key.publicKey, "AuditKey.public_key", atMost: Limits.textOctets))
                : nil,
            records: try checkedList(
                wire.records, "AuditPage.records", atMost: AuditQuery.pageRecords
            ) { record throws(ContractError) in try AuditRecord(record) },
            anchors: try checkedList(
                wire.anchors, "AuditPage.anchors", atMost: AuditQuery.pageRecords + 1
            ) { anchor throws(ContractError) in try AuditAnchor(anchor) },
            lookedThrough: wire.lookedThrough, head: wire.head, floor: wire.floor)
    }
}

extension Gcks_V1_AuditPage {
    package init(_ page: AuditPage) {
        self.init()
        if let known = page.key {
            key.cluster = known.cluster
            key.publicKey = Data(known.publicKey)
        }
        records = page.records.map(Gcks_V1_AuditRecord.init)
        anchors = page.anchors.map(Gcks_V1_AuditAnchor.init)
        lookedThrough = page.lookedThrough
        head = page.head
        floor = page.floor
    }
}

extension AuditRecord {
    package init(_ wire: Gcks_V1_AuditRecord) throws(ContractError) {
        func text(_ text: String, _ name: String) throws(ContractError) -> String {
            try checkedText(text, "AuditRecord.\(name)", atMost: AuditEntry.fieldOctets)
        }
        let entry = AuditEntry(
            actor: try text(wire.actor, "actor"), actorRole: try text(wire.actorRole, "actor_role"),
            source: try text(wire.source, "source"), action: try text(wire.action, "action"),
            object: try text(wire.object, "object"), reason: try text(wire.reason, "reason"),
            request: try text(wire.request, "request"), result: try text(wire.result, "result"),
            generationBefore: wire.hasGenerationBefore ? GSAGeneration(rawValue: wire.generationBefore) : nil,
            generationAfter: wire.hasGenerationAfter ? GSAGeneration(rawValue: wire.generationAfter) : nil)
        guard wire.seq >= 1 else { throw ContractError("AuditRecord.seq", .outOfRange) }
        self.init(
            seq: wire.seq, at: try checkedTime(wire.atMilliseconds, "AuditRecord.at_milliseconds"),
            cluster: try text(wire.cluster, "cluster"), node: try text(wire.node, "node"), entry: entry,
            previousHash: try auditHash(wire.previousHash, "AuditRecord.previous_hash"),
            hash: try auditHash(wire.hash, "AuditRecord.hash"))
    }
}

extension Gcks_V1_AuditRecord {
    package init(_ record: AuditRecord) {
        self.init()
        let entry = record.entry
        seq = record.seq
        atMilliseconds = record.at.milliseconds
        cluster = record.cluster
        node = record.node
        actor = entry.actor
        actorRole = entry.actorRole
        source = entry.source
        action = entry.action
        object = entry.object
        reason = entry.reason
        request = entry.request
        result = entry.result
        if let before = entry.generationBefore { generationBefore = before.rawValue }
        if let after = entry.generationAfter { generationAfter = after.rawValue }
        previousHash = Data(record.previousHash)
        hash = Data(record.hash)
    }
}

extension AuditAnchor {
    package init(_ wire: Gcks_V1_AuditAnchor) throws(ContractError) {
        guard wire.seq >= 1 else { throw ContractError("AuditAnchor.seq", .outOfRange) }
        self.init(
            place: AuditPlace(seq: wire.seq, hash: try auditHash(wire.hash, "AuditAnchor.hash")),
            at: try checkedTime(wire.atMilliseconds, "AuditAnchor.at_milliseconds"),
            signature: try checkedOctets(wire.signature, "AuditAnchor.signature", atMost: Limits.nameOctets))
    }
}

extension Gcks_V1_AuditAnchor {
    package init(_ anchor: AuditAnchor) {
        self.init()
        seq = anchor.place.seq
        hash = Data(anchor.place.hash)
        atMilliseconds = anchor.at.milliseconds
        signature = Data(anchor.signature)
    }
}

private func auditHash(_ octets: Data, _ field: String) throws(ContractError) -> [UInt8] {
    guard octets.count == AuditPlace.hashOctets else { throw ContractError(field, .outOfRange) }
    return [UInt8](octets)
}
