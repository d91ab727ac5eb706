import Foundation

/// The repository's own files, read as text.
enum Repository {
    static let root: URL = {
        var url = URL(fileURLWithPath: #filePath)
        while url.path != "/", !FileManager.default.fileExists(atPath: url.appendingPathComponent("Package.swift").path)
        {
            url.deleteLastPathComponent()
        }
        return url
    }()

    struct Source {
        /// From the root, such as "Sources/Base/Octets/Hex.swift".
        let path: String
        let text: String

        /// "Base" of "Sources/Base/Octets/Hex.swift".
        var floor: String { part(1) }
        var room: String { part(2) }

        private func part(_ index: Int) -> String {
            let parts = path.split(separator: "/")
            return index < parts.count ? String(parts[index]) : ""
        }
    }

    /// Swift files below a folder, generated code left out.
    static func sources(below folder: String = "Sources") -> [Source] {
        let base = root.appendingPathComponent(folder)
        let files =
            FileManager.default.enumerator(at: base, includingPropertiesForKeys: nil)?.allObjects as? [URL] ?? []
        return files.filter {
            $0.pathExtension == "swift" && !$0.path.contains("/Generated/") && !$0.path.contains("/.build")
        }
        .sorted { $0.path < $1.path }
        .compactMap { url in
            guard let text = try? String(contentsOf: url, encoding: .utf8) else { return nil }
            return Source(path: String(url.path.dropFirst(root.path.count + 1)), text: text)
        }
    }

    static func text(_ path: String) -> String {
        (try? String(contentsOf: root.appendingPathComponent(path), encoding: .utf8)) ?? ""
    }

    static func exists(_ path: String) -> Bool {
        FileManager.default.fileExists(atPath: root.appendingPathComponent(path).path)
    }
}
