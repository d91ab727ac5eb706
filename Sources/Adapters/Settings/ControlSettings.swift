import Foundation

/// How an operator's command line reaches one cluster.
package struct ControlSettings: Hashable, Sendable {
    package var authorities: [AuthorityAddress]
    package var tls: TLSFiles?
    package var timeout: Duration

    package static let usualTimeout = Duration.seconds(10)

    package init(authorities: [AuthorityAddress], tls: TLSFiles?, timeout: Duration = usualTimeout) {
        self.authorities = authorities
        self.tls = tls
        self.timeout = timeout
    }

    /// A file for one cluster.
    package static func load(file: String) throws(SettingsFaults) -> ControlSettings {
        try Settings.load(file) { read($0, looksAtKey: true) }
    }

    static func read(_ section: Section, looksAtKey: Bool) -> ControlSettings? {
        let authorities = section.authorities()
        let tls = section.tls(looksAtKey: looksAtKey)
        let timeout = section.value("timeout", Forms.pause, default: usualTimeout, Forms.pause)
        return ControlSettings(authorities: authorities, tls: tls, timeout: timeout)
    }
}

/// The file of an operator who has several clusters: each a context, one of them in use.
///
///     use: prod
///     contexts:
///       - name: prod
///         authorities: [{ name: authority-1, address: "192.0.2.1:7701" }]
///         tls: { ca: …, certificate: …, key: …, trust_domain: gcks }
///         timeout: 10s
package struct ControlContexts: Hashable, Sendable {
    package struct Context: Hashable, Sendable {
        package let name: String
        package var settings: ControlSettings

        package init(name: String, settings: ControlSettings) {
            self.name = name
            self.settings = settings
        }
    }

    package var inUse: String?
    package var contexts: [Context]

    package init(inUse: String? = nil, contexts: [Context] = []) {
        self.inUse = inUse
        self.contexts = contexts
    }

    package subscript(_ name: String) -> Context? { contexts.first { $0.name == name } }

    package static let nameForm = Forms.name
    package static func isName(_ text: String) -> Bool { Forms.name(text) != nil }

    /// A file with contexts, or nil when it is one for a single cluster.
    ///
    /// Keys of certificates are looked at when one is used, so that a lost one does not shut out the other clusters.
    package static func load(file: String) throws(SettingsFaults) -> ControlContexts? {
        try Settings.load(file) { section -> ControlContexts?? in
            guard section.has("contexts") || section.has("use") else {
                // The other form reads it, and says what is wrong with it.
                section.ignoreTheRest()
                return .some(nil)
            }
            return .some(read(section))
        }
    }

    private static func read(_ section: Section) -> ControlContexts {
        var found = ControlContexts(inUse: section.optional("use", Forms.name, Forms.name))
        for entry in section.sections("contexts") {
            defer { entry.finish() }
            let name = entry.required("name", Forms.name, Forms.name)
            guard let settings = ControlSettings.read(entry, looksAtKey: false), let name else { continue }
            if found[name] != nil {
                entry.file.fault(entry.line(of: "name"), entry.place("name"), "\(name) stands twice", "unique names")
            }
            found.contexts.append(Context(name: name, settings: settings))
        }
        if let name = found.inUse, found[name] == nil {
            let names = found.contexts.map(\.name).joined(separator: ", ")
            section.file.fault(
                section.line(of: "use"), section.place("use"), "there is no context \(name)",
                names.isEmpty ? "no use at all while there are no contexts" : names)
        }
        return found
    }

    // MARK: Writing

    /// The whole file as text, which `load` reads back.
    package var text: String {
        var lines = [
            "# The clusters gcksctl knows. `gcksctl context set|use|delete` writes this file anew, without other comments."
        ]
        if let inUse { lines.append("use: \(inUse)") }
        lines.append(contexts.isEmpty ? "contexts: []" : "contexts:")
        for context in contexts {
            lines.append("  - name: \(context.name)")
            lines.append("    authorities:")
            for authority in context.settings.authorities {
                lines.append("      - { name: \(authority.name), address: \(Self.quoted(authority.address)) }")
            }
            if let tls = context.settings.tls {
                lines.append("    tls:")
                lines.append("      ca: \(Self.quoted(tls.authority))")
                lines.append("      certificate: \(Self.quoted(tls.certificate))")
                lines.append("      key: \(Self.quoted(tls.key))")
                lines.append("      trust_domain: \(Self.quoted(tls.trustDomain))")
            }
            let (seconds, attoseconds) = context.settings.timeout.components
            let milliseconds = attoseconds / 1_000_000_000_000_000
            lines.append("    timeout: \(milliseconds == 0 ? "\(seconds)s" : "\(seconds * 1000 + milliseconds)ms")")
        }
        return lines.joined(separator: "\n") + "\n"
    }

    /// A double-quoted YAML scalar.
    private static func quoted(_ text: String) -> String {
        var quoted = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"", "\\": quoted += "\\\(scalar)"
            case _ where scalar.value < 0x20 || scalar.value == 0x7f:
                let hex = String(scalar.value, radix: 16)
                quoted += "\\x" + String(repeating: "0", count: 2 - hex.count) + hex
            default: quoted.unicodeScalars.append(scalar)
            }
        }
        return quoted + "\""
    }

    /// Written whole or not at all: a new file beside it, on the disk, takes its place. Mode 0600; folders are made 0700.
    package func save(file: String) throws(SettingsFaults) {
        let folder = (file as NSString).deletingLastPathComponent
        let fresh = "\(file).\(getpid()).new"
        do {
            try FileManager.default.createDirectory(
                atPath: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        } catch {
            throw Self.cannot(file, "the folder \(folder) cannot be made")
        }
        let descriptor = open(fresh, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw Self.cannot(file, String(cString: strerror(errno))) }
        let octets = Array(text.utf8)
        let written = octets.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
        let isOnDisk = written == octets.count && fsync(descriptor) == 0
        close(descriptor)
        guard isOnDisk, rename(fresh, file) == 0 else {
            let why = String(cString: strerror(errno))
            unlink(fresh)
            throw Self.cannot(file, why)
        }
    }

    private static func cannot(_ file: String, _ why: String) -> SettingsFaults {
        SettingsFaults([
            SettingsFault(file: file, line: 1, path: "", problem: "cannot be written: \(why)", valid: "a file of yours")
        ])
    }
}
