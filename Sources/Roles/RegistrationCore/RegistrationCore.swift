package import GroupModel
package import IKECrypto
package import IKEExchange
package import IKEVocabulary
import IKEWire
package import KeyMaterial

package enum RegistrationEffect: Sendable {
    /// IKE messages without marker, back along the path they were asked on.
    case send([[UInt8]], DatagramPath)
    case ask(RegistrationRequest)
    case event(Event)
    case keyLog(IKEKeyLogRecord)
}

/// All IKE SAs of one frontend: finds the SA of a datagram, begins new ones, asks the authority, ends what is over.
///
/// Belongs to one event loop; time, entropy and effects go in and out by value.
package final class RegistrationCore {
    let configuration: ResponderConfiguration
    let limits: RegistrationLimits
    let engine: CryptoEngine
    var entropy: any EntropySource
    var cookies: CookieJar
    var cookiesRotateAt: Moment

    /// By the responder SPI, which is ours and random.
    var slots: [IKESPI: Slot] = [:]
    /// IKE_SA_INIT requests that were answered, so that a repeated one gets the same octets.
    var initials: [InitialKey: IKESPI] = [:]
    var halfOpenByAddress: [IPAddress: Int] = [:]
    var halfOpen = 0
    var asking: [OperationID: IKESPI] = [:]
    var deadlines = Deadlines()
    package internal(set) var counters = RegistrationCounters()

    package init(
        configuration: ResponderConfiguration, limits: RegistrationLimits = RegistrationLimits(), engine: CryptoEngine,
        entropy: any EntropySource, at now: Moment
    ) {
        self.configuration = configuration
        self.limits = limits
        self.engine = engine
        self.entropy = entropy
        cookiesRotateAt = now + limits.cookieSecretLife
        cookies = CookieJar(.init(version: 1, key: HeldSecret(self.entropy.secret(32))))
    }

    struct InitialKey: Hashable {
        let spi: IKESPI
        let remote: Endpoint
    }

    /// One SA and what the frontend knows around it.
    final class Slot {
        let sa: ResponderSA
        let key: InitialKey
        /// Octets of the IKE_SA_INIT exchange while it is half open.
        var initial: (request: [UInt8], reply: [UInt8])?
        var expiresAt: Moment
        var isHalfOpen = true
        var asking: OperationID?
        var askingUntil = Moment.never

        init(_ sa: ResponderSA, _ key: InitialKey, request: [UInt8], reply: [UInt8], expiresAt: Moment) {
            self.sa = sa
            self.key = key
            initial = (request, reply)
            self.expiresAt = expiresAt
        }
    }

    /// Takes one IKE message without marker.
    package func handle(
        _ datagram: [UInt8], _ path: DatagramPath, at now: Moment, wall: WallTime
    ) -> [RegistrationEffect] {
        counters.datagrams += 1
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
        guard let slot = slots[header.responderSPI], slot.sa.spiI == header.initiatorSPI else {
            // An SA that is not ours, or no longer: no answer, a stranger learns nothing (RFC 7296 2.21.4 lets us).
            return drop("unknown-spi", path, header.responderSPI.description)
        }
        let effects = slot.sa.handle(
            message, path: path, at: now, wall: wall, configuration: configuration, engine: engine, entropy: &entropy)
        return perform(effects, of: slot, at: now)
    }

    /// The authority's answers, in any order.
    package func handle(_ answers: [RegistrationAnswer], at now: Moment) -> [RegistrationEffect] {
        answers.flatMap { answer -> [RegistrationEffect] in
            guard let spi = asking.removeValue(forKey: answer.operation), let slot = slots[spi] else { return [] }
            slot.asking = nil
            count(answer.outcome)
            return perform(slot.sa.handle(answer, engine: engine, entropy: &entropy), of: slot, at: now)
        }
    }

    package var nextDeadline: Moment? {
        [deadlines.next, cookiesRotateAt].compactMap { $0 }.min()
    }

    // MARK: IKE_SA_INIT

    private func handleInitial(
        _ message: FramedMessage, _ datagram: [UInt8], _ path: DatagramPath, at now: Moment
    ) -> [RegistrationEffect] {
        let key = InitialKey(spi: message.header.initiatorSPI, remote: path.remote)
        if let spi = initials[key], let initial = slots[spi]?.initial, initial.request == datagram {
            return [.send([initial.reply], path)]
        }
        guard halfOpen < limits.halfOpen, slots.count < limits.establishedSAs + limits.halfOpen else {
            return drop("full", path, "\(halfOpen) half-open, \(slots.count) SAs")
        }
        let wantsCookie =
            halfOpen >= limits.cookieThreshold
            || halfOpenByAddress[path.remote.address, default: 0] >= limits.halfOpenPerAddress
        let outcome = InitialResponder.respond(
            to: message, datagram: datagram, path: path, configuration: configuration,
            cookies: wantsCookie ? cookies : nil, addressProof: cookies, at: now, engine: engine, entropy: &entropy)
        switch outcome {
        case .silence(let why): return drop(why, path, "IKE_SA_INIT")
        case .stateless(let reply, let why):
            counters.stateless[why, default: 0] += 1
            // Nobody who did not prove his address gets more octets than he sent.
            return reply.count <= datagram.count ? [.send([reply], path)] : []
        case .begun(let sa, let reply, let keyLog):
            return begin(sa, datagram, reply, keyLog, path, at: now)
        }
    }

    private func begin(
        _ sa: ResponderSA, _ request: [UInt8], _ reply: [UInt8], _ keyLog: IKEKeyLogRecord?, _ path: DatagramPath,
        at now: Moment
    ) -> [RegistrationEffect] {
        let key = InitialKey(spi: sa.spiI, remote: path.remote)
        let slot = Slot(sa, key, request: request, reply: reply, expiresAt: now + limits.halfOpenLife)
        slots[sa.spiR] = slot
        initials[key] = sa.spiR
        halfOpen += 1
        halfOpenByAddress[path.remote.address, default: 0] += 1
        deadlines.add(sa.spiR, at: slot.expiresAt)
        return [.send([reply], path)] + (keyLog.map { [.keyLog($0)] } ?? [])
    }

    private func drop(_ why: String, _ path: DatagramPath, _ detail: String) -> [RegistrationEffect] {
        counters.dropped[why, default: 0] += 1
        return [
            .event(
                Event(
                    "datagram-dropped", .info, limitedBy: path.remote.address.description,
                    [("why", why), ("remote", path.remote.description), ("detail", detail)]))
        ]
    }
}
