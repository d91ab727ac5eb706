/// Times as records carry them: RFC 3339, UTC, milliseconds.
package enum Timestamps {
    package static func now() -> String { EventWording.timestamp(Clocks().wall()) }
}
