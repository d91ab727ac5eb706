import AuthorityCore
import AuthorityRPC
import GroupModel
import IKEVocabulary
import KeyMaterial
import ReplicatedStore
import Telemetry

extension AuthorityDriver {
    /// What every authority answers for itself, leader or not.
    func programStatus() -> ProgramStatus {
        ProgramStatus(
            name: name, version: Build.version, schemaKnown: EngineStore.schemaKnown, isLeader: core != nil,
            schema: core?.upkeep.schema, cluster: core?.upkeep.cluster, rootKeys: sealer.rootKeys)
    }

    /// Before a decision that depends on them, the log's nodes are looked at, and at which doors somebody answers.
    func lookAtCluster(for request: UpkeepRequest) async throws(OperatorFailure) {
        switch request {
        case .program, .rootKey: return
        case .upgradeFinalize, .tokenCreate, .join, .addVoter, .promote, .remove, .rootKeyRotate: break
        }
        do {
            let view = try await store.view()
            core?.clusterView = view
        } catch {
            throw .unavailable("the log's nodes cannot be looked at: \(error)")
        }
    }

    /// Drops what is known, so that the next look at the leader reads the store again.
    ///
    /// - Parameter entry: for the audit trail as it is after that.
    func readAgain(recording entry: AuditEntry?) {
        core = nil
        if let entry { waiting.insert(.audit(entry), at: 0) }
        lastLeaderLook = Moment(nanoseconds: 0)
    }
}
