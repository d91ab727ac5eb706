package import GroupModel
package import IKECrypto
import IKEVocabulary
import IKEWire
package import KeyMaterial

/// Group requests at the frontend: in GSA_AUTH and in GSA_REGISTRATION (RFC 9838 2.3).
extension ResponderSA {
    func register(
        _ header: IKEHeader, _ chain: PayloadChain, _ configuration: ResponderConfiguration, _ engine: CryptoEngine,
        _ entropy: inout some EntropySource
    ) -> [ResponderEffect] {
        for case .identificationGroup(let group) in chain.payloads {
            return ask(group, chain, header, leading: [], configuration, engine, &entropy)
        }
        return refuseSyntax(header, engine, &entropy)
    }

    /// Hands the request to the authority. An SA without KWA cannot carry group keys: NO_PROPOSAL_CHOSEN, the SA stays.
    func ask(
        _ group: Identity, _ chain: PayloadChain, _ header: IKEHeader, leading: [Payload],
        _ configuration: ResponderConfiguration, _ engine: CryptoEngine, _ entropy: inout some EntropySource
    ) -> [ResponderEffect] {
        guard let keyWrap = chosen.keyWrap, let gskW, let peer else {
            return respond(header, leading + [.notify(NotifyPayload(.noProposalChosen))], engine, &entropy)
        }
        guard let action = action(chain, keyWrap, gskW, mayLeave: leading.isEmpty) else {
            return refuseSyntax(header, leading: leading, engine, &entropy)
        }
        let operation = OperationID(initiator: spiI, responder: spiR, messageID: header.messageID)
        state = .askingAuthority(
            PendingAnswer(
                operation: operation, exchange: header.exchange, messageID: header.messageID, leading: leading))
        return [
            .ask(
                RegistrationRequest(
                    operation: operation, member: peer, authentication: authentication, group: group, action: action,
                    remote: path.remote, frontend: configuration.frontend))
        ]
    }

    /// Nil for a GROUP_SENDER of the wrong size.
    private func action(
        _ chain: PayloadChain, _ keyWrap: KeyWrapID, _ gskW: HeldSecret, mayLeave: Bool
    ) -> RegistrationRequest.Action? {
        var proposals: [Proposal]?
        for case .securityAssociation(let offered) in chain.payloads { proposals = offered }
        // Leaving is a refusal with IDg and no SAg (RFC 9838 2.3.4, fact sheet B.4-26).
        if mayLeave, proposals == nil, let error = chain.firstError,
            error.type == .noProposalChosen || error.type == .registrationFailed
        {
            return .leave(error.type)
        }
        var senderIDs: UInt32?
        if let sender = chain.notify(.groupSender) {
            guard sender.data.count == 4 else { return nil }
            senderIDs = sender.data.reduce(0) { $0 << 8 | UInt32($1) }
        }
        return .join(
            JoinRequest(
                proposals: proposals, senderIDs: senderIDs, keyWrap: keyWrap, gskW: gskW,
                supportsFragmentation: channel.peerReassembles))
    }

    /// The authority answered. An answer to something else is nothing.
    package func handle(
        _ answer: RegistrationAnswer, engine: CryptoEngine, entropy: inout some EntropySource
    ) -> [ResponderEffect] {
        guard case .askingAuthority(let pending) = state, pending.operation == answer.operation else { return [] }
        state = .established
        let payloads: [Payload] =
            switch answer.outcome {
            case .granted(let grant):
                // Finished bodies: placed as they are (RFC 9838 2.3.2).
                [
                    .raw(RawPayload(type: .groupSecurityAssociation, body: grant.groupSecurityAssociation)),
                    .raw(RawPayload(type: .keyDownload, body: grant.keyDownload)),
                ] + grant.notifies.map { .notify(NotifyPayload($0)) }
            case .left, .noted: []
            case .refused(let refusal): [.notify(NotifyPayload(refusal.notify))]
            // Nothing was decided: the member may ask again (RFC 7296 2.25).
            case .unavailable: [.notify(NotifyPayload(.temporaryFailure))]
            }
        return respond(pending.exchange, pending.messageID, pending.leading + payloads, engine, &entropy)
    }
}
