package import GroupModel

/// The replicated state, as an authority sees it through its own store node.
///
/// There is one writer in the whole cluster: whoever called `lead()` last. Every call is bounded in time.
package protocol ReplicatedStoring: Sendable {
    /// The node that leads the log, as our own node knows it; nil while there is none. May be stale by an election timeout.
    func leader() async throws(StoreFailure) -> StoreLeader?

    /// Takes the leadership: one transaction that raises the term, which fences every older leader, brings the schema up to
    /// date and reads everything. What it returns is current, not merely recent: its commit was acknowledged by a majority.
    ///
    /// - Throws: `.forming` until the voters of the log are a majority of the configured nodes: before that, what fewer nodes
    ///   acknowledged could be lost with them.
    func lead() async throws(StoreFailure) -> StoredState

    /// Commits all mutations or none.
    ///
    /// - Throws: `.fenced` when another leader took over since the transaction's term; `.constraint` when a promise of the
    ///   schema would break; `.unknownOutcome` when only `lead()` or `outcome(of:)` can tell what happened.
    func commit(_ transaction: StoreTransaction) async throws(StoreFailure) -> CommitReceipt

    /// What became of an operation: its row, or nil when it was not done and can no longer be done by what was sent before.
    func outcome(of operation: OperationID) async throws(StoreFailure) -> OperationRow?

    /// A page of the audit trail, oldest first. Read without the log: it may lack what another leader has committed since.
    func audit(_ start: AuditQuery.Start, atMost limit: Int) async throws(StoreFailure) -> AuditPage

    /// The cluster's members, as our own node knows them; answers without a leader too.
    func nodes() async throws(StoreFailure) -> [StoreNode]

    /// Makes the log's nodes what is wanted, one at a time: those that an operator took out are removed; configured ones that are
    /// missing, and those that operators added, come in. Does nothing twice. Only the leader's authority can do this. A node
    /// that cannot be had now is told as an event and does not keep the next one out: ask again later.
    func formCluster() async throws(StoreFailure)

    /// Hands the log's leadership to another voter, for an authority that cannot work on what is stored. Throws
    /// `.unavailable` when nobody took it.
    func yieldLeadership() async throws(StoreFailure)

    /// Hands the log's leadership to that voter. Throws `.unavailable` when it did not take it: under load it may well not, and
    /// may be asked again.
    func transferLeadership(to name: String) async throws(StoreFailure)

    /// Takes a node out for good. A node with an emptied disk must come back under a new id.
    func removeNode(id: UInt64) async throws(StoreFailure)

    /// The log's nodes, and which of their stores answer at present.
    func view() async throws(StoreFailure) -> ClusterView
}

package struct StoreLeader: Hashable, Sendable {
    package let id: UInt64
    package let name: String
    /// It is the node of this authority.
    package let isOurs: Bool

    package init(id: UInt64, name: String, isOurs: Bool) {
        self.id = id
        self.name = name
        self.isOurs = isOurs
    }
}

/// A node of the replicated log. Its address within the log is its name, and for a node that joined at run time the place of its
/// store too.
package struct StoreNode: Hashable, Sendable {
    package enum Duty: String, Hashable, Sendable { case voter, standby, spare }

    package let id: UInt64
    package let name: String
    package let duty: Duty
    /// HOST:PORT where the log says that it listens, for nodes that joined at run time; empty for others.
    package let store: String

    package init(id: UInt64, name: String, duty: Duty = .voter, store: String = "") {
        self.id = id
        self.name = name
        self.duty = duty
        self.store = store
    }

    /// - Parameter address: "NAME" or "NAME@HOST:PORT", as the log holds it.
    init(id: UInt64, address: String, duty: Duty) {
        let parts = Self.parts(of: address)
        self.init(id: id, name: parts.name, duty: duty, store: parts.store)
    }

    static func parts(of address: String) -> (name: String, store: String) {
        let parts = address.split(separator: "@", maxSplits: 1, omittingEmptySubsequences: false)
        return (String(parts[0]), parts.count == 2 ? String(parts[1]) : "")
    }

    package var role: String { duty.rawValue }
}

/// Why the store did not do what it was asked, told by what the caller may do next.
package enum StoreFailure: Error, Hashable, Sendable {
    /// Our node does not lead the log. Nothing was applied.
    case notLeader
    /// Our node leads, but only so many of the configured nodes vote. Nothing was applied.
    case forming(voters: Int, of: Int)
    /// Another authority took the leadership. Nothing was applied.
    case fenced
    /// Nothing was applied; try again later.
    case unavailable(String)
    /// It may or may not have been applied.
    case unknownOutcome(String)
    /// A promise of the schema would break: the same Message ID, operation or Sender-ID twice. Nothing was applied.
    case constraint(String)
    /// The data or the engine is not what this program can work with. Nothing was applied.
    case incompatible(String)
}
