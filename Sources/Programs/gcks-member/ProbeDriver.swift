import DatagramIO
import GroupModel
import IKECrypto
import IKEExchange
import IKEVocabulary
import KeyMaterial
import NIOCore
import NIOPosix
import ProgramKit
import Settings
import Telemetry

enum ProbeOutcome: CustomStringConvertible {
    case established(String)
    case failed(String)

    var description: String {
        switch self {
        case .established(let text), .failed(let text): text
        }
    }
}

/// Makes one childless IKE SA, rekeys it when asked to, and deletes it: do address, port, credentials and proposals fit?
final class ProbeDriver: @unchecked Sendable {
    private let eventLoop: any EventLoop
    private let clocks = Clocks()
    private let engine: CryptoEngine
    private var entropy = SystemEntropy()
    private var sa: InitiatorSA?
    /// The SA that was rekeyed, until its Delete is answered.
    private var replaced: InitiatorSA?
    private let rekeys: Bool
    private var hasRekeyed = false
    private var sockets: MemberSockets?
    private var responder: Identity?
    /// Why the kernel did not send.
    private var unsent: String?
    private let outcome: EventLoopPromise<ProbeOutcome>

    private init(_ eventLoop: any EventLoop, rekeys: Bool) {
        self.eventLoop = eventLoop
        self.rekeys = rekeys
        engine = CryptoEngine()
        outcome = eventLoop.makePromise(of: ProbeOutcome.self)
    }

    static func run(_ settings: MemberSettings, rekeys: Bool, timeout: Duration) async throws -> ProbeOutcome {
        let eventLoop = MultiThreadedEventLoopGroup.singleton.next()
        let driver = ProbeDriver(eventLoop, rekeys: rekeys)
        let sockets = try await MemberSockets.bind(settings, on: eventLoop, onEvent: { driver.note($0) }) {
            driver.receive($0)
        }
        let frontend = settings.frontends[0]
        try await eventLoop.submit {
            var configuration = try InitiatorConfiguration(settings, FileTrust(settings.credentials))
            configuration.natTraversalPort = frontend.natTraversalPort
            configuration.policy.offersPlainIKE = true
            driver.begin(
                InitiatorSA(
                    configuration: configuration, opening: .ikeAuth, local: sockets.local(to: frontend.address),
                    remote: frontend.address), sockets)
        }.get()
        eventLoop.scheduleTask(in: .seconds(timeout.components.seconds)) {
            let why = driver.unsent.map { "; not sent: \($0)" } ?? ""
            driver.outcome.succeed(.failed("no answer from \(frontend.address) within \(timeout)\(why)"))
        }
        let result = try await driver.outcome.futureResult.get()
        await sockets.close()
        return result
    }

    private func note(_ event: Event) {
        if event.name == "datagram-unsent" { unsent = event.fields.last?.value }
    }

    private func begin(_ sa: InitiatorSA, _ sockets: MemberSockets) {
        self.sa = sa
        self.sockets = sockets
        perform(sa.start(at: clocks.monotonic(), engine: engine, entropy: &entropy), of: sa)
    }

    private func receive(_ batch: [ReceivedDatagram]) {
        for datagram in batch {
            let now = clocks.monotonic()
            for sa in [replaced, sa].compactMap({ $0 }) {
                perform(
                    sa.handle(datagram.octets, at: now, wall: clocks.wall(), engine: engine, entropy: &entropy), of: sa)
            }
        }
    }

    private func perform(_ effects: [InitiatorEffect], of source: InitiatorSA) {
        let now = clocks.monotonic()
        for effect in effects {
            switch effect {
            case .send(let datagrams, let path): sockets?.send(datagrams, over: path)
            case .established(let identity):
                responder = identity
                let next =
                    rekeys
                    ? source.rekey(at: now, engine: engine, entropy: &entropy)
                    : source.close(at: now, engine: engine, entropy: &entropy)
                perform(next, of: source)
            case .succeeded(let heir):
                (sa, replaced, hasRekeyed) = (heir, source, true)
            case .rekeyRefused(let notify): outcome.succeed(.failed("no rekey: \(notify)"))
            case .closed(let why): closed(source, why, at: now)
            case .event(let event):
                if event.name == "ike-init-refused" {
                    outcome.succeed(.failed("refused: \(event.fields.map(\.value).joined(separator: " "))"))
                }
            case .granted, .refused, .left, .reported, .redirected, .keyLog, .candidate, .redundant: continue
            }
        }
        arm()
    }

    /// After a rekey the SA of before is deleted first, then the one that followed it.
    private func closed(_ source: InitiatorSA, _ why: InitiatorClosure, at now: Moment) {
        let isGood = why == .finished || why == .deletedByPeer
        if isGood, source === replaced, let sa {
            replaced = nil
            perform(sa.close(at: now, engine: engine, entropy: &entropy), of: sa)
        } else if isGood, let responder, hasRekeyed == rekeys {
            let rekeyed = hasRekeyed ? ", rekeyed" : ""
            outcome.succeed(.established("IKE SA with \(responder) established\(rekeyed) and deleted"))
        } else {
            outcome.succeed(.failed("no IKE SA: \(why)"))
        }
    }

    private func arm() {
        guard let deadline = [replaced, sa].compactMap({ $0?.nextDeadline }).min() else { return }
        let wait = deadline.since(clocks.monotonic())
        let nanoseconds = wait.components.seconds * 1_000_000_000 + wait.components.attoseconds / 1_000_000_000
        eventLoop.scheduleTask(in: .nanoseconds(nanoseconds)) { [self] in
            for sa in [replaced, sa].compactMap({ $0 }) { perform(sa.tick(at: clocks.monotonic()), of: sa) }
        }
    }
}
