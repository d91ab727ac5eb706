package import IKEVocabulary

// What is kept about SAs beside their keys: who sends on those that one sender has for itself, and which SPI comes next.

/// Who was given a current single-sender SA to send on. A data SA without such a row may have been sent on by anybody.
package struct SenderClaimRow: Hashable, Sendable {
    package let group: GroupName
    /// Of the SA's definition: who holds the SA goes on to the one that replaces it by GSA_REKEY.
    package let dataSA: String
    /// Nil: nobody was given these keys to send with.
    package var holder: Identity?
    /// SPIi | SPIr of the IKE SA it registered over; empty once it left. Over another one it may have lost its state.
    package var association: [UInt8]

    package init(group: GroupName, dataSA: String, holder: Identity? = nil, association: [UInt8] = []) {
        self.group = group
        self.dataSA = dataSA
        self.holder = holder
        self.association = association
    }
}

/// The SPI that the next Rekey SA of a group will have: members were told (GSA_NEXT_SPI), so it is kept.
package struct RekeyPromiseRow: Hashable, Sendable {
    package let group: GroupName
    package let spi: RekeySPI

    package init(group: GroupName, spi: RekeySPI) {
        self.group = group
        self.spi = spi
    }
}

package struct SendingState: Hashable, Sendable {
    package var claims: [SenderClaimRow]
    package var promises: [RekeyPromiseRow]
    package var sequences: [SequenceRow]

    package init(
        claims: [SenderClaimRow] = [], promises: [RekeyPromiseRow] = [], sequences: [SequenceRow] = []
    ) {
        self.claims = claims
        self.promises = promises
        self.sequences = sequences
    }
}

package enum SendingMutation: Hashable, Sendable {
    case putClaim(SenderClaimRow)
    /// Sender-IDs of a group begin at 0 again. Only beside a `putGroup` with a later generation: every data SA is a new one.
    case resetSenderIDs(GroupName)
    case putPromise(RekeyPromiseRow)
    /// The store takes no number and no counter that is not above the one before.
    case putSequence(SequenceRow)
    case removeSequence(ESPSPI, group: GroupName)
}

extension SendingState {
    package mutating func apply(_ mutation: SendingMutation) {
        switch mutation {
        case .putClaim(let row):
            claims.removeAll { $0.group == row.group && $0.dataSA == row.dataSA }
            claims.append(row)
        case .resetSenderIDs: break
        case .putPromise(let row):
            promises.removeAll { $0.group == row.group }
            promises.append(row)
        case .putSequence(let row):
            sequences.removeAll { $0.group == row.group && $0.spi == row.spi }
            sequences.append(row)
        case .removeSequence(let spi, let group): sequences.removeAll { $0.group == group && $0.spi == spi }
        }
    }
}

extension OperationID {
    /// SPIi | SPIr of the IKE SA that a registration came over; empty for an id that no frontend made.
    package var association: [UInt8] { octets.count == 20 ? Array(octets.prefix(16)) : [] }
}
