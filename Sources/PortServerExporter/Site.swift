import HostSystem
import PortServerClient

/// What the exporter answers to requests of HTTP.
///
/// It only reads.
package final class Site: Sendable {
  private let server: ObservedServer
  private let history: History
  private let options: PageOptions
  private let commands: HolderCommands?

  /// - Parameters:
  ///   - server: The server to report on.
  ///   - history: The server's last hour.
  ///   - options: What the page shows.
  package init(
    _ server: ObservedServer, history: History, _ options: PageOptions
  ) {
    self.server = server
    self.history = history
    self.options = options
    commands = options.showsCommands ? HolderCommands() : nil
  }

  /// A part of an answer.
  enum Part: Sendable {
    /// The answer, which is complete or not.
    case start(HTTPAnswer, isComplete: Bool)
    /// The rest of the body.
    case rest(String)
  }

  /// What receives the parts, on any thread.
  typealias Receiver = @Sendable (Part) -> Void

  /// What there is, by path.
  private enum Place: String {
    case page = "/"
    case metrics = "/metrics"
    case health = "/healthz"
    case style = "/page.css"
    case script = "/page.js"
  }

  /// Answers a request.
  ///
  /// - Parameters:
  ///   - question: The request.
  ///   - deliver: Called with the answer, or with its two parts, on any thread.
  func answer(_ question: HTTPQuestion, _ deliver: @escaping Receiver) {
    guard question.isForThisHost else {
      finish(
        .line(
          421,
          "this host has another name than the one that was asked for; use "
            + "localhost or 127.0.0.1"), deliver)
      return
    }
    guard let place = Place(rawValue: question.path) else {
      finish(
        .line(404, "there is no such page; see /, /metrics and /healthz"),
        deliver)
      return
    }
    guard ["GET", "HEAD"].contains(question.method) else {
      var answer = HTTPAnswer.line(
        405, "the method must be GET or HEAD; nothing can be changed here")
      answer.fields = [("Allow", "GET, HEAD")]
      finish(answer, deliver)
      return
    }
    switch place {
    case .page: sendPage(question, deliver)
    case .metrics: sendMetrics(deliver)
    case .health: sendHealth(deliver)
    case .style:
      finish(.file(PageFiles.style, "text/css; charset=utf-8"), deliver)
    case .script:
      finish(.file(PageFiles.script, "text/javascript; charset=utf-8"), deliver)
    }
  }

  private func finish(_ answer: HTTPAnswer, _ deliver: Receiver) {
    deliver(.start(answer, isComplete: true))
  }

  private func sendMetrics(_ deliver: @escaping Receiver) {
    server.read { reading in
      let answer = HTTPAnswer(
        status: 200, contentType: "text/plain; version=0.0.4; charset=utf-8",
        body: metrics(of: reading))
      deliver(.start(answer, isComplete: true))
    }
  }

  private func sendHealth(_ deliver: @escaping Receiver) {
    server.read { reading in
      let answer: HTTPAnswer =
        switch reading.result {
        case .success: .line(200, "ok")
        case .failure(let error): .line(503, error.description)
        }
      deliver(.start(answer, isComplete: true))
    }
  }

  // MARK: - The page

  private static let pageFields = [
    (
      "Content-Security-Policy",
      "default-src 'none'; style-src 'self'; script-src 'self'; "
        + "connect-src 'self'; img-src data:; form-action 'self'; "
        + "base-uri 'none'; frame-ancestors 'none'"
    )
  ]

  private func sendPage(
    _ question: HTTPQuestion, _ deliver: @escaping Receiver
  ) {
    server.read { reading in
      let page = Page(
        options: self.options, question: question,
        address: self.server.client.address.text, reading: reading,
        samples: self.history.samples(until: reading))
      var answer = HTTPAnswer(
        status: 200, contentType: "text/html; charset=utf-8",
        fields: Self.pageFields, body: page.start.source)
      guard case .success(let status) = reading.result else {
        answer.status = 503
        answer.body += page.end.source
        deliver(.start(answer, isComplete: true))
        return
      }
      deliver(.start(answer, isComplete: false))
      self.sendLeases(of: status, page, deliver)
    }
  }

  private func sendLeases(
    of status: ServerStatus, _ page: Page, _ deliver: @escaping Receiver
  ) {
    server.readLeases { result in
      let part: HTML =
        switch result {
        case .success(let leases):
          LeasesPart(
            leases, pool: status.pool, search: page.search,
            number: page.question.query["page"].flatMap { Int($0) } ?? 1,
            commands: self.commands
          ).html
        case .failure(let error):
          """
          <section id="leases" aria-labelledby="leases-title" tabindex="-1">
          <h2 id="leases-title">Leases</h2>
          <div id="lease-list" data-live>
          <p class="down" role="alert">\(error.description)</p>
          </div>
          </section>

          """
        }
      deliver(.rest(part.source + page.end.source))
    }
  }
}
