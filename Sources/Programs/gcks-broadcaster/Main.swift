import AdminHTTP
import ArgumentParser
import AuthorityRPC
import DatagramIO
import GroupModel
import IKEVocabulary
import NIOPosix
import ProgramKit
import Settings
import Telemetry

@main
struct BroadcasterProgram: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "gcks-broadcaster", abstract: "Multicasts finished GSA_REKEY messages; holds no key.")

    @Option(help: "The settings file.")
    var config = "/etc/gcks/broadcaster.yaml"

    @Flag(help: "Check the settings file and end.")
    var checkConfig = false

    func run() async throws {
        let settings = Startup.settings(config, check: checkConfig, BroadcasterSettings.load)
        ProcessHardening.apply()
        let log = EventLog(program: "gcks-broadcaster", level: settings.logLevel)
        do {
            let eventLoop = MultiThreadedEventLoopGroup.singleton.next()
            var senders: [MulticastSender] = []
            for source in settings.sources {
                senders.append(
                    try await MulticastSender.bind(
                        source: source, interface: settings.interface, loops: settings.loops, on: eventLoop))
            }
            let link = try AuthorityLink.make(settings.authorities, tls: settings.tls, name: settings.name).get()
            let states = AsyncStream<LinkState>.makeStream()
            let client = BroadcastClient(link: link) { state in
                states.continuation.yield(state)
                switch state {
                case .connected(let name): log.record(Event("authority-connected", .notice, [("authority", name)]))
                case .lost(let why):
                    log.record(Event("authority-lost", .warning, limitedBy: "authority", [("why", why)]))
                }
            }
            let driver = BroadcastDriver(
                client: client, senders: zip(settings.sources, senders).map { ($0.isIPv4, $1) }, log: log)
            let reloading = BroadcasterReload(settings, path: config, client, log)
            let admin = try await driver.observation(name: settings.name).serve(
                on: settings.admin, eventLoop: eventLoop, log: log, certificates: reloading.certificates)
            ServiceManager.ready("\(settings.name) started")
            await withTaskGroup(of: Void.self) { group in
                group.addTask { await client.run() }
                group.addTask { await driver.run() }
                group.addTask { await driver.send() }
                group.addTask { for await state in states.stream { await driver.link(state) } }
                await Startup.untilStopped { await reloading.reload() }
                ServiceManager.stopping()
                group.cancelAll()
            }
            await admin?.close()
        } catch {
            Startup.fail("gcks-broadcaster: \(error)")
        }
    }
}
