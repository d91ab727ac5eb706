package import GroupModel
package import IKECrypto
import IKEVocabulary
import KeyMaterial

/// Seals and opens what frontends send each other over UDP.
///
///     | version (1) = 1 | epoch (1) | sender's number (2) | sequence (8) | ciphertext | tag (16) |
///
/// AES-256-GCM with the first four octets as associated data and the sequence as IV. The key and its salt are
/// prf+(relay key of the epoch, "gcks relay" | sender number, instance | receiver number, instance) with HMAC-SHA-256: each pair
/// of lives of two frontends has one of its own for each direction. The sequence counts all that this life sends, so that an IV
/// never comes twice; the receiver takes each once.
package struct RelayChannel {
    package enum Refusal: String, Error, Hashable, Sendable {
        case malformed, unknownSender = "unknown-sender", unknownEpoch = "unknown-epoch"
        case notAuthentic = "not-authentic"
        case replayed
    }

    private struct Incoming {
        let instance: FrontendInstance
        let key: HeldSecret
        var window = ReplayWindow()
    }

    private struct Outgoing {
        let own: FrontendNumber
        let instance: FrontendInstance
        let epoch: UInt8
        let key: HeldSecret
    }

    /// From one number to another: the leader may give this life another number, and what it got under the one before must
    /// not come again when it gets that back.
    private struct Link: Hashable {
        let sender: FrontendNumber
        let receiver: FrontendNumber
        let epoch: UInt8
    }

    private let instance: FrontendInstance
    private var incoming: [Link: Incoming] = [:]
    private var outgoing: [FrontendNumber: Outgoing] = [:]
    private var sequence: UInt64 = 0

    package init(instance: FrontendInstance) { self.instance = instance }

    /// Nil when nothing can be sealed any more.
    package mutating func seal(
        _ message: RelayMessage, to peer: FleetUpdate.Peer, _ fleet: FleetUpdate, engine: CryptoEngine
    ) -> [UInt8]? {
        guard let keys = fleet.keys.first, sequence < .max else { return nil }
        let to = peer.announcement.instance
        let held = outgoing[peer.number].flatMap {
            $0.own == fleet.number && $0.instance == to && $0.epoch == keys.epoch ? $0.key : nil
        }
        guard let key = held ?? Self.key(keys, fleet.number, instance, peer.number, to, engine) else { return nil }
        if held == nil {
            outgoing[peer.number] = Outgoing(own: fleet.number, instance: to, epoch: keys.epoch, key: key)
        }
        sequence += 1
        let header = [Self.version, keys.epoch] + Self.octets(fleet.number)
        let sealed = try? engine.seal(
            .aesGCM256, key: key.secret, integrityKey: SecretOctets(copying: []), iv: Self.octets(sequence),
            associatedData: header, plaintext: message.encode())
        return sealed.map { header + $0 }
    }

    package mutating func open(
        _ datagram: [UInt8], _ fleet: FleetUpdate, engine: CryptoEngine
    ) throws(Refusal) -> (sender: FrontendNumber, message: RelayMessage) {
        guard datagram.count > Self.headerOctets + Self.sequenceOctets, datagram[0] == Self.version,
            let sender = FrontendNumber(rawValue: UInt16(datagram[2]) << 8 | UInt16(datagram[3]))
        else { throw .malformed }
        guard let peer = fleet.peers.first(where: { $0.number == sender }) else { throw .unknownSender }
        guard let keys = fleet.keys.first(where: { $0.epoch == datagram[1] }) else { throw .unknownEpoch }
        let link = Link(sender: sender, receiver: fleet.number, epoch: keys.epoch)
        let from = peer.announcement.instance
        guard let entry = self.incoming(link, from, keys, engine) else { throw .notAuthentic }
        let sequence = datagram[Self.headerOctets..<Self.headerOctets + Self.sequenceOctets].reduce(UInt64(0)) {
            $0 << 8 | UInt64($1)
        }
        guard entry.window.admits(sequence) else { throw .replayed }
        guard
            let plain = try? engine.open(
                .aesGCM256, key: entry.key.secret, integrityKey: SecretOctets(copying: []),
                associatedData: Array(datagram.prefix(Self.headerOctets)),
                sealed: Array(datagram.dropFirst(Self.headerOctets)))
        else { throw .notAuthentic }
        incoming[link]?.window.note(sequence)
        guard let message = RelayMessage(decoding: plain) else { throw .malformed }
        return (sender, message)
    }

    /// The key and the window of a link. Kept before anything over it is proved, so that forged datagrams cost no derivation
    /// each: only a live frontend has one, in each epoch that is good.
    private mutating func incoming(
        _ link: Link, _ from: FrontendInstance, _ keys: FleetUpdate.Keys, _ engine: CryptoEngine
    ) -> Incoming? {
        if let held = incoming[link], held.instance == from { return held }
        let fresh = Self.key(keys, link.sender, from, link.receiver, instance, engine).map {
            Incoming(instance: from, key: $0)
        }
        incoming[link] = fresh
        return fresh
    }

    /// Links whose keys are held for what arrives.
    var incomingLinks: Int { incoming.count }

    /// What belongs to epochs that are over is forgotten.
    package mutating func keep(epochs: [UInt8]) {
        incoming = incoming.filter { epochs.contains($0.key.epoch) }
    }

    private static let version: UInt8 = 1
    private static let headerOctets = 4
    private static let sequenceOctets = 8

    private static func key(
        _ keys: FleetUpdate.Keys, _ sender: FrontendNumber, _ from: FrontendInstance, _ receiver: FrontendNumber,
        _ to: FrontendInstance, _ engine: CryptoEngine
    ) -> HeldSecret? {
        let seed = Array("gcks relay".utf8) + octets(sender) + from.octets + octets(receiver) + to.octets
        do throws(CryptoError) {
            return HeldSecret(try engine.prfPlus(.hmacSHA256, key: keys.relay.secret, seed: seed, count: 36))
        } catch {
            return nil
        }
    }

    private static func octets(_ number: FrontendNumber) -> [UInt8] {
        [UInt8(number.rawValue >> 8), UInt8(truncatingIfNeeded: number.rawValue)]
    }

    private static func octets(_ sequence: UInt64) -> [UInt8] {
        stride(from: 56, through: 0, by: -8).map { UInt8(truncatingIfNeeded: sequence >> UInt64($0)) }
    }
}

/// Which numbers of a rising sequence were seen: the highest and the 1024 up to it.
package struct ReplayWindow: Hashable, Sendable {
    private static let words: UInt64 = 16
    private static let size = words * 64
    private var highest: UInt64 = 0
    /// Bit n of the ring stands for the number that is n modulo the size.
    private var seen = [UInt64](repeating: 0, count: Int(words))

    package init() {}

    /// False for a number that was seen or is too old to know.
    package func admits(_ number: UInt64) -> Bool {
        guard number > 0 else { return false }
        if number > highest { return true }
        return highest - number < Self.size && seen[Self.word(number)] & Self.bit(number) == 0
    }

    /// Only for a number that was admitted and proved.
    package mutating func note(_ number: UInt64) {
        if number > highest {
            if number - highest >= Self.size {
                seen = [UInt64](repeating: 0, count: Int(Self.words))
            } else {
                for passed in highest + 1..<number { seen[Self.word(passed)] &= ~Self.bit(passed) }
            }
            highest = number
        }
        seen[Self.word(number)] |= Self.bit(number)
    }

    private static func word(_ number: UInt64) -> Int { Int(number / 64 % words) }
    private static func bit(_ number: UInt64) -> UInt64 { 1 << (number % 64) }
}
