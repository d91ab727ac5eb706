package import IKEVocabulary
import Octets

// What the cluster keeps about itself: who it is, which nodes it wants, who may join, which root key seals.

package struct UpkeepState: Hashable, Sendable {
    /// The schema that the store is in.
    package var schema: Int64
    /// Nil until the first leader of a cluster with this schema has made one.
    package var cluster: ClusterID?
    /// Nodes that an operator added, promoted or removed. Those of the settings files that nobody touched are not among them.
    package var nodes: [ClusterNodeRow]
    package var tokens: [JoinTokenRow]
    package var rotation: RootRotationRow?

    /// The first release's, which knows no audit trail, no fleet and no nodes of its own.
    package var isFirstSchema: Bool { schema < 2 }

    package init(
        schema: Int64 = .max, cluster: ClusterID? = nil, nodes: [ClusterNodeRow] = [], tokens: [JoinTokenRow] = [],
        rotation: RootRotationRow? = nil
    ) {
        self.schema = schema
        self.cluster = cluster
        self.nodes = nodes
        self.tokens = tokens
        self.rotation = rotation
    }
}

/// Names a cluster for ever: 16 random octets, made when it is first formed.
package struct ClusterID: Hashable, Sendable, CustomStringConvertible {
    package static let count = 16
    package let octets: [UInt8]

    package init?(octets: [UInt8]) {
        guard octets.count == Self.count else { return nil }
        self.octets = octets
    }

    package var description: String { Hex.encode(octets) }
}

/// A node as an operator wants it.
package struct ClusterNodeRow: Hashable, Sendable {
    package enum Duty: String, Hashable, Sendable, CaseIterable {
        case voter, spare
        /// Taken out for good: its id is never used again.
        case retired
    }

    package let id: UInt64
    package let name: String
    /// HOST:PORT of its store; empty for a node that only the settings files place.
    package var store: String
    package var duty: Duty
    package var changedAt: WallTime

    package init(id: UInt64, name: String, store: String, duty: Duty, changedAt: WallTime) {
        self.id = id
        self.name = name
        self.store = store
        self.duty = duty
        self.changedAt = changedAt
    }
}

/// Lets one node in once. The secret itself is known to its bearer only.
package struct JoinTokenRow: Hashable, Sendable {
    /// SHA-256.
    package let secretHash: [UInt8]
    package let node: String
    package let id: UInt64
    package let expiresAt: WallTime
    package let by: String
    /// Kept for a while after it was used, so that a second use is told from a false token.
    package var usedAt: WallTime?

    package init(secretHash: [UInt8], node: String, id: UInt64, expiresAt: WallTime, by: String, usedAt: WallTime?) {
        self.secretHash = secretHash
        self.node = node
        self.id = id
        self.expiresAt = expiresAt
        self.by = by
        self.usedAt = usedAt
    }
}

/// Which root key seals since when. It stays after the last row was sealed anew: it is the root key in force.
package struct RootRotationRow: Hashable, Sendable {
    package let target: UInt32
    package let startedAt: WallTime
    package let by: String

    package init(target: UInt32, startedAt: WallTime, by: String) {
        self.target = target
        self.startedAt = startedAt
        self.by = by
    }
}

package enum UpkeepMutation: Hashable, Sendable {
    case setCluster(ClusterID)
    case putNode(ClusterNodeRow)
    case putToken(JoinTokenRow)
    case removeToken(secretHash: [UInt8])
    case putRotation(RootRotationRow)
    /// Brings the schema from one version to a later one.
    case raiseSchema(from: Int64, to: Int64)
}

package enum UpkeepLimits {
    package static let tokens = 64
    package static let nodes = 1024
    package static let tokenSeconds: ClosedRange<UInt32> = 60...86_400
    package static let secretOctets = 32
    /// HOST:PORT.
    package static let storeOctets = 261
}

extension UpkeepState {
    package mutating func apply(_ mutation: UpkeepMutation) {
        switch mutation {
        case .setCluster(let id): cluster = id
        case .putNode(let row):
            nodes.removeAll { $0.id == row.id }
            nodes.append(row)
        case .putToken(let row):
            tokens.removeAll { $0.secretHash == row.secretHash }
            tokens.append(row)
        case .removeToken(let hash): tokens.removeAll { $0.secretHash == hash }
        case .putRotation(let row): rotation = row
        case .raiseSchema(_, let version): schema = version
        }
    }
}
