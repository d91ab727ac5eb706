import GroupModel
import IKECrypto
import IKEVocabulary
import IKEWire
import KeyMaterial

/// Sequence reports at the frontend: N(ESN_REPORT) in INFORMATIONAL, from who announced our Vendor ID.
extension ResponderSA {
    /// Passes a report on to the authority, whose answer says that it is stored. One is under way at a time, as any request.
    ///
    /// - Returns: nil for a message without a report, or from a peer to whom the number means nothing of ours.
    func report(
        _ header: IKEHeader, _ chain: PayloadChain, _ configuration: ResponderConfiguration, _ engine: CryptoEngine,
        _ entropy: inout some EntropySource
    ) -> [ResponderEffect]? {
        guard knowsExtensions, case .established = state, let peer else { return nil }
        let notifies = chain.payloads.compactMap { payload -> NotifyPayload? in
            if case .notify(let notify) = payload, notify.type == .esnReport { notify } else { nil }
        }
        guard let first = notifies.first else { return nil }
        guard notifies.count == 1, let report = try? ESNReport(first) else {
            return refuseSyntax(header, engine, &entropy)
        }
        guard reports.take(at: lastHeard) else {
            return respond(header, [.notify(NotifyPayload(.temporaryFailure))], engine, &entropy)
        }
        let operation = OperationID(initiator: spiI, responder: spiR, messageID: header.messageID)
        state = .askingAuthority(
            PendingAnswer(
                operation: operation, exchange: header.exchange, messageID: header.messageID, leading: []))
        return [
            .ask(
                RegistrationRequest(
                    operation: operation, member: peer, authentication: authentication, group: peer,
                    action: .report(
                        SequenceReport(
                            spi: report.spi, counter: report.counter, next: report.nextNumber, isFinal: report.isFinal)),
                    remote: path.remote, frontend: configuration.frontend))
        ]
    }
}
