import GroupModel
package import IKEVocabulary

/// What a member wants of one group.
package struct Membership: Hashable, Sendable {
    package enum Role: Hashable, Sendable {
        case receiver
        /// Sends too, and asks for this many Sender-IDs (N(GROUP_SENDER)).
        case sender(senderIDs: UInt32)
    }

    package let group: Identity
    package let role: Role
    /// Where GSA_REKEY arrives, if known beforehand: then the member listens before it registers and misses nothing.
    package let rekeyAddress: Endpoint?
    /// The address this member sends from: it is a sender only of SAs whose source selector holds it. Nil: of every SA.
    package let sourceAddress: IPAddress?
    /// SAg; nil sends none and leaves the choice to the GCKS.
    package let proposals: [Proposal]?

    package init(
        group: Identity, role: Role, rekeyAddress: Endpoint? = nil, sourceAddress: IPAddress? = nil,
        proposals: [Proposal]? = nil
    ) {
        self.group = group
        self.role = role
        self.rekeyAddress = rekeyAddress
        self.sourceAddress = sourceAddress
        self.proposals = proposals
    }

    package var asksToSend: Bool { role != .receiver }

    /// The count of N(GROUP_SENDER); nil for a receiver.
    package var senderIDs: UInt32? {
        if case .sender(let count) = role { count } else { nil }
    }

    /// Which way this member uses an SA with these selectors (RFC 9838 2.3.3).
    func direction(source: TrafficSelector, sequenceNumbers: SequenceNumbersID) -> SADirection {
        guard asksToSend else { return .inbound }
        if let sourceAddress, !source.contains(sourceAddress) { return .inbound }
        // Sequential numbers have one sender, so nobody else is to be heard on this SA.
        return sequenceNumbers == .sequential32 ? .outbound : .both
    }
}

extension TrafficSelector {
    func contains(_ address: IPAddress) -> Bool {
        address.isIPv4 == first.isIPv4 && !address.octets.lexicographicallyPrecedes(first.octets)
            && !last.octets.lexicographicallyPrecedes(address.octets)
    }
}
