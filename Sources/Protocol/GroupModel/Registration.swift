package import IKEVocabulary
package import KeyMaterial
import Octets

/// Names one intended change, so that a retry after a lost answer returns the first result. 8 … 40 octets, made by whoever
/// asks first; a frontend uses SPIi | SPIr | Message ID.
package struct OperationID: Hashable, Sendable, CustomStringConvertible {
    package let octets: [UInt8]

    package init?(octets: [UInt8]) {
        guard (8...40).contains(octets.count) else { return nil }
        self.octets = octets
    }

    package init(initiator: IKESPI, responder: IKESPI, messageID: MessageID) {
        let id = messageID.rawValue
        octets = initiator.octets + responder.octets + [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: id >> $0) }
    }

    package var description: String { Hex.encode(octets) }
}

/// What a frontend asks the authority for an authenticated group member.
package struct RegistrationRequest: Sendable {
    package enum Action: Sendable {
        case join(JoinRequest)
        /// The GM leaves or refuses what it was given (RFC 9838, GSA_REGISTRATION with an error notify).
        case leave(NotifyType)
        /// How far it is on an SA it sends on.
        case report(SequenceReport)
    }

    package let operation: OperationID
    /// Canonical, whatever a frontend says: policy, exclusions and members are kept under that one spelling.
    package let member: Identity
    package let authentication: MemberAuthentication
    /// What it asks for. A report names an SA instead: there it is the member itself.
    package let group: Identity
    package let action: Action
    /// The member's address as the frontend saw it.
    package let remote: Endpoint
    package let frontend: String

    package init(
        operation: OperationID, member: Identity, authentication: MemberAuthentication, group: Identity, action: Action,
        remote: Endpoint, frontend: String
    ) {
        self.operation = operation
        self.member = member.canonical
        self.authentication = authentication
        self.group = group
        self.action = action
        self.remote = remote
        self.frontend = frontend
    }
}

package struct JoinRequest: Sendable {
    /// SAg as received; nil when the GM sent none.
    package let proposals: [Proposal]?
    /// N(GROUP_SENDER): how many Sender-IDs; nil for a pure receiver. 0 and 1 both mean one (fact sheet B.4-11).
    package let senderIDs: UInt32?
    /// KWA of the IKE SA and the key derived for it.
    package let keyWrap: KeyWrapID
    package let gskW: HeldSecret
    /// The GM announced IKEV2_FRAGMENTATION_SUPPORTED.
    package let supportsFragmentation: Bool

    package init(
        proposals: [Proposal]?, senderIDs: UInt32?, keyWrap: KeyWrapID, gskW: HeldSecret, supportsFragmentation: Bool
    ) {
        self.proposals = proposals
        self.senderIDs = senderIDs
        self.keyWrap = keyWrap
        self.gskW = gskW
        self.supportsFragmentation = supportsFragmentation
    }
}

/// How the frontend proved who the member is.
package enum MemberAuthentication: String, Hashable, Sendable { case sharedKey, signature }

/// A peer that did not prove who it is. Identity and group are what it claimed: shown to operators, never decided on.
package struct FailedAuthentication: Hashable, Sendable {
    package let member: Identity
    /// The group it named; nil in IKE_AUTH.
    package let group: Identity?
    package let remote: Endpoint
    /// One line for the member listing; no secrets.
    package let reason: String

    package init(member: Identity, group: Identity?, remote: Endpoint, reason: String) {
        self.member = member
        self.group = group
        self.remote = remote
        self.reason = reason
    }
}

package struct RegistrationAnswer: Sendable {
    package let operation: OperationID
    package let outcome: RegistrationOutcome

    package init(operation: OperationID, outcome: RegistrationOutcome) {
        self.operation = operation
        self.outcome = outcome
    }
}

package enum RegistrationOutcome: Hashable, Sendable {
    case granted(RegistrationGrant)
    case left
    /// A report is stored.
    case noted
    case refused(RegistrationRefusal)
    /// Nothing was decided; the same operation may be asked again.
    case unavailable(String)
}

/// Finished GSA and KD payload bodies, wrapped for one GM, and the status notifies that go beside them.
package struct RegistrationGrant: Hashable, Sendable {
    package let groupSecurityAssociation: [UInt8]
    package let keyDownload: [UInt8]
    /// Status notifies without data, such as USE_TRANSPORT_MODE.
    package let notifies: [NotifyType]

    package init(groupSecurityAssociation: [UInt8], keyDownload: [UInt8], notifies: [NotifyType]) {
        self.groupSecurityAssociation = groupSecurityAssociation
        self.keyDownload = keyDownload
        self.notifies = notifies
    }
}

/// Why the authority says no. Each maps to exactly one Notify (RFC 9838 4.7).
package struct RegistrationRefusal: Error, Hashable, Sendable {
    package enum Kind: String, Hashable, Sendable, CaseIterable {
        case unknownGroup, notAuthorised, notASender, groupFull, senderIDsExhausted, tooManySenderIDs,
            noAcceptableTransforms
        case notAMember
        /// Of a report: it is not the SA's sender, there is no such SA now, or it is behind one of before.
        case notTheSender, unknownSA, stepsBack
    }

    private static let reasonCharacters = 256

    package let kind: Kind
    /// One line for logs and the member listing; no secrets.
    package let reason: String

    package init(_ kind: Kind, _ reason: String) {
        self.kind = kind
        // It may repeat what a peer named, at whatever length.
        self.reason = String(reason.prefix(Self.reasonCharacters))
    }

    package var notify: NotifyType {
        switch kind {
        case .unknownGroup: .invalidGroupID
        case .notAuthorised, .notASender, .tooManySenderIDs, .notAMember: .authorizationFailed
        case .groupFull, .senderIDsExhausted: .registrationFailed
        case .noAcceptableTransforms: .noProposalChosen
        case .notTheSender: .authorizationFailed
        case .unknownSA: .invalidSPI
        case .stepsBack: .registrationFailed
        }
    }
}
