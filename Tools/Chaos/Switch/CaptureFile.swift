import Foundation
import Glibc

/// UDP packets as they were sent, in a pcap file that tcpdump and tshark read.
final class CaptureFile: Sendable {
    private let descriptor: Int32

    init(path: String) throws {
        descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw LabFailure("\(path): \(String(cString: strerror(errno)))") }
        write(PcapForm.header())
    }

    /// Called by the switch's thread only: a record is one write.
    func add(_ frame: [UInt8]) {
        guard UDPFrame.isUDP(frame) else { return }
        write(PcapForm.record(frame, milliseconds: Clock.wallMilliseconds()))
    }

    private func write(_ octets: [UInt8]) { _ = Glibc.write(descriptor, octets, octets.count) }
}
