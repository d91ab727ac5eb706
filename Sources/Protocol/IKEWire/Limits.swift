/// What one message may hold. A peer counts, we bound.
package enum WireLimits {
    package static let messageOctets = 65_535
    package static let payloads = 64
    /// IDi, IDr and IDg: kept, logged and handed on.
    package static let identityOctets = 1024
    package static let proposals = 64
    package static let transforms = 128
    package static let transformAttributes = 8
    package static let trafficSelectors = 64
    package static let spisPerDelete = 1024
    package static let groupPolicies = 256
    package static let groupAttributes = 64
    package static let keyBags = 512
    /// An exclusion from a key tree brings many wrapped keys in one bag (RFC 9838 appendix A).
    package static let keyBagAttributes = 2048
    package static let nonceOctets = 16...256
    package static let cookieOctets = 1...64
    package static let fragments: UInt16 = 1024
}
