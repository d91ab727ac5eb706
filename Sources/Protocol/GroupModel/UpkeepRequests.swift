package import IKEVocabulary

// What an operator may ask about the cluster itself: its nodes, its schema, its root key.

package enum UpkeepRequest: Hashable, Sendable {
    /// Any authority answers for itself.
    case program
    /// `known`: the schema that each authority said it knows, by name.
    case upgradeFinalize(schema: Int64, known: [String: Int64], Mandate)
    case tokenCreate(node: String, seconds: UInt32, secretHash: [UInt8], Mandate)
    case join(NodeJoin, Mandate)
    case addVoter(node: String, store: String, id: UInt64?, Mandate)
    case promote(node: String, Mandate)
    case remove(node: String, Mandate)
    case rootKey
    /// `holders`: the authorities that said that they hold the target.
    case rootKeyRotate(target: UInt32, holders: Set<String>, Mandate)
}

/// What a new node shows.
package struct NodeJoin: Hashable, Sendable {
    package let cluster: ClusterID
    package let secret: [UInt8]
    package let node: String
    /// HOST:PORT where the others reach its store.
    package let store: String

    package init(cluster: ClusterID, secret: [UInt8], node: String, store: String) {
        self.cluster = cluster
        self.secret = secret
        self.node = node
        self.store = store
    }
}

package enum UpkeepReply: Hashable, Sendable {
    case program(ProgramStatus)
    case token(JoinGrant)
    case joined(JoinedNode)
    case rootKey(RootKeyStatus)
}

package struct ProgramStatus: Hashable, Sendable {
    package var name: String
    package var version: String
    package var schemaKnown: Int64
    package var isLeader: Bool
    /// Nil when it does not lead.
    package var schema: Int64?
    package var cluster: ClusterID?
    package var rootKeys: [UInt32]

    package init(
        name: String, version: String, schemaKnown: Int64, isLeader: Bool, schema: Int64?, cluster: ClusterID?,
        rootKeys: [UInt32]
    ) {
        self.name = name
        self.version = version
        self.schemaKnown = schemaKnown
        self.isLeader = isLeader
        self.schema = schema
        self.cluster = cluster
        self.rootKeys = rootKeys
    }
}

/// What a token is made of, beside its secret.
package struct JoinGrant: Hashable, Sendable {
    package var cluster: ClusterID
    package var id: UInt64
    /// SHA-256 of the stores' CA certificate.
    package var storeCA: [UInt8]
    package var expiresAt: WallTime

    package init(cluster: ClusterID, id: UInt64, storeCA: [UInt8], expiresAt: WallTime) {
        self.cluster = cluster
        self.id = id
        self.storeCA = storeCA
        self.expiresAt = expiresAt
    }
}

/// What a node that was let in must be set up with.
package struct JoinedNode: Hashable, Sendable {
    package struct Peer: Hashable, Sendable {
        package let name: String
        package let id: UInt64
        package let store: String

        package init(name: String, id: UInt64, store: String) {
            self.name = name
            self.id = id
            self.store = store
        }
    }

    package var id: UInt64
    package var peers: [Peer]
    package var lines: [String]

    package init(id: UInt64, peers: [Peer], lines: [String]) {
        self.id = id
        self.peers = peers
        self.lines = lines
    }
}

package struct RootKeyStatus: Hashable, Sendable {
    /// The key that seals now.
    package var sealing: UInt32
    package var held: [UInt32]
    /// How many sealed keys there are under each root key.
    package var rows: [UInt32: Int64]
    package var rotation: RootRotationRow?

    package init(sealing: UInt32, held: [UInt32], rows: [UInt32: Int64], rotation: RootRotationRow?) {
        self.sealing = sealing
        self.held = held
        self.rows = rows
        self.rotation = rotation
    }
}

/// The log's nodes as the leader's own store and its looks at their doors tell them.
package struct ClusterView: Hashable, Sendable {
    package struct Node: Hashable, Sendable {
        package var id: UInt64
        package var name: String
        /// "voter", "standby", "spare".
        package var role: String
        /// HOST:PORT, empty when unknown.
        package var store: String
        package var isReachable: Bool

        package init(id: UInt64, name: String, role: String, store: String, isReachable: Bool) {
            self.id = id
            self.name = name
            self.role = role
            self.store = store
            self.isReachable = isReachable
        }

        package var isVoter: Bool { role == "voter" }
    }

    package var own: UInt64
    package var nodes: [Node]
    /// Ids that the settings file of the leader names.
    package var configured: Set<UInt64>
    /// SHA-256 of the stores' CA certificate; nil when this authority's store has no door for others.
    package var storeCA: [UInt8]?

    package init(own: UInt64, nodes: [Node] = [], configured: Set<UInt64> = [], storeCA: [UInt8]? = nil) {
        self.own = own
        self.nodes = nodes
        self.configured = configured
        self.storeCA = storeCA
    }
}

extension UpkeepRequest {
    var requiredRole: OperatorRole {
        switch self {
        case .program, .rootKey: .viewer
        case .join: .operator
        case .upgradeFinalize, .tokenCreate, .addVoter, .promote, .remove, .rootKeyRotate: .cryptoOfficer
        }
    }

    var dangerLevel: DangerLevel {
        switch self {
        case .program, .rootKey: .read
        case .tokenCreate, .join, .addVoter, .promote: .reversible
        case .upgradeFinalize, .remove, .rootKeyRotate: .irreversible
        }
    }

    var mandate: Mandate? {
        switch self {
        case .program, .rootKey: nil
        case .upgradeFinalize(_, _, let mandate), .tokenCreate(_, _, _, let mandate), .join(_, let mandate),
            .addVoter(_, _, _, let mandate), .promote(_, let mandate), .remove(_, let mandate),
            .rootKeyRotate(_, _, let mandate):
            mandate
        }
    }

    var action: String {
        switch self {
        case .program: "upgrade-status"
        case .upgradeFinalize: "upgrade-finalize"
        case .tokenCreate: "cluster-token-create"
        case .join: "cluster-join"
        case .addVoter: "cluster-add-voter"
        case .promote: "cluster-promote"
        case .remove: "cluster-remove"
        case .rootKey: "root-key-status"
        case .rootKeyRotate: "root-key-rotate"
        }
    }

    /// What the audit trail says that it is about.
    package var object: String {
        switch self {
        case .program, .upgradeFinalize, .rootKey, .rootKeyRotate: "cluster"
        case .tokenCreate(let node, _, _, _), .addVoter(let node, _, _, _), .promote(let node, _),
            .remove(let node, _):
            "node/\(node)"
        case .join(let join, _): "node/\(join.node)"
        }
    }
}
