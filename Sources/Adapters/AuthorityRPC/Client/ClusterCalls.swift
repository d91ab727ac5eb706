import Foundation
import GRPCCore
import GRPCNIOTransportHTTP2Posix
import GroupModel

extension OperatorCalls {
    func perform(_ request: ClusterRequest) async throws -> OperatorReply {
        let stub = Gcks_V1_Cluster.Client(wrapping: client)
        switch request {
        case .node:
            let reply = try await stub.node(Gcks_V1_NodeRequest(), metadata: metadata, options: options)
            return .cluster(.node(try NodeReport(reply)))
        case .transfer(let node, let mandate):
            var message = Gcks_V1_TransferRequest()
            if let node { message.to = node }
            message.mandate = Gcks_V1_Mandate(mandate)
            return try done(try await stub.transfer(message, metadata: metadata, options: options))
        case .stepDown(let mandate):
            var message = Gcks_V1_StepDownRequest()
            message.mandate = Gcks_V1_Mandate(mandate)
            return try done(try await stub.stepDown(message, metadata: metadata, options: options))
        case .drain(let node, let isDrained, let mandate):
            var message = Gcks_V1_DrainRequest()
            message.node = node
            message.drained = isDrained
            message.mandate = Gcks_V1_Mandate(mandate)
            return try done(try await stub.drain(message, metadata: metadata, options: options))
        case .outcome(let operation):
            var message = Gcks_V1_OutcomeRequest()
            message.operation = Data(operation.octets)
            let reply = try await stub.outcome(message, metadata: metadata, options: options)
            return .cluster(.outcome(try RequestOutcome(reply)))
        }
    }
}
