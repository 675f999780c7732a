import CTestSupport
import Foundation
import TestSupport
import Testing

/// Failures around a server: it reports them, and recovers.
@Suite(.alone) struct FaultTests {
  @Test func whereDescriptorsRunOutClientsWait() throws {
    let server = try RunningServer(pool: try unusedTestPool(9))
    let next = try server.process.nextDescriptors()
    // None for a client, and then one more each time: for the client, for a
    // pidfd, for a probe.
    try server.process.setLimit("nofile", to: next[0])
    let client = try UnixClient(connectingTo: server.address)
    try client.send("\(getpid())\n")
    try server.waitForLog("cannot accept clients: Too many open files")
    for more in 1...6 {
      try server.process.setLimit("nofile", to: next[more])
      // A port or a refusal, but an answer.
      _ = try server.lease(for: getpid())
    }
    try server.process.setLimit("nofile", to: 1024)
    _ = try client.receiveAll()
    var ports = try server.statistics()["total-allocations"] ?? 0
    while try server.lease(for: getpid()) != nil { ports += 1 }
    #expect(ports == 9)
  }

  /// A server in a container checks whether `/proc` is its own at its first
  /// request, and that takes a descriptor.
  @Test(.enabled(if: canUnshare, "unshare(1) may not make namespaces"))
  func aCheckOfProcThatFailsForWantOfDescriptorsIsRepeated() throws {
    let directory = try TemporaryDirectory()
    let result = try Command(
      "/usr/bin/env",
      [
        "unshare", "--pid", "--fork", "--mount-proc", "sh", "-c",
        """
        "$1" --pool "$2" --address "$3" --no-state 2>"$4" & server=$!
        until grep -q "listening on" "$4"; do :; done
        for limit in $(seq 6 16) 1024; do
          prlimit --pid $server "--nofile=$limit:"
          port=$("$0" --server "$3" --require-server --timeout 0.3 $$ 2>/dev/null)
          status=$?
        done
        echo $status; grep -c "Too many open files" "$4"
        """, Command.portpickerPath, Command.portserverPath,
        try unusedTestPool(16), RunningServer.unusedAddress(),
        directory.file("log"),
      ]
    ).run()
    let lines = result.output.split(separator: "\n")
    #expect(lines.first == "0", "\(result)")
    // Otherwise nothing was scarce.
    #expect(lines.last != "0", "\(result)")
  }

  @Test func withoutIPv6PortsAreProbedAllTheSame() async {
    await #expect(processExitsWith: .success) {
      try #require(cts_forbid_ipv6() == 0)
      let (taken, free) = (try unusedTestPort(), try unusedTestPort())
      let outsider = try TestSocket(
        .tcp, at: .loopbackIPv4, port: taken, listening: true)
      // It inherits the restriction.
      let server = try RunningServer(pool: "\(taken),\(free)")
      #expect(try server.lease(for: getpid()) == Int(free))
      #expect(try server.lease(for: getpid()) == nil)
      withExtendedLifetime(outsider) {}
    }
  }

  @Test(
    .enabled(if: canUnshare && getuid() == 0, "it takes root and namespaces"))
  func processesThatProcHidesGetNoPorts() throws {
    let program = try FileHandle(
      forReadingFrom: URL(fileURLWithPath: Command.portserverPath))
    let directory = try TemporaryDirectory()
    let fifo = directory.file("fifo")
    try #require(mkfifo(fifo, 0o600) == 0)
    let address = RunningServer.unusedAddress()
    let server = try Command(
      "/usr/bin/env",
      [
        "unshare", "--mount", "--propagation", "private", "sh", "-c",
        """
        exec 3<"$0" 4<>"$1"
        shift
        mount -o remount,hidepid=2 /proc || exit 9
        (read -r go <&4; mount -o remount,hidepid=0 /proc) &
        exec setpriv --reuid 60001 --regid 60001 --clear-groups \
          /proc/self/fd/3 "$@"
        """, "/proc/\(getpid())/fd/\(program.fileDescriptor)", fifo,
        "--no-state", "--pool", try unusedTestPool(2), "--address", address,
      ]
    ).start()
    defer {
      server.kill()
      _ = try? server.finish()
    }
    try server.waitForErrorLine("listening on")
    #expect(cts_ask(address, getpid(), 0, 0) == 0)
    try server.waitForErrorLine("/proc hides it (hidepid)")
    try Data("go\n".utf8).write(to: URL(fileURLWithPath: fifo))
    while cts_ask(address, getpid(), 0, 0) == 0 {}
    withExtendedLifetime(program) {}
  }

  @Test(
    .enabled(
      if: access("/usr/bin/cc", X_OK) == 0 || clang != nil,
      "there is no C compiler"))
  func aWallClockThatJumpsChangesNothing() throws {
    let directory = try TemporaryDirectory()
    let (source, library) = (
      directory.file("clock.c"), directory.file("clock.so")
    )
    try clockThatJumps.write(
      toFile: source, atomically: true, encoding: .utf8)
    let compiled = try Command(
      "/usr/bin/env",
      [Self.clang ?? "cc", "-shared", "-fPIC", "-o", library, source]
    ).run()
    try #require(compiled.status == 0, "\(compiled.errors)")
    let server = try RunningServer(
      pool: try unusedTestPool(2), ["--debug", "--client-timeout", "0.05"],
      environment: ["LD_PRELOAD": library])
    let years = Set(server.logged.map { $0.prefix(4) })
    for _ in 0..<10 {
      let holder = try HolderProcess()
      #expect(try server.lease(for: holder.number) != nil)
      #expect(try server.lease(for: holder.number) != nil)
      #expect(try server.lease(for: getpid()) == nil)
      holder.end()
      let silent = try UnixClient(connectingTo: server.address)
      #expect(try silent.receiveAll() == "")
    }
    _ = try server.statistics()
    // The log shows that it did jump.
    #expect(years.union(server.logged.map { $0.prefix(4) }).count > 2)
  }

  private static let clang: String? =
    (try? Command("/usr/bin/env", ["clang", "--version"]).run())?.status == 0
    ? "clang" : nil

  /// A C library whose clock jumps at each reading.
  private let clockThatJumps = """
    #define _GNU_SOURCE
    #include <dlfcn.h>
    #include <sys/time.h>
    #include <time.h>
    static time_t jump(void) {
      static unsigned long state = 1;
      state = state * 6364136223846793005ul + 1442695040888963407ul;
      return (time_t)(state >> 34);
    }
    time_t time(time_t *result) {
      time_t now = jump();
      if (result) *result = now;
      return now;
    }
    int gettimeofday(struct timeval *now, void *zone) {
      now->tv_sec = jump();
      now->tv_usec = 0;
      return 0;
    }
    int clock_gettime(clockid_t clock, struct timespec *now) {
      static int (*next)(clockid_t, struct timespec *);
      if (!next) *(void **)&next = dlsym(RTLD_NEXT, "clock_gettime");
      int result = next(clock, now);
      if (clock == CLOCK_REALTIME) now->tv_sec = jump();
      return result;
    }
    """
}
