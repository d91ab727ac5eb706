import AuditTrail
import GroupModel
import IKECrypto
import IKEVocabulary
import Octets
import Testing

/// A trail of ten records with anchors behind the third, the seventh and the last, and every way to damage it.
@Suite struct AuditTrailTests {
    private enum Item: Hashable {
        case record(AuditRecord)
        case anchor(AuditAnchor)
    }

    private static let cluster = "00112233445566778899aabbccddeeff"
    private let engine = CryptoEngine()
    private let signingKey: SigningKey
    private let trail: [Item]

    init() throws {
        signingKey = try SigningKey.generate(.ed25519)
        var (items, place): ([Item], AuditPlace) = ([], .start)
        for number in 1...10 {
            let record = AuditChain.record(
                Self.entry(number), after: place, at: WallTime(milliseconds: 1_790_000_000_000 + Int64(number)),
                cluster: Self.cluster, node: "authority-1", engine: engine)
            items.append(.record(record))
            place = AuditPlace(seq: record.seq, hash: record.hash)
            if [3, 7, 10].contains(number) {
                items.append(
                    .anchor(try AuditChain.anchor(at: place, record.at, cluster: Self.cluster, key: signingKey)))
            }
        }
        trail = items
    }

    private static func entry(_ number: Int) -> AuditEntry {
        AuditEntry(
            actor: "alice", actorRole: "crypto-officer", source: "authority-2", action: "member-excluded",
            object: "group/g/member/fqdn:gm\(number).example", reason: "ticket ü\(number)", request: "ab\(number)",
            result: "done", generationBefore: GSAGeneration(rawValue: Int64(number)),
            generationAfter: number % 2 == 0 ? nil : GSAGeneration(rawValue: Int64(number) + 1))
    }

    private func fault(_ items: [Item], key: AuditKey? = nil) -> AuditFault? {
        let key = key ?? AuditKey(cluster: Self.cluster, publicKey: signingKey.subjectPublicKeyInfo)
        do throws(AuditFault) {
            var verifier = try AuditVerifier(key, engine: engine)
            for item in items {
                switch item {
                case .record(let record): try verifier.take(record)
                case .anchor(let anchor): try verifier.take(anchor)
                }
            }
            return nil
        } catch {
            return error
        }
    }

    private func record(_ seq: Int64) throws -> AuditRecord {
        try #require(
            trail.compactMap { if case .record(let record) = $0, record.seq == seq { record } else { nil } }.first)
    }

    private func replacing(_ seq: Int64, _ changed: AuditRecord) -> [Item] {
        trail.map { if case .record(let record) = $0, record.seq == seq { .record(changed) } else { $0 } }
    }

    @Test func aWholeTrailIsWhole() { #expect(fault(trail) == nil) }

    /// Independent of this code: `printf 'gcks audit record 1\0…' | sha256sum` over the octets that the layout gives.
    @Test func theHashIsThatOfTheDocumentedOctets() throws {
        let entry = AuditEntry(actor: "a", actorRole: "r", source: "s", action: "x", object: "o", result: "done")
        let record = AuditChain.record(
            entry, after: .start, at: WallTime(milliseconds: 1), cluster: Self.cluster, node: "n", engine: engine)
        let layout =
            "01" + "0000000000000001" + "0000000000000001" + "0020" + Hex.encode(Array(Self.cluster.utf8)) + "00016e"
            + "000161" + "000172" + "000173" + "000178" + "00016f" + "0000" + "0000" + "0004646f6e65" + "0000"
        #expect(Hex.encode(record.canonicalOctets) == layout)
        let covered = Array("gcks audit record 1\0".utf8) + [UInt8](repeating: 0, count: 32) + record.canonicalOctets
        #expect(record.hash == engine.sha256(covered))
    }

    @Test func recordsComeBackFromTheirOctets() throws {
        for number in 1...10 {
            let record = try record(Int64(number))
            let octets = record.canonicalOctets
            #expect(
                try AuditRecord(canonicalOctets: octets, previousHash: record.previousHash, hash: record.hash) == record
            )
            for count in 0..<octets.count {
                #expect(throws: WireError.self) {
                    try AuditRecord(canonicalOctets: Array(octets.prefix(count)), previousHash: [], hash: [])
                }
            }
            #expect(throws: WireError.self) {
                try AuditRecord(canonicalOctets: octets + [0], previousHash: [], hash: [])
            }
        }
    }

    @Test func aChangeOfAnyFieldIsNamed() throws {
        let old = try record(5)
        let entry = old.entry
        func with(
            at: WallTime? = nil, node: String? = nil, actor: String? = nil, role: String? = nil, source: String? = nil,
            action: String? = nil, object: String? = nil, reason: String? = nil, request: String? = nil,
            result: String? = nil, before: GSAGeneration? = nil, after: GSAGeneration? = nil
        ) -> AuditRecord {
            AuditRecord(
                seq: old.seq, at: at ?? old.at, cluster: old.cluster, node: node ?? old.node,
                entry: AuditEntry(
                    actor: actor ?? entry.actor, actorRole: role ?? entry.actorRole, source: source ?? entry.source,
                    action: action ?? entry.action, object: object ?? entry.object, reason: reason ?? entry.reason,
                    request: request ?? entry.request, result: result ?? entry.result,
                    generationBefore: before ?? entry.generationBefore,
                    generationAfter: after ?? entry.generationAfter), previousHash: old.previousHash, hash: old.hash)
        }
        let changed = [
            with(at: WallTime(milliseconds: 1)), with(node: "x"), with(actor: "mallory"), with(role: "viewer"),
            with(source: "x"), with(action: "x"), with(object: "x"), with(reason: "x"), with(request: "x"),
            with(result: "x"), with(before: GSAGeneration(rawValue: 99)), with(after: GSAGeneration(rawValue: 99)),
        ]
        for record in changed { #expect(fault(replacing(5, record)) == .changed(5)) }
        let foreign = AuditRecord(
            seq: 5, at: old.at, cluster: String(repeating: "0", count: 32), node: old.node, entry: entry,
            previousHash: old.previousHash, hash: old.hash)
        #expect(fault(replacing(5, foreign)) == .foreign(5))
        let relinked = AuditRecord(
            seq: 5, at: old.at, cluster: old.cluster, node: old.node, entry: entry,
            previousHash: [UInt8](repeating: 1, count: 32), hash: old.hash)
        #expect(fault(replacing(5, relinked)) == .broken(5))
        let rehashed = AuditRecord(
            seq: 5, at: old.at, cluster: old.cluster, node: old.node, entry: entry, previousHash: old.previousHash,
            hash: [UInt8](repeating: 1, count: 32))
        #expect(fault(replacing(5, rehashed)) == .changed(5))
    }

    @Test func removalAndReorderingAreNamed() throws {
        for seq in Int64(1)...9 {
            let without = trail.filter { if case .record(let record) = $0 { record.seq != seq } else { true } }
            let expected: AuditFault =
                switch seq {
                case 1: .unanchoredStart(2)
                case 3, 7: .anchorWithoutRecord(seq)
                default: .gap(expected: seq, found: seq + 1)
                }
            #expect(fault(without) == expected)
        }
        var swapped = trail
        swapped.swapAt(4, 5)
        #expect(fault(swapped) == .gap(expected: 4, found: 5))
        var doubled = trail
        doubled.insert(doubled[1], at: 2)
        #expect(fault(doubled) == .gap(expected: 3, found: 2))
    }

    /// Someone with the store but without the audit key changes a record and makes the chain anew behind it.
    @Test func aChainMadeAnewIsCaughtByTheNextAnchor() throws {
        let fourth = try record(4)
        var place = AuditPlace(seq: 4, hash: fourth.hash)
        var forged: [Item] = []
        for item in trail {
            guard case .record(let record) = item, record.seq > 4 else {
                forged.append(item)
                continue
            }
            let fresh = AuditChain.record(
                Self.entry(Int(record.seq) + 100), after: place, at: record.at, cluster: Self.cluster, node: "n",
                engine: engine)
            place = AuditPlace(seq: fresh.seq, hash: fresh.hash)
            forged.append(.record(fresh))
        }
        #expect(fault(forged) == .anchorMismatch(7))
        // With an anchor of his own making he is caught by the signature.
        let other = try SigningKey.generate(.ed25519)
        let resigned = try forged.map { item -> Item in
            guard case .anchor(let anchor) = item, anchor.place.seq == 7 else { return item }
            let seventh = forged.compactMap {
                if case .record(let record) = $0, record.seq == 7 { record } else { nil }
            }
            let place = AuditPlace(seq: 7, hash: try #require(seventh.first).hash)
            return .anchor(try AuditChain.anchor(at: place, anchor.at, cluster: Self.cluster, key: other))
        }
        #expect(fault(resigned) == .anchorSignature(7))
    }

    @Test func aForgottenPrefixNeedsItsAnchor() {
        let fromAnchor = Array(trail.drop { $0 != trail[3] })
        #expect(fault(fromAnchor) == nil)
        #expect(fault(Array(fromAnchor.dropFirst())) == .unanchoredStart(4))
    }

    @Test func anotherKeyVouchesForNothing() throws {
        let other = try SigningKey.generate(.ed25519)
        #expect(
            fault(trail, key: AuditKey(cluster: Self.cluster, publicKey: other.subjectPublicKeyInfo))
                == .anchorSignature(3))
        let rsa = try SigningKey.generate(.ecdsaP256)
        #expect(fault(trail, key: AuditKey(cluster: Self.cluster, publicKey: rsa.subjectPublicKeyInfo)) == .wrongKey)
        #expect(fault(trail, key: AuditKey(cluster: Self.cluster, publicKey: [])) == .wrongKey)
        #expect(fault(trail, key: AuditKey(cluster: "x", publicKey: signingKey.subjectPublicKeyInfo)) == .wrongKey)
    }

    @Test func longTextsAreCut() {
        let entry = AuditEntry(
            actor: String(repeating: "ü", count: 1000), actorRole: "r", source: "s", action: "a", object: "o")
        #expect(entry.actor == String(repeating: "ü", count: 256))
    }
}
