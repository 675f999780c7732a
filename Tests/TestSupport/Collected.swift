import Synchronization

/// What came in, from any thread.
package final class Collected<Element: Sendable>: Sendable {
  private let storage = Mutex<[Element]>([])

  package init() {}

  package func add(_ element: Element) {
    storage.withLock { $0.append(element) }
  }

  package var all: [Element] { storage.withLock { $0 } }
}
