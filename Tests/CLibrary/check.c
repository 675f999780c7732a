#define _GNU_SOURCE
#include "check.h"

#include <errno.h>
#include <ftw.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

char message[PP_MESSAGE_SIZE];
char directory[64];

enum { SKIPPED = 77 };

static struct {
  const char *name;
  void (*body)(void);
} tests[100];
static int count;

void add_test(const char *name, void (*body)(void)) {
  if (count == sizeof tests / sizeof *tests) abort();
  tests[count].name = name;
  tests[count++].body = body;
}

void fail(const char *file, int line, const char *condition, const char *details) {
  dprintf(2, "%s:%d: %s [%s]\n", file, line, condition, details);
  _exit(1);
}

void fail_result(const char *file, int line, const char *call, int result,
                 int expected, const char *details) {
  dprintf(2, "%s:%d: %s is %d, not %d [%s]\n", file, line, call, result, expected,
          details);
  _exit(1);
}

void skip(const char *reason) {
  printf("  skipped: %s\n", reason);
  fflush(stdout);
  _exit(SKIPPED);
}

char *in_directory(const char *name) {
  static char paths[32][128];
  static int next;
  if (next == sizeof paths / sizeof *paths) abort();
  snprintf(paths[next], sizeof *paths, "%s/%s", directory, name);
  return paths[next++];
}

// As unusedTestBlock() of Tests/TestSupport does it.
static bool claim_block(int first) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  int length = snprintf(address.sun_path + 1, sizeof address.sun_path - 1,
                        "portpicker-test-ports-%d", first);
  int claim = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  socklen_t size = offsetof(struct sockaddr_un, sun_path) + 1 + length;
  if (claim >= 0 && bind(claim, (struct sockaddr *)&address, size) == 0) return true;
  close(claim);
  return false;
}

const char *test_pool(int wanted, int *first) {
  static char pools[8][32];
  static int next;
  int start = getpid() % 100;
  for (int i = 0; i < 100; i++) {
    int block = 5000 + (start + i) % 100 * 50;
    if (!claim_block(block)) continue;
    int run = 0;
    for (int port = block; port < block + 50 && run < wanted; port++)
      run = can_bind(port, SOCK_STREAM) && can_bind(port, SOCK_DGRAM) ? run + 1 : 0;
    if (run < wanted) continue;
    // The block begins with other ports if one of them is in use.
    for (int port = block; port + wanted <= block + 50; port++) {
      bool is_free = true;
      for (int k = 0; k < wanted && is_free; k++)
        is_free = can_bind(port + k, SOCK_STREAM) && can_bind(port + k, SOCK_DGRAM);
      if (!is_free) continue;
      if (first != NULL) *first = port;
      char *pool = pools[next++ % 8];
      snprintf(pool, sizeof pools[0], "%d-%d", port, port + wanted - 1);
      return pool;
    }
  }
  fail(__FILE__, __LINE__, "ports for the test", "all are in use");
}

bool is_slow(void) { return getenv("PORTPICKER_TEST_SLOW") != NULL; }

int repeats(int count) { return is_slow() ? (count + 19) / 20 : count; }

int start_child(void) {
  int parent = getpid();
  int pid = fork();
  if (pid < 0) fail(__FILE__, __LINE__, "fork", strerror(errno));
  if (pid == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) _exit(1);
  }
  return pid;
}

void check_child(int pid) {
  int status;
  pid_t ended;
  while ((ended = waitpid(pid, &status, 0)) < 0 && errno == EINTR) continue;
  CHECK(ended == pid);
  if (status != 0) {
    char text[32];
    snprintf(text, sizeof text, "status %#x", status);
    fail(__FILE__, __LINE__, "the child succeeds", text);
  }
}

bool can_bind(int port, int type) {
  struct sockaddr_in6 address = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
  int s = socket(AF_INET6, type | SOCK_CLOEXEC, 0);
  int result = bind(s, (struct sockaddr *)&address, sizeof address);
  close(s);
  return result == 0;
}

static int remove_entry(const char *path, const struct stat *status, int type,
                        struct FTW *level) {
  (void)status, (void)type, (void)level;
  return remove(path);
}

// Runs a test in a process of its own. Returns its exit status.
static int run(int test) {
  strcpy(directory, "/tmp/portpicker-c.XXXXXX");
  if (mkdtemp(directory) == NULL) abort();
  fflush(stdout);
  pid_t pid = fork();
  if (pid == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    // A test that hangs is killed.
    alarm(is_slow() ? 300 : 60);
    setenv("PORTPICKER_LEDGER", in_directory("ledger"), 1);
    setenv("PORTPICKER_CLAIMS", in_directory("claims"), 1);
    unsetenv("PORTSERVER_ADDRESS");
    unsetenv("PORTPICKER_REQUIRE_SERVER");
    if (chdir(directory) != 0) abort();
    tests[test].body();
    exit(0);
  }
  int status;
  if (waitpid(pid, &status, 0) != pid) abort();
  nftw(directory, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
  return status;
}

// Runs the tests whose names contain the argument, or all.
int main(int argument_count, char **arguments) {
  int failures = 0, ran = 0, skipped = 0;
  for (int test = 0; test < count; test++) {
    if (argument_count > 1 && strstr(tests[test].name, arguments[1]) == NULL) continue;
    int status = run(test);
    ran++;
    if (WIFEXITED(status) && WEXITSTATUS(status) == SKIPPED) {
      skipped++;
    } else if (status != 0) {
      printf("failed: %s (status %#x)\n", tests[test].name, status);
      failures++;
    }
  }
  printf("%d tests, %d failed, %d skipped\n", ran, failures, skipped);
  return failures != 0 || ran == 0;
}
