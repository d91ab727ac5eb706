import Glibc
package import GroupModel
package import IKEVocabulary
package import NIOCore
import NIOPosix

package enum MulticastError: Error, Hashable, Sendable, CustomStringConvertible {
    case noInterface(String)
    case notMulticast(Endpoint)

    package var description: String {
        switch self {
        case .noInterface(let name): "there is no network interface \(name)"
        case .notMulticast(let endpoint): "\(endpoint) is not a multicast address"
        }
    }
}

/// Receives one multicast group on one interface; a socket that is lost joins again.
package final class MulticastReceiver: Sendable {
    let socket: DatagramSocket
    package let group: Endpoint

    private init(_ socket: DatagramSocket, _ group: Endpoint) {
        self.socket = socket
        self.group = group
    }

    /// Binds to the group's own address, so that datagrams of other groups on the port do not come here.
    ///
    /// - Parameters:
    ///   - interface: a name such as "eth0"; nil lets the kernel choose.
    ///   - onEvent: called on the event loop when the socket is lost or found again.
    package static func join(
        _ group: Endpoint, interface: String?, on eventLoop: any EventLoop,
        onEvent: @escaping @Sendable (Event) -> Void = { _ in },
        receive: @escaping @Sendable ([ReceivedDatagram]) -> Void
    ) async throws -> MulticastReceiver {
        guard group.address.isMulticast else { throw MulticastError.notMulticast(group) }
        let plan = DatagramSocket.Plan(
            local: group, sharesPort: true,
            prepare: { channel in
                let device = try Interface.named(interface, ipv4: group.address.isIPv4)
                try await Interface.join(group.address, on: device, channel)
            }, onEvent: onEvent, receive: receive)
        return MulticastReceiver(try await DatagramSocket.open(plan, on: eventLoop).0, group)
    }

    package func leave() async { await socket.close() }
}

/// Sends to multicast groups from one address and interface.
///
/// After a failure the socket is made anew with the next call: NIO closes it over most errors, and a device that went
/// and came has another index. The caller paces its calls.
package actor MulticastSender {
    private let source: IPAddress
    private let interface: String?
    private let loops: Bool
    private let eventLoop: any EventLoop
    private var channel: (any Channel)?

    private init(_ source: IPAddress, _ interface: String?, _ loops: Bool, _ eventLoop: any EventLoop) {
        self.source = source
        self.interface = interface
        self.loops = loops
        self.eventLoop = eventLoop
    }

    /// - Parameters:
    ///   - source: the address the datagrams come from; its family decides which groups can be reached.
    ///   - loops: members on this host receive too.
    package static func bind(
        source: IPAddress, interface: String?, loops: Bool, on eventLoop: any EventLoop
    ) async throws -> MulticastSender {
        let sender = MulticastSender(source, interface, loops, eventLoop)
        _ = try await sender.open()
        return sender
    }

    /// Sends datagrams in order, `pace` apart; the TTL (hop limit) is that of this call. Throws when one of them did not leave.
    ///
    /// Calls for several groups may be under way at once: the TTL is set anew before each datagram, in the same turn.
    package func send(
        _ datagrams: [[UInt8]], to group: Endpoint, timeToLive: UInt8, pace: Duration = .zero
    ) async throws {
        let channel = try await open()
        do {
            for (index, octets) in datagrams.enumerated() {
                if index > 0, pace > .zero { try await Task.sleep(for: pace) }
                // Both go to the event loop before this actor does anything else.
                let lifeSet = Self.setTimeToLive(timeToLive, isIPv4: group.address.isIPv4, on: channel)
                let buffer = channel.allocator.buffer(bytes: octets)
                let written = channel.eventLoop.makePromise(of: Void.self)
                channel.writeAndFlush(
                    AddressedEnvelope(remoteAddress: group.socketAddress, data: buffer), promise: written)
                try await lifeSet?.get()
                try await written.futureResult.get()
            }
        } catch {
            await close(channel)
            throw error
        }
    }

    private static func setTimeToLive(
        _ timeToLive: UInt8, isIPv4: Bool, on channel: any Channel
    ) -> EventLoopFuture<Void>? {
        guard let options = channel as? any SocketOptionProvider else { return nil }
        return isIPv4
            ? options.setIPMulticastTTL(CUnsignedChar(timeToLive)) : options.setIPv6MulticastHops(CInt(timeToLive))
    }

    /// Another call may have made a new one already.
    private func close(_ failed: any Channel) async {
        if let channel, channel === failed { self.channel = nil }
        try? await failed.close()
    }

    package func close() async {
        let open = channel
        channel = nil
        try? await open?.close()
    }

    private func open() async throws -> any Channel {
        if let channel, channel.isActive { return channel }
        let fresh = try await DatagramBootstrap(group: eventLoop)
            .bind(to: Endpoint(source, port: 0).socketAddress).get()
        do {
            try await prepare(fresh)
        } catch {
            try? await fresh.close()
            throw error
        }
        channel = fresh
        return fresh
    }

    private func prepare(_ channel: any Channel) async throws {
        let device = try Interface.named(interface, ipv4: source.isIPv4)
        guard let options = channel as? any SocketOptionProvider else { return }
        if source.isIPv4 {
            try await options.setIPMulticastLoop(loops ? 1 : 0).get()
            let address = source.octets.withUnsafeBytes { $0.loadUnaligned(as: in_addr.self) }
            try await options.setIPMulticastIF(address).get()
        } else {
            try await options.setIPv6MulticastLoop(loops ? 1 : 0).get()
            if let device { try await options.setIPv6MulticastIF(CUnsignedInt(device.interfaceIndex)).get() }
        }
    }
}

enum Interface {
    /// ip_mreq and ipv6_mreq as the kernel reads them.
    private struct Membership4 { let group: (UInt8, UInt8, UInt8, UInt8), interface: (UInt8, UInt8, UInt8, UInt8) }
    private struct Membership6 { let group: in6_addr, interface: UInt32 }

    /// Joins by the socket option itself: NIO's own call refuses interfaces without the MULTICAST flag, and loopback,
    /// where a whole cluster on one host meets, has none although the kernel delivers there.
    static func join(_ group: IPAddress, on device: NIONetworkDevice?, _ channel: any Channel) async throws {
        guard let options = channel as? any SocketOptionProvider else { throw MulticastError.noInterface("socket") }
        if group.isIPv4 {
            let local = device?.address.flatMap { Endpoint($0) }?.address.octets ?? [0, 0, 0, 0]
            let octets = group.octets + local
            let value = octets.withUnsafeBytes { $0.loadUnaligned(as: Membership4.self) }
            try await options.unsafeSetSocketOption(
                level: .ip, name: .ip_add_membership, value: value
            ).get()
        } else {
            let index = UInt32(device?.interfaceIndex ?? 0)
            let address = group.octets.withUnsafeBytes { $0.loadUnaligned(as: in6_addr.self) }
            try await options.unsafeSetSocketOption(
                level: .ipv6, name: .ipv6_join_group, value: Membership6(group: address, interface: index)
            ).get()
        }
    }

    /// Nil when no name is given.
    static func named(_ name: String?, ipv4: Bool) throws -> NIONetworkDevice? {
        guard let name else { return nil }
        let family: NIOBSDSocket.ProtocolFamily = ipv4 ? .inet : .inet6
        let device = try System.enumerateDevices().first { $0.name == name && $0.address?.protocol == family }
        guard let device else { throw MulticastError.noInterface(name) }
        return device
    }
}
