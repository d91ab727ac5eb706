/// Whether a node without a log may start, judged by what the configured peers say of the cluster.
///
/// A node that voted once and lost its disk must not come back under its old id: it would vote again. Node 1 would even start
/// a second cluster, so it needs the word of a majority of the configured nodes, itself included, that there is none. The
/// others start none and need nobody's word.
enum FirstStart: Equatable {
    case allowed
    /// Asking again will not help.
    case refused(String)
    case tooFewAnswers(String)

    static let founder: UInt64 = 1

    struct Answer: Sendable {
        let peer: String
        /// The cluster as the peer knows it; empty when it has none, nil when it did not answer.
        let nodes: [StoreNode]?
    }

    /// - Parameter answers: one for each configured peer.
    init(of id: UInt64, _ answers: [Answer]) {
        let known = answers.first { $0.nodes?.contains { $0.id == id && $0.duty == .voter } == true }
        if let known {
            self = .refused(
                "\(known.peer) knows node \(id) as a voter; remove that node from the cluster and start this one under a "
                    + "new id")
            return
        }
        guard id == Self.founder else {
            self = .allowed
            return
        }
        if let member = answers.first(where: { $0.nodes?.isEmpty == false }) {
            self = .refused(
                "\(member.peer) has a cluster already and node \(id) would start a second one; start this one under a new id"
            )
            return
        }
        let nodes = answers.count + 1
        let needed = nodes / 2 + 1
        let agreeing = answers.count { $0.nodes?.isEmpty == true } + 1
        self =
            agreeing >= needed
            ? .allowed
            : .tooFewAnswers(
                "node \(id) starts a new cluster when \(needed) of \(nodes) configured nodes have none; so far \(agreeing), "
                    + "and the others do not answer")
    }
}
