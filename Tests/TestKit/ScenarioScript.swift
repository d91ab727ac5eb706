import Glibc

/// What a script `Cluster/scenario-NAME.sh` printed and how it ended. It runs the programs that were built beside the tests.
package struct ScenarioScript: Sendable {
    package let name: String
    package let output: String
    /// -1 when a signal ended it.
    package let code: Int32

    /// Every check held.
    package var held: Bool { code == 0 && !output.split(separator: "\n").contains { $0.hasPrefix("FAILED") } }

    /// Bounded in time: after 150 s the script is ended, and `code` says so.
    package static func run(_ name: String) -> ScenarioScript {
        let script = BuiltProducts.checkout + "/Cluster/scenario-\(name).sh"
        return shell("GCKS_BIN='\(BuiltProducts.folder)' timeout -k 10 150 bash '\(script)' 2>&1", name: name)
    }

    /// Whether a script may have network namespaces of its own, one inside the other.
    package static let mayHaveNamespaces: Bool = {
        ["unshare --net", "unshare --user --map-root-user --net"].contains { isolate in
            shell("\(isolate) unshare --net true 2>&1", name: "namespaces").code == 0
        }
    }()

    /// Whether a script may have TAP devices in a network namespace.
    package static let mayHaveTAPDevices: Bool = {
        ["unshare --net", "unshare --user --map-root-user --net"].contains { isolate in
            shell("\(isolate) sh -c 'ip tuntap add probe mode tap' 2>&1", name: "TAP devices").code == 0
        }
    }()

    private static func shell(_ command: String, name: String) -> ScenarioScript {
        guard let pipe = popen(command, "r") else {
            return ScenarioScript(name: name, output: "cannot start a shell", code: -1)
        }
        var octets: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 4096)
        while case let count = fread(&chunk, 1, chunk.count, pipe), count > 0 { octets += chunk.prefix(count) }
        let status = pclose(pipe)
        return ScenarioScript(
            name: name, output: String(decoding: octets, as: UTF8.self), code: status & 0x7f == 0 ? status >> 8 : -1)
    }
}
