package import GroupModel
package import IKEVocabulary
package import NIOCore

/// UDP sockets of one event loop, one for each local address and port: a reply leaves from where its request arrived.
package final class UnicastSockets: Sendable {
    package struct Binding: Hashable, Sendable {
        package let local: Endpoint
        /// Port 4500: IKE messages follow four zero octets, and everything else is ESP or a keep-alive.
        package let isEncapsulated: Bool

        package init(local: Endpoint, isEncapsulated: Bool) {
            self.local = local
            self.isEncapsulated = isEncapsulated
        }
    }

    package let eventLoop: any EventLoop
    private let sockets: [Endpoint: DatagramSocket]
    /// Where the sockets are; port 0 was replaced by what the kernel chose, in the order of the bindings.
    package let endpoints: [Endpoint]

    private init(_ eventLoop: any EventLoop, _ sockets: [Endpoint: DatagramSocket], _ endpoints: [Endpoint]) {
        self.eventLoop = eventLoop
        self.sockets = sockets
        self.endpoints = endpoints
    }

    /// Binds all or none. A socket that is lost later is bound again at the same place.
    ///
    /// - Parameters:
    ///   - inherited: sockets that are taken over where their place is one of the bindings; the others are closed.
    ///   - keep: called once for each socket: somebody else holds on to it from then on.
    ///   - onEvent: called on the event loop when a socket is lost or found again, or a datagram cannot be sent.
    ///   - receive: called on the event loop with what one read brought in.
    package static func bind(
        _ bindings: [Binding], on eventLoop: any EventLoop, sharesPort: Bool = false,
        inherited: InheritedSockets = .none, keep: (@Sendable (CInt) -> Void)? = nil,
        onEvent: @escaping @Sendable (Event) -> Void = { _ in },
        receive: @escaping @Sendable ([ReceivedDatagram]) -> Void
    ) async throws -> UnicastSockets {
        var sockets: [Endpoint: DatagramSocket] = [:]
        var endpoints: [Endpoint] = []
        let inherited = inherited.only(bindings.map(\.local))
        do {
            for binding in bindings {
                let plan = DatagramSocket.Plan(
                    local: binding.local, isEncapsulated: binding.isEncapsulated, sharesPort: sharesPort,
                    inherited: inherited[binding.local], keep: keep, onEvent: onEvent, receive: receive)
                let (socket, local) = try await DatagramSocket.open(plan, on: eventLoop)
                sockets[local] = socket
                endpoints.append(local)
            }
        } catch {
            for socket in sockets.values { await socket.close() }
            throw error
        }
        return UnicastSockets(eventLoop, sockets, endpoints)
    }

    /// Datagrams that could not be sent since the start. On the event loop.
    package var dropped: Int { sockets.values.reduce(0) { $0 + $1.dropped } }

    /// Sends on the event loop, whoever calls; the marker is added where it belongs. A socket that is not ours is
    /// nothing, and what cannot be sent is dropped and counted.
    package func send(_ datagrams: [[UInt8]], from local: Endpoint, to remote: Endpoint) {
        guard let socket = sockets[local] else { return }
        if eventLoop.inEventLoop {
            socket.send(datagrams, to: remote)
        } else {
            eventLoop.execute { socket.send(datagrams, to: remote) }
        }
    }

    /// On the event loop, before this process ends: sockets that outlive it are read no more.
    package func pause() {
        for socket in sockets.values { socket.pause() }
    }

    package func close() async {
        for socket in sockets.values { await socket.close() }
    }
}
