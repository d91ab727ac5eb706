package import GroupModel
package import IKECrypto
package import IKEExchange
package import IKEVocabulary
import IKEWire
package import KeyMaterial

package enum RegistrationEffect: Sendable {
    /// IKE messages without marker, back along the path they were asked on.
    case send([[UInt8]], DatagramPath)
    /// One datagram to another frontend's relay, finished.
    case relay([UInt8], to: Endpoint)
    case ask(RegistrationRequest)
    /// For the member listing of the authority.
    case report(FailedAuthentication)
    case event(Event)
    case keyLog(IKEKeyLogRecord)
}

/// All IKE SAs of one frontend: finds the SA of a datagram, begins new ones, asks the authority, ends what is over.
///
/// Belongs to one event loop; time, entropy and effects go in and out by value.
package final class RegistrationCore {
    var configuration: ResponderConfiguration
    var limits: RegistrationLimits
    let engine: CryptoEngine
    var entropy: any EntropySource
    var cookies: CookieJar
    var cookiesRotateAt: Moment

    /// By the SPI that we made, which is random: the responder's, but after a rekey that we asked for.
    var slots: [IKESPI: Slot] = [:]
    /// IKE_SA_INIT requests that were answered, so that a repeated one gets the same octets.
    var initials: [InitialKey: IKESPI] = [:]
    var halfOpen = HalfOpenTable()
    var buckets: FairBuckets<SourceNetwork>
    /// The established SAs of each identity, oldest first.
    var sasByIdentity: [Identity: [IKESPI]] = [:]
    var asking: [OperationID: IKESPI] = [:]
    private var authorityLostAt: Moment?
    var deadlines = Deadlines()
    /// SAs that do not know yet that this process ends; nil while it does not.
    var farewells: [IKESPI]?
    /// What the fleet is; nil until an authority said so.
    var fleet: FleetUpdate?
    var relay: RelayChannel
    var relayBudget: RelayBudget
    var ownRekeys: FairBuckets<SourceNetwork>
    var draining: Draining?
    package internal(set) var counters = RegistrationCounters()

    package init(
        configuration: ResponderConfiguration, limits: RegistrationLimits = RegistrationLimits(), engine: CryptoEngine,
        entropy: any EntropySource, instance: FrontendInstance? = nil, at now: Moment
    ) {
        self.configuration = configuration
        self.limits = limits
        self.engine = engine
        self.entropy = entropy
        buckets = FairBuckets(
            perSecond: limits.exchangesPerSource, burst: limits.exchangeBurst, capacity: limits.sources)
        cookiesRotateAt = now + limits.cookieSecretLife
        cookies = CookieJar(.init(version: 1, key: HeldSecret(self.entropy.secret(32))))
        relay = RelayChannel(instance: instance ?? FrontendInstance(&self.entropy))
        relayBudget = RelayBudget(limits)
        ownRekeys = FairBuckets(perSecond: limits.ownRekeys, burst: limits.ownRekeys, capacity: 1)
    }

    struct InitialKey: Hashable {
        let spi: IKESPI
        let remote: Endpoint
    }

    /// Octets of the IKE_SA_INIT exchange while an SA is half open; the SA shares them.
    struct Initial {
        let request: [UInt8]
        let reply: [UInt8]
        var repeats = RepeatBudget()
    }

    /// One SA and what the frontend knows around it.
    final class Slot {
        let sa: ResponderSA
        let key: InitialKey
        var initial: Initial?
        var expiresAt: Moment
        var isHalfOpen = true
        var asking: OperationID?
        var askingUntil = Moment.never
        /// When the peer proved who it is: a rekey proves nothing anew.
        var authenticatedAt: Moment
        /// When we rekey it; `.never` while the peer is to, or nobody.
        var rekeyAt = Moment.never
        var rekeyableFrom = Moment(nanoseconds: 0)
        /// Another SA of the same rekey is in force in its place, or may be.
        var isSpare = false
        /// The SA that this one was made from.
        private(set) var predecessor: IKESPI?
        /// The earliest entry of this SA among the deadlines; later ones are out of date.
        var armedAt = Moment.never

        init(_ sa: ResponderSA, _ key: InitialKey, _ initial: Initial, expiresAt: Moment) {
            self.sa = sa
            self.key = key
            self.initial = initial
            self.expiresAt = expiresAt
            authenticatedAt = sa.lastHeard
        }

        init(succeeding old: Slot, _ sa: ResponderSA, expiresAt: Moment) {
            self.sa = sa
            key = InitialKey(spi: sa.peerSPI, remote: sa.path.remote)
            self.expiresAt = expiresAt
            authenticatedAt = old.authenticatedAt
            predecessor = old.sa.ownSPI
            (isHalfOpen, isSpare) = (false, true)
        }
    }

    /// Takes one IKE message without marker.
    package func handle(
        _ datagram: [UInt8], _ path: DatagramPath, at now: Moment, wall: WallTime
    ) -> [RegistrationEffect] {
        counters.datagrams += 1
        counters.octets += Int64(datagram.count)
        let message: FramedMessage
        do {
            message = try FramedMessage(decoding: datagram)
        } catch {
            return drop("malformed", path, "\(error)")
        }
        let header = message.header
        if header.exchange == .ikeSAInit, header.responderSPI == .zero, header.messageID == .zero,
            header.isFromInitiator, !header.isResponse
        {
            return handleInitial(message, datagram, path, at: now)
        }
        // The other end's flag says which of the two SPIs it made; the other one is ours.
        let (own, peer) =
            header.isFromInitiator
            ? (header.responderSPI, header.initiatorSPI) : (header.initiatorSPI, header.responderSPI)
        guard let slot = slots[own], slot.sa.peerSPI == peer else {
            if slots[own] == nil, let effects = handOn(datagram, over: own, path, at: now) { return effects }
            // An SA that is not ours, or no longer: no answer, a stranger learns nothing (RFC 7296 2.21.4 lets us).
            return drop("unknown-spi", path, own.description)
        }
        let proofs = slot.sa.proofs
        let effects = slot.sa.handle(
            message, path: path, at: now, wall: wall, configuration: configuration, engine: engine, entropy: &entropy)
        if slot.sa.proofs != proofs { counters.provedOctets += Int64(datagram.count) }
        return perform(effects, of: slot, at: now)
    }

    // MARK: The authority

    /// The authority's answers, in any order.
    package func handle(_ answers: [RegistrationAnswer], at now: Moment) -> [RegistrationEffect] {
        answers.flatMap { answer -> [RegistrationEffect] in
            guard let spi = asking.removeValue(forKey: answer.operation), let slot = slots[spi] else { return [] }
            slot.asking = nil
            count(answer.outcome)
            return perform(slot.sa.handle(answer, engine: engine, entropy: &entropy), of: slot, at: now)
        }
    }

    /// The link to the authority came or went. Shortly after a loss requests wait for the next leader, then they are
    /// refused at once.
    package func authority(isReachable: Bool, at now: Moment) {
        authorityLostAt = isReachable ? nil : authorityLostAt ?? now
    }

    func hasLostAuthority(at now: Moment) -> Bool {
        authorityLostAt.map { $0 + limits.authorityGrace <= now } ?? false
    }

    package var nextDeadline: Moment? {
        [deadlines.next, cookiesRotateAt, draining?.nextAt].compactMap { $0 }.min()
    }

    // MARK: The end of the process

    var isStopping: Bool { farewells != nil }

    /// Says Delete over some of the SAs that do not know yet that this process ends. Answers are not waited for.
    ///
    /// - Returns: nothing once all of them were told.
    package func farewell(atMost count: Int, at now: Moment) -> [RegistrationEffect] {
        var left = farewells ?? Array(slots.keys)
        var effects: [RegistrationEffect] = []
        while effects.count < count, let spi = left.popLast() {
            guard let slot = slots[spi], slot.sa.isEstablished else { continue }
            effects += dismiss(slot, at: now)
        }
        farewells = left
        return effects
    }
}

extension FrontendInstance {
    package init(_ entropy: inout some EntropySource) {
        while true {
            guard let instance = FrontendInstance(octets: entropy.octets(FrontendInstance.octetCount)) else { continue }
            self = instance
            return
        }
    }
}
