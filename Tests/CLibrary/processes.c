// Threads, signals, and children.

#define _GNU_SOURCE
#include "check.h"

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

enum { threads = 32 };

// Who has each port, of all threads and processes of a test.
static _Atomic int *owners;
static const char *pool;

static void share_owners(void) {
  owners = mmap(NULL, 65536 * sizeof *owners, PROT_READ | PROT_WRITE,
                MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  CHECK(owners != MAP_FAILED);
}

// Picks a port, checks that nobody else has it, and returns it.
static void pick_alone(int self) {
  char text[PP_MESSAGE_SIZE];
  struct pp_options options = PP_OPTIONS_INIT;
  options.pool = pool;
  options.timeout_ms = 60000;
  int port = 0, nobody = 0;
  int error = pp_pick(&options, &port, text, sizeof text);
  // A child that another thread has just forked has copies of probes' sockets.
  if (error == PP_ERROR_POOL_EXHAUSTED) return;
  if (error != 0) fail(__FILE__, __LINE__, "pp_pick", text);
  if (!atomic_compare_exchange_strong(&owners[port], &nobody, self))
    fail(__FILE__, __LINE__, "a port has two owners", "");
  atomic_store(&owners[port], 0);
  if (pp_return(port, &(struct pp_options){.size = sizeof options, .timeout_ms = 60000},
                text, sizeof text) != 0)
    fail(__FILE__, __LINE__, "pp_return", text);
}

static void *pick_often(void *self) {
  for (int i = repeats(100); i > 0; i--) pick_alone((int)(intptr_t)self);
  return NULL;
}

static void run_threads(void) {
  pthread_t all[threads];
  for (intptr_t i = 0; i < threads; i++)
    CHECK(pthread_create(&all[i], NULL, pick_often,
                         (void *)(getpid() * (intptr_t)threads + i + 1)) == 0);
  for (int i = 0; i < threads; i++) CHECK(pthread_join(all[i], NULL) == 0);
}

TEST(threads_have_different_ports) {
  pool = test_pool(40, NULL);
  share_owners();
  run_threads();
}

static atomic_bool is_over;
static pthread_barrier_t warm;

static void *pick_until_over(void *self) {
  // What a process does for the first time is not safe while another thread forks.
  for (int i = 0; i < 20; i++) pick_alone((int)(intptr_t)self);
  pthread_barrier_wait(&warm);
  while (!atomic_load(&is_over)) pick_alone((int)(intptr_t)self);
  return NULL;
}

TEST(children_of_a_process_with_threads_can_pick) {
#ifdef __SANITIZE_ADDRESS__
  skip("AddressSanitizer's malloc is not safe after a fork in one of several threads");
#endif
  if (is_slow()) skip("what other threads of a parent refer to is lost in its child");
  pool = test_pool(40, NULL);
  share_owners();
  pthread_t all[8];
  CHECK(pthread_barrier_init(&warm, NULL, 9) == 0);
  for (intptr_t i = 0; i < 8; i++)
    CHECK(pthread_create(&all[i], NULL, pick_until_over, (void *)(i + 1)) == 0);
  pthread_barrier_wait(&warm);
  for (int i = repeats(20); i > 0; i--) {
    int child = start_child();
    if (child == 0) {
      for (int k = 0; k < 5; k++) pick_alone(getpid());
      _exit(0);
    }
    check_child(child);
  }
  atomic_store(&is_over, true);
  for (int i = 0; i < 8; i++) CHECK(pthread_join(all[i], NULL) == 0);
}

TEST(a_child_with_threads_can_pick) {
  pool = test_pool(40, NULL);
  share_owners();
  pick_alone(1);
  int child = start_child();
  if (child == 0) {
    run_threads();
    _exit(0);
  }
  run_threads();
  check_child(child);
}

TEST(the_ports_of_a_parent_stay_its_own) {
  int port, other, tcp;
  struct pp_options options = PP_OPTIONS_INIT;
  options.pool = test_pool(2, NULL);
  CHECK_RESULT(0, pp_bind(&options, &port, &tcp, NULL, MESSAGE));
  int child = start_child();
  if (child == 0) {
    CHECK_RESULT(PP_ERROR_NOT_FOUND, pp_return(port, NULL, MESSAGE));
    CHECK_RESULT(0, pp_pick(&options, &other, MESSAGE));
    CHECK(other != port);
    _exit(0);
  }
  check_child(child);
  CHECK_RESULT(0, pp_pick(&options, &other, MESSAGE));
  CHECK(other != port);
}

TEST(a_program_that_is_executed_keeps_its_ports) {
  int port, other = -5;
  struct pp_options options = PP_OPTIONS_INIT;
  options.pool = test_pool(1, NULL);
  int hello[2];
  CHECK(pipe(hello) == 0);
  int child = start_child();
  if (child == 0) {
    CHECK_RESULT(0, pp_pick(&options, &port, MESSAGE));
    dup2(hello[1], 1);
    execl("/bin/sh", "sh", "-c", "echo; exec sleep 60", (char *)NULL);
    _exit(1);
  }
  char byte;
  CHECK(read(hello[0], &byte, 1) == 1);
  CHECK_RESULT(PP_ERROR_POOL_EXHAUSTED, pp_pick(&options, &other, MESSAGE));
  kill(child, SIGKILL);
}

static atomic_int signals;

static void count_signal(int signal) {
  (void)signal;
  atomic_fetch_add(&signals, 1);
}

TEST(signals_do_not_disturb) {
  struct sigaction action = {.sa_handler = count_signal};
  CHECK(sigaction(SIGALRM, &action, NULL) == 0);
  struct itimerval often = {{0, is_slow() ? 20000 : 200}, {0, 200}};
  CHECK(setitimer(ITIMER_REAL, &often, NULL) == 0);
  struct pp_options options = PP_OPTIONS_INIT;
  options.pool = test_pool(10, NULL);
  int port, tcp, udp;
  for (int i = repeats(2000); i > 0; i--) {
    CHECK_RESULT(0, pp_pick(&options, &port, MESSAGE));
    CHECK_RESULT(0, pp_return(port, NULL, MESSAGE));
    CHECK_RESULT(0, pp_bind(&options, &port, &tcp, &udp, MESSAGE));
    close(tcp);
    close(udp);
    CHECK_RESULT(0, pp_return(port, NULL, MESSAGE));
  }
  // A wait that signals interrupt ends at its timeout.
  const char *path = in_directory("silent");
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
  int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  CHECK(bind(listener, (struct sockaddr *)&address, sizeof address) == 0);
  CHECK(listen(listener, 1) == 0);
  struct pp_options short_wait = PP_OPTIONS_INIT;
  short_wait.timeout_ms = 100;
  CHECK_RESULT(PP_ERROR_SERVER_TIMED_OUT,
               pp_pick_from_server(path, &short_wait, &port, MESSAGE));
  CHECK(setitimer(ITIMER_REAL, &(struct itimerval){{0, 0}, {0, 0}}, NULL) == 0);
  CHECK(atomic_load(&signals) > 1);
}

TEST(signal_handlers_are_left_alone) {
  struct sigaction before[65], after;
  for (int i = 1; i < 65; i++) sigaction(i, NULL, &before[i]);
  int port, first;
  struct pp_options options = PP_OPTIONS_INIT;
  options.pool = test_pool(2, &first);
  CHECK_RESULT(0, pp_pick(&options, &port, MESSAGE));
  CHECK_RESULT(0, pp_named_port("web", &options, &port, MESSAGE));
  for (int i = 1; i < 65; i++)
    if (sigaction(i, NULL, &after) == 0) CHECK(after.sa_handler == before[i].sa_handler);
}

static void *use_little_stack(void *argument) {
  (void)argument;
  int port;
  CHECK_RESULT(0, pp_pick(&(struct pp_options){.size = sizeof(struct pp_options),
                                               .pool = pool}, &port, MESSAGE));
  CHECK_RESULT(0, pp_named_port("web", NULL, &port, MESSAGE));
  return NULL;
}

TEST(a_thread_needs_only_a_small_stack) {
  pool = test_pool(2, NULL);
  pthread_attr_t attributes;
  pthread_t thread;
  CHECK(pthread_attr_init(&attributes) == 0);
  CHECK(pthread_attr_setstacksize(&attributes, 64 << 10) == 0);
  CHECK(pthread_create(&thread, &attributes, use_little_stack, NULL) == 0);
  CHECK(pthread_join(thread, NULL) == 0);
}
