import GroupModel
import IKEVocabulary
import ReplicatedStore

/// What an authority knows of its own store beside the state in it, and how far it is with giving leadership away.
struct StoreCare {
    /// The own node's id in the log.
    var id: UInt64 = 0
    var disk: @Sendable () -> DiskState = { .unknown }
    var copy: @Sendable () -> CopyReport = { CopyReport() }
    /// Why the own copy of the state must not be led from; nil while nothing is known against it.
    var copyFault: @Sendable () -> String? = { nil }
    var restartStore: @Sendable (String) -> Void = { _ in }

    /// The log's nodes as the own one knew them last.
    var nodes: [StoreNode] = []
    /// While leadership is being handed over nothing is committed: under load the hand-over fails.
    var isGivingAway = false
    var isCommitting = false
    /// Hand-overs that this leadership has recorded, so that asking again tries again.
    var handOvers: Set<OperationID> = []
    /// How often nobody took the leadership, and when it is offered again.
    var refused = 0
    var offersAt = Moment(nanoseconds: 0)
    /// Operations with a commit of unknown outcome behind them.
    var uncertain: Set<Int> = []

    /// Why this authority may not lead at all.
    var hardFault: String? {
        if let why = disk().fault { return "its disk fails: \(why)" }
        return copyFault()
    }
}
