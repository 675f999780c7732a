import Synchronization

/// Values that any thread can add.
package final class Collected<Element: Sendable>: Sendable {
  private let storage = Mutex<[Element]>([])

  package init() {}

  package func add(_ element: Element) {
    storage.withLock { $0.append(element) }
  }

  package var all: [Element] { storage.withLock { $0 } }
}
