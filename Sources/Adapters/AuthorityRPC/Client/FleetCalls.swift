import Foundation
import GRPCCore
import GRPCNIOTransportHTTP2Posix
import GroupModel
import IKEVocabulary

/// What operators do with frontends.
extension OperatorCalls {
    func perform(_ request: FleetRequest) async throws -> OperatorReply {
        let stub = Gcks_V1_Fleet.Client(wrapping: client)
        switch request {
        case .list(let name):
            var message = Gcks_V1_FrontendListRequest()
            if let name { message.name = name }
            let reply = try await stub.frontendList(message, metadata: metadata, options: options)
            return .frontends(
                try checkedList(
                    reply.frontends, "FrontendsReply.frontends", atMost: Limits.frontends
                ) { frontend throws(ContractError) in try FrontendStatus(frontend) })
        case .drain(let name, let target, let deadline, let mandate):
            var message = Gcks_V1_FrontendDrainRequest()
            message.name = name
            if let target { message.redirectTo = target }
            if let deadline { message.deadlineSeconds = deadline.seconds }
            message.mandate = Gcks_V1_Mandate(mandate)
            return try done(try await stub.frontendDrain(message, metadata: metadata, options: options))
        case .undrain(let name, let mandate):
            var message = Gcks_V1_FrontendUndrainRequest()
            message.name = name
            message.mandate = Gcks_V1_Mandate(mandate)
            return try done(try await stub.frontendUndrain(message, metadata: metadata, options: options))
        }
    }
}
