import ArgumentParser
import Glibc
import GroupModel
import ReplicatedStore
import Telemetry

/// A node of the replicated store beside one authority, which starts it and whose end ends it.
@main
struct StoreProgram: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "gcks-store",
        abstract: "A node of the replicated store. Started by gcks-authority; ends when its standard input does.")

    @Option(help: "This node's name within the cluster.")
    var name: String

    @Option(help: "This node's id; 1 starts a new cluster. Never used again for an emptied disk.")
    var id: UInt64

    @Option(name: .customLong("data"), help: "The folder of the log.")
    var dataDirectory: String

    @Option(name: .customLong("socket"), help: "The Unix socket for the authority.")
    var socketPath: String

    @Option(help: "HOST:PORT for the other stores. Left out in a cluster of one.")
    var listen: String?

    @Option(help: "The other stores: NAME=ID@HOST:PORT, separated by commas.")
    var peers: String = ""

    @Option(name: .customLong("ca"), help: "PEM file of the CA that the stores trust.")
    var trustRootsFile: String?

    @Option(name: .customLong("cert"), help: "PEM file of this store's certificate.")
    var certificateFile: String?

    @Option(name: .customLong("key"), help: "PEM file of this store's private key.")
    var privateKeyFile: String?

    @Option(name: .customLong("latency"), help: "One-way network latency in milliseconds, 1 to 10000.")
    var latencyMilliseconds: UInt32 = 50

    func validate() throws {
        guard id > 0 else { throw ValidationError("--id 0 is no node id; valid: 1 and up") }
        guard (1...10_000).contains(latencyMilliseconds) else {
            throw ValidationError("--latency \(latencyMilliseconds) is out of range; valid: 1 to 10000")
        }
        _ = try cluster()
    }

    func run() async throws {
        ProcessHardening.apply()
        // Ctrl-C at a terminal goes to the authority, which ends this process in its own time.
        signal(SIGINT, SIG_IGN)
        let log = EventLog(program: "gcks-store")
        let process: StoreProcess
        do {
            process = try await StoreProcess(settings()) { log.record($0) }
        } catch {
            log.record(Event("store-cannot-run", .error, [("node", name), ("why", "\(error)")]))
            throw ExitCode(1)
        }
        let watch = Task { await process.watchLeader() }
        let why = await Orders.first()
        watch.cancel()
        log.record(Event("store-stops", .notice, [("node", name), ("why", why)]))
        // An engine that cannot stop must not keep the process; the log needs no farewell.
        signal(SIGALRM) { _ in _exit(0) }
        alarm(3)
        await process.handOver()
        process.stop()
        _exit(0)
    }

    private func settings() throws -> StoreNodeSettings {
        StoreNodeSettings(
            name: name, id: id, dataDirectory: dataDirectory, socketPath: socketPath,
            latencyMilliseconds: latencyMilliseconds, cluster: try cluster())
    }

    private func cluster() throws -> StoreClusterSettings? {
        let peers = try self.peers.split(separator: ",").map { text in
            guard let peer = StorePeer(String(text)) else {
                throw ValidationError("--peers \(text) cannot be read; valid: NAME=ID@HOST:PORT")
            }
            return peer
        }.filter { $0.name != name }
        guard let listen else {
            guard peers.isEmpty else { throw ValidationError("--peers needs --listen") }
            return nil
        }
        guard let place = StorePeer.place(listen) else {
            throw ValidationError("--listen \(listen) cannot be read; valid: HOST:PORT")
        }
        guard let trustRootsFile, let certificateFile, let privateKeyFile else {
            throw ValidationError("--listen needs --ca, --cert and --key")
        }
        return StoreClusterSettings(
            listenHost: place.host, listenPort: place.port, peers: peers, trustRootsFile: trustRootsFile,
            certificateFile: certificateFile, privateKeyFile: privateKeyFile)
    }
}
