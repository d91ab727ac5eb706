import GroupKeying
import GroupModel
import IKECrypto
import IKEVocabulary
import IKEWire
import KeyMaterial
import Octets
import TestKit
import Testing

/// Valid messages of every kind; what the decoders meet here is damaged in every way one octet can be.
enum Corpus {
    static func chains() throws -> [PayloadChain] {
        let multicast = try #require(IPAddress("239.1.1.1"))
        let selector = TrafficSelector.single(multicast, ipProtocol: TrafficSelector.udp, port: 848)
        let six = TrafficSelector.single(try #require(IPAddress("ff15::1")))
        let transforms: [Transform] = [.encryption(.aesGCM16, keyBits: 256), .sequenceNumbers(.sequential32)]
        let policy = GroupSAPolicySubstructure(
            securityProtocol: .gikeUpdate, spi: [UInt8](repeating: 3, count: 16), source: selector,
            destination: selector,
            transforms: transforms, attributes: [GroupAttribute(type: 1, value: .octets([0, 0, 14, 16]))])
        let data = GroupSAPolicySubstructure(
            securityProtocol: .esp, spi: [0, 0, 16, 1], source: six, destination: six, transforms: transforms,
            attributes: [])
        let key = WrappedKey(keyID: 1, kwkID: 0, wrapped: [UInt8](repeating: 5, count: 24)).encode()
        return [
            PayloadChain([
                .securityAssociation([
                    Proposal(number: 1, securityProtocol: .ike, transforms: transforms),
                    Proposal(number: 2, securityProtocol: .esp, spi: [1, 2, 3, 4], transforms: transforms),
                ]),
                .keyExchange(KeyExchangePayload(method: .curve25519, data: [UInt8](repeating: 9, count: 32))),
                .nonce([UInt8](repeating: 7, count: 32)), .notify(NotifyPayload(.cookie, data: [1, 2, 3])),
                .vendorID([1, 2, 3, 4]),
            ]),
            PayloadChain([
                .identificationInitiator(.fqdn("gm1.example")), .identificationResponder(.rfc822("a@b")),
                .identificationGroup(.keyID("market-data")), .certificate(CertificatePayload(octets: [1, 2, 3])),
                .certificateRequest(CertificatePayload(octets: [UInt8](repeating: 2, count: 20))),
                .authentication(AuthenticationPayload(method: .digitalSignature, octets: [2, 0x30, 0, 1])),
                .trafficSelectorsInitiator(TrafficSelectorPayload([selector, six])),
            ]),
            PayloadChain([
                .groupSecurityAssociation(
                    GSAPayload(policies: [policy, data], groupWide: [GroupAttribute(type: 1, value: .short(5))])),
                .keyDownload(
                    KeyDownloadPayload([
                        .group(
                            GroupKeyBag(
                                securityProtocol: .esp, spi: [0, 0, 16, 1],
                                attributes: [GroupAttribute(type: 1, value: .octets(key))])),
                        .member(MemberKeyBag(attributes: [GroupAttribute(type: 3, value: .octets([0, 0, 0, 1]))])),
                    ])),
                .delete(.esp([ESPSPI(rawValue: 0x1001)])), .delete(.rekey([])),
            ]),
        ]
    }

    static func messages() throws -> [[UInt8]] {
        let header = IKEHeader(
            initiatorSPI: IKESPI(rawValue: 1), responderSPI: IKESPI(rawValue: 2), nextPayload: .none,
            exchange: .ikeSAInit,
            flags: .initiator, messageID: .zero)
        var messages = try chains().map { MessageAssembly.clear(header, $0) }
        let sealed = [UInt8](repeating: 6, count: 64)
        messages.append(
            MessageAssembly.encryptedPrefix(header, firstInner: .nonce, sealedOctets: sealed.count) + sealed)
        messages.append(
            MessageAssembly.fragmentPrefix(header, firstInner: .nonce, number: 1, total: 3, sealedOctets: sealed.count)
                + sealed)
        return messages
    }
}

@Suite struct CorruptionTests {
    /// Decodes as far as it goes. What decodes must encode to something that decodes to the same.
    private func digest(_ datagram: [UInt8]) {
        guard let message = try? FramedMessage(decoding: datagram), case .clear(let reader) = message.body,
            let chain = try? PayloadChain(first: message.header.nextPayload, decoding: reader)
        else { return }
        let again = try? PayloadChain(first: chain.first, octets: chain.encode())
        #expect(again == chain)
    }

    @Test func everyPrefixOfEveryMessage() throws {
        for message in try Corpus.messages() {
            for count in 0...message.count { digest(Array(message.prefix(count))) }
        }
    }

    @Test func everyPrefixWithItsLengthMadeToFit() throws {
        for message in try Corpus.messages() {
            for count in 28...message.count {
                var cut = Array(message.prefix(count))
                for (index, shift) in [24, 16, 8, 0].enumerated() {
                    cut[24 + index] = UInt8(truncatingIfNeeded: count >> shift)
                }
                digest(cut)
            }
        }
    }

    @Test func everySingleOctetCorruption() throws {
        for message in try Corpus.messages() {
            for index in message.indices {
                for change: UInt8 in [0x01, 0x80, 0xff, 0x7f] {
                    var changed = message
                    changed[index] ^= change
                    digest(changed)
                }
                for value: UInt8 in [0, 0xff] {
                    var changed = message
                    changed[index] = value
                    digest(changed)
                }
            }
        }
    }

    @Test func everyChainAsEveryPayloadType() throws {
        for chain in try Corpus.chains() {
            let octets = chain.encode()
            for type in 0...255 { _ = try? PayloadChain(first: PayloadType(rawValue: UInt8(type)), octets: octets) }
        }
    }

    @Test func randomOctets() {
        var entropy = SeededEntropy(seed: 20_261_124)
        for _ in 0..<20_000 {
            let octets = entropy.octets(Int(entropy.next() % 96))
            _ = try? FramedMessage(decoding: octets)
            _ = try? PayloadChain(first: PayloadType(rawValue: UInt8(33 + entropy.next() % 20)), octets: octets)
            _ = try? GSAPayload(body: octets)
            _ = try? KeyDownloadPayload(body: octets)
        }
    }
}
