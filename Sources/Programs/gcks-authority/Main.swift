import ArgumentParser
import AuthorityRPC
import GroupModel
import KeyMaterial
import ProgramKit
import ReplicatedStore
import RootKey
import Settings
import Telemetry

@main
struct AuthorityProgram: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "gcks-authority", abstract: "Decides groups, keys and members; replicated with its peers.")

    @Option(help: "The settings file.")
    var config = "/etc/gcks/authority.yaml"

    @Flag(help: "Check the settings file and end.")
    var checkConfig = false

    @Flag(help: "Make this machine's store the whole cluster, and end. For when the majority is lost for good.")
    var forceNew = false

    @Option(help: ArgumentHelp("The authority's name, as a second look at --force-new.", valueName: "name"))
    var confirm: String?

    func run() async throws {
        let settings = Startup.settings(config, check: checkConfig, AuthoritySettings.load)
        ProcessHardening.apply()
        if forceNew { return ForceNew(settings: settings).run(confirmation: confirm) }
        OneLoop.take()
        let log = EventLog(program: "gcks-authority", level: settings.logLevel)
        let authority: Authority
        do {
            authority = try Authority(settings, path: config, log: log)
        } catch {
            Startup.fail("gcks-authority: \(error)")
        }
        await OneLoop.run { await authority.run() }.value
    }
}
