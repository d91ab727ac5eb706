/// One thing that happened, told once: a core makes it, Telemetry words, counts and limits it.
///
/// Fields carry names, numbers and addresses, never key octets.
package struct Event: Sendable {
    package enum Level: String, Sendable { case debug, info, notice, warning, error }

    /// A stable id in kebab case, such as "registration-granted".
    package let name: String
    package let level: Level
    package let fields: [(key: String, value: String)]
    /// Who could make this event happen at will (a source address); repeated events of one key are limited.
    package let limitedBy: String?

    package init(
        _ name: String, _ level: Level, limitedBy: String? = nil, _ fields: [(key: String, value: String)] = []
    ) {
        self.name = name
        self.level = level
        self.fields = fields
        self.limitedBy = limitedBy
    }
}
