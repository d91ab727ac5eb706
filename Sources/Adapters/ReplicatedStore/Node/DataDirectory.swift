import Glibc

/// The folder of one node's log. A file named `node` says whose it is and is locked while a process uses it, so that no folder
/// is used twice or under another id: a node that forgot its votes would break the log's promises.
final class DataDirectory: Sendable {
    private static let marker = "node"
    private let lock: CInt

    /// Claims the folder; the last part of its path is made when it is missing.
    init(path: String, id: UInt64, name: String) throws(StoreNodeFault) {
        if mkdir(path, 0o700) != 0, errno != EEXIST { throw Self.fault(path, "cannot be made") }
        let file = path + "/" + Self.marker
        let isNew = access(file, F_OK) != 0
        if isNew, try !Self.isEmpty(path) {
            throw StoreNodeFault("data directory \(path) holds other files and is not a store's")
        }
        let descriptor = open(file, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw Self.fault(path, "cannot be used") }
        lock = descriptor
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            close(descriptor)
            throw StoreNodeFault("data directory \(path) is used by another process")
        }
        holdsLog = ["metadata1", "metadata2"].contains { access(path + "/" + $0, F_OK) == 0 }
        let wanted = "gcks-store 1\nid \(id)\nname \(name)\n"
        let found = Self.content(descriptor)
        if found.isEmpty, isNew {
            guard write(descriptor, wanted, wanted.utf8.count) == wanted.utf8.count, fsync(descriptor) == 0 else {
                throw Self.fault(path, "cannot be written")
            }
        } else if found != wanted {
            let what = found.split(separator: "\n").dropFirst().joined(separator: ", ")
            throw StoreNodeFault(
                "data directory \(path) belongs to another node (\(what.isEmpty ? "unreadable" : what)), not to id \(id), name \(name)"
            )
        }
    }

    /// False until the engine wrote its first vote or entry.
    let holdsLog: Bool

    deinit { close(lock) }

    private static func fault(_ path: String, _ what: String) -> StoreNodeFault {
        StoreNodeFault("data directory \(path) \(what): \(String(cString: strerror(errno)))")
    }

    private static func isEmpty(_ path: String) throws(StoreNodeFault) -> Bool {
        guard let folder = opendir(path) else { throw fault(path, "cannot be read") }
        defer { closedir(folder) }
        while let entry = readdir(folder) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name != ".", name != ".." { return false }
        }
        return true
    }

    private static func content(_ descriptor: CInt) -> String {
        var octets = [UInt8](repeating: 0, count: 256)
        let count = pread(descriptor, &octets, octets.count, 0)
        return String(decoding: octets.prefix(max(count, 0)), as: UTF8.self)
    }
}
