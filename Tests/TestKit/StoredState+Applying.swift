package import GroupModel
import IKEVocabulary

/// Why the model of the store refuses a transaction.
package enum StateRefusal: Error, Hashable {
    case fenced
    case duplicateMessageID
    case duplicateOperation
    case senderIDGoesBack
    case unknownGroup
    case auditGap
    case auditKeyChanges
    case anchorWithoutRecord
    case frontendNumberTaken
    case lifeGoesBack
}

extension StoredState {
    /// What the replicated store does with a transaction, on plain values: the reference that tests hold the cores and the
    /// real engine to.
    package mutating func apply(_ transaction: StoreTransaction) throws(StateRefusal) {
        guard transaction.term == term else { throw .fenced }
        var next = self
        for mutation in transaction.mutations { try next.apply(mutation) }
        for case .sending(.resetSenderIDs(let name)) in transaction.mutations {
            guard let old = groups.first(where: { $0.name == name })?.generation,
                let new = next.groups.first(where: { $0.name == name })?.generation, new > old
            else { throw .senderIDGoesBack }
        }
        self = next
    }

    private mutating func apply(_ mutation: StoreMutation) throws(StateRefusal) {
        switch mutation {
        case .putGroup(let row):
            if let old = groups.first(where: { $0.name == row.name }), row.nextSenderID < old.nextSenderID {
                throw .senderIDGoesBack
            }
            groups.removeAll { $0.name == row.name }
            groups.append(row)
        case .setNextSenderID(let next, let name):
            guard let index = groups.firstIndex(where: { $0.name == name }) else { throw .unknownGroup }
            guard next >= groups[index].nextSenderID else { throw .senderIDGoesBack }
            groups[index].nextSenderID = next
        case .putRekeySA(let row):
            rekeySAs.removeAll { $0.spi == row.spi }
            rekeySAs.append(row)
        case .removeRekeySA(let spi): rekeySAs.removeAll { $0.spi == spi }
        case .putDataSA(let row):
            dataSAs.removeAll { $0.spi == row.spi && $0.group == row.group }
            dataSAs.append(row)
        case .removeDataSA(let spi, let group): dataSAs.removeAll { $0.spi == spi && $0.group == group }
        case .putMember(let row):
            members.removeAll { $0.group == row.group && $0.identity == row.identity }
            members.append(row)
        case .removeMember(let identity, let group):
            members.removeAll { $0.group == group && $0.identity == identity }
        case .addRekeyOrder(let order):
            guard !rekeyOrders.contains(where: { $0.spi == order.spi && $0.messageID == order.messageID }) else {
                throw .duplicateMessageID
            }
            rekeyOrders.append(order)
        case .removeRekeyOrder(let number): rekeyOrders.removeAll { $0.number == number }
        case .recordOperation(let row):
            guard !operations.contains(where: { $0.operation == row.operation }) else { throw .duplicateOperation }
            operations.append(row)
        case .forgetOperations(let before): forget(before)
        case .putExclusion(let row):
            exclusions.removeAll { $0.group == row.group && $0.identity == row.identity }
            exclusions.append(row)
        case .removeExclusion(let identity, let group):
            exclusions.removeAll { $0.group == group && $0.identity == identity }
        case .putRekeySchedule(let row):
            rekeySchedules.removeAll { $0.group == row.group }
            rekeySchedules.append(row)
        case .recordRekey(let row):
            rekeyHistory.append(row)
            let surplus = rekeyHistory.count { $0.group == row.group } - StateLimits.rekeyHistory
            if surplus > 0, let oldest = rekeyHistory.firstIndex(where: { $0.group == row.group }) {
                rekeyHistory.remove(at: oldest)
            }
        case .setLife(let life):
            guard life > self.life else { throw .lifeGoesBack }
            self.life = life
        case .putAuditKey, .appendAudit, .addAuditAnchor, .forgetAudit: try audit.apply(mutation)
        case .putFleetSecret(let row): fleetSecret = row
        case .putFrontend(let row):
            guard !frontends.contains(where: { ($0.name == row.name) != ($0.number == row.number) }) else {
                throw .frontendNumberTaken
            }
            frontends.removeAll { $0.name == row.name }
            frontends.append(row)
        case .upkeep(let mutation): upkeep.apply(mutation)
        case .sending(let mutation):
            sending.apply(mutation)
            guard case .resetSenderIDs(let name) = mutation else { break }
            for index in groups.indices where groups[index].name == name { groups[index].nextSenderID = 0 }
        case .keyTree(let mutation): apply(mutation)
        case .putDrainedNode(let row):
            drained.removeAll { $0.name == row.name }
            drained.append(row)
        case .removeDrainedNode(let name): drained.removeAll { $0.name == name }
        }
    }

    private mutating func apply(_ mutation: KeyTreeMutation) {
        switch mutation {
        case .putTree(let row):
            keyTrees.removeAll { $0.group == row.group }
            keyTrees.append(row)
        case .putNode(let row):
            keyTreeNodes.removeAll { $0.group == row.group && $0.node == row.node }
            keyTreeNodes.append(row)
        case .putLeaf(let row):
            keyLeaves.removeAll { $0.group == row.group && $0.leaf == row.leaf }
            keyLeaves.append(row)
        case .removeLeaf(let leaf, let group): keyLeaves.removeAll { $0.group == group && $0.leaf == leaf }
        case .clear(let group):
            keyTreeNodes.removeAll { $0.group == group }
            keyLeaves.removeAll { $0.group == group }
        }
    }

    private mutating func forget(_ before: WallTime) {
        let old = operations.indices.filter { operations[$0].at < before }
            .sorted { (operations[$0].at, $0) < (operations[$1].at, $1) }
        let gone = Set(old.prefix(StateLimits.forgottenAtOnce))
        operations = operations.indices.filter { !gone.contains($0) }.map { operations[$0] }
    }
}

extension AuditState {
    fileprivate mutating func apply(_ mutation: StoreMutation) throws(StateRefusal) {
        switch mutation {
        case .putAuditKey(let row):
            guard key == nil || key?.key == row.key else { throw .auditKeyChanges }
            key = row
        case .appendAudit(let record):
            guard record.seq == head.seq + 1 else { throw .auditGap }
            head = AuditPlace(seq: record.seq, hash: record.hash)
        case .addAuditAnchor(let anchor):
            guard anchor.place == head else { throw .anchorWithoutRecord }
            anchors.append(anchor)
        case .forgetAudit(let place):
            guard anchors.contains(where: { $0.place == place }) else { throw .anchorWithoutRecord }
            floor = place
            oldest = min(oldest + Int64(StateLimits.auditForgottenAtOnce), place.seq + 1)
            anchors.removeAll { $0.place.seq < place.seq }
        default: return
        }
    }
}
