import GRPCCore
import GRPCNIOTransportHTTP2Posix
import GroupModel

extension OperatorCalls {
    func perform(_ request: BackupRequest) async throws -> OperatorReply {
        let stub = Gcks_V1_Backup.Client(wrapping: client)
        switch request {
        case .create:
            let document = try await stub.create(Gcks_V1_BackupCreateRequest(), metadata: metadata, options: options)
            return .backup(try BackupDocument(document))
        case .restore(let document, let life, let mandate):
            var message = Gcks_V1_BackupRestoreRequest()
            message.document = Gcks_V1_BackupDocument(document)
            if let life { message.life = life.rawValue }
            message.mandate = Gcks_V1_Mandate(mandate)
            return try done(try await stub.restore(message, metadata: metadata, options: options))
        }
    }
}
