import Glibc
import GroupModel
package import IKECrypto
package import IKEVocabulary
package import KeyMaterial
package import Settings
package import Telemetry

/// One kind of trust, read anew from its files and parsed.
package enum TrustUpdate: Sendable {
    case sharedKeys([Identity: HeldSecret])
    case revocationLists(PreparedCRLs)

    package var name: String {
        switch self {
        case .sharedKeys: "shared_keys"
        case .revocationLists: "crls"
        }
    }
}

/// Looks whether CRLs or shared keys have changed on disk. What does not parse is told of and changes nothing.
///
/// Make it before the files are read for the first time, so that no change falls between.
package struct TrustWatch: Sendable {
    package static let interval = Duration.seconds(3)

    private let anchors: [String]
    private var keys: WatchedFiles
    private var crls: WatchedFiles

    package init(_ files: CredentialFiles) {
        anchors = files.trustAnchors
        keys = WatchedFiles(files.sharedKeys.map { [$0] } ?? [])
        crls = WatchedFiles(files.trustAnchors.isEmpty ? [] : files.revocationLists)
    }

    /// What changed since the last look. A fault that was told already is tried again in silence.
    package mutating func poll() -> [Result<TrustUpdate, CredentialFault>] {
        let anchors = anchors
        let found = [
            keys.poll { paths throws(CredentialFault) in
                var all: [Identity: HeldSecret] = [:]
                for path in paths { all.merge(try SharedKeyFile.read(path)) { _, new in new } }
                return .sharedKeys(all)
            },
            crls.poll { paths throws(CredentialFault) in
                let roots = try anchors.map { path throws(CredentialFault) in try CredentialFile.octets(path) }
                let lists = try paths.map { path throws(CredentialFault) in try CredentialFile.octets(path) }
                do throws(CertificateRefusal) {
                    return .revocationLists(try PreparedCRLs(anchorsPEM: roots, crlsPEM: lists))
                } catch {
                    throw CredentialFault("\(paths.joined(separator: ", ")): \(error.reason)")
                }
            },
        ]
        return found.compactMap { $0 }
    }

    /// Polls until it is cancelled, away from the event loop.
    package func run(
        every interval: Duration = interval, log: EventLog, apply: @escaping @Sendable (TrustUpdate) -> Void
    ) -> Task<Void, Never> {
        Task {
            var watch = self
            while (try? await Task.sleep(for: interval)) != nil {
                for result in watch.poll() {
                    switch result {
                    case .success(let update):
                        apply(update)
                        log.record(Event("trust-reloaded", .notice, [("what", update.name)]))
                    case .failure(let fault):
                        log.record(
                            Event(
                                "trust-not-reloaded", .error, [("why", fault.description), ("in_force", "as before")]))
                    }
                }
            }
        }
    }
}

/// Files that are read together when one of them changes.
private struct WatchedFiles: Sendable {
    private let paths: [String]
    private var stamps: [FileStamp?]
    private var hasFailed = false

    init(_ paths: [String]) {
        self.paths = paths
        stamps = paths.map { FileStamp($0) }
    }

    mutating func poll(
        _ read: ([String]) throws(CredentialFault) -> TrustUpdate
    ) -> Result<TrustUpdate, CredentialFault>? {
        let fresh = paths.map { FileStamp($0) }
        let hasChanged = fresh != stamps
        guard hasChanged || hasFailed else { return nil }
        stamps = fresh
        do throws(CredentialFault) {
            let update = try read(paths)
            hasFailed = false
            return .success(update)
        } catch {
            hasFailed = true
            return hasChanged ? .failure(error) : nil
        }
    }
}

/// Tells that a file was written again or replaced.
struct FileStamp: Hashable, Sendable {
    let device: UInt64
    let node: UInt64
    let size: Int64
    let seconds: Int64
    let nanoseconds: Int64

    init?(_ path: String) {
        var status = stat()
        guard stat(path, &status) == 0 else { return nil }
        (device, node, size) = (UInt64(status.st_dev), UInt64(status.st_ino), Int64(status.st_size))
        (seconds, nanoseconds) = (Int64(status.st_mtim.tv_sec), Int64(status.st_mtim.tv_nsec))
    }
}
