import AuthorityRPC
import Glibc
import GroupModel
import Settings

/// The operator's settings file as a link to the authorities.
enum ControlFile {
    static let usualPath = "/etc/gcks/gcksctl.yaml"
    /// Names the file when the command line does not.
    static let variable = "GCKSCTL_CONFIG"

    /// Reads `path`, or the file the environment names, or the usual file when it exists. `needed`: the command line names no authority.
    static func link(_ path: String?, needed: Bool) throws(CommandEnd) -> AuthorityLink {
        let named = path ?? getenv(variable).map { String(cString: $0) }
        guard let file = named ?? (access(usualPath, R_OK) == 0 ? usualPath : nil) else {
            guard !needed else {
                let ways = "--authority NAME=ADDRESS, --config FILE or GCKSCTL_CONFIG"
                throw CommandEnd(.usage, ["no authority is named: use \(ways)"])
            }
            return AuthorityLink(targets: [], name: "uid-\(getuid())")
        }
        let settings: ControlSettings
        do throws(SettingsFaults) {
            settings = try ControlSettings.load(file: file)
        } catch {
            throw CommandEnd(.usage, error.faults.map(\.description))
        }
        let targets = settings.authorities.compactMap { AuthorityTarget(name: $0.name, $0.address) }
        guard targets.count == settings.authorities.count else {
            throw CommandEnd(.usage, ["\(file): an authority's address is neither HOST:PORT nor unix:/PATH"])
        }
        let credentials = settings.tls.map { files in
            TLSCredentials(
                certificateChainFile: files.certificate, privateKeyFile: files.key, trustRootsFile: files.authority,
                trustDomain: files.trustDomain)
        }
        return AuthorityLink(
            targets: targets, name: credentials == nil ? "uid-\(getuid())" : "", credentials: credentials)
    }
}

enum GroupFiles {
    /// One file, one group; a fault a line.
    static func load(_ path: String) throws(CommandEnd) -> GroupDefinition {
        let definitions: [GroupDefinition]
        do throws(SettingsFaults) {
            definitions = try GroupFile.load(path)
        } catch {
            throw CommandEnd(.usage, error.faults.map(\.description))
        }
        guard definitions.count == 1, let definition = definitions.first else {
            throw CommandEnd(.usage, ["\(path): \(definitions.count) groups; valid: one for each file"])
        }
        return definition
    }
}
