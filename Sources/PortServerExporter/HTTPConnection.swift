import NIOCore
import NIOHTTP1

/// A connection of a client: it answers one request after another, each within a
/// deadline.
final class HTTPConnection: ChannelInboundHandler {
  typealias InboundIn = HTTPServerRequestPart
  typealias OutboundOut = HTTPServerResponsePart

  private let site: Site
  private let limits: HTTPLimits
  /// The request that is being received, or answered.
  private var request: HTTPRequestHead?
  private var bodyLength = 0
  private var isAnswering = false
  /// The answer to a `HEAD` request, which states the length of the whole body.
  private var held: HTTPAnswer?
  /// Whether the client has sent everything that it wants to send.
  private var hasFinished = false
  /// Closes the connection.
  private var deadline: Scheduled<Void>?

  init(_ site: Site, _ limits: HTTPLimits) {
    self.site = site
    self.limits = limits
  }

  // MARK: - Deadlines

  func handlerAdded(context: ChannelHandlerContext) {
    closeUnlessDone(within: limits.request, context)
  }

  func channelInactive(context: ChannelHandlerContext) {
    deadline?.cancel()
    context.fireChannelInactive()
  }

  private func closeUnlessDone(
    within time: TimeAmount, _ context: ChannelHandlerContext
  ) {
    deadline?.cancel()
    let channel = context.channel
    deadline = context.eventLoop.scheduleTask(in: time) {
      channel.close(promise: nil)
    }
  }

  // MARK: - Requests

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    switch unwrapInboundIn(data) {
    case .head(let head):
      request = head
      bodyLength = 0
    case .body(let bytes):
      // No request here needs a body.
      bodyLength += bytes.readableBytes
      if bodyLength > limits.bodyLength { context.close(promise: nil) }
    case .end:
      guard let request, !isAnswering else { return }
      isAnswering = true
      closeUnlessDone(within: limits.answer, context)
      answer(request, context)
    }
  }

  /// A client that has closed its side still gets its answer.
  func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
    if event as? ChannelEvent == .inputClosed {
      hasFinished = true
      if !isAnswering { context.close(promise: nil) }
    }
    context.fireUserInboundEventTriggered(event)
  }

  /// A malformed request has been answered by NIO's handler.
  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    context.close(promise: nil)
  }

  private func answer(
    _ request: HTTPRequestHead, _ context: ChannelHandlerContext
  ) {
    let question = HTTPQuestion(
      method: request.method.rawValue, target: request.uri,
      host: request.headers.first(name: "Host"),
      isOnLoopback: context.channel.localAddress?.isLoopback ?? false)
    let here = NIOLoopBound((self, context), eventLoop: context.eventLoop)
    let loop = context.eventLoop
    site.answer(question) { part in
      loop.execute {
        let (connection, context) = here.value
        connection.send(part, context)
      }
    }
  }

  // MARK: - Answers

  private func send(_ part: Site.Part, _ context: ChannelHandlerContext) {
    guard isAnswering, context.channel.isActive, let request else { return }
    switch part {
    case .start(let answer, isComplete: false) where request.method == .HEAD:
      held = answer
    case .start(let answer, let isComplete):
      begin(answer, isComplete: isComplete, to: request, context)
      if isComplete { finish(request, context) } else { context.flush() }
    case .rest(let text):
      if var answer = held {
        held = nil
        answer.body += text
        begin(answer, isComplete: true, to: request, context)
      }
      write(text, for: request, context)
      finish(request, context)
    }
  }

  private func begin(
    _ answer: HTTPAnswer, isComplete: Bool, to request: HTTPRequestHead,
    _ context: ChannelHandlerContext
  ) {
    var fields = HTTPHeaders([
      ("Content-Type", answer.contentType), ("Cache-Control", "no-store"),
      ("X-Content-Type-Options", "nosniff"),
      ("Referrer-Policy", "no-referrer"),
    ])
    for (name, value) in answer.fields {
      fields.replaceOrAdd(name: name, value: value)
    }
    if isComplete {
      fields.add(name: "Content-Length", value: "\(answer.body.utf8.count)")
    }
    if !staysOpen(after: request) {
      fields.add(name: "Connection", value: "close")
    }
    let head = HTTPResponseHead(
      version: request.version,
      status: HTTPResponseStatus(statusCode: answer.status), headers: fields)
    context.write(wrapOutboundOut(.head(head)), promise: nil)
    write(answer.body, for: request, context)
  }

  private func write(
    _ text: String, for request: HTTPRequestHead,
    _ context: ChannelHandlerContext
  ) {
    if request.method == .HEAD || text.isEmpty { return }
    let bytes = context.channel.allocator.buffer(string: text)
    context.write(wrapOutboundOut(.body(.byteBuffer(bytes))), promise: nil)
  }

  private func finish(
    _ request: HTTPRequestHead, _ context: ChannelHandlerContext
  ) {
    let here = NIOLoopBound((self, context), eventLoop: context.eventLoop)
    // The next request may arrive during the call below.
    isAnswering = false
    context.writeAndFlush(wrapOutboundOut(.end(nil))).whenComplete { _ in
      let (connection, context) = here.value
      connection.hasSent(request, context)
    }
  }

  private func hasSent(
    _ request: HTTPRequestHead, _ context: ChannelHandlerContext
  ) {
    guard context.channel.isActive else { return }
    if !staysOpen(after: request) {
      context.close(promise: nil)
    } else if !isAnswering {
      closeUnlessDone(within: limits.idle, context)
    }
  }

  private func staysOpen(after request: HTTPRequestHead) -> Bool {
    request.isKeepAlive && request.version == .http1_1 && !hasFinished
  }
}

/// How long clients may take, and how much they may send.
struct HTTPLimits: Sendable {
  /// From connecting to the end of the first request.
  var request = TimeAmount.seconds(5)
  /// From one answer to the end of the next request.
  var idle = TimeAmount.seconds(75)
  /// From a request to the end of its answer.
  var answer = TimeAmount.seconds(15)
  /// How many bytes of a body are read before the connection is closed.
  var bodyLength = 1 << 16
}

extension SocketAddress {
  /// Whether only this host can reach the address.
  var isLoopback: Bool {
    guard let ipAddress else { return false }
    return ipAddress.hasPrefix("127.") || ipAddress == "::1"
      || ipAddress.hasPrefix("::ffff:127.")
  }
}
