import HostSystem
import PortLeasing
import SystemPackage

/// A host that remembers what it was asked.
final class CountingHost: PortConditions {
  /// The ports that are not free.
  var statuses: [UInt16: PortStatus] = [:]
  /// The ports that cannot be looked at.
  var failures: [UInt16: Errno] = [:]
  /// What it has answered, in this order.
  var questions: [Question] = []
  /// The time, in nanoseconds since boot.
  var now: UInt64 = 1_000_000_000

  /// A look at a port.
  struct Question: Hashable {
    let port: UInt16
    let isThorough: Bool
  }

  func lease(_ holder: ProcessIdentity, user: UInt32 = 0) -> Lease {
    Lease(holder: holder, user: user, leasedAt: now)
  }

  func isFree(_ port: UInt16) throws(Errno) -> Bool {
    try answer(Question(port: port, isThorough: false)) == .free
  }

  func status(of port: UInt16) throws(Errno) -> PortStatus? {
    try answer(Question(port: port, isThorough: true))
  }

  private func answer(_ question: Question) throws(Errno) -> PortStatus {
    if let failure = failures[question.port] { throw failure }
    questions.append(question)
    return statuses[question.port] ?? .free
  }
}
