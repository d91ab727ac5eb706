package import GroupModel
package import IKEVocabulary

/// A group in numbers, without names of members and without keys.
package struct GroupFigures: Hashable, Sendable {
    package let name: GroupName
    package let members: Int
    package let senders: Int
    package let generation: GSAGeneration
    /// Of the current Rekey SA, and the earliest of the current Data-Security SAs.
    package let kekExpiresAt: WallTime
    package let tekExpiresAt: WallTime?
    package let senderIDsGiven: UInt64
    package let senderIDCapacity: UInt64
}

extension AuthorityCore {
    package var figures: [GroupFigures] {
        groups.values.sorted { $0.name < $1.name }.map { group in
            GroupFigures(
                name: group.name, members: group.members.count, senders: group.senders.count,
                generation: group.row.generation, kekExpiresAt: group.rekeySA.row.expiresAt,
                tekExpiresAt: group.currentDataSAs.map(\.row.expiresAt).min(), senderIDsGiven: group.row.nextSenderID,
                senderIDCapacity: group.definition.senderIDWidth.capacity)
        }
    }

    /// Rekeys that no broadcaster has acknowledged yet.
    package var unsentRekeys: Int { rekeyOrders.count }
}
