import IKEVocabulary

/// How many datagrams are handed to other frontends: of one network, of one SPI, and of all.
///
/// The total is asked last, so that what is refused to one does not use up what all have.
struct RelayBudget {
    private var networks: FairBuckets<SourceNetwork>
    private var spis: FairBuckets<IKESPI>
    private var initials: FairBuckets<Whole>
    private var total: FairBuckets<Whole>

    /// A bucket that is not divided.
    private enum Whole: Hashable { case all }

    init(_ limits: RegistrationLimits) {
        networks = FairBuckets(
            perSecond: limits.relayedPerSource, burst: limits.relayBurst, capacity: limits.sources)
        spis = FairBuckets(
            perSecond: limits.relayedPerSPI, burst: limits.relayedPerSPIBurst, capacity: limits.sources)
        initials = FairBuckets(perSecond: limits.relayedInitials, burst: limits.relayedInitials, capacity: 1)
        total = FairBuckets(perSecond: limits.relayedInAll, burst: limits.relayedInAll, capacity: 1)
    }

    /// - Parameter spi: the responder's, of which its owner is known; nil for an IKE_SA_INIT.
    mutating func take(from address: IPAddress, over spi: IKESPI?, at now: Moment) -> Bool {
        guard networks.take(SourceNetwork(address), at: now) else { return false }
        guard spi.map({ spis.take($0, at: now) }) ?? initials.take(.all, at: now) else { return false }
        return total.take(.all, at: now)
    }
}
