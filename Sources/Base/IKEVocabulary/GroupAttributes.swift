// Open registries: an unknown number survives a round trip. Numbers: IANA IKEv2 parameters and RFC 9838 section 9.

/// Group SA attributes (RFC 9838).
package struct GroupSAAttributeType: RawRepresentable, Hashable, Sendable {
    package let rawValue: UInt16
    package init(rawValue: UInt16) { self.rawValue = rawValue }

    /// GSA_KEY_LIFETIME: u32 seconds.
    package static let keyLifetime = GroupSAAttributeType(rawValue: 1)
    /// GSA_INITIAL_MESSAGE_ID: u32.
    package static let initialMessageID = GroupSAAttributeType(rawValue: 2)
    /// GSA_NEXT_SPI: 16 or 4 octets.
    package static let nextSPI = GroupSAAttributeType(rawValue: 3)
}

extension GroupSAAttributeType: CustomStringConvertible {
    package var description: String {
        switch self {
        case .keyLifetime: "keyLifetime"
        case .initialMessageID: "initialMessageID"
        case .nextSPI: "nextSPI"
        default: "GroupSAAttributeType(\(rawValue))"
        }
    }
}
/// Group-wide policy attributes.
package struct GroupWidePolicyAttributeType: RawRepresentable, Hashable, Sendable {
    package let rawValue: UInt16
    package init(rawValue: UInt16) { self.rawValue = rawValue }

    /// GWP_ATD: u16 seconds.
    package static let activationTimeDelay = GroupWidePolicyAttributeType(rawValue: 1)
    /// GWP_DTD: u16 seconds.
    package static let deactivationTimeDelay = GroupWidePolicyAttributeType(rawValue: 2)
    /// GWP_SENDER_ID_BITS: u16.
    package static let senderIDBits = GroupWidePolicyAttributeType(rawValue: 3)
}

extension GroupWidePolicyAttributeType: CustomStringConvertible {
    package var description: String {
        switch self {
        case .activationTimeDelay: "activationTimeDelay"
        case .deactivationTimeDelay: "deactivationTimeDelay"
        case .senderIDBits: "senderIDBits"
        default: "GroupWidePolicyAttributeType(\(rawValue))"
        }
    }
}
/// Group key bag attributes.
package struct GroupKeyBagAttributeType: RawRepresentable, Hashable, Sendable {
    package let rawValue: UInt16
    package init(rawValue: UInt16) { self.rawValue = rawValue }

    /// SA_KEY: wrapped key.
    package static let saKey = GroupKeyBagAttributeType(rawValue: 1)
}

extension GroupKeyBagAttributeType: CustomStringConvertible {
    package var description: String {
        switch self {
        case .saKey: "saKey"
        default: "GroupKeyBagAttributeType(\(rawValue))"
        }
    }
}
/// Member key bag attributes.
package struct MemberKeyBagAttributeType: RawRepresentable, Hashable, Sendable {
    package let rawValue: UInt16
    package init(rawValue: UInt16) { self.rawValue = rawValue }

    /// WRAP_KEY: wrapped key.
    package static let wrapKey = MemberKeyBagAttributeType(rawValue: 1)
    /// AUTH_KEY: DER SubjectPublicKeyInfo.
    package static let authKey = MemberKeyBagAttributeType(rawValue: 2)
    /// GM_SENDER_ID.
    package static let gmSenderID = MemberKeyBagAttributeType(rawValue: 3)
}

extension MemberKeyBagAttributeType: CustomStringConvertible {
    package var description: String {
        switch self {
        case .wrapKey: "wrapKey"
        case .authKey: "authKey"
        case .gmSenderID: "gmSenderID"
        default: "MemberKeyBagAttributeType(\(rawValue))"
        }
    }
}
