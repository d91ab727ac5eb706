import GroupModel

/// Which life the cluster is in: one row, a number that only grows.
enum LifeTable {
    static let schema = [
        """
        CREATE TABLE cluster_life (
            only_row INTEGER PRIMARY KEY CHECK (only_row = 1),
            life INTEGER NOT NULL CHECK (life BETWEEN 1 AND 4095)
        ) STRICT
        """,
        "INSERT INTO cluster_life (only_row, life) VALUES (1, 1)",
        """
        CREATE TRIGGER cluster_life_grows BEFORE UPDATE ON cluster_life WHEN NEW.life <= OLD.life
        BEGIN SELECT RAISE(ABORT, 'the life goes back'); END
        """,
    ]

    static let read = "SELECT life FROM cluster_life"
    static let set = "UPDATE cluster_life SET life = ? WHERE only_row = 1"

    static func life(_ row: SQLRow) throws(StoreFailure) -> ClusterLife {
        var reader = RowReader(row, of: "cluster_life")
        guard let life = ClusterLife(rawValue: try reader.number("life")) else {
            throw .incompatible("cluster_life holds no life")
        }
        return life
    }
}
