package import IKEVocabulary

/// A committed GSA_REKEY, ready for the wire: its datagrams never change, so any broadcaster may send them at any time.
package struct RekeyOrder: Hashable, Sendable {
    /// The row in the outbox; grows.
    package let number: Int64
    package let group: GroupName
    package let spi: RekeySPI
    package let messageID: MessageID
    package let destination: Endpoint
    package let timeToLive: UInt8
    /// Whole IKE messages: one, or all fragments in order.
    package let datagrams: [[UInt8]]
    package let copies: UInt8
    package let spacing: Duration
    package let createdAt: WallTime
    /// Between the datagrams of one copy: the group's setting of today, not part of what was committed.
    package var pace: Duration

    package init(
        number: Int64, group: GroupName, spi: RekeySPI, messageID: MessageID, destination: Endpoint, timeToLive: UInt8,
        datagrams: [[UInt8]], copies: UInt8, spacing: Duration, createdAt: WallTime,
        pace: Duration = .zero
    ) {
        self.number = number
        self.group = group
        self.spi = spi
        self.messageID = messageID
        self.destination = destination
        self.timeToLive = timeToLive
        self.datagrams = datagrams
        self.copies = copies
        self.spacing = spacing
        self.createdAt = createdAt
        self.pace = pace
    }
}
