// picks PROCESSES THREADS PICKS: that many embedded picks in each of so many threads
// of so many processes that share the ledger which PORTPICKER_LEDGER names. Prints
// the microseconds for a pick, all of them together, and the milliseconds until the
// slowest process had its ports.

import Glibc
import PortPicker
import Synchronization

guard CommandLine.arguments.count == 4,
  let processes = Int(CommandLine.arguments[1]),
  let threads = Int(CommandLine.arguments[2]),
  let picks = Int(CommandLine.arguments[3])
else { exit(64) }
let options = PickOptions(source: .ledger, pool: [10000...60000])

/// Runs this program again as one of the processes, which begins when its standard
/// input ends: a child made by fork(2) alone is no place for a Swift runtime.
///
/// It waits until its descriptor 3 is at its end, so that processes that exit do not slow
/// down those that still pick.
func startPicker(_ gate: Int32, _ hold: Int32) -> pid_t {
  var actions = posix_spawn_file_actions_t()
  posix_spawn_file_actions_init(&actions)
  posix_spawn_file_actions_adddup2(&actions, gate, 0)
  posix_spawn_file_actions_adddup2(&actions, hold, 3)
  var child: pid_t = 0
  let arguments = [CommandLine.arguments[0], "0", "\(threads)", "\(picks)"]
  var pointers: [UnsafeMutablePointer<CChar>?] = arguments.map { strdup($0) }
  pointers.append(nil)
  posix_spawn(&child, "/proc/self/exe", &actions, nil, pointers, environ)
  return child
}

if processes == 0 {
  // Its own start is not measured: it is ready when it waits.
  _ = try pickUnusedPort(options: options)
  _ = write(1, "ready\n", 6)
  var byte: UInt8 = 0
  while read(0, &byte, 1) == 1 {}
  let failures = Atomic(0)
  onThreads(threads) { [picks, options] in
    for _ in 0..<picks where (try? pickUnusedPort(options: options)) == nil {
      failures.add(1, ordering: .relaxed)
    }
  }
  _ = write(1, "done\n", 5)
  while read(3, &byte, 1) == 1 {}
  exit(failures.load(ordering: .relaxed) == 0 ? 0 : 1)
}

var gate: [Int32] = [0, 0]
var hold: [Int32] = [0, 0]
var ready: [Int32] = [0, 0]
guard pipe(&gate) == 0, pipe(&hold) == 0, pipe(&ready) == 0 else { exit(1) }
for number in gate + hold + ready { _ = fcntl(number, F_SETFD, FD_CLOEXEC) }
let standardOutput = dup(1)
_ = fcntl(standardOutput, F_SETFD, FD_CLOEXEC)
dup2(ready[1], 1)
for _ in 0..<processes where startPicker(gate[0], hold[0]) == 0 { exit(1) }
dup2(standardOutput, 1)
close(ready[1])

/// Waits until every process has written a line.
@MainActor func waitForAll() {
  var lines = 0
  var byte: UInt8 = 0
  while lines < processes, read(ready[0], &byte, 1) == 1 {
    if byte == UInt8(ascii: "\n") { lines += 1 }
  }
}

// One that crashes would be waited for without end. If this process ends, all do.
alarm(120)
waitForAll()
let clock = ContinuousClock()
let start = clock.now
close(gate[0])
close(gate[1])
waitForAll()
let slowest = clock.now - start
close(hold[0])
close(hold[1])
var failures = 0
var status: Int32 = 0
while wait(&status) > 0 { if status != 0 { failures += 1 } }
print(
  slowest / .microseconds(1) / Double(processes * threads * picks),
  slowest / .milliseconds(1))
exit(failures == 0 ? 0 : 1)
