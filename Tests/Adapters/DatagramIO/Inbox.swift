import DatagramIO
import Glibc
import GroupModel
import IKEVocabulary
import Synchronization

/// What arrived and what was told so far.
final class Inbox: Sendable {
    private let all = Mutex<[ReceivedDatagram]>([])
    private let told = Mutex<[Event]>([])
    func add(_ batch: [ReceivedDatagram]) { all.withLock { $0 += batch } }
    func add(_ event: Event) { told.withLock { $0.append(event) } }
    var datagrams: [ReceivedDatagram] { all.withLock { $0 } }
    var events: [String] { told.withLock { $0.map(\.name) } }

    func wait(for count: Int) async -> [ReceivedDatagram] {
        for _ in 0..<200 where datagrams.count < count { try? await Task.sleep(for: .milliseconds(10)) }
        return datagrams
    }

    func wait(for event: String) async -> Bool {
        for _ in 0..<500 where !events.contains(event) { try? await Task.sleep(for: .milliseconds(10)) }
        return events.contains(event)
    }
}

/// UDP over a raw IPv4 socket, which may say any source port; needs CAP_NET_RAW.
enum RawUDP {
    static let isPermitted: Bool = {
        let descriptor = open()
        if descriptor >= 0 { close(descriptor) }
        return descriptor >= 0
    }()

    private static func open() -> CInt { socket(AF_INET, CInt(SOCK_RAW.rawValue), CInt(IPPROTO_UDP)) }

    /// UDP header: source port (2) | destination port (2) | length (2) | checksum (2), zero for none.
    static func send(_ octets: [UInt8], fromPort source: UInt16, to remote: Endpoint) -> Bool {
        let descriptor = open()
        guard descriptor >= 0 else { return false }
        defer { close(descriptor) }
        func two(_ value: UInt16) -> [UInt8] { [UInt8(value >> 8), UInt8(value & 0xff)] }
        let packet = two(source) + two(remote.port) + two(UInt16(8 + octets.count)) + [0, 0] + octets
        // sockaddr_in: family (2) | port (2) | address (4) | zeros (8).
        var address = [UInt8](repeating: 0, count: MemoryLayout<sockaddr_in>.size)
        address.replaceSubrange(0..<2, with: withUnsafeBytes(of: sa_family_t(AF_INET)) { Array($0) })
        address.replaceSubrange(4..<8, with: remote.address.octets)
        return address.withUnsafeBytes { raw in
            sendto(
                descriptor, packet, packet.count, 0, raw.baseAddress?.assumingMemoryBound(to: sockaddr.self),
                socklen_t(raw.count)) == packet.count
        }
    }
}
