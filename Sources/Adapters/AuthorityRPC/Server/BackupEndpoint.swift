import GRPCCore
import GroupModel

/// Backup: what a cluster is made again from.
struct BackupEndpoint: Gcks_V1_Backup.ServiceProtocol, OperatorAnswering {
    let listener: AuthorityListener
    let service: any AuthorityService

    func create(
        request: ServerRequest<Gcks_V1_BackupCreateRequest>, context: ServerContext
    ) async throws -> ServerResponse<Gcks_V1_BackupDocument> {
        try await answer(
            request, context, { _ throws(ContractError) in .backup(.create) },
            with: { reply in
                if case .backup(let document) = reply { Gcks_V1_BackupDocument(document) } else { nil }
            })
    }

    func restore(
        request: ServerRequest<Gcks_V1_BackupRestoreRequest>, context: ServerContext
    ) async throws -> ServerResponse<Gcks_V1_DoneReply> {
        try await answer(
            request, context,
            { message throws(ContractError) in
                let mandate = try Mandate(message.hasMandate, message.mandate, "BackupRestoreRequest.mandate")
                let life = try message.hasLife ? ClusterLife(wire: message.life, "BackupRestoreRequest.life") : nil
                return .backup(
                    .restore(try BackupDocument(message.document), life: life, mandate))
            }, with: Self.done)
    }
}
