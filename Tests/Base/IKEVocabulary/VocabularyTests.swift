import IKEVocabulary
import Testing

@Suite struct VocabularyTests {
    @Test(arguments: [
        "fqdn:gm1.example", "rfc822:ops@example", "keyid:market-data", "ipv4:192.0.2.1", "ipv6:2001:db8::1",
        "keyid:0x0001ff", "type9:0x3000",
    ])
    func identitiesReadTheirOwnText(_ text: String) throws {
        let identity = try #require(Identity(text))
        #expect(identity.description == text)
        #expect(Identity(identity.description) == identity)
    }

    @Test(arguments: [
        "", "fqdn:", "gm1.example", "ipv4:2001:db8::1", "ipv6:192.0.2.1", "keyid:0x0", "type9:abc", "type999:0x00",
    ])
    func otherTextIsNoIdentity(_ text: String) { #expect(Identity(text) == nil) }

    /// An identity whose octets look like the hex form must not be read back as other octets.
    @Test func octetsThatLookLikeHexSurvive() throws {
        let odd = Identity(type: .keyID, octets: Array("0x41".utf8))
        #expect(Identity(odd.description) == odd)
    }

    @Test func endpointsAndAddresses() throws {
        #expect(Endpoint("192.0.2.1:848")?.description == "192.0.2.1:848")
        #expect(Endpoint("[2001:db8::1]:500")?.description == "[2001:db8::1]:500")
        for text in ["192.0.2.1", "2001:db8::1:500", "[192.0.2.1]:500", "192.0.2.1:65536", "host:500"] {
            #expect(Endpoint(text) == nil, "\(text)")
        }
        #expect(IPAddress("239.1.1.1")?.isMulticast == true)
        #expect(IPAddress("ff15::1")?.isMulticast == true)
        #expect(IPAddress("240.0.0.1")?.isMulticast == false)
        #expect(IPAddress(octets: [1, 2, 3]) == nil)
    }

    @Test func selectorsKeepTheirOrder() throws {
        let (low, high) = (try #require(IPAddress("10.0.0.1")), try #require(IPAddress("10.0.0.9")))
        #expect(TrafficSelector(first: low, last: high) != nil)
        #expect(TrafficSelector(first: high, last: low) == nil)
        #expect(TrafficSelector(first: low, last: high, firstPort: 9, lastPort: 8) == nil)
        // OPAQUE ports run backwards by definition (RFC 7296 3.13.1).
        #expect(TrafficSelector(first: low, last: high, firstPort: .max, lastPort: 0) != nil)
        #expect(TrafficSelector(first: low, last: try #require(IPAddress("::1"))) == nil)
    }

    /// Key octets by RFC 5282, RFC 7634 and RFC 4868, as the fact sheet lists them.
    @Test func suitesKnowTheirOctets() {
        let expected: [(ProtectionSuite, Int, Int, Int, Int)] = [
            (.aesGCM128, 20, 0, 8, 16), (.aesGCM256, 36, 0, 8, 16), (.chacha20Poly1305, 36, 0, 8, 16),
            (.aesCBC128SHA256, 16, 32, 16, 16), (.aesCBC256SHA384, 32, 48, 16, 24), (.aesCBC256SHA512, 32, 64, 16, 32),
        ]
        for (suite, encryption, integrity, iv, icv) in expected {
            #expect(suite.encryptionKeyOctets == encryption && suite.integrityKeyOctets == integrity)
            #expect(suite.ivOctets == iv && suite.icvOctets == icv, "\(suite.name)")
        }
        #expect(ProtectionSuite(encryption: .aesGCM16, keyBits: 192) == nil)
        #expect(ProtectionSuite(encryption: .aesCBC, keyBits: 256) == nil)
        #expect(ProtectionSuite(encryption: .aesGCM16, keyBits: 128, integrity: .hmacSHA256_128) == nil)
    }

    @Test func momentsSaturate() {
        let late = Moment(nanoseconds: .max - 5)
        #expect(late + .seconds(1) == .never)
        #expect(Moment(nanoseconds: 5) + .seconds(Int64.max) == .never)
        #expect(Moment(nanoseconds: 5).since(late) == .zero)
        #expect(MessageID(rawValue: .max).next == nil)
        #expect(WallTime(milliseconds: 10_000).remaining(from: WallTime(milliseconds: 20_000)) == Lifetime(seconds: 0))
    }

    @Test func senderIDWidths() throws {
        #expect(SenderIDWidth(bits: 0) == nil)
        #expect(SenderIDWidth(bits: 33) == nil)
        let width = try #require(SenderIDWidth(bits: 8))
        #expect(width.holds(SenderID(rawValue: 255)))
        #expect(!width.holds(SenderID(rawValue: 256)))
    }
}
