import Glibc
import GroupModel
import IKECrypto
import IKEVocabulary
import Octets

/// What `cluster token create` prints and `cluster join` takes: letters that carry whose cluster it is, which node may come, the
/// fingerprint of the stores' CA, until when, and the secret that proves it.
///
///     "gcks-join-1." hex( cluster (16) | id (8) | store CA (32) | expires, ms (8) | secret (32) | name | check (4) )
///
/// The check is the start of the SHA-256 of what comes before it: a mistyped token is told from a false one.
struct JoinToken {
    static let prefix = "gcks-join-1."
    private static let fixedOctets = 16 + 8 + 32 + 8 + 32
    private static let checkOctets = 4

    let grant: JoinGrant
    let secret: [UInt8]
    let node: String

    init(grant: JoinGrant, secret: [UInt8], node: String) {
        self.grant = grant
        self.secret = secret
        self.node = node
    }

    init(_ text: String) throws(CommandEnd) {
        guard text.hasPrefix(Self.prefix), text.utf8.count <= 1024,
            let octets = Hex.decode(String(text.dropFirst(Self.prefix.count))),
            octets.count > Self.fixedOctets + Self.checkOctets
        else { throw Self.unreadable }
        let content = Array(octets.dropLast(Self.checkOctets))
        guard Array(CryptoEngine().sha256(content).prefix(Self.checkOctets)) == Array(octets.suffix(Self.checkOctets))
        else { throw Self.unreadable }
        var reader = OctetReader(content)
        guard let cluster = (try? reader.readOctets(16, "cluster")).flatMap({ ClusterID(octets: $0) }),
            let id = try? reader.readUInt64("id"), let storeCA = try? reader.readOctets(32, "store CA"),
            let expires = try? reader.readUInt64("expires"), let secret = try? reader.readOctets(32, "secret"),
            let node = String(validating: reader.readRemaining(), as: UTF8.self)
        else { throw Self.unreadable }
        grant = JoinGrant(
            cluster: cluster, id: id, storeCA: storeCA, expiresAt: WallTime(milliseconds: Int64(clamping: expires)))
        self.secret = secret
        self.node = node
    }

    private static let unreadable = CommandEnd(
        .usage, ["this is no whole join token: copy all of what gcksctl cluster token create printed"])

    var text: String {
        var writer = OctetWriter()
        writer.write(grant.cluster.octets)
        writer.writeUInt64(grant.id)
        writer.write(grant.storeCA)
        writer.writeUInt64(UInt64(clamping: grant.expiresAt.milliseconds))
        writer.write(secret)
        writer.write(Array(node.utf8))
        let content = writer.octets
        let check = CryptoEngine().sha256(content).prefix(Self.checkOctets)
        return Self.prefix + Hex.encode(content + check)
    }

    /// Under which a join is asked: the same again when the command is repeated.
    var operation: OperationID? {
        OperationID(octets: Array(CryptoEngine().sha256(Array("gcks join ".utf8) + secret).prefix(16)))
    }
}

/// "90s", "15m", "2h".
struct SpanArgument {
    let seconds: UInt32
}
