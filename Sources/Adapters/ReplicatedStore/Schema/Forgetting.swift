extension Tables {
    /// Forget operations and the Sender-IDs they gave, the oldest first; each statement takes a time and a number of rows.
    ///
    /// Forgotten Sender-IDs stay refused: the floor of their group rises above them first.
    static let forgetStatements = [
        """
        UPDATE group_state SET sender_id_floor = max(sender_id_floor, gone.floor)
        FROM (
            SELECT group_name, max(id) + 1 AS floor FROM (\(oldestSenderIDs)) GROUP BY group_name
        ) AS gone
        WHERE gone.group_name = group_state.name
        """,
        "DELETE FROM sender_id WHERE (group_name, id) IN (\(oldestSenderIDs))",
        """
        DELETE FROM operation WHERE rowid IN (
            SELECT rowid FROM operation WHERE at < ? ORDER BY at, rowid LIMIT ?)
        """,
    ]

    private static let oldestSenderIDs = """
        SELECT group_name, id FROM sender_id WHERE given_at < ? ORDER BY given_at, group_name, id LIMIT ?
        """
}
