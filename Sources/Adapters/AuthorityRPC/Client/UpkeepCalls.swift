import Foundation
import GRPCCore
import GroupModel

extension OperatorCalls {
    func perform(_ request: UpkeepRequest) async throws -> OperatorReply {
        let membership = Gcks_V1_Membership.Client(wrapping: client)
        let upkeep = Gcks_V1_Upkeep.Client(wrapping: client)
        switch request {
        case .program:
            let reply = try await upkeep.program(Gcks_V1_ProgramRequest(), metadata: metadata, options: options)
            return .upkeep(.program(try ProgramStatus(reply)))
        case .upgradeFinalize(let schema, let known, let mandate):
            var message = Gcks_V1_UpgradeFinalizeRequest()
            message.schema = schema
            message.known = known
            message.mandate = Gcks_V1_Mandate(mandate)
            return try done(try await upkeep.upgradeFinalize(message, metadata: metadata, options: options))
        case .tokenCreate(let node, let seconds, let hash, let mandate):
            var message = Gcks_V1_TokenCreateRequest()
            message.node = node
            message.validSeconds = seconds
            message.secretHash = Data(hash)
            message.mandate = Gcks_V1_Mandate(mandate)
            let reply = try await membership.tokenCreate(message, metadata: metadata, options: options)
            return .upkeep(.token(try JoinGrant(reply)))
        case .join(let join, let mandate):
            var message = Gcks_V1_NodeJoinRequest(join)
            message.mandate = Gcks_V1_Mandate(mandate)
            let reply = try await membership.join(message, metadata: metadata, options: options)
            return .upkeep(.joined(try JoinedNode(reply)))
        case .addVoter(let node, let store, let id, let mandate):
            var message = Gcks_V1_AddVoterRequest()
            message.node = node
            message.store = store
            if let id { message.id = id }
            message.mandate = Gcks_V1_Mandate(mandate)
            return try done(try await membership.addVoter(message, metadata: metadata, options: options))
        case .promote(let node, let mandate):
            return try done(
                try await membership.promote(change(node, mandate), metadata: metadata, options: options))
        case .remove(let node, let mandate):
            return try done(try await membership.remove(change(node, mandate), metadata: metadata, options: options))
        case .rootKey:
            let reply = try await upkeep.rootKey(Gcks_V1_RootKeyRequest(), metadata: metadata, options: options)
            return .upkeep(.rootKey(try RootKeyStatus(reply)))
        case .rootKeyRotate(let target, let holders, let mandate):
            var message = Gcks_V1_RootKeyRotateRequest()
            message.target = target
            message.holders = holders.sorted()
            message.mandate = Gcks_V1_Mandate(mandate)
            return try done(try await upkeep.rootKeyRotate(message, metadata: metadata, options: options))
        }
    }

    private func change(_ node: String, _ mandate: Mandate) -> Gcks_V1_NodeChangeRequest {
        var message = Gcks_V1_NodeChangeRequest()
        message.node = node
        message.mandate = Gcks_V1_Mandate(mandate)
        return message
    }
}
