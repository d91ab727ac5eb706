import Foundation
import TestKit
import Testing

@testable import ReplicatedStore

/// Connections of nobody: TCP without TLS.
private final class IdleConnections {
    private(set) var descriptors: [CInt] = []

    init(_ count: Int, port: Int) {
        for _ in 0..<count {
            let descriptor = socket(AF_INET, CInt(SOCK_STREAM.rawValue), 0)
            var address = sockaddr_in()
            address.sin_family = sa_family_t(AF_INET)
            address.sin_port = UInt16(port).bigEndian
            address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
            withUnsafePointer(to: &address) {
                $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    _ = connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
                }
            }
            descriptors.append(descriptor)
        }
    }

    /// How many the other side has closed.
    var ended: Int {
        descriptors.count { descriptor in
            var octet: UInt8 = 0
            return recv(descriptor, &octet, 1, CInt(MSG_DONTWAIT | MSG_PEEK)) == 0
        }
    }

    deinit { for descriptor in descriptors { close(descriptor) } }
}

/// Strangers at the door of the stores.
@Suite(.serialized) struct DoorTests {
    @Test func `strangers who say nothing neither keep a peer out nor stay`() async throws {
        let pki = try TestPKI()
        defer { pki.remove() }
        let harness = try StoreHarness()
        let settings = try harness.threeNodes(pki)
        let node = harness.start(settings[2])
        _ = try await eventually("an open door") { try await node.store.nodes() }
        let cluster = try #require(settings[2].cluster)
        let own = try #require(settings[1].cluster)
        let strangers = IdleConnections(200, port: cluster.listenPort)
        let peer = try TLSCaller.connect(
            port: cluster.listenPort, certificate: own.certificateFile, key: own.privateKeyFile,
            authority: pki.authority)
        peer.send(Greeting.connect(id: 2, name: "authority-2"))
        #expect(await !peer.isCut(within: .milliseconds(1700)))
        // Well before the two seconds in which a proved peer may send its greeting.
        #expect(strangers.ended == 200)
        peer.close()
        await node.stop()
    }
}
