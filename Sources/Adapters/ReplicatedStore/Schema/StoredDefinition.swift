import Foundation
import GroupModel
import IKEVocabulary
import Octets

/// A group's definition as it lies in the store: JSON with sorted keys, so that equal definitions are equal texts.
///
/// Numbers of registries stand as numbers, octets as hex, durations in nanoseconds. `format` grows with the shape; an older
/// shape is read as long as a store may hold it.
struct StoredDefinition: Codable {
    static let currentFormat = 1

    var format: Int
    var name: String
    var identification: StoredIdentity
    var mode: String
    var rekey: StoredRekey
    var data: [StoredDataSA]
    var activationTimeDelay: UInt16
    var deactivationTimeDelay: UInt16
    var senderIDWidth: UInt16
    var memberLimit: UInt32
    var rules: [StoredRule]
    /// Left out when there is none.
    var keyTree: StoredKeyTree?

    struct StoredIdentity: Codable {
        var type: UInt8
        var octets: String
    }

    struct StoredSuite: Codable {
        var encryption: UInt16
        var keyBits: UInt16?
        var integrity: UInt16
    }

    struct StoredSelector: Codable {
        var first: String
        var last: String
        var ipProtocol: UInt8
        var firstPort: UInt16
        var lastPort: UInt16
    }

    struct StoredRekey: Codable {
        var destination: String
        var suite: StoredSuite
        var keyWrap: UInt16
        var authentication: String
        var lifetime: UInt32
        var copies: UInt8
        var spacing: Int64
        var fragmentOctets: UInt16
        var timeToLive: UInt8
        /// Left out when it is the usual one.
        var pace: Int64?
    }

    struct StoredDataSA: Codable {
        var name: String
        var source: StoredSelector
        var destination: StoredSelector
        var suite: StoredSuite
        var senders: String
        var lifetime: UInt32
    }

    struct StoredRule: Codable {
        var pattern: String
        var permission: String
        var senderIDLimit: UInt16
    }

    struct StoredKeyTree: Codable {
        var degree: UInt8
        var onLeave: String
    }

    static func text(of definition: GroupDefinition) throws(StoreFailure) -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        guard let data = try? encoder.encode(StoredDefinition(definition)) else {
            throw .incompatible("the definition of \(definition.name) cannot be written")
        }
        return String(decoding: data, as: UTF8.self)
    }

    static func definition(from text: String, of name: GroupName) throws(StoreFailure) -> GroupDefinition {
        guard let stored = try? JSONDecoder().decode(StoredDefinition.self, from: Data(text.utf8)),
            stored.format == currentFormat, let definition = stored.definition, definition.name == name
        else { throw .incompatible("the stored definition of group \(name) cannot be read") }
        return definition
    }
}

extension StoredDefinition {
    init(_ definition: GroupDefinition) {
        format = Self.currentFormat
        name = definition.name.text
        identification = StoredIdentity(
            type: definition.identification.type.rawValue, octets: Hex.encode(definition.identification.octets))
        mode = definition.mode.rawValue
        rekey = StoredRekey(definition.rekey)
        data = definition.data.map { StoredDataSA($0) }
        activationTimeDelay = definition.activationTimeDelay
        deactivationTimeDelay = definition.deactivationTimeDelay
        senderIDWidth = definition.senderIDWidth.bits
        memberLimit = definition.memberLimit
        rules = definition.rules.map {
            StoredRule(
                pattern: $0.pattern.text, permission: $0.permission.rawValue, senderIDLimit: $0.senderIDLimit)
        }
        keyTree = definition.keyTree.map { StoredKeyTree(degree: $0.degree, onLeave: $0.onLeave.rawValue) }
    }

    var definition: GroupDefinition? {
        let parts = data.compactMap(\.definition)
        let rules = self.rules.compactMap(\.rule)
        guard let name = GroupName(name), let octets = Hex.decode(identification.octets),
            let mode = SAMode(rawValue: mode), let rekey = rekey.definition, parts.count == data.count,
            rules.count == self.rules.count, let width = SenderIDWidth(bits: senderIDWidth)
        else { return nil }
        var keyTree: KeyTreeDefinition?
        if let stored = self.keyTree {
            guard let onLeave = LeaveRule(rawValue: stored.onLeave) else { return nil }
            keyTree = KeyTreeDefinition(degree: stored.degree, onLeave: onLeave)
        }
        return GroupDefinition(
            name: name, identification: Identity(type: IDType(rawValue: identification.type), octets: octets),
            mode: mode, rekey: rekey, data: parts, activationTimeDelay: activationTimeDelay,
            deactivationTimeDelay: deactivationTimeDelay, senderIDWidth: width, memberLimit: memberLimit, rules: rules,
            keyTree: keyTree)
    }
}

extension StoredDefinition.StoredRekey {
    fileprivate init(_ rekey: RekeyDefinition) {
        destination = rekey.destination.description
        suite = StoredDefinition.StoredSuite(rekey.suite)
        keyWrap = rekey.keyWrap.rawValue
        authentication = rekey.authentication.rawValue
        lifetime = rekey.lifetime.seconds
        copies = rekey.copies
        spacing = rekey.spacing.wholeNanoseconds
        fragmentOctets = rekey.fragmentOctets
        timeToLive = rekey.timeToLive
        pace = rekey.pace == DefinitionLimits.usualPace ? nil : rekey.pace.wholeNanoseconds
    }

    fileprivate var definition: RekeyDefinition? {
        guard let destination = Endpoint(destination), let suite = suite.suite,
            let authentication = RekeyAuthentication(rawValue: authentication)
        else { return nil }
        return RekeyDefinition(
            destination: destination, suite: suite, keyWrap: KeyWrapID(rawValue: keyWrap),
            authentication: authentication, lifetime: Lifetime(seconds: lifetime), copies: copies,
            spacing: .nanoseconds(spacing), fragmentOctets: fragmentOctets, timeToLive: timeToLive,
            pace: pace.map { .nanoseconds($0) } ?? DefinitionLimits.usualPace)
    }
}

extension StoredDefinition.StoredDataSA {
    fileprivate init(_ sa: DataSADefinition) {
        name = sa.name
        source = StoredDefinition.StoredSelector(sa.source)
        destination = StoredDefinition.StoredSelector(sa.destination)
        suite = StoredDefinition.StoredSuite(sa.suite)
        senders = sa.senders.rawValue
        lifetime = sa.lifetime.seconds
    }

    fileprivate var definition: DataSADefinition? {
        guard let source = source.selector, let destination = destination.selector, let suite = suite.suite,
            let senders = SenderModel(rawValue: senders)
        else { return nil }
        return DataSADefinition(
            name: name, source: source, destination: destination, suite: suite, senders: senders,
            lifetime: Lifetime(seconds: lifetime))
    }
}

extension StoredDefinition.StoredSuite {
    fileprivate init(_ suite: ProtectionSuite) {
        encryption = suite.encryption.rawValue
        keyBits = suite.keyBits
        integrity = suite.integrity.rawValue
    }

    fileprivate var suite: ProtectionSuite? {
        ProtectionSuite(
            encryption: EncryptionID(rawValue: encryption), keyBits: keyBits,
            integrity: IntegrityID(rawValue: integrity))
    }
}

extension StoredDefinition.StoredSelector {
    fileprivate init(_ selector: TrafficSelector) {
        first = selector.first.description
        last = selector.last.description
        ipProtocol = selector.ipProtocol
        firstPort = selector.firstPort
        lastPort = selector.lastPort
    }

    fileprivate var selector: TrafficSelector? {
        guard let first = IPAddress(first), let last = IPAddress(last) else { return nil }
        return TrafficSelector(
            first: first, last: last, ipProtocol: ipProtocol, firstPort: firstPort, lastPort: lastPort)
    }
}

extension StoredDefinition.StoredRule {
    fileprivate var rule: AuthorisationRule? {
        guard let pattern = IdentityPattern(pattern),
            let permission = AuthorisationRule.Permission(rawValue: permission)
        else { return nil }
        return AuthorisationRule(pattern: pattern, permission: permission, senderIDLimit: senderIDLimit)
    }
}
