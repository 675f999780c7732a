// What the functions do without a port server.

#define _GNU_SOURCE
#include "check.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

TEST(a_port_is_picked_and_returned) {
  int first, port = 0, other = 0;
  struct pp_options options = PP_OPTIONS_INIT;
  options.pool = test_pool(2, &first);
  CHECK_RESULT(0, pp_pick(&options, &port, MESSAGE));
  CHECK(port == first || port == first + 1);
  CHECK(can_bind(port, SOCK_STREAM) && can_bind(port, SOCK_DGRAM));
  CHECK_RESULT(0, pp_pick(&options, &other, MESSAGE));
  CHECK(other != port && (other == first || other == first + 1));

  int none = -5;
  CHECK_RESULT(PP_ERROR_POOL_EXHAUSTED, pp_pick(&options, &none, MESSAGE));
  CHECK(none == -5);
  struct pp_options quick = PP_OPTIONS_INIT;
  quick.timeout_ms = 100;
  CHECK_RESULT(0, pp_return(port, &quick, MESSAGE));
  CHECK_RESULT(PP_ERROR_NOT_FOUND, pp_return(port, NULL, MESSAGE));
  CHECK_RESULT(0, pp_pick(&options, &none, MESSAGE));
  CHECK(none == port);
}

TEST(several_ports_are_all_or_none) {
  int first, ports[10] = {-5, -5};
  struct pp_options options = PP_OPTIONS_INIT;
  options.pool = test_pool(10, &first);
  options.flags = PP_CONTIGUOUS;
  CHECK_RESULT(0, pp_pick_several(&options, 8, ports, MESSAGE));
  for (int i = 0; i < 8; i++)
    CHECK(ports[i] == ports[0] + i && ports[i] >= first && ports[i] < first + 10);
  CHECK(ports[8] == 0);
  options.flags = 0;
  CHECK_RESULT(PP_ERROR_POOL_EXHAUSTED, pp_pick_several(&options, 3, ports, MESSAGE));
  CHECK_RESULT(0, pp_pick_several(&options, 2, ports, MESSAGE));
  CHECK_RESULT(PP_ERROR_POOL_EXHAUSTED, pp_pick_several(&options, 1, ports, MESSAGE));
  // More than the pool has.
  CHECK(pp_pick_several(&options, 65535, ports, MESSAGE) < 0);
}

TEST(a_port_can_be_for_another_process) {
  int port, again;
  struct pp_options options = PP_OPTIONS_INIT;
  options.pool = test_pool(1, NULL);
  int gate[2];
  CHECK(pipe(gate) == 0);
  int child = start_child();
  if (child == 0) {
    close(gate[1]);
    char nothing;
    _exit(read(gate[0], &nothing, 1) < 0);
  }
  options.pid = child;
  CHECK_RESULT(0, pp_pick(&options, &port, MESSAGE));
  options.pid = 0;
  CHECK_RESULT(PP_ERROR_POOL_EXHAUSTED, pp_pick(&options, &again, MESSAGE));
  close(gate[1]);
  check_child(child);
  CHECK_RESULT(0, pp_pick(&options, &again, MESSAGE));
  CHECK(again == port);
  options.pid = child;
  CHECK_RESULT(PP_ERROR_NO_SUCH_PROCESS, pp_pick(&options, &again, MESSAGE));
}

TEST(a_kernel_thread_may_not_hold_ports) {
  // In the host's pid namespace, 1 is its init, and 2 a kernel thread.
  struct stat own;
  if (stat("/proc/self/ns/pid", &own) != 0 || own.st_ino != 0xEFFFFFFC)
    skip("not in the host's pid namespace");
  int port;
  struct pp_options options = PP_OPTIONS_INIT;
  options.pid = 1;
  CHECK_RESULT(PP_ERROR_PROCESS_NOT_ALLOWED, pp_pick(&options, &port, MESSAGE));
  options.pid = 2;
  CHECK_RESULT(PP_ERROR_PROCESS_NOT_ALLOWED, pp_pick(&options, &port, MESSAGE));
}

TEST(a_reserved_port_is_picked_first) {
  int first, port;
  test_pool(10, &first);
  CHECK_RESULT(0, pp_reserve(first + 7, MESSAGE));
  CHECK_RESULT(0, pp_pick(NULL, &port, MESSAGE));
  CHECK(port == first + 7);
  // And it stays this process's own when it is returned.
  CHECK_RESULT(0, pp_return(port, NULL, MESSAGE));
  CHECK_RESULT(0, pp_pick(NULL, &port, MESSAGE));
  CHECK(port == first + 7);
  CHECK_RESULT(0, pp_return(port, NULL, MESSAGE));
  // Not while it is in use.
  struct pp_options options = PP_OPTIONS_INIT;
  int tcp, bound, picked;
  options.pool = test_pool(2, NULL);
  CHECK_RESULT(0, pp_bind(&options, &bound, &tcp, NULL, MESSAGE));
  CHECK_RESULT(0, pp_reserve(bound, MESSAGE));
  CHECK_RESULT(0, pp_pick(&options, &picked, MESSAGE));
  CHECK(picked != bound);
}

TEST(a_bound_port_listens) {
  int port, tcp, udp, bound = -5;
  bool is_free = true;
  struct pp_options options = PP_OPTIONS_INIT;
  options.pool = test_pool(3, NULL);
  CHECK_RESULT(0, pp_bind(&options, &port, &tcp, &udp, MESSAGE));
  CHECK(fcntl(tcp, F_GETFD) == FD_CLOEXEC && fcntl(udp, F_GETFD) == FD_CLOEXEC);
  CHECK((fcntl(tcp, F_GETFL) & O_NONBLOCK) == 0);
  int type;
  socklen_t size = sizeof type;
  CHECK(getsockopt(udp, SOL_SOCKET, SO_TYPE, &type, &size) == 0 && type == SOCK_DGRAM);
  CHECK_RESULT(0, pp_is_free(port, &is_free, MESSAGE));
  CHECK(!is_free);
  CHECK_RESULT(0, pp_probe(port, PP_UDP, &bound, MESSAGE));
  CHECK(bound == 0);

  struct sockaddr_in address = {.sin_family = AF_INET,
                                .sin_port = htons(port),
                                .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  int client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  CHECK(connect(client, (struct sockaddr *)&address, sizeof address) == 0);
  int server = accept(tcp, NULL, NULL);
  CHECK(server >= 0);
  // The client closes first, so that nothing lingers on the port.
  close(client);
  close(server);
  close(tcp);
  close(udp);
  CHECK_RESULT(0, pp_return(port, NULL, MESSAGE));

  // Without a UDP socket, on the loopback address only.
  options.flags = PP_LOOPBACK;
  CHECK_RESULT(0, pp_bind(&options, &port, &tcp, NULL, MESSAGE));
  size = sizeof address;
  CHECK(getsockname(tcp, (struct sockaddr *)&address, &size) == 0);
  CHECK(address.sin_family == AF_INET && ntohs(address.sin_port) == port);
  CHECK(address.sin_addr.s_addr == htonl(INADDR_LOOPBACK));
  CHECK_RESULT(0, pp_probe(port, PP_UDP, &bound, MESSAGE));
  CHECK(bound == port);
  CHECK_RESULT(0, pp_probe(port, PP_TCP, &bound, MESSAGE));
  CHECK(bound == 0);
}

TEST(a_held_port_is_for_servers_that_reuse_addresses) {
  int port, hold;
  struct pp_options options = PP_OPTIONS_INIT;
  options.pool = test_pool(1, NULL);
  CHECK_RESULT(0, pp_hold(&options, &port, &hold, MESSAGE));
  CHECK(fcntl(hold, F_GETFD) == FD_CLOEXEC);
  CHECK(!can_bind(port, SOCK_STREAM));
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
  int server = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), yes = 1;
  setsockopt(server, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  CHECK(bind(server, (struct sockaddr *)&address, sizeof address) == 0);
  CHECK(listen(server, 1) == 0);
  close(server);
  close(hold);
  CHECK(can_bind(port, SOCK_STREAM));
  CHECK_RESULT(0, pp_return(port, NULL, MESSAGE));
}

TEST(ports_are_probed) {
  int first, bound = -5;
  bool is_free = false;
  test_pool(1, &first);
  CHECK_RESULT(0, pp_is_free(first, &is_free, MESSAGE));
  CHECK(is_free);
  int protocols[] = {PP_TCP, PP_UDP};
  for (int i = 0; i < 2; i++) {
    CHECK_RESULT(0, pp_probe(first, protocols[i], &bound, MESSAGE));
    CHECK(bound == first);
    CHECK_RESULT(0, pp_probe(0, protocols[i], &bound, MESSAGE));
    CHECK(bound >= 1 && bound <= 65535);
  }
}

TEST(a_ledger_that_cannot_be_used_is_an_error) {
  int port = -5;
  setenv("PORTPICKER_LEDGER", directory, 1);
  CHECK_RESULT(PP_ERROR_LEDGER_UNUSABLE, pp_pick(NULL, &port, MESSAGE));
  CHECK(strstr(message, directory) != NULL);
  setenv("PORTPICKER_CLAIMS", directory, 1);
  CHECK_RESULT(PP_ERROR_CLAIMS_UNUSABLE, pp_named_port("web", NULL, &port, MESSAGE));
  CHECK(port == -5);
}

TEST(a_pick_waits_for_the_ledger_at_most_its_timeout) {
  int port = -5;
  struct pp_options options = PP_OPTIONS_INIT;
  options.pool = test_pool(2, NULL);
  CHECK_RESULT(0, pp_pick(&options, &port, MESSAGE));
  int ledger = open(getenv("PORTPICKER_LEDGER"), O_RDWR | O_CLOEXEC);
  CHECK(ledger >= 0 && flock(ledger, LOCK_EX) == 0);
  options.timeout_ms = 30;
  int none = -5;
  CHECK_RESULT(PP_ERROR_LEDGER_UNUSABLE, pp_pick(&options, &none, MESSAGE));
  CHECK_RESULT(PP_ERROR_LEDGER_UNUSABLE, pp_return(port, &(struct pp_options){
      .size = sizeof options, .timeout_ms = 30}, MESSAGE));
  CHECK(none == -5);
  CHECK(flock(ledger, LOCK_UN) == 0);
  // It can be returned again.
  CHECK_RESULT(0, pp_return(port, NULL, MESSAGE));
}

TEST(a_search_that_takes_too_long_is_an_error) {
  // All ports are in use, and the deadline has passed after the first probe.
  int first, sockets[50];
  struct pp_options options = PP_OPTIONS_INIT;
  options.pool = test_pool(50, &first);
  for (int i = 0; i < 50; i++) {
    struct sockaddr_in6 address = {.sin6_family = AF_INET6,
                                   .sin6_port = htons(first + i)};
    sockets[i] = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK(bind(sockets[i], (struct sockaddr *)&address, sizeof address) == 0);
  }
  int port = -5, error = 0;
  // How long 50 probes take is up to the machine.
  for (int i = 0; i < 1000 && error != PP_ERROR_TIMED_OUT; i++) {
    options.timeout_ms = 1;
    error = pp_pick(&options, &port, MESSAGE);
    CHECK(error == PP_ERROR_TIMED_OUT || error == PP_ERROR_POOL_EXHAUSTED ||
          error == PP_ERROR_LEDGER_UNUSABLE);
  }
  if (error != PP_ERROR_TIMED_OUT) skip("this machine probes 50 ports in 1 ms");
  CHECK(port == -5);
}

TEST(a_lack_of_descriptors_is_an_error) {
  int first, port = -5;
  bool is_free;
  test_pool(1, &first);
  struct rlimit limit;
  CHECK(getrlimit(RLIMIT_NOFILE, &limit) == 0);
  rlim_t usual = limit.rlim_cur;
  limit.rlim_cur = 3;
  CHECK(setrlimit(RLIMIT_NOFILE, &limit) == 0);
  CHECK_RESULT(PP_ERROR_SYSTEM_FAILURE, pp_is_free(first, &is_free, MESSAGE));
  CHECK_RESULT(PP_ERROR_SYSTEM_FAILURE, pp_probe(0, PP_UDP, &port, MESSAGE));
  CHECK(pp_pick(NULL, &port, MESSAGE) < 0 && port == -5);
  limit.rlim_cur = usual;
  CHECK(setrlimit(RLIMIT_NOFILE, &limit) == 0);
  CHECK_RESULT(0, pp_is_free(first, &is_free, MESSAGE));
  CHECK(is_free);
}

TEST(a_limit_on_file_sizes_is_an_error_and_no_signal) {
  int port = -5;
  struct pp_options options = PP_OPTIONS_INIT;
  options.pool = test_pool(2, NULL);
  struct rlimit none = {.rlim_cur = 0, .rlim_max = RLIM_INFINITY};
  struct rlimit usual;
  CHECK(getrlimit(RLIMIT_FSIZE, &usual) == 0);
  none.rlim_max = usual.rlim_max;
  // Before there is a ledger, and after.
  CHECK(setrlimit(RLIMIT_FSIZE, &none) == 0);
  CHECK_RESULT(PP_ERROR_LEDGER_UNUSABLE, pp_pick(&options, &port, MESSAGE));
  CHECK(pp_named_port("web", NULL, &port, MESSAGE) < 0 && port == -5);
  CHECK(setrlimit(RLIMIT_FSIZE, &usual) == 0);
  CHECK_RESULT(0, pp_pick(&options, &port, MESSAGE));
  CHECK(setrlimit(RLIMIT_FSIZE, &none) == 0);
  int other = -5;
  CHECK_RESULT(PP_ERROR_LEDGER_UNUSABLE, pp_pick(&options, &other, MESSAGE));
  CHECK(other == -5);
}
