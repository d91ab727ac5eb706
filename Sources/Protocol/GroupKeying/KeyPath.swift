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
    fileprivate mutating func adopt(_ part: [(id: UInt32, key: HeldSecret)], over anchor: UInt32?) {
        guard !part.isEmpty else { return }
        let kept = anchor.flatMap { id in path.firstIndex { $0.id == id } }.map { Array(path[$0...]) } ?? []
        path = part + kept
    }
}

/// Finds SA keys through the wrapped keys of one message. Nothing is adopted until the whole message was taken.
struct KeyFinder {
    let gskW: HeldSecret
    let keyWrap: KeyWrapID
    let engine: CryptoEngine
    let wrapKeys: [UInt32: [WrappedKey]]
    private(set) var workingPath: WorkingKeyPath

    init(
        gskW: HeldSecret, keyWrap: KeyWrapID, engine: CryptoEngine, wrapKeys: [WrappedKey], workingPath: WorkingKeyPath
    ) {
        self.gskW = gskW
        self.keyWrap = keyWrap
        self.engine = engine
        self.wrapKeys = Dictionary(grouping: wrapKeys, by: \.keyID)
        self.workingPath = workingPath
    }

    private struct Found {
        var key: HeldSecret
        var part: [(id: UInt32, key: HeldSecret)]
        var anchor: UInt32?
    }

    /// Tries the SA_KEYs in order and stops at the first that opens; an unwrap that fails is no error by itself
    /// (fact sheet B.4-2).
    mutating func open(_ candidates: [WrappedKey]) throws(DownloadRefusal) -> HeldSecret {
        for candidate in candidates {
            if candidate.kwkID == 0 {
                if let key = unwrap(candidate, under: gskW) { return key }
                continue
            }
            if let found = find(candidate.kwkID, visiting: []), let key = unwrap(candidate, under: found.key) {
                workingPath.adopt(found.part, over: found.anchor)
                return key
            }
        }
        throw .noKeyPath
    }

    private func find(_ id: UInt32, visiting: [UInt32]) -> Found? {
        if let key = workingPath.key(id) { return Found(key: key, part: [], anchor: id) }
        guard visiting.count < KeyingLimits.keyPathDepth, !visiting.contains(id) else { return nil }
        for entry in wrapKeys[id] ?? [] {
            if entry.kwkID == 0 {
                if let key = unwrap(entry, under: gskW) { return Found(key: key, part: [(id, key)], anchor: nil) }
            } else if let below = find(entry.kwkID, visiting: visiting + [id]),
                let key = unwrap(entry, under: below.key)
            {
                return Found(key: key, part: [(id, key)] + below.part, anchor: below.anchor)
            }
        }
        return nil
    }

    private func unwrap(_ entry: WrappedKey, under kwk: HeldSecret) -> HeldSecret? {
        do throws(CryptoError) {
            return HeldSecret(try engine.unwrap(keyWrap, kwk: kwk.secret, wrapped: entry.wrapped))
        } catch {
            return nil
        }
    }
}
