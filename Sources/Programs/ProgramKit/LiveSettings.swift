import GroupModel
import Settings
package import Telemetry

/// What SIGHUP reads again: the whole file is checked first, then all of it is in force, or nothing changes.
package struct LiveSettings<Value: Sendable>: Sendable {
    private let path: String
    private let started: Value
    private let load: @Sendable (String) throws -> Value
    private let log: EventLog

    package init(_ started: Value, path: String, log: EventLog, load: @escaping @Sendable (String) throws -> Value) {
        self.path = path
        self.started = started
        self.load = load
        self.log = log
    }

    /// - Parameter adopt: gets the fresh settings and those of the start. It checks every file they name before it changes
    ///   anything, and throws then; it returns the settings that are other than at the start and cannot change in a process that runs.
    package func reload(
        isolation: isolated (any Actor)? = #isolation,
        _ adopt: (_ fresh: Value, _ started: Value) async throws -> RestartNeeds
    ) async {
        do {
            let needs = try await adopt(try load(path), started)
            log.record(Event("settings-reloaded", .notice, [("file", path)]))
            guard !needs.settings.isEmpty else { return }
            log.record(
                Event(
                    "settings-need-restart", .warning,
                    [("file", path), ("settings", needs.settings.joined(separator: ", "))]))
        } catch {
            let why = (error as? SettingsFaults)?.oneLine ?? "\(error)"
            log.record(
                Event("settings-not-reloaded", .error, [("file", path), ("why", why), ("in_force", "as before")]))
        }
    }
}

/// Settings that are other than at the start of the process and wait for its next start.
package struct RestartNeeds: Sendable {
    package private(set) var settings: [String] = []

    package init() {}

    package mutating func compare<Part: Equatable>(_ name: String, _ fresh: Part, _ started: Part) {
        if fresh != started { settings.append(name) }
    }
}
