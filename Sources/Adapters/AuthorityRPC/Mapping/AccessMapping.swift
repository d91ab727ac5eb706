package import GroupModel
import IKEVocabulary

extension OperatorIdentity {
    package init(_ wire: Gcks_V1_WhoAmIReply) throws(ContractError) {
        let roles = try checkedList(
            wire.roles, "WhoAmIReply.roles", atMost: OperatorRole.allCases.count
        ) { role throws(ContractError) in try checkedText(role, "WhoAmIReply.roles") }
        let certificates = try checkedCounters(
            wire.certificatesExpireMilliseconds, "WhoAmIReply.certificates_expire_milliseconds")
        self.init(
            name: try checkedText(wire.name, "WhoAmIReply.name"),
            // A newer authority may know roles that this program does not.
            roles: Set(roles.compactMap(OperatorRole.init)),
            authority: try checkedText(wire.authority, "WhoAmIReply.authority"),
            time: try checkedTime(wire.timeMilliseconds, "WhoAmIReply.time_milliseconds"),
            version: try checkedText(wire.version, "WhoAmIReply.version"),
            leader: wire.hasLeader ? try checkedText(wire.leader, "WhoAmIReply.leader") : nil,
            certificatesExpire: certificates.mapValues { WallTime(milliseconds: $0) })
    }
}

extension Gcks_V1_WhoAmIReply {
    package init(_ identity: OperatorIdentity) {
        self.init()
        name = identity.name
        roles = identity.roles.sorted().map(\.rawValue)
        authority = identity.authority
        timeMilliseconds = identity.time.milliseconds
        version = identity.version
        if let name = identity.leader { leader = name }
        certificatesExpireMilliseconds = identity.certificatesExpire.mapValues(\.milliseconds)
    }
}
