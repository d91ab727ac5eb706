import KeyMaterial
import Testing

@Suite struct SecretOctetsTests {
    private struct Stop: Error, Equatable {}

    @Test func copiesAreTheirOwn() {
        let secret = SecretOctets(copying: [1, 2, 3, 4] as [UInt8])
        #expect(secret.count == 4)
        #expect(secret.exposed() == [1, 2, 3, 4])
        let duplicate = secret.duplicate()
        #expect(duplicate.exposed() == [1, 2, 3, 4])
        for (range, expected) in [(1..<3, [2, 3]), (2..<9, [3, 4]), (7..<9, [])] as [(Range<Int>, [UInt8])] {
            let part = secret.slice(range)
            #expect(part.exposed() == expected)
        }
        let nothing = SecretOctets(copying: [] as [UInt8])
        #expect(nothing.count == 0)
    }

    @Test func fillingStartsFromZeroAndFailureThrows() throws {
        let zeros = SecretOctets(count: 3) { _ in }
        #expect(zeros.exposed() == [0, 0, 0])
        let nothing = SecretOctets(count: 0) { #expect($0.count == 0) }
        #expect(nothing.count == 0)
        #expect(throws: Stop()) {
            _ = try SecretOctets(count: 3) { (octets) throws(Stop) in
                octets[0] = 7
                throw Stop()
            }.count
        }
    }

    /// Looks at the block after it was given back: the allocator may have written its own links there, or given a part of it
    /// to somebody else, but of 3,000 octets of the secret hardly one may be left.
    @Test func droppedOctetsAreZeroised() {
        var block = UnsafeRawBufferPointer(start: nil, count: 0)
        do {
            let secret = SecretOctets(copying: [UInt8](repeating: 0x5a, count: 3000))
            secret.withUnsafeOctets { block = $0 }
            #expect(block.allSatisfy { $0 == 0x5a })
        }
        let left = block.count { $0 == 0x5a }
        #expect(left < 100)
    }

    @Test func aHeldSecretLivesUntilTheLastHolderLetsGo() {
        var one: HeldSecret? = HeldSecret(SecretOctets(copying: [9, 8] as [UInt8]))
        let other = one
        weak let watched = one
        one = nil
        #expect(other?.secret.exposed() == [9, 8])
        #expect(watched != nil)
    }

    @Test func comparisonSeesEveryOctetAndTheLength() {
        let octets: [UInt8] = Array(0..<40)
        #expect(ConstantTime.equal(octets, octets))
        #expect(ConstantTime.equal([], []))
        #expect(!ConstantTime.equal(octets, Array(octets.dropLast())))
        let secret = SecretOctets(copying: octets)
        let same = secret.duplicate()
        #expect(secret.constantTimeEquals(same) == true)
        for index in octets.indices {
            var changed = octets
            changed[index] ^= 0x80
            #expect(!ConstantTime.equal(octets, changed))
            let other = SecretOctets(copying: changed)
            #expect(secret.constantTimeEquals(other) == false)
        }
    }

    private struct Counting: EntropySource {
        var next: UInt8 = 0
        mutating func fill(_ octets: UnsafeMutableRawBufferPointer) {
            for index in octets.indices {
                next &+= 1
                octets[index] = next
            }
        }
    }

    @Test func entropyIsTakenInOrder() {
        var entropy = Counting()
        #expect(entropy.octets(3) == [1, 2, 3])
        let secret = entropy.secret(2)
        #expect(secret.exposed() == [4, 5])
        #expect(entropy.uint32() == 0x0607_0809)
        #expect(entropy.uint64() == 0x0a0b_0c0d_0e0f_1011)
        #expect(entropy.octets(0).isEmpty)
    }

    @Test func theKernelsEntropyDiffers() {
        var entropy = SystemEntropy()
        #expect(entropy.octets(32) != entropy.octets(32))
    }
}
