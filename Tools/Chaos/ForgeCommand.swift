import ArgumentParser
import Foundation
import Glibc

/// `gcks-chaos forge`: the broken participant of a canary. Waits for a GSA_REKEY in the capture and multicasts it with its last
/// octet changed, once.
struct ForgeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "forge", shouldDisplay: false)

    @Option var capture: String
    @Option var source: String

    func run() throws {
        for _ in 0..<600 {
            let octets = [UInt8](FileManager.default.contents(atPath: capture) ?? Data())
            for frame in PcapForm.read(octets) ?? [] {
                guard let rekey = CapturedRekey(frame), let datagram = UDPFrame(frame.octets),
                    let last = rekey.octets.last
                else { continue }
                try send(rekey.octets.dropLast() + [last ^ 1], to: datagram.destination, datagram.destinationPort)
                return
            }
            Clock.pause(milliseconds: 100)
        }
        throw LabFailure("no rekey to forge in a minute")
    }

    private func send(_ octets: [UInt8], to address: String, _ port: Int) throws {
        let descriptor = socket(AF_INET, Int32(SOCK_DGRAM.rawValue), 0)
        defer { close(descriptor) }
        var interface = in_addr()
        inet_pton(AF_INET, source, &interface)
        setsockopt(descriptor, Int32(IPPROTO_IP), IP_MULTICAST_IF, &interface, socklen_t(MemoryLayout<in_addr>.size))
        var target = sockaddr_in()
        target.sin_family = sa_family_t(AF_INET)
        target.sin_port = in_port_t(port).bigEndian
        inet_pton(AF_INET, address, &target.sin_addr)
        let sent = withUnsafePointer(to: &target) { target in
            target.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                sendto(descriptor, octets, octets.count, 0, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard sent == octets.count else { throw LabFailure("the forged rekey was not sent") }
    }
}
