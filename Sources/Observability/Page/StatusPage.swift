/// The page at `/`: one document that loads nothing from elsewhere. It draws what `/api/status`, `/api/history` and
/// `/api/events` tell, every two seconds.
///
/// Markup, style and scripts are files of their own beside this one. `page.html` refers to the others, and is served
/// with them put in where it does.
package enum StatusPage {
    package static let html: String = {
        var html = text(PackageResources.page_html)
        html.replace(
            "<link rel=\"stylesheet\" href=\"page.css\">\n",
            with: "<style>\n\(text(PackageResources.page_css))</style>\n")
        html.replace(
            scripts.map { "<script src=\"\($0.name)\"></script>\n" }.joined(),
            with: "<script>\n\(scripts.map { text($0.bytes) }.joined())</script>\n")
        // Files end with a line feed, the document does not.
        html.removeLast()
        return html
    }()

    /// In the order in which `page.html` names them.
    private static let scripts = [
        (name: "plots.js", bytes: PackageResources.plots_js), (name: "map.js", bytes: PackageResources.map_js),
        (name: "flows.js", bytes: PackageResources.flows_js), (name: "live.js", bytes: PackageResources.live_js),
    ]

    private static func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }
}
