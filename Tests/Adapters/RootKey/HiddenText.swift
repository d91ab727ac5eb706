import Foundation
import Testing

/// 64 hex digits that another process wrote to a file: this process knows them only in disguise, and looks for them in its own
/// memory.
final class HiddenText {
    private static let mask: UInt8 = 0x80
    /// The last digits: the first octets of freed memory are the allocator's.
    private static let searched = 32
    private static let chunkOctets = 1 << 20

    private let needle = UnsafeMutableRawBufferPointer.allocate(byteCount: HiddenText.searched, alignment: 16)
    private let chunk = UnsafeMutableRawBufferPointer.allocate(byteCount: HiddenText.chunkOctets, alignment: 4096)
    private let disguised: [UInt8]

    private init(_ disguised: [UInt8]) { self.disguised = disguised }

    deinit {
        needle.deallocate()
        chunk.deallocate()
    }

    static func write(to path: String) throws -> HiddenText {
        let script = """
            import os, secrets, sys
            text = secrets.token_hex(32).encode()
            descriptor = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT, 0o600)
            os.write(descriptor, text)
            sys.stdout.buffer.write(bytes(octet ^ 0x80 for octet in text[-32:]))
            """
        let (process, output) = (Process(), Pipe())
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = ["python3", "-c", script, path]
        process.standardOutput = output
        try process.run()
        let disguised = try output.fileHandleForReading.readToEnd() ?? Data()
        process.waitUntilExit()
        try #require(process.terminationStatus == 0 && disguised.count == searched)
        return HiddenText(Array(disguised))
    }

    /// Places in writable memory that hold the text, the two buffers of the search left out.
    func occurrences() throws -> Int {
        for (index, octet) in disguised.enumerated() { needle[index] = octet ^ Self.mask }
        defer { for index in needle.indices { needle[index] = 0 } }
        let memory = open("/proc/self/mem", O_RDONLY)
        try #require(memory >= 0)
        defer { close(memory) }
        return try Self.writableRegions().reduce(0) { $0 + count(in: $1, memory) }
    }

    private func count(in region: Range<UInt>, _ memory: CInt) -> Int {
        var found = 0
        var place = region.lowerBound
        while place < region.upperBound {
            let wanted = min(Int(region.upperBound - place), Self.chunkOctets)
            let count = pread(memory, chunk.baseAddress, wanted, off_t(place))
            guard count > 0 else { break }
            var offset = 0
            while let hit = next(from: offset, count) {
                if !isOurs(place + UInt(hit)) { found += 1 }
                offset = hit + 1
            }
            // Chunks overlap, so that none is missed between two.
            place += UInt(count == wanted && wanted == Self.chunkOctets ? count - needle.count : count)
        }
        return found
    }

    private func next(from start: Int, _ count: Int) -> Int? {
        guard let base = chunk.baseAddress, let wanted = needle.baseAddress else { return nil }
        var offset = start
        while offset + needle.count <= count {
            let rest = count - needle.count + 1 - offset
            guard let hit = memchr(base + offset, CInt(needle[0]), rest) else { return nil }
            offset = UnsafeRawPointer(hit) - UnsafeRawPointer(base)
            if memcmp(hit, wanted, needle.count) == 0 { return offset }
            offset += 1
        }
        return nil
    }

    private func isOurs(_ address: UInt) -> Bool {
        [needle, chunk].contains { buffer in
            let base = UInt(bitPattern: buffer.baseAddress)
            return (base..<base + UInt(buffer.count)).contains(address)
        }
    }

    private static func writableRegions() throws -> [Range<UInt>] {
        try String(contentsOfFile: "/proc/self/maps", encoding: .utf8).split(separator: "\n").compactMap { line in
            let fields = line.split(separator: " ")
            guard fields.count >= 2, fields[1].hasPrefix("rw") else { return nil }
            let ends = fields[0].split(separator: "-").compactMap { UInt($0, radix: 16) }
            return ends.count == 2 ? ends[0]..<ends[1] : nil
        }
    }
}
