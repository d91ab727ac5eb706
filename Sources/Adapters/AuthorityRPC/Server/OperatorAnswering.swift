import GRPCCore
import GroupModel

/// The metadata key in which an operator on a Unix socket says who it is; over TLS it must equal the certificate's name.
let operatorNameMetadataKey = "gcks-operator"

/// What the services for operators share: who asks, the message as a request, the reply as a message.
protocol OperatorAnswering: Sendable {
    var listener: AuthorityListener { get }
    var service: any AuthorityService { get }
}

extension OperatorAnswering {
    func answer<Message, Reply>(
        _ request: ServerRequest<Message>, _ context: ServerContext,
        _ decode: (Message) throws(ContractError) -> OperatorRequest, with encode: (OperatorReply) -> Reply?
    ) async throws(RPCError) -> ServerResponse<Reply> {
        let name = request.metadata[stringValues: operatorNameMetadataKey].first { _ in true }
        let peer = try listener.admitOperator(name: name, request.metadata, context)
        let asked: OperatorRequest
        do throws(ContractError) { asked = try decode(request.message) } catch { throw error.rpcError }
        let reply: OperatorReply
        do throws(OperatorFailure) { reply = try await service.operate(asked, by: peer) } catch { throw error.rpcError }
        guard let message = encode(reply) else {
            throw RPCError(code: .internalError, message: "the service gave a reply of another kind")
        }
        return ServerResponse(message: message)
    }

    static func done(_ reply: OperatorReply) -> Gcks_V1_DoneReply? {
        guard case .done(let lines) = reply else { return nil }
        var wire = Gcks_V1_DoneReply()
        wire.lines = lines
        return wire
    }
}
