package import GroupModel
package import IKEExchange
package import IKEVocabulary

/// What happens to a member.
package enum MemberInput: Sendable {
    /// Begin: connect and register for every membership.
    case start
    /// A datagram that came in for the IKE SA, without non-ESP marker.
    case datagram([UInt8])
    /// A datagram that came in at a multicast endpoint this member joined.
    case multicast([UInt8], from: Endpoint, to: Endpoint)
    /// The deadline has come.
    case timer
    /// The data plane will send this number next on an SA of ours.
    case position(ESPSPI, next: UInt64)
    /// Leave one group; its SAs go at once.
    case leave(Identity)
    /// Leave every group, close the IKE SA, end.
    case stop
}

/// What a member's program must do, in this order.
package enum MemberEffect: Sendable {
    /// IKE messages without marker, to the frontend; the program knows its sockets.
    case send([[UInt8]], OutgoingPath)
    case joinMulticast(Endpoint)
    case leaveMulticast(Endpoint)
    case install(InstalledGroupSA)
    /// From now on send on this SA, and no longer on those.
    case activate(GroupSAReference, replacing: [GroupSAReference])
    /// A new registration gave other Sender-IDs for an SA that is installed: send under these from now on.
    case sendAs([SenderID], GroupSAReference)
    /// Stop sending on an SA that has no successor; it still receives.
    case stopSending(GroupSAReference)
    case remove(GroupSAReference)
    case event(Event)
    /// For the lab's key log; only when the configuration asks for it.
    case keyLog(IKEKeyLogRecord)
    /// Every group was left and the IKE SA is closed: nothing follows.
    case finished
}
