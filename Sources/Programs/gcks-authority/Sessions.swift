import AuthorityRPC
import GroupModel
import IKEVocabulary

/// One frontend's stream, as the desk sees it.
struct RegistrationDesk: RegistrationSession {
    let number: Int
    let driver: AuthorityDriver
    let outputs: AsyncStream<SessionOutput<RegistrationOutput>>

    func submit(_ requests: [RegistrationRequest]) async { await driver.submit(requests, session: number) }
    func heartbeat(_ counters: [String: Int64]) async { await driver.heartbeat(counters, frontendSession: number) }
    func report(_ failures: [FailedAuthentication]) async { await driver.report(failures, session: number) }
    func close() async { await driver.closeRegistration(number) }
}

/// One broadcaster's stream.
struct BroadcastDesk: BroadcastSession {
    let number: Int
    let driver: AuthorityDriver
    let orders: AsyncStream<SessionOutput<BroadcastOutput>>

    func acknowledge(_ numbers: [Int64]) async { await driver.acknowledge(numbers, session: number) }
    func cannotSend(_ numbers: [Int64]) async { await driver.handBack(numbers, session: number) }
    func heartbeat(_ counters: [String: Int64]) async { await driver.heartbeat(counters, broadcasterSession: number) }
    func close() async { await driver.closeBroadcast(number) }
}

/// What the leader knows of one connected process.
struct ConnectedPeer<Item: Sendable> {
    let identity: PeerIdentity
    let output: AsyncStream<SessionOutput<Item>>.Continuation
    let since: WallTime
    var counters: [String: Int64] = [:]
    /// When anything came from it last.
    var heardAt: Moment

    func status(isConnected: Bool) -> LinkStatus {
        LinkStatus(name: identity.name, isConnected: isConnected, since: since, counters: counters)
    }

    func end(_ refusal: StreamRefusal) {
        output.yield(.ended(refusal))
        output.finish()
    }
}
