import HostSystem
import PortServerClient

/// The part of the page that shows leases.
struct LeasesPart {
  let served: ServedLeases
  let pool: [ClosedRange<UInt16>]
  /// What is searched for; empty for everything.
  let search: String
  /// The page of the table, from 1 on.
  let number: Int
  let commands: HolderCommands?
  private let names: UserNames
  /// The leases that the search finds.
  private let found: [ServedLease]

  /// How many leases a page of the table has.
  static let pageSize = 100
  private static let holderCount = 10

  /// - Parameters:
  ///   - served: The leases.
  ///   - pool: The server's ports.
  ///   - search: What is searched for.
  ///   - number: The page of the table.
  ///   - commands: Reads the commands of processes; `nil` to show none.
  init(
    _ served: ServedLeases, pool: [ClosedRange<UInt16>], search: String,
    number: Int, commands: HolderCommands?
  ) {
    self.served = served
    self.pool = pool
    self.search = search
    self.commands = commands
    names = UserNames(of: Set(served.leases.map(\.user)))
    let matching = LeaseSearch(
      search, names: names, searchesNames: commands != nil)
    found =
      matching.isEmpty
      ? served.leases : served.leases.filter { matching.matches($0) }
    let pages = (found.count + Self.pageSize - 1) / Self.pageSize
    self.number = min(max(number, 1), max(pages, 1))
  }

  var html: HTML {
    let holders = holders
    let rows = Array(
      found.dropFirst((number - 1) * Self.pageSize).prefix(Self.pageSize))
    let texts = commands?.texts(
      of: rows + holders.map(\.lease), of: served)
    return """
      <section id="map" aria-labelledby="map-title" data-live>
      <h2 id="map-title">Map</h2>
      \(map)
      </section>
      <section id="holders" aria-labelledby="holders-title" data-live>
      <h2 id="holders-title">Processes with most ports</h2>
      \(table(of: holders, texts))
      </section>
      <section id="leases" aria-labelledby="leases-title" tabindex="-1">
      <h2 id="leases-title">Leases</h2>
      <form role="search" method="get" action="./#leases">
      <label for="q">Port, pid\(commands == nil ? "" : ", command") or \
      user</label>
      <input id="q" name="q" type="search" value="\(search)" maxlength="100" \
      autocomplete="off" autocapitalize="off" spellcheck="false">
      <button>Search</button>
      </form>
      <div id="lease-list" data-live>
      \(list(of: rows, texts))
      </div>
      </section>

      """
  }

  private var map: HTML {
    PortMap(
      pool: pool, leased: served.leases.map(\.port), inUse: served.portsInUse,
      found: search.isEmpty ? nil : found.map(\.port)
    ).html
  }

  // MARK: - Holders

  /// A process and how many ports it has.
  private struct Holder {
    /// One of its leases.
    let lease: ServedLease
    var count: Int
  }

  private var holders: [Holder] {
    var byPID: [Int32: Holder] = [:]
    for lease in served.leases {
      byPID[lease.pid, default: Holder(lease: lease, count: 0)].count += 1
    }
    return Array(
      byPID.values
        .sorted {
          $0.count == $1.count
            ? $0.lease.port < $1.lease.port : $0.count > $1.count
        }
        .prefix(Self.holderCount))
  }

  private func table(of holders: [Holder], _ texts: [Int32: String]?) -> HTML {
    if holders.isEmpty {
      return "<p class=\"quiet\">No process holds a port.</p>"
    }
    let most = holders[0].count
    let rows = holders.map { holder -> HTML in
      """
      <tr><td class="number">\(grouped(holder.count))</td>\
      <td class="share-bar"><svg viewBox="0 0 100 1" \
      preserveAspectRatio="none" aria-hidden="true"><rect \
      width="\(holder.count * 100 / most)" height="1"/></svg></td>\
      <td class="number">\(link(to: "\(holder.lease.pid)"))</td>\
      <td>\(link(to: names.text(of: holder.lease.user)))</td>\
      \(command(of: holder.lease, texts))</tr>

      """
    }
    return """
      <div class="scroll"><table>
      <thead><tr><th class="number">Ports</th><th></th><th class="number">Pid\
      </th><th>User</th>\(commandHeader)</tr></thead>
      <tbody>
      \(rows.joined())</tbody></table></div>
      """
  }

  // MARK: - Leases

  private func list(of rows: [ServedLease], _ texts: [Int32: String]?) -> HTML {
    if found.isEmpty {
      let text =
        search.isEmpty
        ? "No port is leased." : "No lease matches “\(search)”."
      return "<p class=\"count\" role=\"status\">\(text)</p>"
    }
    let first = (number - 1) * Self.pageSize + 1
    let span =
      rows.count == found.count
      ? "\(grouped(found.count))"
      : "\(grouped(first))–\(grouped(first + rows.count - 1)) of "
        + grouped(found.count)
    let isOne = found.count == 1
    let what =
      (isOne ? "lease" : "leases")
      + (search.isEmpty
        ? "" : (isOne ? " that matches" : " that match") + " “\(search)”")
    let body = rows.map { lease -> HTML in
      """
      <tr><td class="number">\(UInt(lease.port))</td>\
      <td class="number">\(lease.pid)</td><td>\(names.text(of: lease.user))</td>\
      <td class="number">\(durationText(Int(lease.age.components.seconds)))</td>\
      \(command(of: lease, texts))</tr>

      """
    }
    return """
      <p class="count" role="status">\(span) \(what)</p>
      <div class="scroll"><table>
      <thead><tr><th class="number">Port</th><th class="number">Pid</th>\
      <th>User</th><th class="number">Age</th>\(commandHeader)</tr></thead>
      <tbody>
      \(body.joined())</tbody></table></div>
      \(pages)
      """
  }

  private var commandHeader: HTML {
    commands == nil ? HTML() : "<th>Command</th>"
  }

  private func command(of lease: ServedLease, _ texts: [Int32: String]?) -> HTML
  {
    guard let texts else { return HTML() }
    return """
      <td class="command"><bdi>\(texts[lease.pid] ?? lease.name ?? "?")</bdi></td>
      """
  }

  private func link(to word: String) -> HTML {
    "<a href=\"./?q=\(percentEncoded(word))#leases\">\(word)</a>"
  }

  /// Links to the other pages of the table.
  private var pages: HTML {
    let count = (found.count + Self.pageSize - 1) / Self.pageSize
    if count <= 1 { return HTML() }
    func link(_ page: Int, _ text: HTML, _ id: HTML) -> HTML {
      guard page >= 1, page <= count, page != number else {
        return "<span aria-disabled=\"true\">\(text)</span>"
      }
      let query =
        (search.isEmpty ? "" : "q=\(percentEncoded(search))&") + "page=\(page)"
      return "<a id=\"\(id)\" href=\"./?\(query)#leases\">\(text)</a>"
    }
    return """
      <nav class="pages" aria-label="Pages of leases">\
      \(link(1, "First", "page-first")) \
      \(link(number - 1, "Previous", "page-previous")) \
      <span aria-current="page">Page \(grouped(number)) of \
      \(grouped(count))</span> \
      \(link(number + 1, "Next", "page-next")) \
      \(link(count, "Last", "page-last"))</nav>
      """
  }
}
