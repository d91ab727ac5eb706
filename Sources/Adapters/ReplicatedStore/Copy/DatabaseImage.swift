import Crypto

/// A database as DUMP gives it: the main file and the write-ahead log behind it. Pages are what the engine replicates, so
/// copies are equal when their pages are.
///
///     log:   | header (32): magic (4), format (4), page size (4), sequence (4), salts (8), sums (8) | frames |
///     frame: | page number (4) | pages after the commit, else 0 (4) | salts (8) | sums (8) | page |
struct DatabaseImage {
    private static let headerOctets = 32
    private static let frameHeaderOctets = 24
    private static let pageOctets = 4096
    private static let frameOctets = frameHeaderOctets + pageOctets

    private let main: [UInt8]
    private let log: [UInt8]

    /// One committed transaction: what its pages hash to, and the whole database after it.
    struct Commit: Hashable {
        let hash: [UInt8]
        let digest: [UInt8]
    }

    init(_ files: [(name: String, octets: [UInt8])]) {
        main = files.first { !$0.name.hasSuffix("-wal") }?.octets ?? []
        log = files.first { $0.name.hasSuffix("-wal") }?.octets ?? []
    }

    /// The last transaction that the log still holds; nil when it was emptied since.
    func lastCommit() -> Commit? {
        var last: (hash: [UInt8], frames: Int, pages: Int)?
        walk { commit in
            last = commit
            return true
        }
        return last.map { Commit(hash: $0.hash, digest: digest(frames: $0.frames, pages: $0.pages)) }
    }

    /// The digest of the database as it was after that transaction; nil when the log does not hold it.
    func digest(after hash: [UInt8]) -> [UInt8]? {
        var found: (frames: Int, pages: Int)?
        walk { commit in
            if commit.hash == hash { found = (commit.frames, commit.pages) }
            return found == nil
        }
        return found.map { digest(frames: $0.frames, pages: $0.pages) }
    }

    /// Pages from the newest to the oldest: those of the log, last first, then those of the main file.
    func newestPage<Value>(_ look: (ArraySlice<UInt8>) -> Value?) -> Value? {
        for frame in stride(from: frameCount - 1, through: 0, by: -1) where isValid(frame) {
            if let value = look(page(ofFrame: frame)) { return value }
        }
        for start in stride(from: 0, to: main.count - main.count % Self.pageOctets, by: Self.pageOctets) {
            if let value = look(main[start..<start + Self.pageOctets]) { return value }
        }
        return nil
    }

    // MARK: The log

    private var frameCount: Int {
        guard log.count > Self.headerOctets, number(log, 8) == UInt32(Self.pageOctets) else { return 0 }
        return (log.count - Self.headerOctets) / Self.frameOctets
    }

    private func start(of frame: Int) -> Int { Self.headerOctets + frame * Self.frameOctets }

    /// Of this life of the log: the salts change when it begins anew.
    private func isValid(_ frame: Int) -> Bool {
        let salts = start(of: frame) + 8
        return log[salts..<salts + 8] == log[16..<24]
    }

    private func page(ofFrame frame: Int) -> ArraySlice<UInt8> {
        let begin = start(of: frame) + Self.frameHeaderOctets
        return log[begin..<begin + Self.pageOctets]
    }

    private func number(_ octets: [UInt8], _ at: Int) -> UInt32 {
        octets[at..<at + 4].reduce(0) { $0 << 8 | UInt32($1) }
    }

    /// Each commit with its hash, the frames up to it and the pages of the database after it; until the look says false.
    private func walk(_ look: ((hash: [UInt8], frames: Int, pages: Int)) -> Bool) {
        var hasher = SHA256()
        for frame in 0..<frameCount {
            guard isValid(frame) else { return }
            let begin = start(of: frame)
            hasher.update(data: log[begin..<begin + 4])
            hasher.update(data: page(ofFrame: frame))
            let pages = number(log, begin + 4)
            guard pages > 0 else { continue }
            guard look((Array(hasher.finalize()), frame + 1, Int(pages))) else { return }
            hasher = SHA256()
        }
    }

    private func digest(frames: Int, pages: Int) -> [UInt8] {
        var newest: [UInt32: Int] = [:]
        for frame in 0..<frames { newest[number(log, start(of: frame))] = frame }
        var hasher = SHA256()
        // What the log says of the size is bounded by what there is.
        let bounded = min(pages, main.count / Self.pageOctets + frames)
        for number in 1...max(1, bounded) {
            if let frame = newest[UInt32(clamping: number)] {
                hasher.update(data: page(ofFrame: frame))
            } else {
                let begin = (number - 1) * Self.pageOctets
                guard begin + Self.pageOctets <= main.count else {
                    // A page that is nowhere: no whole copy has this digest.
                    hasher.update(data: [UInt8(0xff)])
                    continue
                }
                hasher.update(data: main[begin..<begin + Self.pageOctets])
            }
        }
        return Array(hasher.finalize())
    }
}
