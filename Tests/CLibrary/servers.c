// Port servers: one that works, and those that do not.

#define _GNU_SOURCE
#include "check.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static int listen_at(const char *path) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
  int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  CHECK(bind(listener, (struct sockaddr *)&address, sizeof address) == 0);
  CHECK(listen(listener, 100) == 0);
  return listener;
}

// A server that reads each request and answers the same.
static const char *answering_server(const char *answer) {
  const char *path = in_directory(answer[0] == 0 ? "refusing" : "answering");
  int listener = listen_at(path);
  if (start_child() == 0) {
    for (;;) {
      int client = accept(listener, NULL, NULL);
      char request[256];
      if (client < 0 || read(client, request, sizeof request) < 0) continue;
      if (write(client, answer, strlen(answer)) < 0) _exit(1);
      close(client);
    }
  }
  close(listener);
  return path;
}

// Starts the project's own server, and waits until it listens.
static const char *port_server(const char *pool) {
  const char *programs = getenv("PORTPICKER_TEST_BIN");
  if (programs == NULL) skip("PORTPICKER_TEST_BIN is not set");
  char *path = in_directory("server"), program[1024];
  snprintf(program, sizeof program, "%s/portserver", programs);
  if (start_child() == 0) {
    if (freopen("/dev/null", "w", stderr) == NULL) _exit(1);
    execl(program, program, "--address", path, "--pool", pool, "--no-state",
          (char *)NULL);
    _exit(1);
  }
  struct pp_options options = PP_OPTIONS_INIT;
  int port;
  while (pp_pick_from_server(path, &options, &port, MESSAGE) ==
         PP_ERROR_SERVER_UNREACHABLE)
    poll(NULL, 0, 5);
  CHECK_RESULT(0, pp_return(port, NULL, MESSAGE));
  return path;
}

TEST(a_server_leases_ports_and_takes_them_back) {
  int first, port, ports[4], none = -5;
  struct pp_options options = PP_OPTIONS_INIT;
  const char *pool = test_pool(4, &first);
  const char *server = port_server(pool);
  CHECK_RESULT(0, pp_pick_from_server(server, NULL, &port, MESSAGE));
  CHECK(port >= first && port < first + 4);
  options.server = server;
  options.flags = PP_SERVER_REQUIRED;
  CHECK_RESULT(0, pp_pick_several(&options, 3, ports, MESSAGE));
  for (int i = 0; i < 3; i++)
    CHECK(ports[i] != port && ports[i] >= first && ports[i] < first + 4);
  CHECK_RESULT(PP_ERROR_POOL_EXHAUSTED, pp_pick(&options, &none, MESSAGE));
  CHECK_RESULT(PP_ERROR_POOL_EXHAUSTED,
               pp_pick_from_server(server, NULL, &none, MESSAGE));
  CHECK(none == -5);
  CHECK_RESULT(0, pp_return(port, NULL, MESSAGE));
  setenv("PORTSERVER_ADDRESS", server, 1);
  CHECK_RESULT(0, pp_pick(NULL, &none, MESSAGE));
  CHECK(none == port);
  // Another process's port, and its end.
  CHECK_RESULT(0, pp_return(port, NULL, MESSAGE));
  int child = start_child();
  if (child == 0) pause();
  options.pid = child;
  CHECK_RESULT(0, pp_pick(&options, &port, MESSAGE));
  kill(child, SIGKILL);
  waitpid(child, NULL, 0);
  CHECK_RESULT(PP_ERROR_NO_SUCH_PROCESS, pp_pick(&options, &port, MESSAGE));
  CHECK_RESULT(PP_ERROR_NO_SUCH_PROCESS,
               pp_pick_from_server(server, &(struct pp_options){
                   .size = sizeof options, .pid = child}, &port, MESSAGE));
  // The ledger, although the environment names a server.
  struct pp_options own = PP_OPTIONS_INIT;
  own.flags = PP_NO_SERVER;
  own.pool = test_pool(1, &first);
  CHECK_RESULT(0, pp_pick(&own, &port, MESSAGE));
  CHECK(port == first);
}

static long milliseconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

TEST(a_silent_server_costs_the_timeout) {
  const char *server = in_directory("silent");
  listen_at(server);
  int port = -5;
  struct pp_options options = PP_OPTIONS_INIT;
  options.timeout_ms = 50;
  long start = milliseconds();
  CHECK_RESULT(PP_ERROR_SERVER_TIMED_OUT,
               pp_pick_from_server(server, &options, &port, MESSAGE));
  CHECK(milliseconds() - start >= 49);
  options.server = server;
  options.flags = PP_SERVER_REQUIRED;
  CHECK_RESULT(PP_ERROR_SERVER_TIMED_OUT, pp_pick(&options, &port, MESSAGE));
  CHECK(port == -5);
  options.flags = 0;
  options.pool = test_pool(1, NULL);
  CHECK_RESULT(0, pp_pick(&options, &port, MESSAGE));
}

// A server that has ended, and left its socket file.
static const char *dead_server(void) {
  const char *server = in_directory("dead");
  close(listen_at(server));
  return server;
}

TEST(a_dead_server_is_an_error_if_it_is_required) {
  int port = -5, tcp;
  struct pp_options options = PP_OPTIONS_INIT;
  options.pool = test_pool(3, NULL);
  options.server = dead_server();
  CHECK_RESULT(PP_ERROR_SERVER_UNREACHABLE,
               pp_pick_from_server(options.server, NULL, &port, MESSAGE));
  CHECK_RESULT(PP_ERROR_SERVER_UNREACHABLE,
               pp_pick_from_server("@portpicker-nobody", NULL, &port, MESSAGE));
  options.flags = PP_SERVER_REQUIRED;
  CHECK_RESULT(PP_ERROR_SERVER_UNREACHABLE, pp_pick(&options, &port, MESSAGE));
  CHECK_RESULT(PP_ERROR_SERVER_UNREACHABLE,
               pp_bind(&options, &port, &tcp, NULL, MESSAGE));
  CHECK_RESULT(PP_ERROR_SERVER_UNREACHABLE, pp_hold(&options, &port, &tcp, MESSAGE));
  options.flags = 0;
  setenv("PORTPICKER_REQUIRE_SERVER", "1", 1);
  CHECK_RESULT(PP_ERROR_SERVER_UNREACHABLE, pp_pick(&options, &port, MESSAGE));
  CHECK(port == -5);
  options.flags = PP_SERVER_OPTIONAL;
  CHECK_RESULT(0, pp_pick(&options, &port, MESSAGE));
}

TEST(other_programs_are_no_port_servers) {
  int port = -5;
  CHECK_RESULT(PP_ERROR_SERVER_REPLY_MALFORMED,
               pp_pick_from_server(answering_server("hello\n"), NULL, &port, MESSAGE));
  // Writing to it raises no SIGPIPE.
  CHECK_RESULT(PP_ERROR_SERVER_REFUSED,
               pp_pick_from_server(answering_server(""), NULL, &port, MESSAGE));
  CHECK(port == -5);
}

TEST(an_invalid_address_is_an_error) {
  int port = -5;
  char address[200];
  memset(address, 'x', sizeof address - 1);
  address[sizeof address - 1] = 0;
  enum { invalid = PP_ERROR_INVALID_SERVER_ADDRESS };
  CHECK_RESULT(invalid, pp_pick_from_server(address, NULL, &port, MESSAGE));
  CHECK_RESULT(invalid, pp_pick_from_server("", NULL, &port, MESSAGE));
  struct pp_options options = PP_OPTIONS_INIT;
  options.flags = PP_SERVER_REQUIRED;
  CHECK_RESULT(invalid, pp_pick(&options, &port, MESSAGE));
  options.server = address;
  CHECK_RESULT(invalid, pp_pick(&options, &port, MESSAGE));
  CHECK(port == -5);
}

static void note(const char *text, void *context) {
  snprintf(context, 1000, "%s", text);
}

TEST(warnings_go_to_the_handler) {
  char text[1000] = "";
  int port;
  struct pp_options options = PP_OPTIONS_INIT;
  options.pool = test_pool(2, NULL);
  options.server = dead_server();
  pp_set_warning_handler(note, text);
  CHECK_RESULT(0, pp_pick(&options, &port, MESSAGE));
  CHECK(strstr(text, options.server) != NULL && strchr(text, '\n') == NULL);
}

TEST(nothing_is_printed) {
  int port, output[2];
  CHECK(pipe(output) == 0);
  int child = start_child();
  if (child == 0) {
    dup2(output[1], 1);
    dup2(output[1], 2);
    struct pp_options options = PP_OPTIONS_INIT;
    options.pool = test_pool(2, NULL);
    options.server = dead_server();
    CHECK_RESULT(0, pp_pick(&options, &port, MESSAGE));
    pp_set_warning_handler(note, directory);
    pp_set_warning_handler(NULL, NULL);
    CHECK(pp_named_port("x y", NULL, &port, MESSAGE) < 0);
    _exit(0);
  }
  close(output[1]);
  check_child(child);
  char byte;
  CHECK(read(output[0], &byte, 1) == 0);
}
