package import IKEVocabulary

/// A group as its operator declares it (`gcksctl group apply -f`). Checked by `GroupDefinition.faults()`.
package struct GroupDefinition: Hashable, Sendable {
    package var name: GroupName
    /// IDg: what members ask for.
    package var identification: Identity
    package var mode: SAMode
    package var rekey: RekeyDefinition
    package var data: [DataSADefinition]
    /// GWP_ATD: senders wait this long before using a new SA. 0 … 65535 s.
    package var activationTimeDelay: UInt16
    /// GWP_DTD: receivers keep a replaced SA this long. 0 … 65535 s.
    package var deactivationTimeDelay: UInt16
    package var senderIDWidth: SenderIDWidth
    package var memberLimit: UInt32
    /// First match decides; no match refuses.
    package var rules: [AuthorisationRule]
    /// Nil: no key tree, and an exclusion costs a registration of everybody.
    package var keyTree: KeyTreeDefinition?

    package init(
        name: GroupName, identification: Identity, mode: SAMode, rekey: RekeyDefinition, data: [DataSADefinition],
        activationTimeDelay: UInt16, deactivationTimeDelay: UInt16, senderIDWidth: SenderIDWidth, memberLimit: UInt32,
        rules: [AuthorisationRule], keyTree: KeyTreeDefinition? = nil
    ) {
        self.name = name
        self.identification = identification
        self.mode = mode
        self.rekey = rekey
        self.data = data
        self.activationTimeDelay = activationTimeDelay
        self.deactivationTimeDelay = deactivationTimeDelay
        self.senderIDWidth = senderIDWidth
        self.memberLimit = memberLimit
        self.rules = rules
        self.keyTree = keyTree
    }
}

/// An operator's name for a group: 1 … 64 of a-z, 0-9, '-', '_' and '.', starting with a letter or digit.
package struct GroupName: Hashable, Comparable, Sendable, CustomStringConvertible {
    package let text: String

    package init?(_ text: String) {
        let allowed = text.utf8.allSatisfy {
            (0x61...0x7a).contains($0) || (0x30...0x39).contains($0) || [0x2d, 0x5f, 0x2e].contains($0)
        }
        guard (1...64).contains(text.utf8.count), allowed, let first = text.utf8.first, first >= 0x30 else {
            return nil
        }
        guard first != 0x5f else { return nil }
        self.text = text
    }

    package static func < (one: GroupName, other: GroupName) -> Bool { one.text < other.text }
    package var description: String { text }
}

/// One mode for all Data-Security SAs of a group (USE_TRANSPORT_MODE, fact sheet B.4-33).
package enum SAMode: String, Hashable, Sendable, CaseIterable { case transport, tunnel }

/// How the group is rekeyed by multicast.
package struct RekeyDefinition: Hashable, Sendable {
    /// The multicast address and UDP port of GSA_REKEY.
    package var destination: Endpoint
    package var suite: ProtectionSuite
    package var keyWrap: KeyWrapID
    package var authentication: RekeyAuthentication
    /// Of the Rekey SA. 60 s at least.
    package var lifetime: Lifetime
    /// How many identical copies are sent, and how far apart. 1 … 10.
    package var copies: UInt8
    package var spacing: Duration
    /// Between the datagrams of one copy, when it is fragmented: 0 … 1 s.
    package var pace: Duration
    /// Largest datagram before GSA_REKEY is fragmented (RFC 7383): 400 … 65000 octets of IKE message.
    package var fragmentOctets: UInt16
    package var timeToLive: UInt8

    package init(
        destination: Endpoint, suite: ProtectionSuite, keyWrap: KeyWrapID, authentication: RekeyAuthentication,
        lifetime: Lifetime, copies: UInt8, spacing: Duration, fragmentOctets: UInt16, timeToLive: UInt8,
        pace: Duration = DefinitionLimits.usualPace
    ) {
        self.destination = destination
        self.suite = suite
        self.keyWrap = keyWrap
        self.authentication = authentication
        self.lifetime = lifetime
        self.copies = copies
        self.spacing = spacing
        self.pace = pace
        self.fragmentOctets = fragmentOctets
        self.timeToLive = timeToLive
    }
}

/// GCAUTH of a Rekey SA: implicit, or a signature with a key made for the group.
package enum RekeyAuthentication: String, Hashable, Sendable, CaseIterable {
    case implicit
    case ed25519
    case ecdsaP256 = "ecdsa-p256"
    case rsaPSS2048 = "rsa-pss-2048"
}

/// One Data-Security SA of a group: who may send what to where, and how it is protected.
package struct DataSADefinition: Hashable, Sendable {
    package var name: String
    package var source: TrafficSelector
    package var destination: TrafficSelector
    package var suite: ProtectionSuite
    package var senders: SenderModel
    package var lifetime: Lifetime

    package init(
        name: String, source: TrafficSelector, destination: TrafficSelector, suite: ProtectionSuite,
        senders: SenderModel, lifetime: Lifetime
    ) {
        self.name = name
        self.source = source
        self.destination = destination
        self.suite = suite
        self.senders = senders
        self.lifetime = lifetime
    }

    package var sequenceNumbers: SequenceNumbersID { senders == .single ? .sequential32 : .unspecified32 }
}

/// Who sends on one SA: one sender with replay protection, or several with Sender-IDs and without.
package enum SenderModel: String, Hashable, Sendable, CaseIterable { case single, shared }

/// What an identity may do in a group.
package struct AuthorisationRule: Hashable, Sendable {
    package enum Permission: String, Hashable, Sendable, CaseIterable { case sender, receiver, deny }

    package var pattern: IdentityPattern
    package var permission: Permission
    /// Sender-IDs one registration may ask for; 1 … 64, for senders.
    package var senderIDLimit: UInt16

    package init(pattern: IdentityPattern, permission: Permission, senderIDLimit: UInt16) {
        self.pattern = pattern
        self.permission = permission
        self.senderIDLimit = senderIDLimit
    }
}

/// Matches identities in their text form ("fqdn:gm1.example"). '*' stands for any run of characters within the value
/// and never crosses the type: "fqdn:*.example" matches no "rfc822:…". Names match without case, as identities compare.
package struct IdentityPattern: Hashable, Sendable, CustomStringConvertible {
    package let text: String
    private let octets: [UInt8]

    /// Nil unless the text is "type:value" with a known type and a value of 1 … 255 octets.
    package init?(_ text: String) {
        guard let colon = text.firstIndex(of: ":") else { return nil }
        let kind = text[..<colon]
        let value = text[text.index(after: colon)...]
        guard ["fqdn", "rfc822", "keyid", "ipv4", "ipv6"].contains(kind), (1...255).contains(value.utf8.count) else {
            return nil
        }
        self.text = ["fqdn", "rfc822"].contains(kind) ? text.lowercased() : text
        octets = Array(self.text.utf8)
    }

    package var description: String { text }

    package func matches(_ identity: Identity) -> Bool { matches(Array(identity.canonical.description.utf8)) }

    /// `subject`: the text form of a canonical identity, for one that is held against many patterns.
    package func matches(_ subject: [UInt8]) -> Bool { Self.glob(octets, subject) }

    /// Linear-time wildcard match: on a mismatch only the last '*' is tried one octet further.
    private static func glob(_ pattern: [UInt8], _ subject: [UInt8]) -> Bool {
        let star = UInt8(ascii: "*")
        var (p, s, lastStar, resume) = (0, 0, -1, 0)
        while s < subject.count {
            if p < pattern.count, pattern[p] == star {
                (lastStar, resume) = (p, s)
                p += 1
            } else if p < pattern.count, pattern[p] == subject[s] {
                p += 1
                s += 1
            } else if lastStar >= 0 {
                resume += 1
                (p, s) = (lastStar + 1, resume)
            } else {
                return false
            }
        }
        return pattern[p...].allSatisfy { $0 == star }
    }
}
