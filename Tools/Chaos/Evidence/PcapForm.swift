/// The classic pcap format, little endian, Ethernet, microseconds.
enum PcapForm {
    struct Frame: Hashable, Sendable {
        /// Since 1970.
        let milliseconds: Int
        let octets: ArraySlice<UInt8>
    }

    private static let magic: UInt32 = 0xa1b2_c3d4
    private static let mostOctets: UInt32 = 65_536

    static func header() -> [UInt8] {
        // magic | version 2.4 | zone | accuracy | longest packet | Ethernet
        little(magic) + [2, 0, 4, 0] + little(0) + little(0) + little(mostOctets) + little(1)
    }

    static func record(_ frame: [UInt8], milliseconds: Int) -> [UInt8] {
        let length = UInt32(clamping: frame.count)
        return little(UInt32(clamping: milliseconds / 1000)) + little(UInt32(clamping: milliseconds % 1000 * 1000))
            + little(length) + little(length) + frame
    }

    /// The frames of a file; a record that is not whole ends it. Nil when it is no such file.
    static func read(_ file: [UInt8]) -> [Frame]? {
        guard file.count >= 24, word(file, 0) == magic else { return nil }
        var frames: [Frame] = []
        var place = 24
        while file.count - place >= 16 {
            let (seconds, micros) = (Int(word(file, place)), Int(word(file, place + 4)))
            let length = word(file, place + 8)
            guard length <= mostOctets, file.count - place - 16 >= Int(length) else { break }
            let start = place + 16
            frames.append(
                Frame(milliseconds: seconds * 1000 + micros / 1000, octets: file[start..<start + Int(length)]))
            place = start + Int(length)
        }
        return frames
    }

    private static func little(_ value: UInt32) -> [UInt8] {
        (0..<4).map { UInt8(truncatingIfNeeded: value >> ($0 * 8)) }
    }
    private static func word(_ file: [UInt8], _ place: Int) -> UInt32 {
        (0..<4).reduce(0) { $0 | UInt32(file[place + $1]) << ($1 * 8) }
    }
}

/// A UDP datagram over IPv4 over Ethernet.
struct UDPFrame: Hashable, Sendable {
    let source: String
    let destination: String
    let destinationPort: Int
    let payload: [UInt8]

    static func isUDP(_ frame: some Collection<UInt8>) -> Bool {
        let head = Array(frame.prefix(24))
        return head.count == 24 && head[12] == 0x08 && head[13] == 0x00 && head[23] == 17
    }

    /// Nil for everything else, IP fragments too.
    init?(_ octets: some Collection<UInt8>) {
        let frame = Array(octets)
        guard Self.isUDP(frame), frame[14] >> 4 == 4 else { return nil }
        let headerLength = Int(frame[14] & 15) * 4
        guard headerLength >= 20, frame.count >= 14 + headerLength + 8 else { return nil }
        guard frame[20] & 0x3f == 0, frame[21] == 0 else { return nil }
        let udp = 14 + headerLength
        let length = Int(frame[udp + 4]) << 8 | Int(frame[udp + 5])
        guard length >= 8, frame.count >= udp + length else { return nil }
        source = frame[26..<30].map(String.init).joined(separator: ".")
        destination = frame[30..<34].map(String.init).joined(separator: ".")
        destinationPort = Int(frame[udp + 2]) << 8 | Int(frame[udp + 3])
        payload = Array(frame[udp + 8..<udp + length])
    }
}
