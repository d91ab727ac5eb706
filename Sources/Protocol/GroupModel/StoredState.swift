package import IKEVocabulary
package import KeyMaterial

// The rows of the replicated state, as plain values. ReplicatedStore maps them to tables; AuthorityCore decides them.

/// A group and the counters that belong to it.
package struct GroupRow: Hashable, Sendable {
    package var name: GroupName
    package var definition: GroupDefinition
    package var generation: GSAGeneration
    /// The lowest Sender-ID never given in this life of the group's Data-Security SAs.
    package var nextSenderID: UInt64
    package var changedAt: WallTime

    package init(
        name: GroupName, definition: GroupDefinition, generation: GSAGeneration, nextSenderID: UInt64,
        changedAt: WallTime
    ) {
        self.name = name
        self.definition = definition
        self.generation = generation
        self.nextSenderID = nextSenderID
        self.changedAt = changedAt
    }
}

/// A Rekey SA: KEYMAT sealed, the group's signing key sealed beside its public half.
package struct RekeySARow: Hashable, Sendable {
    package var group: GroupName
    package var spi: RekeySPI
    package var sealedKeymat: SealedKey
    /// DER SubjectPublicKeyInfo (AUTH_KEY) and sealed private key; nil with implicit authentication.
    package var authKey: [UInt8]?
    package var sealedSigningKey: SealedKey?
    package var nextMessageID: MessageID
    package var createdAt: WallTime
    package var expiresAt: WallTime
    /// Set when a newer Rekey SA took over.
    package var retiredAt: WallTime?

    package init(
        group: GroupName, spi: RekeySPI, sealedKeymat: SealedKey, authKey: [UInt8]?, sealedSigningKey: SealedKey?,
        nextMessageID: MessageID, createdAt: WallTime, expiresAt: WallTime, retiredAt: WallTime?
    ) {
        self.group = group
        self.spi = spi
        self.sealedKeymat = sealedKeymat
        self.authKey = authKey
        self.sealedSigningKey = sealedSigningKey
        self.nextMessageID = nextMessageID
        self.createdAt = createdAt
        self.expiresAt = expiresAt
        self.retiredAt = retiredAt
    }
}

/// A Data-Security SA. `name` points to its definition within the group.
package struct DataSARow: Hashable, Sendable {
    package var group: GroupName
    package var name: String
    package var spi: ESPSPI
    package var sealedKey: SealedKey
    package var createdAt: WallTime
    package var expiresAt: WallTime
    package var retiredAt: WallTime?

    package init(
        group: GroupName, name: String, spi: ESPSPI, sealedKey: SealedKey, createdAt: WallTime, expiresAt: WallTime,
        retiredAt: WallTime?
    ) {
        self.group = group
        self.name = name
        self.spi = spi
        self.sealedKey = sealedKey
        self.createdAt = createdAt
        self.expiresAt = expiresAt
        self.retiredAt = retiredAt
    }
}

/// A registered member of a group.
package struct MemberRow: Hashable, Sendable {
    package var group: GroupName
    package var identity: Identity
    package var isSender: Bool
    /// The Sender-IDs of its last registration.
    package var senderIDs: [SenderID]
    package var supportsFragmentation: Bool
    package var authentication: MemberAuthentication
    package var registeredAt: WallTime
    package var remote: Endpoint
    package var frontend: String
    package var operation: OperationID

    package init(
        group: GroupName, identity: Identity, isSender: Bool, senderIDs: [SenderID], supportsFragmentation: Bool,
        authentication: MemberAuthentication, registeredAt: WallTime, remote: Endpoint, frontend: String,
        operation: OperationID
    ) {
        self.group = group
        self.identity = identity
        self.isSender = isSender
        self.senderIDs = senderIDs
        self.supportsFragmentation = supportsFragmentation
        self.authentication = authentication
        self.registeredAt = registeredAt
        self.remote = remote
        self.frontend = frontend
        self.operation = operation
    }
}

/// What an operation did, kept for a while so that it can be asked about and is not done twice.
package struct OperationRow: Hashable, Sendable {
    package var operation: OperationID
    package var at: WallTime
    /// What it was: "join", "leave", "group-apply", "rekey-now", "node-drain".
    package var kind: String
    /// Nil for what concerns the whole cluster.
    package var group: GroupName?
    /// Sender-IDs a join was given: a retry gets the same.
    package var senderIDs: [SenderID]
    /// For operator operations, the answer in one line.
    package var summary: String

    package init(
        operation: OperationID, at: WallTime, kind: String, group: GroupName?, senderIDs: [SenderID], summary: String
    ) {
        self.operation = operation
        self.at = at
        self.kind = kind
        self.group = group
        self.senderIDs = senderIDs
        self.summary = summary
    }
}

package enum StoreMutation: Hashable, Sendable {
    case putGroup(GroupRow)
    /// Changes the counter of a group that is there and nothing else of it; the counter never goes down but by
    /// `SendingMutation.resetSenderIDs`.
    case setNextSenderID(UInt64, group: GroupName)
    case putRekeySA(RekeySARow)
    case removeRekeySA(RekeySPI)
    case putDataSA(DataSARow)
    case removeDataSA(ESPSPI, group: GroupName)
    case putMember(MemberRow)
    case removeMember(Identity, group: GroupName)
    /// The store has a UNIQUE key on (SPI, Message ID): a second octet string for one Message ID cannot be committed.
    case addRekeyOrder(RekeyOrder)
    case removeRekeyOrder(Int64)
    /// The store has a UNIQUE key on the operation.
    case recordOperation(OperationRow)
    /// Forgets at most `StateLimits.forgottenAtOnce` operations, the oldest first; another forgets more.
    case forgetOperations(before: WallTime)
    case putExclusion(ExclusionRow)
    case removeExclusion(Identity, group: GroupName)
    case putRekeySchedule(RekeyScheduleRow)
    /// The store keeps the newest `StateLimits.rekeyHistory` of a group.
    case recordRekey(RekeyHistoryRow)
    /// The cluster's audit key, once; later only sealed anew.
    case putAuditKey(AuditKeyRow)
    /// The store takes the number after the last one and no other, and never changes a record.
    case appendAudit(AuditRecord)
    case addAuditAnchor(AuditAnchor)
    /// Records up to this anchor's are forgotten: the floor moves there at once, and at most
    /// `StateLimits.auditForgottenAtOnce` records leave the disk with each such mutation.
    case forgetAudit(through: AuditPlace)
    case putFleetSecret(FleetSecretRow)
    /// The store has a UNIQUE key on the number.
    case putFrontend(FrontendRow)
    case upkeep(UpkeepMutation)
    case putDrainedNode(DrainedNodeRow)
    case removeDrainedNode(String)
    /// The life never goes back.
    case setLife(ClusterLife)
    case sending(SendingMutation)
    case keyTree(KeyTreeMutation)
}

package enum StateLimits {
    /// Operations, and of the Sender-IDs they gave as many, that one mutation forgets.
    package static let forgottenAtOnce = 4096
    package static let auditForgottenAtOnce = 4096
    package static let rekeyHistory = 100
}

/// Who may write: one number per leadership, higher than every one before.
package struct LeadershipTerm: RawRepresentable, Hashable, Comparable, Sendable {
    package let rawValue: Int64
    package init(rawValue: Int64) { self.rawValue = rawValue }
    package static func < (one: LeadershipTerm, other: LeadershipTerm) -> Bool { one.rawValue < other.rawValue }
}

/// Changes that are committed together or not at all. The store refuses the whole when another leader took over since `term`.
package struct StoreTransaction: Hashable, Sendable {
    package var term: LeadershipTerm
    package var mutations: [StoreMutation]

    package init(term: LeadershipTerm, mutations: [StoreMutation]) {
        self.term = term
        self.mutations = mutations
    }
}

/// Proof that a transaction is on a majority of disks. Only ReplicatedStore makes one (held by a law test).
package struct CommitReceipt: Hashable, Sendable {
    package let term: LeadershipTerm
    /// Counts commits of this cluster's life.
    package let index: Int64

    package init(term: LeadershipTerm, index: Int64) {
        self.term = term
        self.index = index
    }
}

/// Everything a new leader needs, read in one fenced transaction.
package struct StoredState: Sendable {
    package var term: LeadershipTerm
    package var groups: [GroupRow]
    package var rekeySAs: [RekeySARow]
    package var dataSAs: [DataSARow]
    package var members: [MemberRow]
    package var rekeyOrders: [RekeyOrder]
    package var operations: [OperationRow]
    package var exclusions: [ExclusionRow]
    package var rekeySchedules: [RekeyScheduleRow]
    package var rekeyHistory: [RekeyHistoryRow]
    package var audit: AuditState
    package var fleetSecret: FleetSecretRow?
    package var frontends: [FrontendRow]
    package var upkeep = UpkeepState()
    package var drained: [DrainedNodeRow] = []
    package var sending = SendingState()
    package var keyTrees: [KeyTreeRow] = []
    package var keyTreeNodes: [KeyTreeNodeRow] = []
    package var keyLeaves: [KeyLeafRow] = []
    package var life: ClusterLife

    package init(
        term: LeadershipTerm, groups: [GroupRow] = [], rekeySAs: [RekeySARow] = [], dataSAs: [DataSARow] = [],
        members: [MemberRow] = [], rekeyOrders: [RekeyOrder] = [], operations: [OperationRow] = [],
        exclusions: [ExclusionRow] = [], rekeySchedules: [RekeyScheduleRow] = [],
        rekeyHistory: [RekeyHistoryRow] = [], audit: AuditState = AuditState(),
        fleetSecret: FleetSecretRow? = nil, frontends: [FrontendRow] = [], life: ClusterLife = .first
    ) {
        self.term = term
        self.groups = groups
        self.rekeySAs = rekeySAs
        self.dataSAs = dataSAs
        self.members = members
        self.rekeyOrders = rekeyOrders
        self.operations = operations
        self.exclusions = exclusions
        self.rekeySchedules = rekeySchedules
        self.rekeyHistory = rekeyHistory
        self.audit = audit
        self.fleetSecret = fleetSecret
        self.frontends = frontends
        self.life = life
    }
}
