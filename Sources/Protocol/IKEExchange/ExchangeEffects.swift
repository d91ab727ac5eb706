package import GroupModel
import IKECrypto
package import IKEVocabulary
package import KeyMaterial

/// The keys of an IKE SA for a Wireshark table. Only made when the lab setting asks for it.
package struct IKEKeyLogRecord: Sendable {
    package let spiI: IKESPI
    package let spiR: IKESPI
    package let suite: ProtectionSuite
    package let skEi: HeldSecret
    package let skEr: HeldSecret
    package let skAi: HeldSecret
    package let skAr: HeldSecret

    init(_ keys: IKEKeys, _ context: IKEKeyContext) {
        (spiI, spiR, suite) = (context.spiI, context.spiR, context.suite)
        (skEi, skEr, skAi, skAr) = (keys.skEi, keys.skEr, keys.skAi, keys.skAr)
    }
}

package enum ResponderEffect {
    /// IKE messages without marker, to go back along the path.
    case send([[UInt8]], DatagramPath)
    case ask(RegistrationRequest)
    case event(Event)
    /// The peer did not prove who it is; the SA is closed.
    case unproved(FailedAuthentication)
    /// The peer wants this SA rekeyed. Answered at once by `answerRekey` or by `postponeRekey`.
    case rekeyAsked
    /// A new SA that was made while our own rekey is under way: which of the two stays is not known yet.
    case candidate(ResponderSA)
    /// This SA was replaced: nothing new is begun over it.
    case succeeded(by: ResponderSA)
    /// A new SA that lost against the peer's: it is to be deleted.
    case redundant(ResponderSA)
    /// Our rekey was not taken; this SA goes on.
    case rekeyRefused(NotifyType)
    case keyLog(IKEKeyLogRecord)
    /// The SA is gone; nothing else comes from it.
    case closed
}

/// Where a message goes: the program knows its sockets.
package struct OutgoingPath: Hashable, Sendable {
    package let remote: Endpoint
    package let isEncapsulated: Bool
}

package enum InitiatorEffect {
    case send([[UInt8]], OutgoingPath)
    case established(responder: Identity)
    case granted(GroupDownload)
    case refused(group: Identity, NotifyType)
    /// The responder took note that we left.
    case left(group: Identity)
    /// The responder stored a report, or says why not.
    case reported(ESPSPI, refusal: NotifyType?)
    /// The responder wants us to go to another gateway (RFC 5685). In IKE_SA_INIT nobody has authenticated it and this SA is
    /// over; later the SA stays until we leave it.
    case redirected(RedirectGateway)
    /// A new SA that was made while our own rekey is under way: it takes messages, and may be the one that stays.
    case candidate(InitiatorSA)
    /// This SA was replaced; what comes for it is still answered. What it had not asked yet waits for `resume` of the new one.
    case succeeded(by: InitiatorSA)
    /// A new SA that lost against the other end's, and is being deleted.
    case redundant(InitiatorSA)
    /// Our rekey was not taken; this SA goes on.
    case rekeyRefused(NotifyType)
    case event(Event)
    case keyLog(IKEKeyLogRecord)
    case closed(InitiatorClosure)
}

/// What a registration brought, still wrapped.
package struct GroupDownload: Sendable {
    package let group: Identity
    package let groupSecurityAssociation: [UInt8]
    package let keyDownload: [UInt8]
    package let notifies: [NotifyType]
    package let gskW: HeldSecret
    package let keyWrap: KeyWrapID
}

package enum InitiatorClosure: Hashable, Sendable {
    case noAnswer
    case authenticationFailed(String)
    case refused(NotifyType)
    case violated(String)
    /// The responder cannot do what we need.
    case unsupported(String)
    case deletedByPeer
    /// Told to begin at another gateway.
    case redirected
    case finished
}

extension InitiatorClosure: CustomStringConvertible {
    /// For logs: what the other end said in the registry's words, then why.
    package var description: String {
        switch self {
        case .noAnswer: "no answer"
        case .authenticationFailed(let why): "AUTHENTICATION_FAILED: \(why)"
        case .refused(let notify): notify.description
        case .violated(let why), .unsupported(let why): why
        case .deletedByPeer: "deleted by the other end"
        case .redirected: "sent to another frontend"
        case .finished: "finished"
        }
    }
}
