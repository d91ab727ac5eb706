import Foundation
import Glibc
import KeyMaterial

/// Secrets in generated messages, which hold them as `Data`.
extension Data {
    /// The one copy of a secret that a message to be sent holds; to be zeroised when it was.
    init(exposing secret: borrowing SecretOctets) {
        self = unsafe secret.withUnsafeOctets { octets in unsafe Data(octets) }
    }

    /// Zeroises the block behind this value, and so what every copy of it shows: who got the message last answers for all who
    /// handed it on. A value of 14 octets or less has no block; no key of ours is that short.
    func zeroiseShared() {
        unsafe withUnsafeBytes { octets in
            guard let base = octets.baseAddress else { return }
            unsafe explicit_bzero(UnsafeMutableRawPointer(mutating: base), octets.count)
        }
    }
}

extension Gcks_V1_RegistrationBatch {
    /// GSK_w of every join, in this message and its copies.
    func zeroiseKeys() {
        for request in requests { request.join.gskW.zeroiseShared() }
    }
}
