// Drives a port server with many clients that come and go, kills clients and
// server, and checks the server's promises from outside:
//
// - a port that is leased is held by no other living process;
// - a program that sets no socket option can bind it on TCP and UDP;
// - when all clients have ended, every port is free again.
//
// No other test sees what a killed server does with its leases: a lost lease is a
// port that two living processes hold.

#define _GNU_SOURCE

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

// What all processes share.
struct shared {
  // The process that was last given a port: its pid, and, from bit 32 on, the
  // lower half of its start time.
  _Atomic uint64_t owner[65536];
  _Atomic long requests, leases, refusals, nuisances, violations;
  _Atomic int stopping;
};

static struct shared *shared;
static struct sockaddr_un address;
static socklen_t address_size;
static int first_port = 18000, last_port = 18199;
static int seconds = 10, clients = 100, kill_interval = 1500;
static int max_ports = 4, life = 30, use_outsiders = 1;
static long min_leases = 0, min_restarts = 0;
// How long after `seconds` to wait for those, in milliseconds.
static const int64_t patience = 120000;

static void violation(const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  char text[256];
  int size = vsnprintf(text, sizeof text - 1, format, arguments);
  va_end(arguments);
  text[size] = '\n';
  if (atomic_fetch_add(&shared->violations, 1) < 20)
    if (write(STDERR_FILENO, text, (size_t)size + 1) < 0) _exit(3);
}

static int64_t now_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void pause_ms(int milliseconds) {
  struct timespec time = {milliseconds / 1000, milliseconds % 1000 * 1000000L};
  nanosleep(&time, NULL);
}

// The start time of a process; 0 if it has ended.
static uint32_t start_time(pid_t pid) {
  char path[32], text[512];
  snprintf(path, sizeof path, "/proc/%d/stat", pid);
  int file = open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0) return 0;
  ssize_t size = read(file, text, sizeof text - 1);
  close(file);
  if (size <= 0) return 0;
  text[size] = 0;
  char *field = strrchr(text, ')');
  if (field == NULL || field[2] == 'Z' || field[2] == 'X') return 0;
  // Field 22; the state is field 3.
  for (int i = 2; i < 22; i++) {
    field = strchr(field + 1, ' ');
    if (field == NULL) return 0;
  }
  return (uint32_t)strtoull(field + 1, NULL, 10);
}

static uint64_t identity(pid_t pid) {
  return (uint64_t)start_time(pid) << 32 | (uint32_t)pid;
}

static int is_alive(uint64_t process) {
  uint32_t start = start_time((pid_t)(uint32_t)process);
  return start != 0 && start == process >> 32;
}

// A socket on a port that sets no option but to take IPv4 as well; -1 if the
// port cannot be bound.
static int bind_port(int type, int port) {
  int number = socket(AF_INET6, type | SOCK_CLOEXEC, 0);
  int family = AF_INET6;
  if (number < 0) {
    number = socket(AF_INET, type | SOCK_CLOEXEC, 0);
    family = AF_INET;
  }
  struct sockaddr_in6 six = {.sin6_family = AF_INET6,
                             .sin6_port = htons((uint16_t)port)};
  struct sockaddr_in four = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)port)};
  int off = 0;
  if (family == AF_INET6)
    setsockopt(number, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
  int result = family == AF_INET6
                   ? bind(number, (struct sockaddr *)&six, sizeof six)
                   : bind(number, (struct sockaddr *)&four, sizeof four);
  if (result == 0) return number;
  close(number);
  return -1;
}

// Ports that outsiders may bind: programs that ask no server.
static int is_for_outsiders(int port) {
  return use_outsiders && port % 10 == 0;
}

// Connects to the server. Returns -1 if it does not listen.
static int connect_to_server(void) {
  int client = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (connect(client, (struct sockaddr *)&address, address_size) == 0)
    return client;
  close(client);
  return -1;
}

// Asks for a port for a process. Returns it, 0 for a refusal, -1 if the server
// cannot be reached or ends before it answers.
static int ask(pid_t pid) {
  int client = connect_to_server();
  if (client < 0) return -1;
  char text[32];
  int size = snprintf(text, sizeof text, "%d\n", pid);
  ssize_t count = -1;
  if (send(client, text, (size_t)size, MSG_NOSIGNAL) == size)
    count = recv(client, text, sizeof text - 1, MSG_WAITALL);
  close(client);
  if (count < 0) return -1;
  atomic_fetch_add(&shared->requests, 1);
  text[count] = 0;
  return atoi(text);
}

static void check(int port, uint64_t self) {
  if (port < first_port || port > last_port) {
    violation("port %d is not in the pool", port);
    return;
  }
  uint64_t before = atomic_exchange(&shared->owner[port], self);
  if (before != 0 && is_alive(before))
    violation("port %d was given to process %u while process %u lives", port,
              (unsigned)self, (unsigned)before);
}

// A well-behaved client: gets ports, binds them, holds them, dies.
static void behave(unsigned *seed) {
  uint64_t self = identity(getpid());
  int count = 1 + rand_r(seed) % max_ports;
  for (int i = 0; i < count && !shared->stopping; i++) {
    int port = ask(getpid());
    if (port < 0) {
      pause_ms(1);
      i--;
      continue;
    }
    if (port == 0) {
      atomic_fetch_add(&shared->refusals, 1);
      continue;
    }
    atomic_fetch_add(&shared->leases, 1);
    check(port, self);
    int tcp = bind_port(SOCK_STREAM, port), udp = bind_port(SOCK_DGRAM, port);
    if ((tcp < 0 || udp < 0) && !is_for_outsiders(port))
      violation("port %d cannot be bound on %s", port, tcp < 0 ? "TCP" : "UDP");
    // If a port is bound, the probe keeps a server that has lost the lease from
    // leasing it again.
    if (rand_r(seed) % 2) {
      close(tcp);
      close(udp);
    }
  }
  pause_ms(rand_r(seed) % life);
  if (rand_r(seed) % 2) kill(getpid(), SIGKILL);
}

// A misbehaving client.
static void misbehave(unsigned *seed) {
  atomic_fetch_add(&shared->nuisances, 1);
  int client = connect_to_server();
  if (client < 0) return;
  char bytes[4096];
  size_t size = 1 + (size_t)rand_r(seed) % 30;
  for (size_t i = 0; i < sizeof bytes; i++)
    bytes[i] = (char)(rand_r(seed) % 4 ? '0' + rand_r(seed) % 10
                                       : rand_r(seed) % 256);
  switch (rand_r(seed) % 5) {
    case 0: break;
    case 1: pause_ms(rand_r(seed) % life); break;
    case 2:
      for (size_t i = 0; i < size; i++)
        if (send(client, bytes + i, 1, MSG_NOSIGNAL) != 1) break;
      break;
    case 3:
      for (int i = 0; i < 64; i++)
        if (send(client, bytes, sizeof bytes, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
          break;
      break;
    default: {
      // Sends a valid request, and dies before the answer.
      int length = snprintf(bytes, sizeof bytes, "%d\n", getpid());
      if (send(client, bytes, (size_t)length, MSG_NOSIGNAL) > 0)
        kill(getpid(), SIGKILL);
    }
  }
  close(client);
}

// A program that asks no server.
static void interfere(unsigned *seed) {
  int port = first_port + rand_r(seed) % (last_port - first_port + 1);
  port -= port % 10;
  if (port < first_port) return;
  int number = bind_port(rand_r(seed) % 2 ? SOCK_STREAM : SOCK_DGRAM, port);
  pause_ms(rand_r(seed) % life);
  if (number >= 0) close(number);
}

static pid_t start_client(unsigned seed) {
  pid_t child = fork();
  if (child != 0) return child;
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  int kind = rand_r(&seed) % 10;
  if (kind == 0)
    misbehave(&seed);
  else if (kind == 1 && use_outsiders)
    interfere(&seed);
  else
    behave(&seed);
  _exit(0);
}

static pid_t start_server(const char *path, char *const argv[],
                          const char *log) {
  pid_t child = fork();
  if (child != 0) return child;
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  int file = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (file >= 0) dup2(file, STDERR_FILENO);
  execv(path, argv);
  _exit(127);
}

// Waits until the server listens. Returns whether it does.
static int wait_for_server(pid_t server) {
  for (int64_t end = now_ms() + 20000; now_ms() < end;) {
    int client = connect_to_server();
    if (client >= 0) {
      close(client);
      return 1;
    }
    if (waitpid(server, NULL, WNOHANG) == server) return 0;
    pause_ms(2);
  }
  return 0;
}

static long status_figure(pid_t pid, const char *name) {
  char path[32], line[256];
  snprintf(path, sizeof path, "/proc/%d/status", pid);
  FILE *file = fopen(path, "re");
  long figure = -1;
  while (file != NULL && fgets(line, sizeof line, file) != NULL)
    if (strncmp(line, name, strlen(name)) == 0)
      figure = atol(line + strlen(name));
  if (file != NULL) fclose(file);
  return figure;
}

static long descriptor_count(pid_t pid) {
  char path[32];
  snprintf(path, sizeof path, "/proc/%d/fd", pid);
  struct stat status;
  // From Linux 6.2 on, the size of the directory is how many there are.
  return stat(path, &status) == 0 ? (long)status.st_size : -1;
}

static void usage(void) {
  fprintf(stderr,
          "usage: soak --server PATH --state PATH --log PATH [--seconds N]\n"
          "            [--clients N] [--first PORT] [--last PORT]\n"
          "            [--kill-every MILLISECONDS] [--no-outsiders]\n"
          "            [--leases N] [--restarts N]: continue until there were so "
          "many\n");
  exit(64);
}

int main(int argc, char *argv[]) {
  const char *server_path = NULL, *state = NULL, *log = NULL;
  static const struct option options[] = {
      {"server", 1, NULL, 's'},    {"state", 1, NULL, 't'},
      {"log", 1, NULL, 'l'},       {"seconds", 1, NULL, 'n'},
      {"clients", 1, NULL, 'c'},   {"first", 1, NULL, 'f'},
      {"last", 1, NULL, 'e'},      {"kill-every", 1, NULL, 'k'},
      {"no-outsiders", 0, NULL, 'o'}, {"leases", 1, NULL, 'm'},
      {"restarts", 1, NULL, 'r'},  {NULL, 0, NULL, 0}};
  for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;)
    switch (option) {
      case 's': server_path = optarg; break;
      case 't': state = optarg; break;
      case 'l': log = optarg; break;
      case 'n': seconds = atoi(optarg); break;
      case 'c': clients = atoi(optarg); break;
      case 'f': first_port = atoi(optarg); break;
      case 'e': last_port = atoi(optarg); break;
      case 'k': kill_interval = atoi(optarg); break;
      case 'o': use_outsiders = 0; break;
      case 'm': min_leases = atol(optarg); break;
      case 'r': min_restarts = atol(optarg); break;
      default: usage();
    }
  if (!server_path || !state || !log || optind < argc || seconds < 1 ||
      clients < 1 || first_port < 1 || last_port > 65535 ||
      first_port > last_port)
    usage();

  shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE,
                MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (shared == MAP_FAILED) return 1;
  char name[64], pool[32];
  snprintf(name, sizeof name, "@portserver-soak-%d", getpid());
  snprintf(pool, sizeof pool, "%d-%d", first_port, last_port);
  address.sun_family = AF_UNIX;
  memcpy(address.sun_path, name, strlen(name));
  address.sun_path[0] = 0;
  address_size =
      (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(name));
  char *const arguments[] = {(char *)server_path, "--address", name,
                             "--pool",            pool,        "--state",
                             (char *)state,       NULL};

  pid_t server = start_server(server_path, arguments, log);
  if (!wait_for_server(server)) {
    fprintf(stderr, "soak: %s does not serve; see %s\n", server_path, log);
    return 1;
  }
  // Measured under load: the server keeps the memory that it needs for clients.
  long descriptors_at_start = -1, memory_at_start = -1;
  long restarts = 0, stops = 0, started = 0;
  int living = 0;
  unsigned seed = (unsigned)getpid();
  int64_t start = now_ms(), next_kill = start + kill_interval;
  int64_t next_stop = start + 700;
  int64_t time_end = start + seconds * 1000;
  while (now_ms() < time_end ||
         ((shared->leases < min_leases || restarts < min_restarts) &&
          now_ms() < time_end + patience)) {
    while (living < clients) {
      if (start_client(rand_r(&seed)) > 0) living++, started++;
    }
    pid_t ended = waitpid(-1, NULL, WNOHANG);
    if (ended == 0) {
      pause_ms(1);
    } else if (ended == server) {
      violation("the server ended by itself");
      server = start_server(server_path, arguments, log);
      wait_for_server(server);
    } else if (ended > 0) {
      living--;
    }
    if (descriptors_at_start < 0 && now_ms() > start + 500) {
      descriptors_at_start = descriptor_count(server);
      memory_at_start = status_figure(server, "VmRSS:");
    }
    if (now_ms() >= next_stop) {
      // A stop and a continue must not matter.
      kill(server, SIGSTOP);
      pause_ms(20);
      kill(server, SIGCONT);
      stops++;
      next_stop = now_ms() + 700;
    }
    if (kill_interval > 0 && now_ms() >= next_kill) {
      kill(server, restarts % 5 == 4 ? SIGTERM : SIGKILL);
      waitpid(server, NULL, 0);
      server = start_server(server_path, arguments, log);
      if (!wait_for_server(server)) {
        violation("the server does not come back");
        break;
      }
      restarts++;
      next_kill = now_ms() + kill_interval;
    }
  }
  long descriptors_at_end = descriptor_count(server);
  long memory_at_end = status_figure(server, "VmRSS:");

  shared->stopping = 1;
  while (living > 0) {
    pid_t ended = waitpid(-1, NULL, 0);
    if (ended < 0 && errno == ECHILD) break;
    if (ended != server) living--;
  }
  // All have ended, so all ports are free again.
  int ports = last_port - first_port + 1, had = 0;
  int64_t end = now_ms() + 10000;
  while (had < ports && now_ms() < end) {
    int port = ask(getpid());
    if (port > 0)
      had++;
    else
      pause_ms(10);
  }
  if (had < ports) violation("only %d of %d ports came back", had, ports);
  long descriptors_idle = descriptor_count(server);
  kill(server, SIGTERM);
  int status = 0;
  waitpid(server, &status, 0);
  if (status != 0) violation("the server ended with status %d", status);

  printf("seconds %d\nclients %d at a time, %ld in all\n", seconds, clients,
         started);
  printf("requests %ld\nleases %ld\nrefusals %ld\nnuisances %ld\n",
         shared->requests, shared->leases, shared->refusals, shared->nuisances);
  printf("restarts %ld\nstops %ld\n", restarts, stops);
  printf("descriptors %ld at start, %ld at end, %ld idle\n",
         descriptors_at_start, descriptors_at_end, descriptors_idle);
  printf("resident-kb %ld at start, %ld at end\n", memory_at_start,
         memory_at_end);
  printf("violations %ld\n", shared->violations);
  return shared->violations == 0 ? 0 : 2;
}
