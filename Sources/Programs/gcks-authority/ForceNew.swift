import ArgumentParser
import GroupModel
import ProgramKit
import ReplicatedStore
import Settings

/// `--force-new`: for when the majority of the stores is lost for good. It works on the store of this machine while its authority
/// is stopped, holds no key, and ends.
struct ForceNew {
    let settings: AuthoritySettings

    /// - Parameter confirmation: must be the name of this authority.
    func run(confirmation: String?) {
        guard confirmation == settings.name else {
            Startup.fail(
                """
                --force-new makes \(settings.name) the whole cluster. What only the lost nodes held is lost; all group keys are \
                replaced and every member registers again. The lost nodes must never start again with their old data.
                Nothing was changed. Repeat with --confirm=\(settings.name) when that is what you want.
                """, code: Startup.usage)
        }
        let order = NextLifeOrder(dataDirectory: settings.dataDirectory)
        var isOurs = false
        do {
            // The order comes first: a log that was taken over is never served from without it.
            isOurs = try order.place()
            try TakeOver.run(
                id: settings.id, name: settings.name, dataDirectory: settings.dataDirectory + "/store")
        } catch {
            if isOurs { try? order.remove() }
            Startup.fail("gcks-authority: \(error)")
        }
        Startup.tell(
            """
            \(settings.name) is the whole cluster now. Before it starts: take the lost nodes out of `nodes` in its settings (their \
            replacements come under new ids), and wipe the lost nodes' data.
            """)
    }
}
