package import GroupModel
package import IKECrypto
package import IKEVocabulary
import IKEWire
package import KeyMaterial

/// One IKE SA at a member, from the first IKE_SA_INIT to its end.
///
/// One request is under way at a time; others wait in order. Requests of the responder (liveness, Delete) are answered at any
/// time after AUTH.
package final class InitiatorSA {
    enum State {
        case idle
        case awaitingInit(InitAttempt)
        case awaitingAuth(AuthAttempt)
        case established
        case closed
    }

    /// A request that is not answered yet.
    struct Outstanding {
        let exchange: ExchangeType
        let messageID: MessageID
        let datagrams: [[UInt8]]
        let request: InitiatorRequest?
        var sent = 1
        var next: Moment
    }

    let configuration: InitiatorConfiguration
    let opening: OpeningExchange
    let local: Endpoint
    /// The gateway that sent us here; nil: we came by ourselves.
    let redirectedFrom: RedirectGateway?
    var path: OutgoingPath
    var state = State.idle
    var outstanding: Outstanding?
    var queue: [InitiatorRequest] = []
    var channel: MessageChannel?
    var chosen: ChosenProposal?
    var gskW: HeldSecret?
    var skD: HeldSecret?
    var rekeying = RekeyStanding<InitiatorSA>()
    /// Made by the frontend's rekey while ours is under way; nobody knows yet whether it stays.
    var isUndecided = false
    /// Our rekey under way.
    var attempt: RekeyAttempt?
    /// Before that the frontend's wish for a rekey is put off.
    var rekeyableFrom = Moment(nanoseconds: 0)
    /// When an SA that was replaced is deleted by us, because nobody else did.
    var deleteAt = Moment.never
    var nextMessageID = MessageID.zero
    var peerExpected = MessageID.zero
    var lastResponse: [[UInt8]] = []
    var repeats = RepeatBudget()
    /// The responder announced our Vendor ID.
    package internal(set) var peerKnowsExtensions = false

    /// - Parameters:
    ///   - local: the address the member sends from, for NAT detection.
    ///   - remote: the frontend, on port 500 or 848.
    package init(
        configuration: InitiatorConfiguration, opening: OpeningExchange, local: Endpoint, remote: Endpoint,
        redirectedFrom: RedirectGateway? = nil
    ) {
        self.configuration = configuration
        self.opening = opening
        self.local = local
        self.redirectedFrom = redirectedFrom
        path = OutgoingPath(remote: remote, isEncapsulated: remote.port == configuration.natTraversalPort)
    }

    /// The SA that a rekey put beside `old`: same frontend, same path, new keys, Message IDs from 0.
    init(after old: InitiatorSA, _ rekeyed: RekeyedKeys) {
        (configuration, opening, local, redirectedFrom, path) = (
            old.configuration, old.opening, old.local, old.redirectedFrom, old.path
        )
        (chosen, skD, gskW) = (rekeyed.chosen, rekeyed.keys.skD, rekeyed.gskW)
        let context = rekeyed.context
        var channel = MessageChannel(
            rekeyed.keys, suite: context.suite, spiI: context.spiI, spiR: context.spiR,
            isInitiator: rekeyed.isInitiator, fragmentOctets: configuration.fragmentOctets)
        channel.peerReassembles = old.channel?.peerReassembles ?? false
        channel.reassemblyOctets = ExchangeLimits.reassemblyOctets
        self.channel = channel
        rekeying.optimized = old.rekeying.optimized
        peerKnowsExtensions = old.peerKnowsExtensions
        state = .established
    }

    package var isEstablished: Bool { if case .established = state { true } else { false } }
    package var isClosed: Bool { if case .closed = state { true } else { false } }
    /// Another SA took the place of this one (RFC 7296 2.8).
    package var isReplaced: Bool { rekeying.isReplaced }
    /// True when nothing more is to be said over it. An SA that was replaced repeats its last answer for a while after its end.
    package func isForgotten(at now: Moment) -> Bool { isClosed && (deleteAt == .never || deleteAt <= now) }
    package var nextDeadline: Moment? { outstanding?.next ?? (deleteAt == .never ? nil : deleteAt) }

    // MARK: What the member wants

    package func start(
        at now: Moment, engine: CryptoEngine, entropy: inout some EntropySource
    ) -> [InitiatorEffect] {
        guard case .idle = state else { return [] }
        return beginInit(InitAttempt(method: configuration.policy.keyExchanges.first), at: now, engine, &entropy)
    }

    package func join(
        _ join: GroupJoin, at now: Moment, engine: CryptoEngine, entropy: inout some EntropySource
    ) -> [InitiatorEffect] {
        ask(.join(join), now, engine, &entropy)
    }

    /// Leaves a group, or refuses what was given: NO_PROPOSAL_CHOSEN or REGISTRATION_FAILED (RFC 9838 2.3.4).
    package func leave(
        _ group: Identity, _ notify: NotifyType = .registrationFailed, at now: Moment, engine: CryptoEngine,
        entropy: inout some EntropySource
    ) -> [InitiatorEffect] {
        ask(.leave(group: group, notify), now, engine, &entropy)
    }

    /// Tells how far we are on an SA; the answer says that it is stored. Only to a responder that knows our extensions.
    package func report(
        _ report: SequenceReport, wall: WallTime, at now: Moment, engine: CryptoEngine,
        entropy: inout some EntropySource
    ) -> [InitiatorEffect] {
        guard peerKnowsExtensions else { return [] }
        return ask(.report(report, wall), now, engine, &entropy)
    }

    package func checkLiveness(
        at now: Moment, engine: CryptoEngine, entropy: inout some EntropySource
    ) -> [InitiatorEffect] {
        outstanding == nil ? ask(.liveness, now, engine, &entropy) : []
    }

    package func close(
        at now: Moment, engine: CryptoEngine, entropy: inout some EntropySource
    ) -> [InitiatorEffect] {
        guard isEstablished else { return end(.finished) }
        return ask(.delete, now, engine, &entropy)
    }

    func ask(
        _ request: InitiatorRequest, _ now: Moment, _ engine: CryptoEngine, _ entropy: inout some EntropySource
    ) -> [InitiatorEffect] {
        guard !isClosed, queue.count < ExchangeLimits.queuedRequests else { return [] }
        queue.append(request)
        return sendNext(now, engine, &entropy)
    }

    func sendNext(
        _ now: Moment, _ engine: CryptoEngine, _ entropy: inout some EntropySource
    ) -> [InitiatorEffect] {
        guard isEstablished, outstanding == nil, !queue.isEmpty else { return [] }
        let request = queue.removeFirst()
        if case .rekey = request { return sendRekey(now, engine, &entropy) }
        return send(request.exchange, request.payloads, request, now, engine, &entropy)
    }

    /// Seals a request, remembers it for retransmission and moves our Message ID.
    func send(
        _ exchange: ExchangeType, _ payloads: [Payload], _ request: InitiatorRequest?, _ now: Moment,
        _ engine: CryptoEngine, _ entropy: inout some EntropySource
    ) -> [InitiatorEffect] {
        guard let following = nextMessageID.next, channel != nil else {
            return end(.violated("Message IDs are used up"))
        }
        let datagrams: [[UInt8]]?
        do throws(CryptoError) {
            datagrams = try channel?.seal(
                PayloadChain(payloads), exchange, isResponse: false, messageID: nextMessageID, engine: engine,
                entropy: &entropy)
        } catch {
            return end(.violated("sealing failed: \(error)"))
        }
        guard let datagrams else { return [] }
        outstanding = Outstanding(
            exchange: exchange, messageID: nextMessageID, datagrams: datagrams, request: request,
            next: now + configuration.retransmission.delay(after: 1))
        nextMessageID = following
        return [.send(datagrams, path)]
    }

    // MARK: Time

    /// Sends again what was not answered, or gives up. An SA that was replaced and that the frontend left alone is forgotten.
    package func tick(at now: Moment) -> [InitiatorEffect] {
        if deleteAt <= now, outstanding == nil { return end(.finished) }
        guard var request = outstanding, request.next <= now else { return [] }
        guard request.sent < configuration.retransmission.tries(of: request.exchange) else { return end(.noAnswer) }
        request.sent += 1
        request.next = now + configuration.retransmission.delay(after: request.sent)
        outstanding = request
        return [.send(request.datagrams, path)]
    }

    func end(_ closure: InitiatorClosure) -> [InitiatorEffect] {
        guard !isClosed else { return [] }
        state = .closed
        (outstanding, attempt) = (nil, nil)
        // Our own rekey comes to nothing, and the frontend's stands.
        let succession = settle(on: rekeying.candidate?.sa, nil)
        queue = []
        return succession + [.closed(closure)]
    }

    // MARK: What arrives

    /// Takes one IKE message without marker.
    package func handle(
        _ datagram: [UInt8], at now: Moment, wall: WallTime, engine: CryptoEngine, entropy: inout some EntropySource
    ) -> [InitiatorEffect] {
        guard let message = try? FramedMessage(decoding: datagram) else { return [] }
        if case .awaitingInit(let attempt) = state {
            return handleInit(message, datagram, attempt, at: now, engine, &entropy)
        }
        let header = message.header
        guard let channel, header.initiatorSPI == channel.spiI, header.responderSPI == channel.spiR,
            header.isFromInitiator != channel.isInitiator
        else { return [] }
        if !header.isResponse { return handleRequest(message, at: now, engine, &entropy) }
        guard !isClosed else { return [] }
        // Nothing but the awaited answer is worth the decryption, or may touch its fragments.
        guard let request = outstanding, header.messageID == request.messageID, header.exchange == request.exchange,
            case .whole(let firstInner, let inner)? = open(message, isAwaited: true, engine)
        else { return [] }
        outstanding = nil
        guard let chain = try? PayloadChain(first: firstInner, octets: inner),
            (try? PayloadRules.check(chain, header.exchange, isResponse: true, isProtected: true)) != nil
        else { return end(.violated("a response that breaks the rules")) }
        if case .awaitingAuth(let attempt) = state {
            return handleAuth(chain, attempt, at: now, wall: wall, engine, &entropy)
        }
        if case .rekey = request.request, chain.notify(.invalidSyntax) == nil {
            return rekeyAnswered(chain, now, engine, &entropy) + sendNext(now, engine, &entropy)
        }
        let effects = handleAnswer(chain, request.request)
        // The other end takes its INVALID_SYNTAX for the end of the SA, and so do we (RFC 7296 2.21.3).
        guard chain.notify(.invalidSyntax) == nil else { return effects + end(.refused(.invalidSyntax)) }
        return effects + sendNext(now, engine, &entropy)
    }

    /// Nil for what is not authentic.
    func open(_ message: FramedMessage, isAwaited: Bool, _ engine: CryptoEngine) -> MessageChannel.Opened? {
        do throws(CryptoError) {
            return try channel?.open(message, isAwaited: isAwaited, engine: engine)
        } catch {
            return nil
        }
    }

    private func handleAnswer(_ chain: PayloadChain, _ request: InitiatorRequest?) -> [InitiatorEffect] {
        switch request {
        case .join(let join): joined(join.group, chain)
        case .leave(let group, _): [chain.firstError.map { .refused(group: group, $0.type) } ?? .left(group: group)]
        case .report(let report, _): [.reported(report.spi, refusal: chain.firstError?.type)]
        case .delete: end(.finished)
        case .liveness, .rekey, nil: []
        }
    }

    /// GSA and KD, or an error: the SA stays either way (fact sheet B.4-25).
    func joined(_ group: Identity, _ chain: PayloadChain) -> [InitiatorEffect] {
        if let error = chain.firstError { return [.refused(group: group, error.type)] }
        var gsa: GSAPayload?
        var kd: KeyDownloadPayload?
        for payload in chain.payloads {
            switch payload {
            case .groupSecurityAssociation(let policy): gsa = policy
            case .keyDownload(let download): kd = download
            default: continue
            }
        }
        guard let gsa, let kd, let gskW, let keyWrap = chosen?.keyWrap else {
            return [.refused(group: group, .invalidSyntax)]
        }
        let notifies = chain.payloads.compactMap { payload -> NotifyType? in
            if case .notify(let notify) = payload { notify.type } else { nil }
        }
        return [
            .granted(
                GroupDownload(
                    group: group, groupSecurityAssociation: gsa.encodeBody(), keyDownload: kd.encodeBody(),
                    notifies: notifies, gskW: gskW, keyWrap: keyWrap))
        ]
    }
}
