import Foundation
import Yams

/// A YAML file while it is read: its documents and the faults found so far.
final class SettingsFile {
    let name: String
    private(set) var faults: [SettingsFault] = []

    init(_ name: String) { self.name = name }

    func fault(_ line: Int, _ path: String, _ problem: String, _ valid: String = "") {
        faults.append(SettingsFault(file: name, line: line, path: path, problem: problem, valid: valid))
    }

    var failure: SettingsFaults { SettingsFaults(faults) }

    /// The mappings of the file's documents. Anything else at the top is a fault.
    func documents() -> [Section] {
        guard let content = FileManager.default.contents(atPath: name) else {
            fault(1, "", "the file cannot be read", "a YAML file")
            return []
        }
        guard content.count <= SettingsLimits.fileOctets, let text = String(data: content, encoding: .utf8) else {
            fault(1, "", "the file is too large or not UTF-8", "at most \(SettingsLimits.fileOctets) octets")
            return []
        }
        do {
            let nodes = try Yams.compose_all(yaml: text).map { $0 }
            if nodes.isEmpty { fault(1, "", "the file is empty", "settings, one key: value a line") }
            return nodes.compactMap { node in
                guard let mapping = node.mapping else {
                    fault(node.mark?.line ?? 1, "", "not a list of key: value", "key: value")
                    return nil
                }
                return Section(mapping, line: node.mark?.line ?? 1, path: "", file: self)
            }
        } catch let error as YamlError {
            fault(Self.line(of: error), "", "not YAML: \(Self.words(error))")
        } catch {
            fault(1, "", "not YAML: \(error)")
        }
        return []
    }

    private static func line(of error: YamlError) -> Int {
        switch error {
        case .scanner(_, _, let mark, _), .parser(_, _, let mark, _), .composer(_, _, let mark, _): mark.line
        case .duplicatedKeysInMapping(_, let context): context.mark.line
        default: 1
        }
    }

    private static func words(_ error: YamlError) -> String {
        switch error {
        case .scanner(_, let problem, _, _), .parser(_, let problem, _, _), .composer(_, let problem, _, _): problem
        case .duplicatedKeysInMapping(let duplicates, _):
            "\(duplicates.joined(separator: ", ")) stands twice"
        default: "\(error)".split(separator: "\n").first.map(String.init) ?? "unreadable"
        }
    }
}

enum SettingsLimits {
    static let fileOctets = 1 << 20
    static let items = 4096
}

/// One mapping of a file. Every key that is read is known; those that nobody read are unknown and `finish` says so.
final class Section {
    private let mapping: Node.Mapping
    private let line: Int
    let path: String
    let file: SettingsFile
    private var known: Set<String> = []

    init(_ mapping: Node.Mapping, line: Int, path: String, file: SettingsFile) {
        self.mapping = mapping
        self.line = line
        self.path = path
        self.file = file
    }

    func place(_ key: String) -> String { path.isEmpty ? key : path + "." + key }

    /// The line of a key, or of the section when the key is not there.
    func line(of key: String) -> Int {
        for (node, _) in mapping where node.string == key { return node.mark?.line ?? line }
        return line
    }

    private func node(_ key: String) -> Node? {
        known.insert(key)
        for (name, value) in mapping where name.string == key { return value }
        return nil
    }

    func has(_ key: String) -> Bool { node(key) != nil }

    /// True when the value is this word; anything else is left to be read.
    func says(_ key: String, _ word: String) -> Bool { node(key)?.scalar?.string == word }

    // MARK: Values

    /// A value that may be missing.
    func optional<Value>(_ key: String, _ valid: String, _ parse: (String) -> Value?) -> Value? {
        guard let node = node(key) else { return nil }
        guard let text = node.scalar?.string else {
            file.fault(line(of: key), place(key), "not a single value", valid)
            return nil
        }
        guard let value = parse(text) else {
            file.fault(line(of: key), place(key), "\"\(text.prefix(80))\" is not valid", valid)
            return nil
        }
        return value
    }

    func value<Value>(_ key: String, _ valid: String, default fallback: Value, _ parse: (String) -> Value?) -> Value {
        optional(key, valid, parse) ?? fallback
    }

    func required<Value>(_ key: String, _ valid: String, _ parse: (String) -> Value?) -> Value? {
        guard has(key) else {
            file.fault(line, place(key), "missing", valid)
            return nil
        }
        return optional(key, valid, parse)
    }

    // MARK: Structure

    func section(_ key: String) -> Section? {
        guard let node = node(key) else { return nil }
        guard let mapping = node.mapping else {
            file.fault(line(of: key), place(key), "not a section", "key: value lines, indented")
            return nil
        }
        return Section(mapping, line: line(of: key), path: place(key), file: file)
    }

    func requiredSection(_ key: String, _ valid: String) -> Section? {
        if !has(key) { file.fault(line, place(key), "missing", valid) }
        return section(key)
    }

    /// A list of sections; empty when it is missing.
    func sections(_ key: String) -> [Section] {
        items(key).compactMap { index, node in
            guard let mapping = node.mapping else {
                file.fault(node.mark?.line ?? line(of: key), "\(place(key))[\(index)]", "not a section", "- key: value")
                return nil
            }
            return Section(mapping, line: node.mark?.line ?? line, path: "\(place(key))[\(index)]", file: file)
        }
    }

    /// A list of values; nil when it is missing.
    func list<Value>(_ key: String, _ valid: String, _ parse: (String) -> Value?) -> [Value]? {
        guard has(key) else { return nil }
        return items(key).compactMap { index, node in
            guard let text = node.scalar?.string, let value = parse(text) else {
                let line = node.mark?.line ?? line(of: key)
                file.fault(
                    line, "\(place(key))[\(index)]", "\"\(node.scalar?.string.prefix(80) ?? "?")\" is not valid", valid)
                return nil
            }
            return value
        }
    }

    private func items(_ key: String) -> [(Int, Node)] {
        guard let node = node(key) else { return [] }
        guard let sequence = node.sequence, sequence.count <= SettingsLimits.items else {
            file.fault(line(of: key), place(key), "not a list", "- one item a line, at most \(SettingsLimits.items)")
            return []
        }
        return Array(sequence.enumerated()).map { ($0.offset, $0.element) }
    }

    /// Another reader tells what is wrong with the keys.
    func ignoreTheRest() { known.formUnion(mapping.compactMap { $0.key.string }) }

    /// Says which keys nobody knows, each with the nearest one that is known.
    func finish() {
        for (node, _) in mapping {
            guard let key = node.string else { continue }
            guard !known.contains(key) else { continue }
            let nearest = known.min { Self.distance($0, key) < Self.distance($1, key) }
            let hint = nearest.map { "nearest is \($0)" } ?? "no key here"
            file.fault(node.mark?.line ?? line, place(key), "unknown key", hint)
        }
    }

    /// Levenshtein's distance, to find what was meant.
    private static func distance(_ one: String, _ other: String) -> Int {
        let (a, b) = (Array(one.utf8), Array(other.utf8))
        var row = Array(0...b.count)
        for (i, left) in a.enumerated() {
            var diagonal = row[0]
            row[0] = i + 1
            for (j, right) in b.enumerated() {
                let cost = left == right ? diagonal : diagonal + 1
                diagonal = row[j + 1]
                row[j + 1] = min(cost, row[j] + 1, row[j + 1] + 1)
            }
        }
        return row[b.count]
    }
}
