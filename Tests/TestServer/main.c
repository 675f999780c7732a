// A server for tests, which behaves as its arguments say:
//
//   test-server PORT [BEHAVIOUR]...
//
//   child           a child listens, not the server itself
//   daemon          it becomes a daemon: two forks, and a session of its own
//   ignore          it ignores SIGTERM, as do its children
//   never           it never listens
//   udp             it has a UDP socket instead of a TCP one
//   hide            other processes may not see its descriptors
//   exit=N          it prints "failing" and exits with N before it listens
//   flood=N         it prints N bytes before it listens
//   slow=N          it takes N milliseconds to end after SIGTERM
//   delay=N         it waits N milliseconds before it listens
//   helpers=N       it starts N children, each in a session of its own
//   tell            it prints "listening" when it listens
//
// It answers each TCP connection with its port, and prints "ready" before it listens, and
// "ending" on SIGTERM.

#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

static const char *value(int count, char **behaviours, const char *name) {
  size_t length = strlen(name);
  for (int i = 0; i < count; i++)
    if (strncmp(behaviours[i], name, length) == 0) {
      if (behaviours[i][length] == '=') return behaviours[i] + length + 1;
      if (behaviours[i][length] == 0) return "";
    }
  return NULL;
}

static volatile sig_atomic_t is_ending;

static void end(int number) {
  (void)number;
  is_ending = 1;
}

static void pause_for(const char *milliseconds) {
  if (milliseconds != NULL) poll(NULL, 0, atoi(milliseconds));
}

static void fork_and_leave(void) {
  pid_t child = fork();
  if (child < 0) exit(1);
  if (child > 0) _exit(0);
}

static void serve(int port, int is_udp, int tells) {
  if (is_udp) puts("ready");
  int one = 1;
  int server = socket(AF_INET, (is_udp ? SOCK_DGRAM : SOCK_STREAM) | SOCK_CLOEXEC, 0);
  if (!is_udp) setsockopt(server, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  struct sockaddr_in address = {.sin_family = AF_INET,
                                .sin_port = htons((unsigned short)port),
                                .sin_addr = {htonl(INADDR_LOOPBACK)}};
  if (bind(server, (struct sockaddr *)&address, sizeof address) != 0) {
    perror("bind");
    exit(1);
  }
  if (!is_udp) {
    puts("ready");
    if (listen(server, 16) != 0) exit(1);
  }
  if (tells) puts("listening");
  struct pollfd event = {.fd = server, .events = POLLIN};
  while (!is_ending) {
    if (poll(&event, 1, -1) <= 0 || is_udp) continue;
    int client = accept(server, NULL, NULL);
    if (client < 0) continue;
    dprintf(client, "%d\n", port);
    close(client);
  }
}

int main(int argc, char **argv) {
  if (argc < 2) return 64;
  int port = atoi(argv[1]);
  int count = argc - 2;
  char **behaviours = argv + 2;
  setvbuf(stdout, NULL, _IOLBF, 0);
  if (value(count, behaviours, "hide")) prctl(PR_SET_DUMPABLE, 0);
  if (value(count, behaviours, "ignore")) {
    signal(SIGTERM, SIG_IGN);
  } else {
    struct sigaction action = {.sa_handler = end};
    sigaction(SIGTERM, &action, NULL);
  }
  const char *helpers = value(count, behaviours, "helpers");
  for (int i = 0; helpers != NULL && i < atoi(helpers); i++)
    if (fork() == 0) {
      setsid();
      signal(SIGTERM, SIG_DFL);
      for (;;) pause();
    }
  const char *flood = value(count, behaviours, "flood");
  for (long left = flood == NULL ? 0 : atol(flood); left > 0; left -= 64)
    puts("0123456789012345678901234567890123456789012345678901234567890ab");
  pause_for(value(count, behaviours, "delay"));
  const char *status = value(count, behaviours, "exit");
  if (status != NULL) {
    fputs("failing\n", stderr);
    return atoi(status);
  }
  if (value(count, behaviours, "daemon")) {
    fork_and_leave();
    setsid();
    fork_and_leave();
  }
  int is_parent = value(count, behaviours, "child") && fork() != 0;
  if (is_parent || value(count, behaviours, "never"))
    while (!is_ending) pause();
  else
    serve(port, value(count, behaviours, "udp") != NULL,
          value(count, behaviours, "tell") != NULL);
  puts("ending");
  pause_for(value(count, behaviours, "slow"));
  return 0;
}
