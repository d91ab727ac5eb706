import Foundation
import Glibc
import GroupModel
import IKEVocabulary
import KeyMaterial
import Octets

/// A file that `--force-new` leaves beside the store: before this authority serves again, a new life begins. It goes when that
/// is committed; until then it stands, whatever happens in between.
struct NextLifeOrder: Sendable {
    private let path: String

    init(dataDirectory: String) { path = dataDirectory + "/next-life" }

    /// The operation under which the life begins, so that it begins once; nil when there is no order.
    ///
    /// - Throws: when there is one that cannot be read: then nothing may be served.
    func pending() throws(NextLifeFault) -> OperationID? {
        guard access(path, F_OK) == 0 || errno != ENOENT else { return nil }
        guard let octets = FileManager.default.contents(atPath: path), octets.count <= 128,
            let operation = Hex.decode(
                String(decoding: octets, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)
            ).flatMap({ OperationID(octets: $0) })
        else { throw NextLifeFault(path: path) }
        return operation
    }

    /// On disk when it returns. One that is there already stays as it is.
    ///
    /// - Returns: whether this call made it.
    func place() throws -> Bool {
        guard access(path, F_OK) != 0 else { return false }
        var entropy = SystemEntropy()
        let text = Array((Hex.encode(entropy.octets(16)) + "\n").utf8)
        for (name, flags) in [
            (path, O_WRONLY | O_CREAT | O_EXCL), ((path as NSString).deletingLastPathComponent, O_RDONLY),
        ] {
            let descriptor = open(name, flags | O_CLOEXEC, 0o600)
            guard descriptor >= 0 else { throw NextLifeFault(path: name) }
            defer { close(descriptor) }
            let isWritten = flags == O_RDONLY || write(descriptor, text, text.count) == text.count
            guard isWritten, fsync(descriptor) == 0 else { throw NextLifeFault(path: name) }
        }
        return true
    }

    func remove() throws { try FileManager.default.removeItem(atPath: path) }
}

/// The order for a new life is there and cannot be used.
struct NextLifeFault: Error, CustomStringConvertible {
    let path: String

    var description: String {
        "\(path): the order for a new life cannot be read or written: make it this program's own, or run --force-new again"
    }
}
