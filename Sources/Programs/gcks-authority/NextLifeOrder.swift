import Foundation
import GroupModel
import IKEVocabulary
import KeyMaterial
import Octets

/// A file that `--force-new` leaves beside the store: before this authority serves again, a new life begins. It goes when that
/// is committed; until then it stands, whatever happens in between.
struct NextLifeOrder: Sendable {
    private let path: String

    init(dataDirectory: String) { path = dataDirectory + "/next-life" }

    /// The operation under which the life begins, so that it begins once.
    func pending() -> OperationID? {
        guard let octets = FileManager.default.contents(atPath: path), octets.count <= 128 else { return nil }
        let text = String(decoding: octets, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)
        return Hex.decode(text).flatMap { OperationID(octets: $0) }
    }

    func place() throws {
        var entropy = SystemEntropy()
        try Data((Hex.encode(entropy.octets(16)) + "\n").utf8).write(to: URL(fileURLWithPath: path), options: .atomic)
    }

    func remove() throws { try FileManager.default.removeItem(atPath: path) }
}
