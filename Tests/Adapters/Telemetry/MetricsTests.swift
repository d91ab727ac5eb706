import Telemetry
import Testing

@Suite struct MetricsTests {
    private func page() -> MetricsPage {
        var page = MetricsPage()
        page.info("gcks_build", "What runs.", ["version": "1.0", "role": "frontend"])
        var counter = LabelledCounter()
        counter.add("b", "granted")
        counter.add("a", "refused", count: 3)
        page.counter("gcks_registrations", "Decided \"now\".", labels: ["group", "result"], counter)
        page.gauge("gcks_ike_half_open", "Half open.", 7)
        var histogram = Histogram(bounds: [0.1, 1])
        for value in [0.05, 0.1, 0.5, 5] { histogram.observe(value) }
        page.histogram("gcks_wait_seconds", "Waits.", histogram)
        return page
    }

    /// The whole of both formats, octet by octet: what scrapers have to read.
    @Test func thePrometheusPage() {
        #expect(
            page().text(.prometheus) == """
                # HELP gcks_build_info What runs.
                # TYPE gcks_build_info gauge
                gcks_build_info{version="1.0",role="frontend"} 1
                # HELP gcks_registrations_total Decided "now".
                # TYPE gcks_registrations_total counter
                gcks_registrations_total{group="a",result="refused"} 3
                gcks_registrations_total{group="b",result="granted"} 1
                # HELP gcks_ike_half_open Half open.
                # TYPE gcks_ike_half_open gauge
                gcks_ike_half_open 7
                # HELP gcks_wait_seconds Waits.
                # TYPE gcks_wait_seconds histogram
                gcks_wait_seconds_bucket{le="0.1"} 2
                gcks_wait_seconds_bucket{le="1.0"} 3
                gcks_wait_seconds_bucket{le="+Inf"} 4
                gcks_wait_seconds_sum 5.65
                gcks_wait_seconds_count 4
                # HELP gcks_metrics_series_dropped Rows of this page that were left out, for there are too many.
                # TYPE gcks_metrics_series_dropped gauge
                gcks_metrics_series_dropped 0

                """)
    }

    @Test func theOpenMetricsPage() {
        let text = page().text(.openMetrics)
        #expect(text.hasPrefix("# HELP gcks_build What runs.\n# TYPE gcks_build info\ngcks_build_info{"))
        #expect(text.contains("# HELP gcks_registrations Decided \\\"now\\\".\n# TYPE gcks_registrations counter\n"))
        #expect(text.contains("\ngcks_registrations_total{group=\"a\",result=\"refused\"} 3\n"))
        #expect(text.contains("# TYPE gcks_wait_seconds histogram\n# UNIT gcks_wait_seconds seconds\n"))
        #expect(text.hasSuffix("\n# EOF\n"))
    }

    @Test func whateverALabelHoldsStaysOneLine() {
        var page = MetricsPage()
        page.gauge("x", "A\nb\\c", labels: ["group"], [.init(["a\"b\\c\nd"], .integer(1))])
        let text = page.text(.prometheus)
        #expect(text.contains("# HELP x A\\nb\\\\c\n"))
        #expect(text.contains("x{group=\"a\\\"b\\\\c\\nd\"} 1\n"))
        page.gauge("y", "Long.", labels: ["group"], [.init([String(repeating: "é", count: 4000)], .integer(1))])
        #expect(page.text(.prometheus).utf8.count < 1000)
    }

    @Test func rowsAreBoundedAndWhatIsLeftOutIsCounted() {
        var page = MetricsPage()
        let rows = (0..<MetricLimits.series + 5).map { MetricsPage.Row(["\($0)"], .integer(1)) }
        page.gauge("x", "Many.", labels: ["n"], rows)
        page.gauge("y", "A row with a wrong number of labels.", labels: ["n"], [.init(.integer(1))])
        let text = page.text(.prometheus)
        #expect(text.split(separator: "\n").count { $0.hasPrefix("x{") } == MetricLimits.series)
        #expect(text.contains("gcks_metrics_series_dropped 6\n"))
        #expect(!text.contains("# TYPE y"))
    }

    @Test func labelSetsAreBounded() {
        var counter = LabelledCounter(limit: 2)
        for group in ["a", "b", "c", "d", "a"] { counter.add(group, "granted") }
        #expect(counter.counts == [["a", "granted"]: 2, ["b", "granted"]: 1, ["other", "other"]: 2])
        var histograms = LabelledHistogram(bounds: [1], limit: 1)
        for group in ["a", "b", "c", "a"] { histograms.observe(0.5, group) }
        #expect(histograms.rows.mapValues(\.count) == ["a": 2, "other": 2])
    }

    @Test func aHistogramKeepsItsBounds() {
        var histogram = Histogram(bounds: [1, 2])
        for value in [0, 1, 1.0000001, 2, 2.1, -1, .nan, .infinity] { histogram.observe(value) }
        #expect(histogram.counts == [2, 2, 1])
        histogram.observe(.milliseconds(1500))
        #expect(histogram.counts == [2, 3, 1])
    }
}
