import Foundation
import Glibc

/// The nodes: a network namespace each, joined by our switch, and the folder everything lies in.
struct Lab: Sendable {
    let folder: String
    let bin: String
    let topology: Topology
    let rules = SharedRules()
    let capture: String
    private let holders: [String: pid_t]
    private let network: VirtualSwitch

    /// - Parameter folder: holds `etc` and `pki` already.
    init(folder: String, bin: String, topology: Topology, seed: UInt64) throws {
        (self.folder, self.bin, self.topology) = (folder, bin, topology)
        capture = folder + "/capture.pcap"
        for sub in ["var", "log", "op", "clock"] {
            try FileManager.default.createDirectory(atPath: "\(folder)/\(sub)", withIntermediateDirectories: true)
        }
        var holders: [String: pid_t] = [:]
        var ports: [TapDevice] = []
        for (index, node) in topology.nodes.enumerated() {
            // Ends with us: whoever started us ends the whole process namespace.
            let holder = try Child(["unshare", "--net", "sleep", "infinity"])
            try Self.untilOwnNetwork(holder.pid)
            holders[node.name] = holder.pid
            ports.append(try TapDevice(name: "chaos\(index)", into: holder.pid, addresses: node.addresses))
        }
        self.holders = holders
        network = VirtualSwitch(ports: ports, rules: rules, capture: try CaptureFile(path: capture), seed: seed)
        network.start()
    }

    func start(
        _ command: [String], on node: String, environment: [String: String] = [:], output: String, errors: String
    ) throws -> Child {
        guard let holder = holders[node] else { throw LabFailure("no node \(node)") }
        var variables = environment
        variables["SWIFT_BACKTRACE"] = "enable=no"
        return try Child(command, namespace: holder, environment: variables, output: output, errors: errors)
    }

    private static func untilOwnNetwork(_ pid: pid_t) throws {
        let link = { (pid: String) in try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/\(pid)/ns/net")
        }
        for _ in 0..<500 {
            if let own = link("self"), let other = link("\(pid)"), own != other { return }
            Clock.pause(milliseconds: 10)
        }
        throw LabFailure("no network namespaces here")
    }
}
