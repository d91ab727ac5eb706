import Foundation
import IKEVocabulary
import Octets

/// Where a data plane tells how far it is: one line for each SA, "SPI NEXT", the SPI in hex as the sinks write it, the next
/// sequence number in decimal. Other lines are passed by; at most 64 KiB are read.
struct SequenceFile: Sendable {
    private static let most = 65_536
    let path: String

    func positions() -> [(spi: ESPSPI, next: UInt64)] {
        guard let file = FileHandle(forReadingAtPath: path) else { return [] }
        defer { try? file.close() }
        guard let octets = try? file.read(upToCount: Self.most) else { return [] }
        return Self.positions(in: String(decoding: octets, as: UTF8.self))
    }

    static func positions(in text: String) -> [(spi: ESPSPI, next: UInt64)] {
        text.split(separator: "\n").compactMap { line in
            let words = line.split(separator: " ")
            guard words.count == 2 else { return nil }
            let digits = words[0].hasPrefix("0x") ? words[0].dropFirst(2) : words[0]
            guard let spi = UInt32(digits, radix: 16), let next = UInt64(words[1]) else { return nil }
            return (ESPSPI(rawValue: spi), next)
        }
    }
}
