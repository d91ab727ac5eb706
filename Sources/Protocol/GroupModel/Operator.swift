package import IKEVocabulary

// What an operator may ask and see. Answers are plain values; gcksctl prints them as tables or JSON.

package enum OperatorRequest: Sendable {
    case status
    case whoAmI
    case groupApply(GroupDefinition, Mandate)
    case groupList
    case groupShow(GroupName)
    case memberList(GroupName?)
    case memberShow(Identity, group: GroupName?)
    case senderList(GroupName)
    case senderSequences(GroupName)
    case rekeyNow(GroupName, scope: RekeyScope, Mandate)
    case control(ControlRequest)
    case audit(AuditRequest)
    case fleet(FleetRequest)
    case upkeep(UpkeepRequest)
    case cluster(ClusterRequest)
    case backup(BackupRequest)
}

/// What a rekey replaces: the Data-Security SAs, the Rekey SA, both, or the Rekey SA with the key that signs its messages.
package enum RekeyScope: String, Hashable, Sendable, CaseIterable { case tek, kek, all, authKey = "auth-key" }

package enum OperatorReply: Sendable {
    case status(ClusterStatus)
    case identity(OperatorIdentity)
    case groups([GroupStatus])
    case members([MemberStatus])
    case senders([SenderStatus])
    case sequences([SequenceStatus])
    case frontends([FrontendStatus])
    case upkeep(UpkeepReply)
    case cluster(ClusterReply)
    /// A change was made (or would be, with dry run): one line per effect.
    case done([String])
    case schedules([RekeyScheduleStatus])
    case history([RekeyHistoryRow])
    case verdict(PolicyVerdict)
    case audit(AuditPage)
    case backup(BackupDocument)
}

package enum OperatorFailure: Error, Hashable, Sendable {
    case notFound(String)
    /// The definition is wrong: path within the file, what is wrong, what would be valid.
    case invalid([DefinitionFault])
    case conflict(String)
    case notAuthorised(String)
    /// Ask the leader; its name when known.
    case notLeader(String?)
    case unavailable(String)
    /// The outcome is not known; ask again with the same operation.
    case unknownOutcome(OperationID)
}

package struct DefinitionFault: Hashable, Sendable {
    /// Dotted path with indices, such as "data[1].source".
    package let path: String
    package let problem: String
    package let valid: String

    package init(path: String, problem: String, valid: String) {
        self.path = path
        self.problem = problem
        self.valid = valid
    }
}

package struct ClusterStatus: Sendable {
    package var nodes: [NodeStatus]
    package var leader: String?
    package var term: Int64
    /// Since when the leader leads; nil when it does not say.
    package var leadingSince: WallTime?
    package var commits: Int64
    package var frontends: [LinkStatus]
    package var broadcasters: [LinkStatus]
    package var groups: [GroupStatus]

    package init(
        nodes: [NodeStatus], leader: String?, term: Int64, commits: Int64, frontends: [LinkStatus],
        broadcasters: [LinkStatus], groups: [GroupStatus], leadingSince: WallTime? = nil
    ) {
        self.leadingSince = leadingSince
        self.nodes = nodes
        self.leader = leader
        self.term = term
        self.commits = commits
        self.frontends = frontends
        self.broadcasters = broadcasters
        self.groups = groups
    }
}

package struct NodeStatus: Hashable, Sendable {
    package var name: String
    /// "leader", "follower", "unreachable".
    package var state: String
    package var detail: String

    package init(name: String, state: String, detail: String) {
        self.name = name
        self.state = state
        self.detail = detail
    }
}

/// A frontend or broadcaster as the leader sees it, with what it said of itself.
package struct LinkStatus: Hashable, Sendable {
    package var name: String
    package var isConnected: Bool
    package var since: WallTime
    /// Counters by name, such as "registrations", "half-open", "ike-sas", "dropped", "authority-losses".
    package var counters: [String: Int64]

    package init(name: String, isConnected: Bool, since: WallTime, counters: [String: Int64]) {
        self.name = name
        self.isConnected = isConnected
        self.since = since
        self.counters = counters
    }
}

package struct GroupStatus: Sendable {
    package var definition: GroupDefinition
    package var generation: GSAGeneration
    package var members: Int
    package var senders: Int
    package var rekeySA: SAStatus?
    package var dataSAs: [SAStatus]
    package var senderIDsGiven: UInt64
    /// By the schedule; nil while rekeys are paused.
    package var nextRekeyAt: WallTime?

    package init(
        definition: GroupDefinition, generation: GSAGeneration, members: Int, senders: Int, rekeySA: SAStatus?,
        dataSAs: [SAStatus], senderIDsGiven: UInt64, nextRekeyAt: WallTime? = nil
    ) {
        self.nextRekeyAt = nextRekeyAt
        self.definition = definition
        self.generation = generation
        self.members = members
        self.senders = senders
        self.rekeySA = rekeySA
        self.dataSAs = dataSAs
        self.senderIDsGiven = senderIDsGiven
    }
}

package struct SAStatus: Hashable, Sendable {
    package var name: String
    package var spi: String
    /// 8 hex digits of a keyed MAC, never of the key itself.
    package var keyCheckValue: String
    package var expiresAt: WallTime
    package var nextMessageID: UInt32?

    package init(name: String, spi: String, keyCheckValue: String, expiresAt: WallTime, nextMessageID: UInt32?) {
        self.name = name
        self.spi = spi
        self.keyCheckValue = keyCheckValue
        self.expiresAt = expiresAt
        self.nextMessageID = nextMessageID
    }
}

package struct MemberStatus: Sendable {
    package var group: String
    package var identity: Identity
    /// "member", "excluded" for one that is barred, or "refused" for one that was turned away lately.
    package var state: String
    package var role: String
    package var senderIDs: [SenderID]
    package var since: WallTime
    package var remote: Endpoint
    package var frontend: String
    /// Nil when it did not prove who it is.
    package var authentication: MemberAuthentication?
    /// Why it was refused or barred; empty for members.
    package var reason: String

    package init(
        group: String, identity: Identity, state: String, role: String, senderIDs: [SenderID], since: WallTime,
        remote: Endpoint, frontend: String, authentication: MemberAuthentication?, reason: String
    ) {
        self.group = group
        self.identity = identity
        self.state = state
        self.role = role
        self.senderIDs = senderIDs
        self.since = since
        self.remote = remote
        self.frontend = frontend
        self.authentication = authentication
        self.reason = reason
    }
}

package struct SenderStatus: Hashable, Sendable {
    package var id: SenderID
    package var member: Identity
    package var givenAt: WallTime

    package init(id: SenderID, member: Identity, givenAt: WallTime) {
        self.id = id
        self.member = member
        self.givenAt = givenAt
    }
}
