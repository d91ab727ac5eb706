package import IKEVocabulary

/// Names one SA of one group in the hands of a member.
package enum GroupSAReference: Hashable, Sendable, CustomStringConvertible {
    case rekey(RekeySPI, group: Identity)
    case data(ESPSPI, group: Identity)

    package var group: Identity {
        switch self {
        case .rekey(_, let group), .data(_, let group): group
        }
    }

    package var description: String {
        switch self {
        case .rekey(let spi, let group): "\(group) rekey \(spi)"
        case .data(let spi, let group): "\(group) esp \(spi)"
        }
    }
}

/// Which way a member uses a Data-Security SA (RFC 9838 2.3.3): a receiver only inbound, the one sender of an SA only
/// outbound, a sender among others both ways.
package enum SADirection: String, Hashable, Sendable, CaseIterable { case inbound, outbound, both }

/// An SA of a group as a member hands it to its SA sinks.
package struct InstalledGroupSA: Sendable {
    package enum Content: Sendable {
        /// Opens GSA_REKEY; only ever inbound.
        case rekey(KeyedRekeySA)
        case data(KeyedDataSA, DataSAUse)
    }

    package let group: Identity
    package let content: Content
    /// What people compare instead of the key: of KEYMAT, or of the encryption key followed by the integrity key.
    package let keyCheckValue: String

    package init(group: Identity, content: Content, keyCheckValue: String) {
        self.group = group
        self.content = content
        self.keyCheckValue = keyCheckValue
    }

    package var reference: GroupSAReference {
        switch content {
        case .rekey(let sa): .rekey(sa.policy.spi, group: group)
        case .data(let sa, _): .data(sa.policy.spi, group: group)
        }
    }
}

/// How a member uses a Data-Security SA.
package struct DataSAUse: Hashable, Sendable {
    package let mode: SAMode
    package let direction: SADirection
    /// False: the member waits for GWP_ATD before it sends on it. Meaningless for `.inbound`.
    package let sendsAtOnce: Bool
    /// The member's own Sender-IDs and their width; empty and nil unless it sends under a counter mode.
    package let senderIDs: [SenderID]
    package let senderIDWidth: SenderIDWidth?

    package init(
        mode: SAMode, direction: SADirection, sendsAtOnce: Bool, senderIDs: [SenderID], senderIDWidth: SenderIDWidth?
    ) {
        self.mode = mode
        self.direction = direction
        self.sendsAtOnce = sendsAtOnce
        self.senderIDs = senderIDs
        self.senderIDWidth = senderIDWidth
    }
}
