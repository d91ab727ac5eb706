package import GroupModel
import IKECrypto
import IKEVocabulary
import KeyMaterial

extension AuthorityCore {
    /// Every group, or one; keys appear as check values only.
    package func groupStatuses(_ only: GroupName?) -> [GroupStatus] {
        groups.values.filter { only == nil || $0.name == only }.sorted { $0.name < $1.name }.map(status)
    }

    func status(of group: GroupState) -> GroupStatus {
        let rekey = group.rekeySA
        let schedule = scheduleStatus(of: group)
        return GroupStatus(
            definition: group.definition, generation: group.row.generation, members: group.members.count,
            senders: group.senders.count,
            rekeySA: SAStatus(
                name: "rekey", spi: rekey.row.spi.description,
                keyCheckValue: engine.keyCheckValue(of: rekey.sa.keymat.secret), expiresAt: rekey.row.expiresAt,
                nextMessageID: rekey.row.nextMessageID.rawValue),
            dataSAs: group.currentDataSAs.map { held in
                SAStatus(
                    name: held.row.name, spi: held.row.spi.description,
                    keyCheckValue: engine.keyCheckValue(of: held.sa.key.secret), expiresAt: held.row.expiresAt,
                    nextMessageID: nil)
            },
            senderIDsGiven: group.row.nextSenderID,
            nextRekeyAt: group.pausedAt == nil ? min(schedule.kekDueAt, schedule.tekDueAt) : nil)
    }

    /// Members, then those that were turned away lately.
    func memberStatuses(_ only: GroupState?) -> [MemberStatus] {
        let chosen = only.map { [$0] } ?? groups.values.sorted { $0.name < $1.name }
        let members = chosen.flatMap { group in
            group.members.values.sorted { $0.identity.description < $1.identity.description }.map { status(of: $0) }
        }
        let excluded = chosen.flatMap { group in
            group.exclusions.values.sorted { $0.identity.description < $1.identity.description }.map { status(of: $0) }
        }
        return members + excluded + refusals.all.filter { only == nil || $0.group == only?.name.text }
    }

    /// One identity in one group or in all, as member or as turned away lately.
    func memberStatuses(of identity: Identity, in name: GroupName?) -> [MemberStatus] {
        let chosen = groups.values.filter { name == nil || $0.name == name }.sorted { $0.name < $1.name }
        return chosen.compactMap { $0.members[identity].map(status) }
            + chosen.compactMap { $0.exclusions[identity].map(status) }
            + refusals.all.filter { $0.identity.canonical == identity && (name == nil || $0.group == name?.text) }
    }

    private func status(of member: MemberRow) -> MemberStatus {
        MemberStatus(
            group: member.group.text, identity: member.identity, state: "member",
            role: member.isSender ? "sender" : "receiver", senderIDs: member.senderIDs, since: member.registeredAt,
            remote: member.remote, frontend: member.frontend, authentication: member.authentication, reason: "")
    }

    private func status(of excluded: ExclusionRow) -> MemberStatus {
        MemberStatus(
            group: excluded.group.text, identity: excluded.identity, state: "excluded", role: "-", senderIDs: [],
            since: excluded.at, remote: Endpoint(.anyIPv4, port: 0), frontend: "-", authentication: nil,
            reason: "by \(excluded.by)\(excluded.reason.isEmpty ? "" : ": \(excluded.reason)")")
    }

    func senderStatuses(_ group: GroupState) -> [SenderStatus] {
        group.members.values
            .flatMap { member in
                member.senderIDs.map { SenderStatus(id: $0, member: member.identity, givenAt: member.registeredAt) }
            }
            .sorted { $0.id < $1.id }
    }
}
