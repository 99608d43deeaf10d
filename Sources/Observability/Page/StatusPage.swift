/// The page at `/`: one document without anything from elsewhere. It draws what `/api/status`, `/api/history` and
/// `/api/events` tell, every two seconds.
enum StatusPage {
    static let html = """
        <!DOCTYPE html>
        <html lang="en">
        <head>
        <meta charset="utf-8">
        <meta name="viewport" content="width=device-width, initial-scale=1">
        <title>replicator</title>
        <link rel="icon" href="data:,">
        <style>
        \(style)
        </style>
        </head>
        <body>
        \(markup)
        <script>
        \(plots)
        \(map)
        \(flows)
        \(live)
        </script>
        </body>
        </html>
        """
}
