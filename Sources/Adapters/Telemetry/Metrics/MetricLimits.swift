/// What a page of metrics may hold at most. Labels carry names that operators chose and closed sets of words, never what a peer
/// sent; the bounds hold all the same.
package enum MetricLimits {
    /// Rows of one family; more are left out and counted in `gcks_metrics_series_dropped`.
    package static let series = 4096
    /// Label sets of one counter; further ones are counted under `other`.
    package static let labelSets = 1024
    static let labelOctets = 128
}
