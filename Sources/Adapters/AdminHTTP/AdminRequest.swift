/// A GET or HEAD.
package struct AdminRequest: Hashable, Sendable {
    /// Without the query.
    package let path: String
    /// The names of the query: "verbose" of "?verbose" and of "?verbose=1".
    package let flags: Set<String>
    /// The Accept header, or nothing.
    package let accept: String

    package init(path: String, flags: Set<String> = [], accept: String = "") {
        self.path = path
        self.flags = flags
        self.accept = accept
    }

    init(target: String, accept: String) {
        let parts = target.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
        path = parts.first.map(String.init) ?? ""
        let query = parts.count > 1 ? parts[1] : ""
        flags = Set(query.split(separator: "&").map { String($0.prefix { $0 != "=" }) })
        self.accept = accept
    }
}

package struct AdminReply: Hashable, Sendable {
    package let status: Int
    package let contentType: String
    package let body: String

    package init(status: Int = 200, contentType: String = "text/plain; charset=utf-8", _ body: String) {
        self.status = status
        self.contentType = contentType
        self.body = body
    }
}
