package import IKEVocabulary

// What an operator may ask about the authorities themselves: who leads, which nodes there are, what became of a change.

package enum ClusterRequest: Hashable, Sendable {
    /// Any authority answers for itself, at once and without the log.
    case node
    /// To any voter that is not drained when `to` is nil.
    case transfer(to: String?, Mandate)
    case stepDown(Mandate)
    case drain(node: String, isDrained: Bool, Mandate)
    case outcome(OperationID)
}

package enum ClusterReply: Hashable, Sendable {
    case node(NodeReport)
    case outcome(RequestOutcome)
}

/// One authority and its store, as they see themselves and the cluster. What it says of others may be old.
package struct NodeReport: Hashable, Sendable {
    package struct LogNode: Hashable, Sendable {
        package var id: UInt64
        package var name: String
        /// "voter", "standby", "spare".
        package var role: String

        package init(id: UInt64, name: String, role: String) {
            self.id = id
            self.name = name
            self.role = role
        }
    }

    package var name: String
    package var id: UInt64
    /// The leader of the log as this node knows it.
    package var leader: String?
    /// This authority decides.
    package var isLeading: Bool
    /// Only of the leading one.
    package var term: Int64?
    package var leadingSince: WallTime?
    /// Only complete at the leading one.
    package var drained: [String]
    package var nodes: [LogNode]
    /// Why this authority does not lead although it could; nil when nothing keeps it.
    package var keptBack: String?
    package var diskFault: String?
    package var diskFreeOctets: Int64
    package var copy = CopyReport()

    package init(
        name: String, id: UInt64, leader: String?, isLeading: Bool, term: Int64?, leadingSince: WallTime?,
        drained: [String], nodes: [LogNode], keptBack: String?, diskFault: String?, diskFreeOctets: Int64
    ) {
        self.name = name
        self.id = id
        self.leader = leader
        self.isLeading = isLeading
        self.term = term
        self.leadingSince = leadingSince
        self.drained = drained
        self.nodes = nodes
        self.keptBack = keptBack
        self.diskFault = diskFault
        self.diskFreeOctets = diskFreeOctets
    }
}

/// How a node's copy of the state stands.
package struct CopyReport: Hashable, Sendable {
    package enum Verdict: String, Hashable, Sendable, CaseIterable {
        /// Its own digest is the measure.
        case leader
        case equal, differs
        /// The checkpoint was gone before the copy was looked at.
        case missed
    }

    /// The last beat of the leader that the copy holds; nil before the first one.
    package var beat: Int64?
    /// How long ago it came.
    package var beatAge: Duration?
    package var comparison: Comparison?

    package struct Comparison: Hashable, Sendable {
        package var checkpoint: Int64
        package var verdict: Verdict
        package var at: WallTime

        package init(checkpoint: Int64, verdict: Verdict, at: WallTime) {
            self.checkpoint = checkpoint
            self.verdict = verdict
            self.at = at
        }
    }

    package init(beat: Int64? = nil, beatAge: Duration? = nil, comparison: Comparison? = nil) {
        self.beat = beat
        self.beatAge = beatAge
        self.comparison = comparison
    }
}

/// What became of a change that was asked for.
package enum RequestOutcome: Hashable, Sendable {
    case done(at: WallTime, kind: String, lines: [String])
    /// It is still to be decided.
    case waiting
    /// It was not done, or so long ago that it is forgotten; what was sent before can no longer be done.
    case notDone
}

/// A node that gives leadership away and does not take it while another can.
package struct DrainedNodeRow: Hashable, Sendable {
    package let name: String
    package let since: WallTime

    package init(name: String, since: WallTime) {
        self.name = name
        self.since = since
    }
}

extension ClusterRequest {
    var requiredRole: OperatorRole {
        switch self {
        case .node, .outcome: .viewer
        case .transfer, .stepDown, .drain: .operator
        }
    }

    var dangerLevel: DangerLevel {
        switch self {
        case .node, .outcome: .read
        case .transfer, .stepDown, .drain: .reversible
        }
    }

    var mandate: Mandate? {
        switch self {
        case .node, .outcome: nil
        case .transfer(_, let mandate), .stepDown(let mandate), .drain(_, _, let mandate): mandate
        }
    }

    var action: String {
        switch self {
        case .node: "node-show"
        case .outcome: "request-show"
        case .transfer: "leader-transfer"
        case .stepDown: "leader-step-down"
        case .drain(_, true, _): "node-drain"
        case .drain(_, false, _): "node-undrain"
        }
    }

    /// What the audit trail says that it is about.
    package var object: String {
        switch self {
        case .node, .outcome, .stepDown: "cluster"
        case .transfer(let node, _): node.map { "node/\($0)" } ?? "cluster"
        case .drain(let node, _, _): "node/\(node)"
        }
    }
}
