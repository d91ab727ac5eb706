import CCowsql
import GroupModel

/// Makes one surviving node the whole cluster, when the majority of the others is lost for good. What only they held is lost.
package enum TakeOver {
    /// Writes a configuration with this node as the only voter into its log. Nothing else may use the folder meanwhile.
    ///
    /// - Throws: when the folder is in use, holds no log, or belongs to another node; then it is as it was.
    package static func run(id: UInt64, name: String, dataDirectory: String) throws(StoreNodeFault) {
        let directory = try DataDirectory(path: dataDirectory, id: id, name: name)
        guard directory.holdsLog else {
            throw StoreNodeFault("data directory \(dataDirectory) holds no log to go on with")
        }
        var created: OpaquePointer?
        let made = cowsql_node_create(id, name, dataDirectory, &created)
        defer { cowsql_node_destroy(created) }
        guard made == 0, let node = created else {
            throw StoreNodeFault("the engine refuses data directory \(dataDirectory): \(EngineNode.message(created))")
        }
        // The role as the wire has it: ASSIGN 0.
        let voter: UInt64 = 0
        let result = name.withCString { address in
            var alone = cowsql_node_info_ext(
                size: UInt64(MemoryLayout<cowsql_node_info_ext>.size), id: id,
                address: UInt64(UInt(bitPattern: address)), cowsql_role: voter)
            return cowsql_node_recover_ext(node, &alone, 1)
        }
        guard result == 0 else {
            throw StoreNodeFault("the engine cannot take over \(dataDirectory): \(EngineNode.message(node))")
        }
    }
}
