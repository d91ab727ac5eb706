import GroupModel
package import IKEVocabulary
import IKEWire
package import KeyMaterial

/// What a member brings to its IKE SA.
package struct InitiatorConfiguration {
    package var own: OwnCredentials
    /// Used when there is no signing key.
    package var sharedKey: HeldSecret?
    package var trust: any PeerTrust
    /// The GCKS's identity; nil accepts any that the trust vouches for.
    package var expectedResponder: Identity?
    package var policy: IKEPolicy
    package var fragmentOctets: Int
    package var retransmission: Retransmission
    /// The frontend's port for encapsulated IKE.
    package var natTraversalPort: UInt16
    /// Move there even when no NAT is seen.
    package var forcesNATTraversal: Bool
    package var logsKeys: Bool
    /// False: REDIRECT in IKE_SA_INIT is nothing, because too many came (RFC 5685 4).
    package var followsRedirects = true
    /// Nil: rekeys of IKE SAs carry the SA payload.
    package var optimizedRekey: OptimizedRekeyNumbers?

    package init(
        own: OwnCredentials, sharedKey: HeldSecret?, trust: any PeerTrust, expectedResponder: Identity?,
        policy: IKEPolicy = .standard, fragmentOctets: Int = 1228, retransmission: Retransmission = Retransmission(),
        natTraversalPort: UInt16 = 4500, forcesNATTraversal: Bool = false, logsKeys: Bool = false
    ) {
        self.own = own
        self.sharedKey = sharedKey
        self.trust = trust
        self.expectedResponder = expectedResponder
        self.policy = policy
        self.fragmentOctets = fragmentOctets
        self.retransmission = retransmission
        self.natTraversalPort = natTraversalPort
        self.forcesNATTraversal = forcesNATTraversal
        self.logsKeys = logsKeys
    }
}

/// When a request is sent again: after `first`, then twice as long each time up to `longest`, `tries` times in all.
package struct Retransmission: Hashable, Sendable {
    package var first: Duration = .milliseconds(500)
    package var longest: Duration = .seconds(8)
    package var tries = 7
    /// The same for IKE_SA_INIT, which a responder answers without asking anybody.
    package var initialTries = 7

    package init() {}

    func tries(of exchange: ExchangeType) -> Int { exchange == .ikeSAInit ? initialTries : tries }

    func delay(after sent: Int) -> Duration {
        min(first * (1 << min(max(sent - 1, 0), 16)), longest)
    }
}

/// A wish to join a group.
package struct GroupJoin: Hashable, Sendable {
    package let group: Identity
    /// SAg; nil lets the GCKS decide alone.
    package let proposals: [Proposal]?
    /// N(GROUP_SENDER) with this many Sender-IDs; nil for a pure receiver.
    package let senderIDs: UInt32?

    package init(group: Identity, proposals: [Proposal]?, senderIDs: UInt32?) {
        self.group = group
        self.proposals = proposals
        self.senderIDs = senderIDs
    }

    var payloads: [Payload] {
        var payloads: [Payload] = [.identificationGroup(group)]
        if let proposals { payloads.append(.securityAssociation(proposals)) }
        if let senderIDs {
            let data = [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: senderIDs >> $0) }
            payloads.append(.notify(NotifyPayload(.groupSender, data: data)))
        }
        return payloads
    }
}

/// How an initiator opens its SA.
package enum OpeningExchange: Hashable, Sendable {
    /// GSA_AUTH with the first group (RFC 9838 2.3.1).
    case gsaAuth(GroupJoin)
    /// Childless IKE_AUTH (RFC 6023): a plain IKEv2 SA.
    case ikeAuth
}

/// What is asked over an established SA.
enum InitiatorRequest: Hashable {
    case join(GroupJoin)
    case leave(group: Identity, NotifyType)
    case report(SequenceReport, WallTime)
    case liveness
    case rekey
    case delete

    var exchange: ExchangeType {
        switch self {
        case .join, .leave: .gsaRegistration
        case .report, .liveness, .delete: .informational
        case .rekey: .createChildSA
        }
    }

    var payloads: [Payload] {
        switch self {
        case .join(let join): join.payloads
        case .leave(let group, let notify): [.identificationGroup(group), .notify(NotifyPayload(notify))]
        case .report(let report, let wall):
            [
                .notify(
                    ESNReport(
                        spi: report.spi, isFinal: report.isFinal, counter: report.counter, nextNumber: report.next,
                        senderID: nil, seconds: UInt32(truncatingIfNeeded: wall.milliseconds / 1000)
                    ).notify)
            ]
        // A rekey's are made when it is sent.
        case .liveness, .rekey: []
        case .delete: [.delete(.ikeSA)]
        }
    }
}
