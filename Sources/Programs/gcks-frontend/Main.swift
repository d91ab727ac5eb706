import ArgumentParser
import ProgramKit
import Settings
import Telemetry

@main
struct FrontendProgram: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "gcks-frontend", abstract: "Registers group members over IKEv2.")

    @Option(help: "The settings file.")
    var config = "/etc/gcks/frontend.yaml"

    @Flag(help: "Check the settings file and end.")
    var checkConfig = false

    func run() async throws {
        let settings = Startup.settings(config, check: checkConfig, FrontendSettings.load)
        ProcessHardening.apply()
        OneLoop.take()
        let log = EventLog(program: "gcks-frontend", level: settings.logLevel)
        do {
            let frontend = try await Frontend.start(settings, path: config, log: log)
            ServiceManager.ready("\(settings.name) serves \(settings.identity)")
            await Startup.untilStopped { await frontend.reload() }
            ServiceManager.stopping()
            await frontend.stop()
        } catch {
            Startup.fail("gcks-frontend: \(error)")
        }
    }
}
