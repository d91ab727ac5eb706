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

    /// Adds those configured nodes that are missing and makes each a voter, one at a time. Does nothing twice. Only the
    /// leader's authority can do this. A node that cannot be had now is told as an event and does not keep the next one out:
    /// ask again later.
    func formCluster() async throws(StoreFailure)

    /// Hands the log's leadership to another voter, for an authority that cannot work on what is stored. Throws
    /// `.unavailable` when nobody took it.
    func yieldLeadership() async throws(StoreFailure)

    /// Takes a node out for good. A node with an emptied disk must come back under a new id.
    func removeNode(id: UInt64) async throws(StoreFailure)
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

/// A node of the replicated log. The name is its address within the log; where it listens is each store's own setting.
package struct StoreNode: Hashable, Sendable {
    package enum Duty: String, Hashable, Sendable { case voter, standby, spare }

    package let id: UInt64
    package let name: String
    package let duty: Duty

    package init(id: UInt64, name: String, duty: Duty = .voter) {
        self.id = id
        self.name = name
        self.duty = duty
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
