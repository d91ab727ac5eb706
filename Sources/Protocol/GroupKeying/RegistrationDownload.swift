import GroupModel
package import IKECrypto
package import IKEVocabulary
import IKEWire
package import KeyMaterial
import Octets

/// Opens the GSA and KD payloads of a registration answer, on the member's side (RFC 9838 2.3.4).
package enum RegistrationDownload {
    /// - Parameter senderIDsAsked: the count of N(GROUP_SENDER), where 0 means 1; nil for a receiver.
    package static func open(
        gsa: GSAPayloadBody, kd: KDPayloadBody, notifies: [NotifyType], gskW: HeldSecret, keyWrap: KeyWrapID,
        senderIDsAsked: UInt32?, engine: CryptoEngine
    ) throws(DownloadRefusal) -> OpenedGroup {
        let policy = try PolicyCoding.decode(
            try DownloadRefusal.wire { () throws(WireError) in try GSAPayload(body: gsa.octets) }, from: .registration)
        let download = try DownloadRefusal.wire { () throws(WireError) in try KeyDownloadPayload(body: kd.octets) }
        let finder = KeyFinder(
            gskW: gskW, keyWrap: keyWrap, engine: engine, wrapKeys: try KeyBagReader.wrapKeys(download),
            workingPath: WorkingKeyPath(), source: .registration)
        var reader = KeyBagReader(source: .registration, finder: finder)
        let mode: SAMode = notifies.contains(.useTransportMode) ? .transport : .tunnel
        let opened = try reader.read(policy, download, mode: mode)
        try checkAuthKey(opened)
        try checkSenderIDs(opened, asked: senderIDsAsked)
        return opened
    }

    /// AUTH_KEY must be there with digital signatures, must not with implicit authentication, and must suit the algorithm
    /// (RFC 9838 4.5.3.2, fact sheet B.4-5).
    private static func checkAuthKey(_ opened: OpenedGroup) throws(DownloadRefusal) {
        switch (opened.rekey?.policy.authentication, opened.authKey) {
        case (.digitalSignature(let algorithm), .some(let key)): try AuthKeyRule.check(key, algorithm)
        case (.digitalSignature, nil): throw .keys("no AUTH_KEY")
        case (.implicit, .some), (nil, .some): throw .keys("AUTH_KEY without signatures")
        case (.implicit, nil), (nil, nil): break
        }
    }

    /// GWP_SENDER_ID_BITS and GM_SENDER_ID come together, exactly for a sender under a counter mode (RFC 9838 table 9).
    private static func checkSenderIDs(_ opened: OpenedGroup, asked: UInt32?) throws(DownloadRefusal) {
        let width = opened.policy.groupWide.senderIDWidth
        let needed = asked != nil && opened.data.contains { $0.policy.suite.usesCounterMode }
        guard needed == (width != nil), needed == !opened.senderIDs.isEmpty else {
            throw .keys("Sender-IDs do not fit the request")
        }
        guard opened.senderIDs.count <= max(asked ?? 0, 1) else { throw .keys("more Sender-IDs than were asked for") }
        for id in opened.senderIDs where width?.holds(id) != true { throw .keys("Sender-ID \(id) is too wide") }
        guard Set(opened.senderIDs).count == opened.senderIDs.count else { throw .keys("a Sender-ID stands twice") }
    }
}

/// The body of a GSA payload, as the frontend placed it.
package struct GSAPayloadBody: Sendable {
    package let octets: [UInt8]
    package init(_ octets: [UInt8]) { self.octets = octets }
}

/// The body of a KD payload.
package struct KDPayloadBody: Sendable {
    package let octets: [UInt8]
    package init(_ octets: [UInt8]) { self.octets = octets }
}

enum AuthKeyRule {
    static func check(_ subjectPublicKeyInfo: [UInt8], _ algorithm: [UInt8]) throws(DownloadRefusal) {
        guard let scheme = SignatureScheme(algorithmIdentifier: algorithm),
            let key = try? VerifyingKey(subjectPublicKeyInfo: subjectPublicKeyInfo), scheme.suits(key.kind)
        else { throw .keys("AUTH_KEY does not suit the signature algorithm") }
    }
}
