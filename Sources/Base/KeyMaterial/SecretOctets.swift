import Glibc

/// Key octets that cannot be copied by accident, never print, and are zeroised when dropped.
///
/// The octets live in one heap block of their own; moving the value moves the pointer, so no stack copies stay behind.
/// Two readers may borrow at once; nobody may write after `init`.
@safe package struct SecretOctets: ~Copyable, Sendable {
    private nonisolated(unsafe) let storage: UnsafeMutableRawBufferPointer

    package var count: Int { unsafe storage.count }

    /// Makes `count` octets and lets `fill` write them. When `fill` throws, the block is zeroised and freed.
    package init<Failure: Error>(
        count: Int, filledBy fill: (UnsafeMutableRawBufferPointer) throws(Failure) -> Void
    ) throws(Failure) {
        let block = UnsafeMutableRawBufferPointer.allocate(byteCount: max(count, 1), alignment: 16)
        let octets = unsafe UnsafeMutableRawBufferPointer(rebasing: block[0..<count])
        unsafe octets.initializeMemory(as: UInt8.self, repeating: 0)
        do {
            unsafe try fill(octets)
        } catch {
            unsafe SecretOctets.zeroise(octets)
            unsafe octets.deallocate()
            throw error
        }
        unsafe storage = unsafe octets
    }

    /// Copies octets that lie in ordinary memory; the caller answers for that first copy.
    package init(copying octets: some Collection<UInt8>) {
        let count = octets.count
        let block = UnsafeMutableRawBufferPointer.allocate(byteCount: max(count, 1), alignment: 16)
        unsafe storage = unsafe UnsafeMutableRawBufferPointer(rebasing: block[0..<count])
        unsafe storage.copyBytes(from: octets)
    }

    deinit {
        unsafe SecretOctets.zeroise(storage)
        unsafe storage.deallocate()
    }

    package func withUnsafeOctets<Result: ~Copyable, Failure: Error>(
        _ body: (UnsafeRawBufferPointer) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        unsafe try body(UnsafeRawBufferPointer(storage))
    }

    /// The same octets in a block of their own.
    package func duplicate() -> SecretOctets { slice(0..<count) }

    /// A part, in a block of its own. The range is clamped to what is there.
    package func slice(_ range: Range<Int>) -> SecretOctets {
        let bounds = range.clamped(to: 0..<count)
        return unsafe SecretOctets(copying: storage[bounds])
    }

    /// A copy in ordinary memory, for octets that leave the house under another protection (an RPC over TLS, a key log
    /// for the lab). Each call is a place to review.
    package func exposed() -> [UInt8] { unsafe Array(storage) }

    /// Compares without a branch on the content. Lengths are not secret.
    package func constantTimeEquals(_ other: borrowing SecretOctets) -> Bool {
        unsafe ConstantTime.equal(UnsafeRawBufferPointer(storage), UnsafeRawBufferPointer(other.storage))
    }

    private static func zeroise(_ block: UnsafeMutableRawBufferPointer) {
        guard let base = block.baseAddress, block.count > 0 else { return }
        unsafe explicit_bzero(base, block.count)
    }
}

/// A secret with several holders: it lives until the last lets go, then it is zeroised.
package final class HeldSecret: Sendable {
    package let secret: SecretOctets
    package init(_ secret: consuming SecretOctets) { self.secret = secret }
}

package enum ConstantTime {
    /// True when both have the same length and octets; the time depends on the length only.
    package static func equal(_ one: [UInt8], _ other: [UInt8]) -> Bool {
        unsafe one.withUnsafeBytes { (left: UnsafeRawBufferPointer) in
            unsafe other.withUnsafeBytes { (right: UnsafeRawBufferPointer) in unsafe equal(left, right) }
        }
    }

    package static func equal(_ one: UnsafeRawBufferPointer, _ other: UnsafeRawBufferPointer) -> Bool {
        guard one.count == other.count else { return false }
        var difference: UInt8 = 0
        for index in 0..<one.count { unsafe difference |= one[index] ^ other[index] }
        return difference == 0
    }
}
