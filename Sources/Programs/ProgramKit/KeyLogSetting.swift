import GroupModel
package import Telemetry

/// The lab setting that writes keys to files, loudly.
package enum KeyLogSetting {
    /// What every place that writes keys says of itself.
    package static let meaning = "whoever reads it reads the traffic"

    package static func open(_ folder: String?, _ log: EventLog) throws -> KeyLog? {
        guard let folder else { return nil }
        log.record(Event("key-log-on", .warning, [("folder", folder), ("meaning", meaning)]))
        guard let keyLog = KeyLog(folder: folder) else { throw LinkFault(description: "\(folder) cannot be made") }
        return keyLog
    }
}
