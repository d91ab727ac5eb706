import IKECrypto
import IKEVocabulary
import IKEWire
import KeyMaterial

/// The keys between a member's leaf and the root of a key tree, by Key ID (RFC 9838 appendix A, fact sheet B.4).
///
/// Without a tree it is empty and every SA_KEY is wrapped under GSK_w.
package struct WorkingKeyPath: Sendable {
    /// From the one nearest the root to the leaf.
    private(set) var path: [(id: UInt32, key: HeldSecret)] = []

    package init() {}

    package var keyIDs: [UInt32] { path.map(\.id) }
    fileprivate func key(_ id: UInt32) -> HeldSecret? { path.first { $0.id == id }?.key }

    /// Replaces what lies nearer the root than the key the new part hangs on; a part that hangs on GSK_w replaces all.
    fileprivate mutating func adopt(
        _ part: [(id: UInt32, key: HeldSecret)], over anchor: UInt32?
    ) throws(DownloadRefusal) {
        guard !part.isEmpty else { return }
        let kept = anchor.flatMap { id in path.firstIndex { $0.id == id } }.map { Array(path[$0...]) } ?? []
        guard part.count + kept.count <= KeyingLimits.keyPathDepth else {
            throw .keys("a key path of more than \(KeyingLimits.keyPathDepth) keys")
        }
        path = part + kept
    }
}

/// Finds SA keys through the wrapped keys of one message. Nothing is adopted until the whole message was taken.
///
/// It goes from the keys that are held to those that they open, and so tries each WRAP_KEY once at most.
struct KeyFinder {
    let gskW: HeldSecret
    let keyWrap: KeyWrapID
    let engine: CryptoEngine
    /// A path that hangs on GSK_w becomes the Working Key Path: at registration only (RFC 9838 3.3).
    let adoptsWholePaths: Bool
    private let wrappedUnder: [UInt32: [WrappedKey]]
    private(set) var workingPath: WorkingKeyPath
    private var opened: [UInt32: OpenedKey]?

    private struct OpenedKey {
        let key: HeldSecret
        let kwkID: UInt32
    }

    init(
        gskW: HeldSecret, keyWrap: KeyWrapID, engine: CryptoEngine, wrapKeys: [WrappedKey],
        workingPath: WorkingKeyPath, source: DownloadSource
    ) {
        self.gskW = gskW
        self.keyWrap = keyWrap
        self.engine = engine
        adoptsWholePaths = source == .registration
        wrappedUnder = Dictionary(grouping: wrapKeys, by: \.kwkID)
        self.workingPath = workingPath
    }

    /// Tries the SA_KEYs in order and stops at the first that opens; an unwrap that fails is no error by itself
    /// (fact sheet B.4-2).
    mutating func open(_ candidates: [WrappedKey]) throws(DownloadRefusal) -> HeldSecret {
        for candidate in candidates {
            if candidate.kwkID == 0 {
                if let key = unwrap(candidate, under: gskW) { return key }
            } else if let kwk = key(candidate.kwkID), let key = unwrap(candidate, under: kwk) {
                try adoptPath(to: candidate.kwkID)
                return key
            }
        }
        throw .noKeyPath
    }

    private mutating func key(_ id: UInt32) -> HeldSecret? {
        if let key = workingPath.key(id) { return key }
        let opened = self.opened ?? openAll()
        self.opened = opened
        return opened[id]?.key
    }

    /// What the Working Key Path opens comes before what GSK_w opens: only the former is kept in a rekey.
    private func openAll() -> [UInt32: OpenedKey] {
        var opened: [UInt32: OpenedKey] = [:]
        for roots in [workingPath.path, [(0, gskW)]] as [[(id: UInt32, key: HeldSecret)]] {
            var found = roots.map { (id: $0.id, key: $0.key, depth: 0) }
            var next = 0
            while next < found.count {
                let kwk = found[next]
                next += 1
                guard kwk.depth < KeyingLimits.keyPathDepth else { continue }
                for entry in wrappedUnder[kwk.id] ?? []
                where opened[entry.keyID] == nil && workingPath.key(entry.keyID) == nil {
                    guard let key = unwrap(entry, under: kwk.key), key.secret.count == keyWrap.keyOctets else {
                        continue
                    }
                    opened[entry.keyID] = OpenedKey(key: key, kwkID: kwk.id)
                    found.append((entry.keyID, key, kwk.depth + 1))
                }
            }
        }
        return opened
    }

    private mutating func adoptPath(to id: UInt32) throws(DownloadRefusal) {
        var part: [(id: UInt32, key: HeldSecret)] = []
        var id = id
        while let step = opened?[id] {
            part.append((id, step.key))
            id = step.kwkID
        }
        guard id != 0 || adoptsWholePaths else { return }
        try workingPath.adopt(part, over: id == 0 ? nil : id)
    }

    private func unwrap(_ entry: WrappedKey, under kwk: HeldSecret) -> HeldSecret? {
        do throws(CryptoError) {
            return HeldSecret(try engine.unwrap(keyWrap, kwk: kwk.secret, wrapped: entry.wrapped))
        } catch {
            return nil
        }
    }
}
