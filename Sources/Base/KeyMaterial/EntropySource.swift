import Glibc

/// Where randomness comes from. Cores take it as an argument, so that a simulation can replay a run from its seed.
package protocol EntropySource {
    mutating func fill(_ octets: UnsafeMutableRawBufferPointer)
}

extension EntropySource {
    package mutating func octets(_ count: Int) -> [UInt8] {
        var result = [UInt8](repeating: 0, count: count)
        unsafe result.withUnsafeMutableBytes { unsafe fill($0) }
        return result
    }

    package mutating func secret(_ count: Int) -> SecretOctets {
        unsafe SecretOctets(count: count) { unsafe fill($0) }
    }

    package mutating func uint32() -> UInt32 { octets(4).reduce(0) { $0 << 8 | UInt32($1) } }

    package mutating func uint64() -> UInt64 { octets(8).reduce(0) { $0 << 8 | UInt64($1) } }
}

/// The kernel's generator. Only programs make one.
package struct SystemEntropy: EntropySource, Sendable {
    package init() {}

    package mutating func fill(_ octets: UnsafeMutableRawBufferPointer) {
        guard let base = octets.baseAddress else { return }
        var filled = 0
        while filled < octets.count {
            // One call gives 256 octets at most; it fails only where there is no such call, and without randomness nothing
            // may go on.
            let count = min(octets.count - filled, 256)
            precondition(unsafe getentropy(base + filled, count) == 0, "the kernel gives no randomness")
            filled += count
        }
    }
}
