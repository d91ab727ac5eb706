import IKEVocabulary

extension Section {
    /// Where metrics and health are shown; nil when they are not. A port alone is one on 127.0.0.1.
    func admin() -> Endpoint? {
        guard let section = section("admin") else { return nil }
        defer { section.finish() }
        return section.required("listen", Forms.adminListen, Forms.adminListen)
    }
}

extension Forms {
    static let adminListen = "a port on 127.0.0.1, or ADDRESS:PORT"
    static func adminListen(_ text: String) -> Endpoint? {
        if let port = UInt16(text) { return port == 0 ? nil : IPAddress("127.0.0.1").map { Endpoint($0, port: port) } }
        return Endpoint(text).flatMap { $0.port == 0 || $0.address.isMulticast ? nil : $0 }
    }
}
