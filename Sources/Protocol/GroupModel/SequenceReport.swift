package import IKEVocabulary

/// How far a sender is on a Data-Security SA, as it says itself.
package struct SequenceReport: Hashable, Sendable {
    package let spi: ESPSPI
    /// Grows with every report on this SA.
    package let counter: UInt32
    /// The next sequence number it will send, all 64 bits.
    package let next: UInt64
    package let isFinal: Bool

    package init(spi: ESPSPI, counter: UInt32, next: UInt64, isFinal: Bool = false) {
        self.spi = spi
        self.counter = counter
        self.next = next
        self.isFinal = isFinal
    }
}

/// The last report on a Data-Security SA, and the one before, from which the rate follows.
package struct SequenceRow: Hashable, Sendable {
    package let group: GroupName
    package let spi: ESPSPI
    package let next: UInt64
    package let counter: UInt32
    package let at: WallTime
    package let earlierNext: UInt64
    package let earlierAt: WallTime

    package init(
        group: GroupName, spi: ESPSPI, next: UInt64, counter: UInt32, at: WallTime, earlierNext: UInt64,
        earlierAt: WallTime
    ) {
        self.group = group
        self.spi = spi
        self.next = next
        self.counter = counter
        self.at = at
        self.earlierNext = earlierNext
        self.earlierAt = earlierAt
    }

    /// Packets a second between the last two reports; 0 while there is but one moment.
    package var rate: Double {
        let milliseconds = at.milliseconds - earlierAt.milliseconds
        return milliseconds > 0 && next > earlierNext ? Double(next - earlierNext) * 1000 / Double(milliseconds) : 0
    }

    /// Where the sender is at this moment when it goes on as before.
    package func estimate(at moment: WallTime) -> Double {
        Double(next) + rate * Double(max(moment.milliseconds - at.milliseconds, 0)) / 1000
    }
}

/// One SA of one sender as operators see it.
package struct SequenceStatus: Hashable, Sendable {
    package let dataSA: String
    package let spi: String
    /// Nil: nobody was given the SA to send on.
    package let sender: Identity?
    /// Nil: nothing was reported yet.
    package let report: SequenceRow?

    package init(dataSA: String, spi: String, sender: Identity?, report: SequenceRow?) {
        self.dataSA = dataSA
        self.spi = spi
        self.sender = sender
        self.report = report
    }
}
